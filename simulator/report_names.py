"""What suites, scenes, events and homes are called on the report page, in English and Chinese.

Takes the identifiers of the files, gives words; an identifier without a word stands as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from simulator.targets import place

_NUMBER: Final = re.compile(r"-[0-9a-f]{8}-(\d{3,})$")
"""How names of simulated homes end: a checksum of the cell's name and the home's number."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one language."""

    suites: Mapping[str, str]
    mounts: Mapping[str, str]
    events: Mapping[str, str]
    """Labels of the truth, and kinds of cells; with the suite before them where a kind alone says little."""
    array: str
    """An array of {0} pixels mounted at {1}."""
    home: str
    person: str

    def entry(self, name: str) -> str:
        """Words for SUITE/MOUNT/ROWSxCOLS/KIND; a recording is called what it is called."""
        where = place(name)
        suite = self.suites.get(where.suite)
        if suite is None:
            return name
        array = self.array.format(_times(where.shape), self.mounts.get(where.mount, where.mount))
        kind = self.scene(where.suite, where.kind) if where.kind else ""
        return " · ".join(part for part in (suite, array if where.shape else "", kind) if part)

    def scene(self, suite: str, kind: str) -> str:
        """Words for the kind of a cell."""
        label = f"fall:{kind}" if suite == "falls" else f"{suite}:{kind}"
        return self.events.get(label) or self.events.get(kind) or kind.replace("-", " ")

    def label(self, label: str) -> str:
        """Words for a label of the truth."""
        return self.events.get(label) or label.replace("-", " ")

    def of_home(self, home: str) -> str:
        """A simulated home is a number in its cell; a recorded one is called what it is called."""
        number = _NUMBER.search(home)
        return self.home.format(number[1] if number else home)


def _times(shape: str) -> str:
    return shape.replace("x", "×")


EN: Final = Names(
    suites=MappingProxyType(
        {
            "falls": "Staged falls",
            "negatives": "Harmless scenes",
            "days": "Daily life",
            "collapses": "Collapses, event sensors alone",
            "climate": "Cold, heat and fire",
            "fever": "Fever",
            "storm": "Power cut in a street",
        }
    ),
    mounts=MappingProxyType({"ceiling": "ceiling", "wall": "wall"}),
    events=MappingProxyType(
        {
            "fall:chair": "fall off a chair",
            "fall:bed": "fall out of bed",
            "fall:slide": "slow slide to the floor",
            "fall:faint": "fall: fainting",
            "fall:sideways": "fall: sideways",
            "fall:trip": "fall: tripping",
            "fall:slip": "fall: slipping",
            "fall:struggle": "fall: struggle for balance",
            "fall": "fall",
            "collapse:removed": "24 h of events taken away",
            "collapse:active": "collapse while active",
            "collapse:bathroom": "collapse in the bathroom",
            "collapse:night": "collapse at night",
            "collapse:bed": "collapse in bed",
            "collapses:active": "collapse while active",
            "collapses:bathroom": "collapse in the bathroom",
            "collapses:night": "collapse at night",
            "collapses:bed": "collapse in bed",
            "collapses:marks": "24 h of events taken away",
            "days:faulty": "winter, with failing devices",
            "storm:dark": "homes without power",
            "storm:fall": "a fall in a home with power",
            "negatives:bed": "going to bed",
            "negatives:sofa": "lying on the sofa",
            "negatives:pan": "hot pan",
            "negatives:drink": "hot drink",
            "negatives:tv": "television",
            "negatives:window": "open window",
            "negatives:robot": "robot vacuum cleaner",
            "stove": "stove left on",
            "bed": "in bed",
            "down": "down on the floor",
        }
    ),
    array="{0} pixels, {1}",
    home="home {0}",
    person="person {0}",
)

ZH: Final = Names(
    suites=MappingProxyType(
        {
            "falls": "模拟跌倒",
            "negatives": "无害场景",
            "days": "日常生活",
            "collapses": "倒地（仅事件传感器）",
            "climate": "冷、热与火情",
            "fever": "发热",
            "storm": "整街停电",
        }
    ),
    mounts=MappingProxyType({"ceiling": "吸顶", "wall": "壁装"}),
    events=MappingProxyType(
        {
            "fall": "跌倒",
            "fall:trip": "绊倒",
            "fall:slip": "滑倒",
            "fall:sideways": "侧向跌倒",
            "fall:faint": "晕倒",
            "fall:chair": "从椅子跌落",
            "fall:bed": "从床上跌落",
            "fall:slide": "缓慢滑落",
            "fall:struggle": "挣扎后跌倒",
            "collapse:removed": "删去 24 小时读数",
            "collapse:active": "活动时倒地",
            "collapse:bathroom": "在卫生间倒地",
            "collapse:night": "夜间倒地",
            "collapse:bed": "卧床不起",
            "collapses:marks": "删去 24 小时读数",
            "collapses:active": "活动时倒地",
            "collapses:bathroom": "在卫生间倒地",
            "collapses:night": "夜间倒地",
            "collapses:bed": "卧床不起",
            "no-return": "外出未归",
            "not-up": "早晨未起床",
            "bathroom-overstay": "在卫生间过久",
            "night-out-of-bed": "夜间离床未归",
            "sos": "呼救",
            "blind": "看不到住户",
            "fever-trend": "体表温度高于常态",
            "appliance-left-on": "电器未关",
            "winter": "冬季",
            "summer": "夏季",
            "days:faulty": "冬季，设备有故障",
            "storm:dark": "停电的住户",
            "storm:fall": "未停电的住户跌倒",
            "cold": "室温过低",
            "heat": "室温过高",
            "stove": "炉灶未关",
            "fire": "火情",
            "kneel": "跪下",
            "clean-floor": "擦地",
            "sit-on-floor": "坐在地上",
            "tie-shoes": "系鞋带",
            "bend": "弯腰",
            "exercise": "锻炼",
            "negatives:bed": "上床躺下",
            "negatives:sofa": "躺在沙发上",
            "bath": "洗浴",
            "sun": "阳光",
            "radiator": "暖气片",
            "kettle": "水壶",
            "negatives:pan": "热锅",
            "negatives:drink": "热饮",
            "negatives:tv": "电视",
            "warm-seat": "坐热的座位",
            "steam": "蒸汽",
            "negatives:window": "开窗",
            "dog": "狗",
            "cat": "猫",
            "negatives:robot": "扫地机器人",
            "visitor": "访客",
            "hot-room": "闷热的房间",
            "down": "倒地未起",
            "lie": "躺着",
            "bed": "在床上",
            "walk": "行走",
            "sit": "坐着",
            "sitdown": "坐下",
            "standup": "站起",
            "stand": "站立",
        }
    ),
    array="{1} {0} 像素",
    home="住户 {0}",
    person="人员 {0}",
)

NAMES: Final[Mapping[str, Names]] = MappingProxyType({"en": EN, "zh": ZH})
