"""The rules of scoring as data: for each kind of finding, when it is a hit and when at least not false.

Takes rows of truth, gives windows of time; sees no findings. Source of every number: DESIGN section 8.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from guardian.trace import TruthRow

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Rule:
    """How findings of one kind are judged. Source of every number: DESIGN section 8."""

    label: str
    """Label of the truth that it is about, without what follows the colon."""
    window_ms: int | None
    """A hit is decided at most so long after `window_from`; None = there are no hits."""
    window_from: Literal["start", "end"] = "start"
    latency_from: Literal["start", "end"] = "start"
    slide_window_ms: int | None = None
    """For falls of the kind `slide`, where that differs."""
    down_ms: int = 0
    """A fall is a truth of this kind only when the person is down at least so long."""
    slide_down_ms: int = 0
    before_ms: int = 0
    """A finding up to so long before the start is neither hit nor false,"""
    after_ms: int = HOUR_MS
    """nor is one up to so long after the end (for falls: after being down)."""
    repeat_ms: int | None = None
    """Findings closer together are repeats; None = until the next proof of life, at most 24 h."""


_FALL: Final = Rule("fall", None, before_ms=2 * SECOND_MS, after_ms=10 * SECOND_MS, repeat_ms=10 * SECOND_MS)
RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "fall-suspected": replace(_FALL, window_ms=5 * SECOND_MS, window_from="end", latency_from="end"),
        "fall-confirmed": replace(
            _FALL,
            window_ms=120 * SECOND_MS,
            latency_from="end",
            slide_window_ms=180 * SECOND_MS,
            down_ms=60 * SECOND_MS,
            slide_down_ms=120 * SECOND_MS,
        ),
        "long-lie": _FALL,
        "sos": Rule("sos", 10 * SECOND_MS),
        "fire": Rule("fire", 30 * SECOND_MS),
        "smoke": Rule("smoke", 10 * SECOND_MS),
        "gas": Rule("gas", 10 * SECOND_MS),
        "water": Rule("water", 10 * SECOND_MS),
        "inactivity": Rule("collapse", DAY_MS),
        "inactivity-prompt": Rule("collapse", DAY_MS),
        "bathroom-overstay": Rule("bathroom-overstay", 45 * MINUTE_MS),
        "night-out-of-bed": Rule("night-out-of-bed", 45 * MINUTE_MS),
        "not-up": Rule("not-up", DAY_MS),
        "no-return": Rule("no-return", DAY_MS),
        "hypothermia-risk": Rule("hypothermia-risk", DAY_MS),
        "fever-trend": Rule("fever-trend", DAY_MS // 2),
        "cold": Rule("cold", 60 * SECOND_MS),
        "heat": Rule("heat", 60 * SECOND_MS),
        "appliance-left-on": Rule("appliance-left-on", 60 * SECOND_MS),
        "sensor-fault": Rule("sensor-fault", DAY_MS),
        "blind": Rule("blind", 180 * SECOND_MS),
    }
)
"""The whole table: one rule a kind of finding."""
REPEAT_LIMIT_MS: Final = DAY_MS
"""A finding without a proof of life since the last counted one is a repeat no longer than this."""
LIE_NEAR_MS: Final = 2 * SECOND_MS
"""A `lie` row belongs to the fall whose end is at most so far from its start."""
DOWN_NEAR_MS: Final = 10 * SECOND_MS
"""A `down` row may begin so long after the fall's end: as long as its alarms are not false anyway."""
SILENCE_KINDS: Final = ("inactivity", "inactivity-prompt")
SAYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    dict.fromkeys(("fall-suspected", "fall-confirmed", "long-lie"), frozenset({"thermal", "radar-fall"}))
    | dict.fromkeys(("fever-trend", "hypothermia-risk"), frozenset({"thermal"}))
    | dict.fromkeys(("cold", "heat"), frozenset({"temperature", "thermal"}))
    | {
        "sos": frozenset({"button"}),
        "fire": frozenset({"thermal", "temperature"}),
        "appliance-left-on": frozenset({"thermal", "plug"}),
        "smoke": frozenset({"smoke"}),
        "gas": frozenset({"gas"}),
        "water": frozenset({"water"}),
    }
)
"""Without a sensor of one of these kinds a home cannot say it, so that its days are no days without a false
alarm. Kinds that are not here (silence, blindness) any sensor can lead to."""
UNSCORED: Final = frozenset({"fall-recovered", "cancel"})
"""What takes something back pages nobody and is no alarm."""


def can_say(kind: str, sensors: frozenset[str] | None) -> bool:
    """Whether a home with sensors of these kinds (None: not known, so it may) can say `kind`."""
    return sensors is None or kind not in SAYS or bool(SAYS[kind] & sensors)


def is_a(label: str, stem: str) -> bool:
    """Whether a truth label says `stem`, whatever kind follows a colon."""
    return label.partition(":")[0] == stem


def truly_silent(row: TruthRow) -> bool:
    """Whether somebody truly lay there (`collapse:KIND`); `collapse` alone is the mark of a removal."""
    return is_a(row.label, "collapse") and ":" in row.label


@dataclass(frozen=True, slots=True)
class Window:
    """When a finding is a hit on one truth, both ends included."""

    row: TruthRow
    from_ms: int
    until_ms: int


def windows(truth: Iterable[TruthRow], kind: str) -> tuple[list[Window], list[tuple[int, int]]]:
    """Where a finding is a hit, by start, and where it is at least not false."""
    rule = RULES[kind]
    rows = sorted(truth, key=lambda r: (r.start_ms, r.end_ms, r.label, r.subject))
    targets: list[Window] = []
    calm: list[tuple[int, int]] = []
    if kind in SILENCE_KINDS:
        calm += [(r.start_ms, r.end_ms + rule.after_ms) for r in rows if is_a(r.label, "down")]
    for row in rows:
        if not is_a(row.label, rule.label) or (kind in SILENCE_KINDS and not truly_silent(row)):
            continue
        over_ms, down_ms = _down(row, rows) if rule.label == "fall" else (row.end_ms, 0)
        calm.append((row.start_ms - rule.before_ms, over_ms + rule.after_ms))
        slide = row.label == "fall:slide"
        window_ms = rule.window_ms if not slide or rule.slide_window_ms is None else rule.slide_window_ms
        if window_ms is not None and down_ms >= (rule.slide_down_ms if slide else rule.down_ms):
            origin = row.end_ms if rule.window_from == "end" else row.start_ms
            targets.append(Window(row, row.start_ms, origin + window_ms))
    return targets, calm


def _down(fall: TruthRow, rows: Sequence[TruthRow]) -> tuple[int, int]:
    """When a fallen person was up or helped, and how long the rows say that they were down; both in ms.

    The row is `down` or `lie`, of the same subject where both name one, and begins close to the fall's end;
    a `down` that begins where one row ends goes on with it. Without one the person was up at once.
    """
    begins_ms, until_ms = None, fall.end_ms
    for r in rows:
        lies, down = is_a(r.label, "lie"), is_a(r.label, "down")
        if not (lies or down) or (r.subject and fall.subject and r.subject != fall.subject):
            continue
        late_ms = r.start_ms - fall.end_ms
        near = -LIE_NEAR_MS <= late_ms <= (DOWN_NEAR_MS if down else LIE_NEAR_MS)
        goes_on = down and begins_ms is not None and r.start_ms <= until_ms + LIE_NEAR_MS
        if near or goes_on:
            begins_ms = r.start_ms if begins_ms is None else begins_ms
            until_ms = max(until_ms, r.end_ms)
    return until_ms, 0 if begins_ms is None else until_ms - begins_ms
