"""What the report page says, in English and Chinese.

Gives one frozen `Words` a language; a missing word is a type error, not a gap on the page. Names of suites,
scenes and homes are in report_names.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """Every word of the page in one language."""

    language: str
    title: str
    lead: str
    origin: str
    origin_note: str
    result: str
    machine: str
    cores: str
    seed: str
    seeds: str
    recorded: str
    home_time: str
    sensor_time: str
    drawn_share: str
    speed: str
    targets: str
    targets_note: str
    target: str
    reached: str
    counts_beside: str
    verdict: str
    verdicts: Mapping[str, str]
    no_interval: str
    never: str
    in_time: str
    figures: Mapping[str, str]
    marks: Mapping[str, str]
    """Both by targets.Figure, at length and in a few letters; {0} is the limit."""
    counts: str
    counts_note: str
    entry: str
    watched: str
    kind: str
    found: str
    precision: str
    false: str
    false_month: str
    false_axis: str
    neither: str
    latency: str
    little: str
    staged: str
    behind: str
    """Title of what is folded away; {0} is how many."""
    minutes: str
    hours_of: str
    days_of: str
    labels: str
    labels_note: str
    label: str
    silence: str
    silence_note: str
    removed: str
    placed: str
    left_out: str
    delay_day: str
    delay_night: str
    unexplained: str
    position: str
    position_note: str
    at_home: str
    right_room: str
    placed_share: str
    median_m: str
    median_all_m: str
    away: str
    noticed_away: str
    curves: str
    curves_note: str
    latencies: str
    latencies_note: str
    dots: str
    dots_note: str
    sensitivity: str
    seconds: str
    hours: str
    share: str
    worst: str
    worst_note: str
    missed: str
    late: str
    slowest: str
    false_alarm: str
    truly: str
    said: str
    warmest: str
    strip: str
    strip_after: str
    due: str
    no_frames: str


EN: Final = Words(
    language="en",
    title="Guardian: what the detectors were measured at",
    lead="Findings of the real detectors, scored by event against what truly happened. Every rate stands "
    "beside its counts, with its 95 % interval in brackets: the true value may well lie anywhere in it.",
    origin="What was measured",
    origin_note="Simulated homes come from a seed: the same seed gives the same homes. Idle stretches are "
    "drawn at one frame in 5 s; the share of frames that were drawn is stated.",
    result="Result",
    machine="Machine",
    cores="{0} cores",
    seed="Seed",
    seeds="seed {0}",
    recorded="recorded",
    home_time="Homes watched for",
    sensor_time="Thermal arrays watched for",
    drawn_share="Frames drawn",
    speed="Simulated in an hour",
    targets="Against the targets",
    targets_note="Met: the whole interval lies on the right side of the target. Not met: all of it lies on "
    "the wrong side. Cannot say yet: the target lies inside the interval, or there is too little to judge "
    "by.\n"
    "Delays: the figure is the median (p50), or the time that 95 of 100 stay under (p95). What counts is "
    "the share that was in time, with its interval. Delays of hard falls and slides are taken from cells "
    "that hold one of the two only.",
    target="Target",
    reached="Reached",
    counts_beside="Out of",
    verdict="Verdict",
    verdicts=MappingProxyType({"met": "met", "missed": "not met", "open": "cannot say yet"}),
    no_interval="no interval",
    never="never",
    in_time="{0} in time",
    figures=MappingProxyType(
        {
            "hard": "hard falls found ≥ {0} %",
            "slides": "slow slides found ≥ {0} %",
            "false": "false alarms ≤ {0} a home per {1} d",
            "p50_s": "delay p50 ≤ {0} s",
            "p95_s": "delay p95 ≤ {0} s",
            "slides_p95_s": "delay of slides p95 ≤ {0} s",
            "f1": "F1 ≥ {0}",
            "found_24h": "found within 24 h ≥ {0} %",
            "day_h": "delay by day p50 ≤ {0} h",
            "every": "every one found in time",
            "found": "found within 12 h ≥ {0} %, where the optics allow it",
            "right_room": "right room ≥ {0} % of the time",
            "median_m": "distance p50 ≤ {0} m",
        }
    ),
    marks=MappingProxyType(
        {
            "hard": "hard falls ≥ {0} %",
            "slides": "slides ≥ {0} %",
            "false": "≤ {0} per {1} d",
            "p50_s": "p50 ≤ {0}",
            "p95_s": "p95 ≤ {0}",
            "slides_p95_s": "slides p95 ≤ {0}",
            "f1": "F1 ≥ {0}",
            "found_24h": "≥ {0} %",
            "day_h": "≤ {0} h",
            "every": "every one",
            "found": "≥ {0} %",
            "right_room": "≥ {0} %",
            "median_m": "≤ {0} m",
        }
    ),
    counts="Counts and rates",
    counts_note="Found: how many of the true ones (Wilson's interval). False a home-month: exact Poisson "
    "interval; with none counted, the rule of three. Delay: of those found, from the end of a fall or the "
    "start of anything else; half were said within p50, 95 of 100 within p95. F1: one figure for found and "
    "precise.\n"
    "Fewer falls are true ones for “Fall” than for “Possible fall”: a fall has to be confirmed only if the "
    "person stays down for at least 60 s (a slow slide: 120 s); those who get up sooner are no emergency.\n"
    "Neither right nor false: said while the emergency still stood, and not the first to find it.\n"
    "Staged scenes: something is made to happen every few minutes, so false alarms there say nothing about "
    "a month of daily life. Dash: nothing to count, or no sensor that could have said it.\n"
    "8×8 and the like: rows and columns of pixels of a thermal array.",
    entry="Measured on",
    watched="Watched for",
    kind="Finding",
    found="Found of true",
    precision="Precision, F1",
    false="False alarms",
    false_month="False a home-month",
    false_axis="false alarms a home-month",
    neither="Neither right nor false",
    latency="Delay p50 / p95, s",
    little="too little time to say",
    staged="staged scenes",
    behind="Every scene by itself: {0} lines behind the sums above",
    minutes="{0} min",
    hours_of="{0} h",
    days_of="{0} days",
    labels="By kind of event",
    labels_note="Found of true, all homes with the same array together.",
    label="Event",
    silence="Silence",
    silence_note="A collapse is played by taking 24 h of a home's events away, one at a time. In some "
    "simulated homes somebody truly collapses; those are counted beside it, in the days as they were.\n"
    "False alarms come from the untouched days. Alarms inside gaps of over 12 h that nobody can explain "
    "stand apart, and such gaps and true silences are left out of the days watched.",
    removed="Found in 24 h, events taken away",
    placed="Found in 24 h, true collapses",
    left_out="Left out",
    delay_day="Delay by day p50, h",
    delay_night="Delay by night p50, h",
    unexplained="In unexplained gaps",
    position="Position",
    position_note="Asked once a second while the resident was at home: does the board name the right room, "
    "and how far is its place from the true one? Placed: of the seconds in the right room, those with a "
    "place. The distance is the median over the seconds with a place; “all” counts seconds without one as "
    "infinitely far.\n"
    "Seen while away: share of the seconds out of the home in which the board had noticed somebody within "
    "the last minute. Intervals draw whole homes anew, as seconds of one home resemble each other.",
    at_home="At home for",
    right_room="Right room",
    placed_share="Placed",
    median_m="Distance p50, m",
    median_all_m="Distance p50 of all, m",
    away="Away for",
    noticed_away="Seen while away",
    curves="Sensitivity against false alarms",
    curves_note="One line an array, one point a threshold on the confidence, with its 95 % interval. A dot "
    "alone: one confidence only. The dashed line is one false alarm a home-month.",
    latencies="How soon",
    latencies_note="Share of the hits that were said by then.",
    dots="Found, by kind of event",
    dots_note="Point: found of true. Bar: 95 % interval.",
    sensitivity="share found",
    seconds="seconds",
    hours="hours",
    share="share",
    worst="The worst cases",
    worst_note="Above the line what truly happened, below it what was said; 0 = the moment in question. "
    "Pictures as the sensor saw them, one scale a case; grey = bad pixel.",
    missed="missed",
    late="late",
    slowest="slowest",
    false_alarm="false alarm",
    truly="true",
    said="said",
    warmest="Colours, cold to warm:",
    strip="Pictures from {0} to {1} s, grey on the line.",
    strip_after="They show what happened, not the time until then.",
    due="To be said by {0} s (dashed).",
    no_frames="No pictures of it.",
)

ZH: Final = Words(
    language="zh",
    title="Guardian：检测效果实测",
    lead="用真实检测器的结果与真实发生的事件逐一对照评分。每个比率旁都列出计数，方括号内为 95 % 区间："
    "真实值可能落在其中任何位置。",
    origin="测了什么",
    origin_note="模拟住户由随机种子生成，相同种子得到相同住户。空闲时段每 5 秒只绘制一帧；表中列出实际绘制"
    "的帧所占比例。",
    result="结果",
    machine="机器",
    cores="{0} 核",
    seed="随机种子",
    seeds="种子 {0}",
    recorded="实录",
    home_time="住户观察时长",
    sensor_time="热像阵列观察时长",
    drawn_share="实际绘制的帧",
    speed="每小时可模拟",
    targets="与目标对照",
    targets_note="达到：整个区间都在目标的合格一侧。未达到：整个区间都在不合格一侧。尚不能判断：目标落在区"
    "间之内，或数据太少。\n"
    "延迟：数值为中位数（p50）或 95 % 不超过的时间（p95）；判断依据是按时报出的比例及其区间。急跌与缓慢滑落"
    "的延迟只取仅含其中一类的场景。",
    target="目标",
    reached="实测",
    counts_beside="计数",
    verdict="结论",
    verdicts=MappingProxyType({"met": "达到", "missed": "未达到", "open": "尚不能判断"}),
    no_interval="无区间",
    never="从未",
    in_time="{0} 按时",
    figures=MappingProxyType(
        {
            "hard": "急跌发现 ≥ {0} %",
            "slides": "缓慢滑落发现 ≥ {0} %",
            "false": "每户 {1} 天误报 ≤ {0}",
            "p50_s": "延迟 p50 ≤ {0} 秒",
            "p95_s": "延迟 p95 ≤ {0} 秒",
            "slides_p95_s": "滑落延迟 p95 ≤ {0} 秒",
            "f1": "F1 ≥ {0}",
            "found_24h": "24 小时内发现 ≥ {0} %",
            "day_h": "日间延迟 p50 ≤ {0} 小时",
            "every": "每次都按时发现",
            "found": "12 小时内发现 ≥ {0} %（光学条件允许时）",
            "right_room": "房间正确 ≥ {0} % 的时间",
            "median_m": "距离 p50 ≤ {0} 米",
        }
    ),
    marks=MappingProxyType(
        {
            "hard": "急跌 ≥ {0} %",
            "slides": "滑落 ≥ {0} %",
            "false": "{1} 天 ≤ {0}",
            "p50_s": "p50 ≤ {0}",
            "p95_s": "p95 ≤ {0}",
            "slides_p95_s": "滑落 p95 ≤ {0}",
            "f1": "F1 ≥ {0}",
            "found_24h": "≥ {0} %",
            "day_h": "≤ {0} 小时",
            "every": "每次",
            "found": "≥ {0} %",
            "right_room": "≥ {0} %",
            "median_m": "≤ {0} 米",
        }
    ),
    counts="计数与比率",
    counts_note="命中：真实事件中发现了多少（Wilson 区间）。每户每月误报：精确泊松区间，零误报时用三分法则。"
    "延迟：仅计命中，跌倒从结束起算，其余从开始起算；一半在 p50 之内报出，95 % 在 p95 之内。F1：命中率与精"
    "确率合成的单一数值。\n"
    "“跌倒”的真实数少于“疑似跌倒”：只有倒地至少 60 秒（缓慢滑落 120 秒）的跌倒才需要确认；更早自行起身的不"
    "算紧急情况。\n"
    "不算对也不算误报：紧急情况仍在持续时报出，但不是最先发现它的那一次。\n"
    "模拟场景：每隔几分钟就安排一件事发生，其中的误报不代表日常生活一个月的误报。短横：没有可计的数，或没有"
    "能报出它的传感器。\n"
    "8×8 等：热像阵列的像素行数与列数。",
    entry="数据",
    watched="观察时长",
    kind="报警类型",
    found="命中／真实",
    precision="精确率，F1",
    false="误报",
    false_month="每户每月误报",
    false_axis="每户每月误报",
    neither="不算对也不算误报",
    latency="延迟 p50 / p95，秒",
    little="时间太短，不能判断",
    staged="模拟场景",
    behind="逐个场景：以上合计所含的 {0} 行",
    minutes="{0} 分钟",
    hours_of="{0} 小时",
    days_of="{0} 天",
    labels="按事件类型",
    labels_note="命中数／真实数，同一种阵列的住户合并统计。",
    label="事件",
    silence="长时间无活动",
    silence_note="倒地的模拟方法：每次删去一户 24 小时的读数。部分模拟住户中确有人倒地，按原样的日子另行统"
    "计。\n"
    "误报取自未改动的日子。超过 12 小时的不明空白内的报警另列，这些空白与真实的静默不计入观察时长。",
    removed="24 小时内发现（删去读数）",
    placed="24 小时内发现（真实倒地）",
    left_out="不计入",
    delay_day="日间延迟 p50，小时",
    delay_night="夜间延迟 p50，小时",
    unexplained="不明空白内",
    position="定位",
    position_note="住户在家时每秒查询一次：看板所报房间是否正确，所报位置离真实位置多远？给出位置：房间正确"
    "的秒数中给出位置的比例。距离为给出位置的秒数的中位数；“全部”把没有位置的秒数算作无限远。\n"
    "外出时仍报有人：外出的秒数中，看板最近一分钟内仍认为有人的比例。区间按整户重抽样，因为同一户的各秒彼此"
    "相似。",
    at_home="在家时长",
    right_room="房间正确",
    placed_share="给出位置",
    median_m="距离 p50，米",
    median_all_m="全部距离 p50，米",
    away="外出时长",
    noticed_away="外出时仍报有人",
    curves="命中率与误报",
    curves_note="每条线一种阵列，每个点一个置信度门槛，竖线为 95 % 区间；单独的点表示只有一个置信度。"
    "虚线为每户每月一次误报。",
    latencies="多快发现",
    latencies_note="到该时刻为止已报出的命中所占比例。",
    dots="各类事件的命中率",
    dots_note="点：命中数／真实数；线段：95 % 区间。",
    sensitivity="命中率",
    seconds="秒",
    hours="小时",
    share="比例",
    worst="最差的情形",
    worst_note="线上为真实发生，线下为系统所报；0 为所指时刻。画面为传感器所见，每例同一色标；灰色为坏点。",
    missed="漏报",
    late="迟报",
    slowest="最慢",
    false_alarm="误报",
    truly="真实",
    said="所报",
    warmest="色标（由冷到暖）：",
    strip="画面为 {0} 至 {1} 秒（线上灰色部分）。",
    strip_after="画面只显示发生了什么，不含此后直到应报时刻的过程。",
    due="应在 {0} 秒之前报出（虚线）。",
    no_frames="没有画面。",
)

LANGUAGES: Final[Mapping[str, Words]] = MappingProxyType({"en": EN, "zh": ZH})
