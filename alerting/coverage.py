"""Where help would not come in time: homes that too few people could reach, in the coming hours.

Pure: takes the homes, people, the policy and the time; gives the gaps. Never pages anybody.

1. Somebody could come to a home if, paged `DECIDED_MS` after the onset, they would be inside by the target:
   the planner's own latest page, with the travel times of this hour. Worked out once for each pair.
2. Somebody counts for a quarter of an hour when on duty in every minute of it.
3. A home has a gap in an hour (by the clock on the wall) when in some quarter of it fewer than `ENOUGH` of
   those who count could come; the worst quarter counts. Consecutive hours with the same number are one gap.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from alerting.duty import Duty
from alerting.in_time import latest_page_ms
from alerting.policy import Policy
from alerting.shifts import on_duty

HOURS: Final = 12
"""How far ahead a forecast looks unless it is asked for more."""
ENOUGH: Final = 2
"""One may be busy, ill or on another call."""
DECIDED_MS: Final = 30_000
"""From onset to decision, 95th percentile (DESIGN section 5: confirmed falls)."""
MINUTE_MS: Final = 60_000
QUARTER_MS: Final = 15 * MINUTE_MS
"""Time zones differ from UTC by whole quarters of an hour, so these are quarters of the local clock too."""
HOUR_MS: Final = 4 * QUARTER_MS


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which too few could come to a home; ms since 1970, UTC."""

    home: str
    from_ms: int
    until_ms: int
    could_come: int
    """How many could, in the worst quarter of each hour."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one look ahead came to."""

    from_ms: int
    """The quarter of an hour in which it was made."""
    until_ms: int
    homes: int
    """How many were looked at."""
    gaps: tuple[Gap, ...]
    """In the order of the homes, then of time."""

    def is_of(self, now_ms: int) -> bool:
        """Whether it was made in this quarter of an hour."""
        return self.from_ms == now_ms - now_ms % QUARTER_MS

    @property
    def homes_with_gap(self) -> int:
        """How many homes have a gap at any time."""
        return len({g.home for g in self.gaps})


def forecast(homes: Iterable[str], duty: Duty, policy: Policy, now_ms: int, hours: int = HOURS) -> Forecast:
    """Find the gaps from this quarter of an hour on."""
    from_ms = now_ms - now_ms % QUARTER_MS
    until_ms = from_ms + hours * HOUR_MS
    bit = {r: 1 << i for i, r in enumerate(duty.responders)}
    alike = defaultdict[int, list[str]](list)  # set of people who could come → homes
    order = list(homes)
    for home, mask in _reached(order, duty, policy, bit):
        alike[mask].append(home)
    shifts = [
        (begin_ms, end_ms, {sum(bit[r] for r in there) for there in people})
        for begin_ms, end_ms, people in _hours(duty, from_ms, until_ms)
    ]
    spans = {mask: _spans(mask, shifts) for mask in alike}
    of_home = {home: spans[mask] for mask, same in alike.items() for home in same}
    gaps = tuple(Gap(home, *span) for home in order for span in of_home[home])
    return Forecast(from_ms, until_ms, len(order), gaps)


def on_shift_ahead(duty: Duty, now_ms: int, hours: int) -> dict[str, int]:
    """Give everybody who will be on duty within so many hours, and from when, ms, soonest first."""
    first: dict[str, int] = dict.fromkeys(on_duty(duty, now_ms), now_ms)
    from_ms = now_ms - now_ms % QUARTER_MS
    offsets = _offsets_ms(duty)
    for quarter_ms in range(from_ms, now_ms + hours * HOUR_MS, QUARTER_MS):
        for t_ms in (quarter_ms + ms for ms in offsets):
            if now_ms < t_ms < now_ms + hours * HOUR_MS:
                for r in on_duty(duty, t_ms):
                    first.setdefault(r, t_ms)
    return first


def _reached(
    homes: Iterable[str], duty: Duty, policy: Policy, bit: dict[str, int]
) -> Iterator[tuple[str, int]]:
    """Give each home with the set of people who could come, as bits."""
    target_ms = int(policy.target_s * 1000)
    people = [(p, bit[p.id]) for p in duty.responders.values() if p.active]
    for home in homes:
        mask = 0
        for person, its in people:
            if latest_page_ms(person, home, target_ms, duty, policy) >= DECIDED_MS:
                mask |= its
        yield home, mask


def _hours(duty: Duty, from_ms: int, until_ms: int) -> Iterator[tuple[int, int, set[tuple[str, ...]]]]:
    """Give each hour of the clock on the wall: begin, end, and who counts in each of its quarters."""
    zone, offsets = ZoneInfo(duty.timezone), _offsets_ms(duty)

    def hour_ms(quarter_ms: int) -> int:
        return quarter_ms - datetime.fromtimestamp(quarter_ms / 1000, tz=zone).minute * MINUTE_MS

    for _, some in groupby(range(from_ms, until_ms, QUARTER_MS), hour_ms):
        quarters = list(some)
        yield quarters[0], quarters[-1] + QUARTER_MS, {_whole(duty, q, offsets) for q in quarters}


def _offsets_ms(duty: Duty) -> list[int]:
    """Where within a quarter of an hour people come and go: its beginning, and where else shifts change."""
    minutes = {0, *(m % 15 for s in duty.shifts for m in (s.start_minute, s.end_minute))}
    return [m * MINUTE_MS for m in sorted(minutes)]


def _whole(duty: Duty, quarter_ms: int, offsets_ms: Iterable[int]) -> tuple[str, ...]:
    """Give those who are on duty for the whole of one quarter."""
    there = [on_duty(duty, quarter_ms + ms) for ms in offsets_ms]
    return tuple(r for r in there[0] if all(r in others for others in there[1:]))


def _spans(mask: int, shifts: Iterable[tuple[int, int, set[int]]]) -> list[tuple[int, int, int]]:
    """Give (begin, end, how many could come) of the gaps of a home that these people could reach."""
    spans = list[tuple[int, int, int]]()
    for begin_ms, end_ms, there in shifts:
        worst = min((mask & some).bit_count() for some in there)
        if worst >= ENOUGH:
            continue
        goes_on = bool(spans) and spans[-1][1:] == (begin_ms, worst)
        spans.append((spans.pop()[0] if goes_on else begin_ms, end_ms, worst))
    return spans
