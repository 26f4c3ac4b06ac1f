"""What the report page says, in English and Chinese.

Gives one frozen `Words` a language; a missing word is a type error, not a gap on the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """Every word of the page in one language. Names of kinds and labels are those of the trace format."""

    language: str
    title: str
    lead: str
    machine: str
    seed: str
    counts: str
    counts_note: str
    entry: str
    home_days: str
    kind: str
    truth: str
    hit: str
    sensitivity: str
    precision: str
    false: str
    false_month: str
    neither: str
    latency: str
    labels: str
    labels_note: str
    label: str
    silence: str
    silence_note: str
    found_24h: str
    delay_day: str
    delay_night: str
    unexplained: str
    position: str
    right_room: str
    median_m: str
    curves: str
    curves_note: str
    latencies: str
    latencies_note: str
    dots: str
    dots_note: str
    seconds: str
    hours: str
    share: str
    worst: str
    worst_note: str
    none: str
    missed: str
    late: str
    false_alarm: str
    truly: str
    said: str
    warmest: str
    speed: str
    sensor_hours: str
    drawn_share: str
    per_hour: str

    def why(self, reason: str) -> str:
        """Why a case is among the worst; an unknown reason stands as it is."""
        return {"missed": self.missed, "late": self.late, "false": self.false_alarm}.get(reason, reason)


EN: Final = Words(
    language="en",
    title="Guardian: what the detectors were measured at",
    lead="Findings of the real detectors, scored by event against what truly happened. Every rate stands "
    "beside its counts, with its 95 % interval in brackets.",
    machine="Machine",
    seed="Seed",
    counts="Counts and rates",
    counts_note="Sensitivity and precision: Wilson. False alarms: exact Poisson, none counted = rule of "
    "three. Latency: of the hits, from the end of a fall or the start of anything else.",
    entry="Measured on",
    home_days="Home-days",
    kind="Finding",
    truth="True",
    hit="Found",
    sensitivity="Sensitivity",
    precision="Precision",
    false="False",
    false_month="False per home-month",
    neither="Neither",
    latency="Latency p50 / p95, s",
    labels="By kind of event",
    labels_note="Found of true, all rows of one array together.",
    label="Event",
    silence="Silence",
    silence_note="Collapses: 24 h of events removed, one at a time. Alarms inside unexplained gaps over 12 h "
    "stand apart, and those gaps are no home-days.",
    found_24h="Found in 24 h",
    delay_day="Delay by day p50, h",
    delay_night="Delay by night p50, h",
    unexplained="In unexplained gaps",
    position="Position",
    right_room="Right room",
    median_m="Distance p50, m",
    curves="Sensitivity against false alarms",
    curves_note="One line an array, one point a threshold on the confidence, with its 95 % interval. A dot "
    "alone: one confidence only. The dashed line is one false alarm per home-month.",
    latencies="How soon",
    latencies_note="Share of the hits that were said by then.",
    dots="Sensitivity by kind of event",
    dots_note="Point: found of true. Bar: 95 % interval.",
    seconds="seconds",
    hours="hours",
    share="share",
    worst="The worst cases",
    worst_note="Above the line what truly happened, below it what was said; 0 = the moment in question. "
    "Frames as the sensor saw them, one scale a case; grey = bad pixel.",
    none="None.",
    missed="missed",
    late="late",
    false_alarm="false alarm",
    truly="true",
    said="said",
    warmest="scale",
    speed="How it was simulated",
    sensor_hours="Sensor-hours",
    drawn_share="share of frames drawn",
    per_hour="sensor-hours per hour",
)

ZH: Final = Words(
    language="zh",
    title="Guardian：检测效果实测",
    lead="用真实检测器的结果与真实发生的事件逐一对照评分。每个比率旁都列出计数，括号内为 95 % 区间。",
    machine="机器",
    seed="随机种子",
    counts="计数与比率",
    counts_note="灵敏度与精确率：Wilson 区间。误报：精确泊松区间，零误报时用三分法则。"
    "延迟：仅计命中，跌倒从结束起算，其余从开始起算。",
    entry="数据",
    home_days="户·日",
    kind="报警类型",
    truth="真实",
    hit="命中",
    sensitivity="灵敏度",
    precision="精确率",
    false="误报",
    false_month="每户每月误报",
    neither="不计",
    latency="延迟 p50 / p95，秒",
    labels="按事件类型",
    labels_note="命中数／真实数，同一种阵列合并统计。",
    label="事件",
    silence="长时间无活动",
    silence_note="倒地：每次从发生时刻起删去 24 小时的读数。超过 12 小时的不明空白内的报警另列，"
    "这些空白不计入户·日。",
    found_24h="24 小时内发现",
    delay_day="日间延迟 p50，小时",
    delay_night="夜间延迟 p50，小时",
    unexplained="不明空白内",
    position="定位",
    right_room="房间正确",
    median_m="距离 p50，米",
    curves="灵敏度与误报",
    curves_note="每条线一种阵列，每个点一个置信度门槛，竖线为 95 % 区间；单独的点表示只有一个置信度。"
    "虚线为每户每月一次误报。",
    latencies="多快发现",
    latencies_note="到该时刻为止已报出的命中所占比例。",
    dots="各类事件的灵敏度",
    dots_note="点：命中数／真实数；线段：95 % 区间。",
    seconds="秒",
    hours="小时",
    share="比例",
    worst="最差的情形",
    worst_note="线上为真实发生，线下为系统所报；0 为所指时刻。画面为传感器所见，每例同一色标；灰色为坏点。",
    none="无。",
    missed="漏报",
    late="迟报",
    false_alarm="误报",
    truly="真实",
    said="所报",
    warmest="色标",
    speed="模拟情况",
    sensor_hours="传感器·小时",
    drawn_share="实际绘制的帧所占比例",
    per_hour="每小时模拟的传感器·小时",
)

LANGUAGES: Final[Mapping[str, Words]] = MappingProxyType({"en": EN, "zh": ZH})
