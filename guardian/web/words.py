"""What the staff board says, in Chinese and English.

Gives one frozen `Words` a language; a missing word is a type error, not a gap on the page. Takes
identifiers (kinds, states, rooms) and gives words for people; never decides anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alerting.concern import Kind
from alerting.duty import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")

FALSE_CAUSES = ("resting", "furniture", "warm-object", "pet", "visitor", "sensor", "other")
"""What a false alarm turned out to be; the choices at closing, for tuning the detectors."""


@dataclass(frozen=True, slots=True)
class Words:
    """Every word of the board in one language."""

    language: Language
    other_language: str
    title: str
    live: str
    lost: str
    lost_since: str
    no_script: str
    in_memory: str
    restored: str
    open_incidents: str
    none_open: str
    none_open_more: str
    homes: str
    homes_in_sight: str
    homes_blind: str
    homes_in_incident: str
    homes_not_shown: str
    incidents_not_shown: str
    find_home: str
    find: str
    no_such_home: str
    recent: str
    area: str
    area_dark: str
    area_over: str
    area_own: str
    silences: str
    silence_until: str
    silence_held: str
    silences_not_shown: str
    column_from: str
    column_until: str
    incident: str
    home: str
    card: str
    room: str
    room_unknown: str
    checking: str
    checking_more: str
    no_countdown: str
    left: str
    overdue: str
    late_at_decision: str
    reported_false: str
    cancelled_by_home: str
    accepted_by: str
    lease_until: str
    help_wanted: str
    helped_by: str
    named: str
    added: str
    sensed: str
    name_somebody: str
    hand_over: str
    add: str
    last_resort: str
    last_resort_fire: str
    address_unknown: str
    accept: str
    accept_who: str
    nobody_on_duty: str
    arrived: str
    close: str
    outcome: str
    false_because: str
    outcome_cause: str
    details: str
    back: str
    proof_of_life: str
    never: str
    blind: str
    degraded: str
    temperature: str
    temperature_unknown: str
    minutes: str
    hours: str
    days: str
    ago: str
    just_now: str
    moves: str
    messages: str
    evidence: str
    nothing_yet: str
    coverage: str
    coverage_line: str
    coverage_fine: str
    coverage_unknown: str
    coverage_means: str
    coverage_not_shown: str
    protection: str
    protection_line: str
    protection_means: str
    protection_none: str
    protection_not_shown: str
    programmes: str
    column_why: str
    column_did: str
    column_programme: str
    reach: Mapping[str, str]
    until_now: str
    reasons: Mapping[str, str]
    column_could_come: str
    column_time: str
    column_what: str
    column_state: str
    column_by: str
    column_to: str
    column_receipt: str
    column_confidence: str
    not_possible: str
    not_found: str
    not_stored: str
    not_understood: str
    severities: Mapping[int | None, str]
    states: Mapping[str, str]
    segments: Mapping[str, str]
    kinds: Mapping[str, str]
    outcomes: Mapping[str, str]
    causes: Mapping[str, str]
    faults: Mapping[int, str]
    """Why a sensor or a home cannot be relied on, by the code in `cause` of the evidence (docs/homes.md)."""
    activities: Mapping[str, str]
    rooms: Mapping[str, str]
    events: Mapping[str, str]
    actors: Mapping[str, str]
    message_states: Mapping[str, str]
    purposes: Mapping[str, str]
    receipts: Mapping[str, str]

    def outcome_text(self, outcome: str) -> str:
        """Words for an outcome such as `real` or `false:pet`."""
        what, _, cause = outcome.partition(":")
        text = self.outcomes.get(what, what)
        return self.outcome_cause.format(text, self.causes.get(cause, cause)) if cause else text

    def room_text(self, room: str | None) -> str:
        """Words for a room id; ids without a translation stand for themselves."""
        return self.room_unknown if room is None else self.rooms.get(room, room)

    def age(self, ms: int) -> str:
        """Words for how long ago something was; under a minute no figure, so that the page stands still."""
        minutes = max(0, ms) // 60_000
        if minutes < 1:
            return self.just_now
        if minutes < 60:
            return self.ago.format(self.minutes.format(minutes))
        if minutes < 1440:
            return self.ago.format(self.hours.format(minutes // 60))
        return self.ago.format(self.days.format(minutes // 1440))


ZH = Words(
    language="zh",
    other_language="English",
    title="守护看板",
    live="实时",
    lost="连接已中断，下面的内容可能已过时",
    lost_since="请检查本机的守护服务；恢复后会自动重新连接。",
    no_script="浏览器未启用脚本：本页每 10 秒刷新一次。",
    in_memory="磁盘故障：告警在内存中继续，此时若断电，之后的记录会丢失。请立即检查磁盘。",
    restored="账本曾损坏，已用备份代替：之后的回复和到场记录已丢失，未结事件已重新通知。请核对，并检查磁盘。",
    open_incidents="未结事件",
    none_open="没有未结事件",
    none_open_more="新的事件会自动出现在这里。",
    homes="住户",
    homes_in_sight="在看 {}",
    homes_blind="看不到 {}",
    homes_in_incident="有事件 {}",
    homes_not_shown="另有 {} 户未列出，可用编号查找。",
    incidents_not_shown="另有 {} 个事件排在后面，未列出。",
    find_home="住户编号或卡号",
    find="查找",
    no_such_home="没有符合的住户。",
    recent="最近结束",
    area="多户同时看不到",
    area_dark="{}户看不到，共涉及{}户",
    area_over="{}户，{}分钟",
    area_own="另立事件",
    silences="暂不通知",
    silence_until="至{}",
    silence_held="有{}条待通知",
    silences_not_shown="另有 {} 条未列出",
    column_from="起",
    column_until="止",
    incident="事件",
    home="住户",
    card="卡号",
    room="房间",
    room_unknown="房间不明",
    checking="核实中",
    checking_more="正在核实，尚未通知任何人",
    no_countdown="无时限",
    left="剩余",
    overdue="已超时",
    late_at_decision="判定时已来不及按发生时刻计，改从判定时刻起算",
    reported_false="有人回报为误报（待确认）",
    cancelled_by_home="住户按了取消（仍需到场确认）",
    accepted_by="接受人",
    lease_until="须在 {} 前出发",
    help_wanted="现场请求第二个人支援",
    helped_by="支援",
    last_resort="请立即拨打 120。地址：",
    last_resort_fire="请立即拨打 119。地址：",
    address_unknown="名册中没有地址",
    accept="接受",
    accept_who="由谁前往",
    named="已指定 {} 接替，等本人答复",
    added="另请：{}",
    sensed="传感器看到有人进门，尚未得到本人确认",
    name_somebody="换人或加人",
    hand_over="交给此人",
    add="此人也去",
    nobody_on_duty="名册中没有可派的人",
    arrived="已到场",
    close="结束",
    outcome="结果",
    false_because="误报：",
    outcome_cause="{}（{}）",
    details="详情",
    back="返回看板",
    proof_of_life="最近活动",
    never="尚无",
    blind="看不到",
    degraded="太热，跌倒可能看不出",
    temperature="室温",
    temperature_unknown="室温不明",
    minutes="{} 分",
    hours="{} 小时",
    days="{} 天",
    ago="{}前",
    just_now="刚刚",
    moves="经过",
    messages="短信",
    evidence="依据",
    nothing_yet="暂无",
    coverage="到位情况",
    coverage_line="今后 {1} 小时内，有 {0} 户及时赶到的人不足两名",
    coverage_fine="今后 {} 小时内，每户都有两人以上能及时赶到",
    coverage_unknown="到位情况计算中",
    coverage_means="按当前名册和班次：若该时段出事，能在时限内到场的值班人数。",
    coverage_not_shown="另有 {} 行未列出；命令 guardian coverage 可列出全部。",
    protection="防护情况",
    protection_line="共 {1} 户，其中 {0} 户此刻若有人跌倒或长时间无动静，可能不会被发现",
    protection_means="过去 {} 小时内曾失去防护的住户，每户列最近一次，最要紧的在前：请先打电话或上门看看。",
    protection_none="过去 {} 小时内没有住户失去防护",
    protection_not_shown="另有 {} 行未列出；命令 guardian protection 可列出全部。",
    programmes="项目覆盖",
    column_why="原因",
    column_did="之前状态",
    column_programme="项目",
    reach={"eligible": "符合条件", "enrolled": "已加入", "equipped": "已装设备", "protected": "此刻受防护"},
    until_now="至今",
    reasons={
        "detectable": "正常",
        "too-warm": "室温过高，人体不易分辨",
        "learning": "正在学习",
        "moved": "画面变了（移位或被遮挡）",
        "faulty": "传感器故障",
        "frozen": "画面停住不动",
        "dark": "传感器没有信号",
        "gateway": "整户没有信号",
        "broker": "所有住户都没有信号",
        "ourselves": "本系统当时没有运行",
        "no-sensor": "没有传感器",
        "away": "外出",
        "paused": "工作人员已暂停",
        "benched": "本系统处理该传感器时出错，暂不使用",
    },
    column_could_come="能赶到的人数",
    column_time="时间",
    column_what="内容",
    column_state="状态",
    column_by="由",
    column_to="发给",
    column_receipt="回执",
    column_confidence="把握",
    not_possible="这一步现在不能做：事件的状态已经变了。请返回看板再看一次。",
    not_found="没有这个页面或事件。",
    not_stored="没有保存成功，请再试一次；仍不行请直接打电话联系。",
    not_understood="表单内容不完整，请返回重试。",
    severities={3: "高", 2: "中", 1: "低", None: "核实中"},
    states={
        "open": "待通知",
        "notified": "已通知，等待接受",
        "accepted": "已接受",
        "en-route": "在途中",
        "on-scene": "已到场",
        "closed": "已结束",
        "reopened": "重新派人",
    },
    segments={
        "onset": "发生",
        "suspected": "疑似",
        "decided": "确认",
        "provider": "短信发出",
        "accepted": "接受",
        "en_route": "出发",
        "on_scene": "到场",
        "closed": "结束",
    },
    kinds={
        Kind.FALL_SUSPECTED: "疑似跌倒",
        Kind.FALL_CONFIRMED: "跌倒",
        Kind.FALL_RECOVERED: "跌倒后已起身",
        Kind.LONG_LIE: "倒地不起",
        Kind.SOS: "呼救",
        Kind.FIRE: "火情",
        Kind.SMOKE: "烟雾",
        Kind.GAS: "燃气泄漏",
        Kind.INACTIVITY: "长时间无活动",
        Kind.BATHROOM_OVERSTAY: "在卫生间过久",
        Kind.NIGHT_OUT_OF_BED: "夜间离床未归",
        Kind.NOT_UP: "早晨未起床",
        Kind.NO_RETURN: "外出未归",
        Kind.HYPOTHERMIA_RISK: "室温低且体表偏凉：失温风险",
        Kind.COLD: "室温过低",
        Kind.HEAT: "室温过高",
        Kind.WATER: "漏水",
        Kind.INACTIVITY_PROMPT: "活动偏少，询问",
        Kind.FEVER_TREND: "体表温度高于本人常态，请测体温",
        Kind.APPLIANCE_LEFT_ON: "电器未关",
        Kind.SENSOR_FAULT: "传感器故障",
        Kind.BLIND: "看不到住户",
        Kind.CANCEL: "住户取消",
        Kind.DRILL: "演练（不是真事）",
        Kind.IN_SIGHT: "又能看到住户",
    },
    outcomes={
        "safe": "平安",
        "real": "属实",
        "false": "误报",
        "drill": "演练",
        "recovered": "自行恢复",
        "cancelled": "住户取消",
        "lost": "结果已随账本损坏丢失",
    },
    faults={
        1: "电池快没电了",
        2: "反复重启",
        3: "读数漂移",
        4: "画面变淡：起雾、遮盖或脏污",
        5: "画面不是原来的地方：被移动、转动或遮挡",
        6: "看到的是别的房间里的人",
        7: "从来看不到人",
        8: "读数不变",
        9: "事件太多，不像人为",
        10: "数据不可信",
        11: "画面不动",
        12: "设备说自己离线",
        13: "传感器没有声音",
        14: "停电：插电的设备一起没了声音",
        15: "整个家没有声音",
        16: "许多家同时没有声音",
        17: "所有家都没有声音：我们自己的连接断了",
        18: "Guardian 自己处理这里的数据时出错，暂时不看；稍后自动重试，请联系技术人员",
    },
    causes={
        "resting": "主动躺卧休息",
        "furniture": "家具或床铺",
        "warm-object": "发热物体",
        "pet": "宠物",
        "visitor": "访客",
        "sensor": "传感器",
        "reported": "到场人员回报",
        "other": "其他",
    },
    activities={
        "absent": "不在该处",
        "walking": "走动",
        "standing": "站立",
        "sitting": "坐着",
        "lying-in-bed": "躺在床上",
        "lying-on-floor": "躺在地上",
        "bathroom": "在卫生间",
        "asleep": "睡眠",
        "out": "外出",
        "unknown": "状态不明",
    },
    rooms={
        "living": "客厅",
        "living-room": "客厅",
        "bedroom": "卧室",
        "kitchen": "厨房",
        "bathroom": "卫生间",
        "toilet": "厕所",
        "hall": "门厅",
        "hallway": "走廊",
        "dining": "餐厅",
        "study": "书房",
        "balcony": "阳台",
    },
    events={
        "opened": "建立事件",
        "suspected": "出现疑似情况",
        "paged": "短信已由运营商接收",
        "raised": "级别升高",
        "accepted": "接受",
        "en-route": "出发",
        "arrived": "到场",
        "cannot-go": "不能前往",
        "reported-false": "回报误报",
        "needs-help": "请求支援",
        "closed": "结束",
        "lease-lapsed": "接受已失效",
        "lease-capped": "出发时限提前",
        "backup-wanted": "再请一人前往",
        "handed-over": "指定接替的人",
        "added": "另请一人",
        "arrived-by-sensor": "传感器看到到场",
        "contradicted": "回复与结束矛盾",
        "cancelled-by-home": "住户取消",
        "last-resort": "全员语音、警笛、拨打 120",
    },
    actors={"board": "看板", "desk": "值班命令", "home": "住户", "sensor": "传感器", "guardian": "守护系统"},
    message_states={"due": "待发", "leased": "发送中", "sent": "已发", "failed": "失败"},
    purposes={"page": "通知", "answer": "答复", "confirm": "询问", "stand-down": "撤回", "news": "进展"},
    receipts={
        "accepted": "已受理",
        "queued": "排队中",
        "sending": "发送中",
        "sent": "已发出",
        "delivered": "已送达",
        "undelivered": "未送达",
        "failed": "失败",
        "canceled": "已取消",
        "read": "已读",
    },
)

EN = Words(
    language="en",
    other_language="中文",
    title="Guardian board",
    live="Live",
    lost="Connection lost: what you see may be out of date",
    lost_since="Check Guardian on this machine; the page reconnects by itself.",
    no_script="Scripts are off: this page reloads every 10 seconds.",
    in_memory="The disk fails: alerting goes on in memory, and what happens now is lost if the power goes. "
    "See to the disk at once.",
    restored="The ledger was damaged and a spare is in its place: answers and arrivals since then are lost, "
    "and what was open is paged again. Check with people, and see to the disk.",
    open_incidents="Open incidents",
    none_open="No open incidents",
    none_open_more="New ones appear here by themselves.",
    homes="Homes",
    homes_in_sight="{} in sight",
    homes_blind="{} blind",
    homes_in_incident="{} with an incident",
    homes_not_shown="{} more homes are not listed; find one by its number.",
    incidents_not_shown="{} more incidents, less urgent than these, are not listed.",
    find_home="Home or card number",
    find="Find",
    no_such_home="No home matches.",
    recent="Recently closed",
    area="Homes dark together",
    area_dark="{} of {} homes cannot be seen",
    area_over="{} homes, {} min",
    area_own="has an incident of its own",
    silences="Silenced",
    silence_until="until {}",
    silence_held="{} waiting",
    silences_not_shown="{} more are not listed",
    column_from="From",
    column_until="To",
    incident="Incident",
    home="Home",
    card="Card",
    room="Room",
    room_unknown="room unknown",
    checking="Checking",
    checking_more="Being checked; nobody has been texted yet",
    no_countdown="No deadline",
    left="left",
    overdue="overdue",
    late_at_decision="Decided too late to count from the onset; the ten minutes run from the decision",
    reported_false="Reported as a false alarm, not yet confirmed",
    cancelled_by_home="The home pressed cancel; still needs a visit",
    accepted_by="Accepted by",
    lease_until="must leave by {}",
    help_wanted="A second person is needed",
    helped_by="helped by",
    last_resort="Call 120 now. Address:",
    last_resort_fire="Call 119 now. Address:",
    address_unknown="no address in the roster",
    accept="Accept",
    accept_who="Who goes",
    named="{} is named to take over and has not answered yet",
    added="Also sent for: {}",
    sensed="Sensors have seen somebody come in; nobody has confirmed it yet",
    name_somebody="Send somebody else",
    hand_over="Takes over",
    add="Goes too",
    nobody_on_duty="nobody in the roster can be sent",
    arrived="Arrived",
    close="Close",
    outcome="Outcome",
    false_because="False alarm: ",
    outcome_cause="{} ({})",
    details="Details",
    back="Back to the board",
    proof_of_life="Last activity",
    never="none yet",
    blind="Blind",
    degraded="Too warm to see a fall surely",
    temperature="Room",
    temperature_unknown="no temperature",
    minutes="{} min",
    hours="{} h",
    days="{} d",
    ago="{} ago",
    just_now="just now",
    moves="What happened",
    messages="Texts",
    evidence="Evidence",
    nothing_yet="Nothing yet",
    coverage="Coverage",
    coverage_line="{0} homes with fewer than two people who could come in time, in the next {1} hours",
    coverage_fine="Two people or more could come to every home in time, in the next {} hours",
    coverage_unknown="Coverage is being worked out",
    coverage_means="By the roster and its shifts: how many on duty could be in time if something happened.",
    coverage_not_shown="{} more rows are not listed; the command guardian coverage has them all.",
    protection="Protection",
    protection_line="In {0} of {1} homes a fall or silence could go unnoticed now",
    protection_means="Homes that were not protected for a time within {} hours, the last time of each, who "
    "matters most first: call or look in.",
    protection_none="No home was without protection within {} hours",
    protection_not_shown="{} more rows are not listed; the command guardian protection has them all.",
    programmes="Programmes",
    column_why="Why",
    column_did="Did before",
    column_programme="Programme",
    reach={
        "eligible": "eligible",
        "enrolled": "enrolled",
        "equipped": "equipped",
        "protected": "protected now",
    },
    until_now="until now",
    reasons={
        "detectable": "fine",
        "too-warm": "too warm for a body to stand out",
        "learning": "still learning",
        "moved": "another picture: moved or covered",
        "faulty": "sensor faulty",
        "frozen": "picture does not change",
        "dark": "sensor silent",
        "gateway": "nothing of the home is heard",
        "broker": "nothing of any home is heard",
        "ourselves": "Guardian was not running",
        "no-sensor": "no sensor",
        "away": "away",
        "paused": "paused by staff",
        "benched": "Guardian fails at this sensor and leaves it out for a time",
    },
    column_could_come="Could come",
    column_time="Time",
    column_what="What",
    column_state="State",
    column_by="By",
    column_to="To",
    column_receipt="Receipt",
    column_confidence="Confidence",
    not_possible="Not possible now: the incident has moved on. Go back to the board and look again.",
    not_found="There is no such page or incident.",
    not_stored="Nothing was stored. Try again; if it fails again, use the telephone.",
    not_understood="The form was incomplete; please go back and try again.",
    severities={3: "HIGH", 2: "MEDIUM", 1: "LOW", None: "CHECKING"},
    states={
        "open": "nobody texted yet",
        "notified": "texted, waiting for an answer",
        "accepted": "accepted",
        "en-route": "on the way",
        "on-scene": "on scene",
        "closed": "closed",
        "reopened": "looking for somebody again",
    },
    segments={
        "onset": "onset",
        "suspected": "suspected",
        "decided": "confirmed",
        "provider": "text out",
        "accepted": "accepted",
        "en_route": "on the way",
        "on_scene": "on scene",
        "closed": "closed",
    },
    kinds={
        Kind.FALL_SUSPECTED: "Possible fall",
        Kind.FALL_CONFIRMED: "Fall",
        Kind.FALL_RECOVERED: "Up again after a fall",
        Kind.LONG_LIE: "Lying on the floor",
        Kind.SOS: "Call for help",
        Kind.FIRE: "Fire",
        Kind.SMOKE: "Smoke",
        Kind.GAS: "Gas",
        Kind.INACTIVITY: "No activity",
        Kind.BATHROOM_OVERSTAY: "Long in the bathroom",
        Kind.NIGHT_OUT_OF_BED: "Not back in bed at night",
        Kind.NOT_UP: "Not up this morning",
        Kind.NO_RETURN: "Not back home",
        Kind.HYPOTHERMIA_RISK: "Cold room, skin cooler than usual: risk of hypothermia",
        Kind.COLD: "Room too cold",
        Kind.HEAT: "Room too hot",
        Kind.WATER: "Water leak",
        Kind.INACTIVITY_PROMPT: "Little activity, asked",
        Kind.FEVER_TREND: "Skin warmer than usual: take a reading",
        Kind.APPLIANCE_LEFT_ON: "Appliance left on",
        Kind.SENSOR_FAULT: "Sensor fault",
        Kind.BLIND: "Home cannot be seen",
        Kind.CANCEL: "Cancelled by the home",
        Kind.DRILL: "TEST, nothing has happened",
        Kind.IN_SIGHT: "Home can be seen again",
    },
    outcomes={
        "safe": "safe",
        "real": "real",
        "false": "false alarm",
        "drill": "drill",
        "recovered": "recovered",
        "cancelled": "cancelled by the home",
        "lost": "its end was lost with the ledger",
    },
    faults={
        1: "its battery is nearly empty",
        2: "it starts again and again",
        3: "its readings have drifted",
        4: "the picture has faded: fog, a cloth or dirt",
        5: "the picture is of another place: moved, turned or covered",
        6: "it sees the people of another room",
        7: "it never sees anybody",
        8: "its readings never change",
        9: "more events than people make",
        10: "what it sends cannot be",
        11: "its picture stands still",
        12: "the device says that it is offline",
        13: "the sensor is silent",
        14: "no power: devices on the mains fell silent together",
        15: "nothing of the home is heard",
        16: "many homes fell silent together",
        17: "all homes fell silent: our own connection",
        18: "an error in Guardian itself: left alone for a time, then tried again; tell your technician",
    },
    causes={
        "resting": "lying down on purpose",
        "furniture": "furniture or bedding",
        "warm-object": "warm object",
        "pet": "pet",
        "visitor": "visitor",
        "sensor": "sensor",
        "reported": "reported at the door",
        "other": "other",
    },
    activities={
        "absent": "not there",
        "walking": "walking",
        "standing": "standing",
        "sitting": "sitting",
        "lying-in-bed": "lying in bed",
        "lying-on-floor": "lying on the floor",
        "bathroom": "in the bathroom",
        "asleep": "asleep",
        "out": "out",
        "unknown": "unknown",
    },
    rooms={
        "living": "living room",
        "living-room": "living room",
        "bedroom": "bedroom",
        "kitchen": "kitchen",
        "bathroom": "bathroom",
        "toilet": "toilet",
        "hall": "hall",
        "hallway": "hallway",
        "dining": "dining room",
        "study": "study",
        "balcony": "balcony",
    },
    events={
        "opened": "opened",
        "suspected": "a suspicion came up",
        "paged": "provider took the text",
        "raised": "severity raised",
        "accepted": "accepted",
        "en-route": "on the way",
        "arrived": "arrived",
        "cannot-go": "cannot go",
        "reported-false": "reported as false",
        "needs-help": "needs help",
        "closed": "closed",
        "lease-lapsed": "acceptance lapsed",
        "lease-capped": "must leave earlier",
        "backup-wanted": "one more asked to go",
        "handed-over": "Named to take over",
        "added": "Sent for",
        "arrived-by-sensor": "There, by sensors",
        "contradicted": "a reply contradicted the closing",
        "cancelled-by-home": "cancelled by the home",
        "last-resort": "voice to all, siren, call 120",
    },
    actors={"board": "board", "desk": "desk", "home": "home", "sensor": "sensors", "guardian": "Guardian"},
    message_states={"due": "due", "leased": "sending", "sent": "sent", "failed": "failed"},
    purposes={
        "page": "alert",
        "answer": "answer",
        "confirm": "question",
        "stand-down": "stand-down",
        "news": "news",
    },
    receipts={
        "accepted": "accepted",
        "queued": "queued",
        "sending": "sending",
        "sent": "sent",
        "delivered": "delivered",
        "undelivered": "not delivered",
        "failed": "failed",
        "canceled": "cancelled",
        "read": "read",
    },
)

WORDS: Mapping[Language, Words] = {"zh": ZH, "en": EN}


def choose(asked: str | None, accept_language: str, default: Language) -> Language:
    """Pick the language: what the address asks for, else what the browser prefers, else the site's."""
    for language in LANGUAGES:
        if asked == language:
            return language
    wishes: list[tuple[float, Language]] = []
    for wish in accept_language.split(","):
        tag, _, quality = wish.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wishes += [
            (weight, language)
            for language in LANGUAGES
            if tag.lower().partition("-")[0] == language and weight > 0
        ]
    return max(wishes, key=lambda wish: wish[0])[1] if wishes else default
