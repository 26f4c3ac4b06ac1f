"""How somebody's days go: a semi-Markov routine with habits, good and bad days, outings and visitors.

Takes a seed, personal habits and a floor plan; gives segments that touch (what somebody does, where, from
when to when), visits, and what truly happened. Never makes readings: `sensors.py` and `people.py` do that
from the segments. Habits are hours of the local clock, so that a change of the clocks moves nobody's
breakfast; results are seconds since the start. Each day has its own random numbers: a longer week begins
with the same days.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from simulator.habits import Course, Habits, course, habits
from simulator.weeks import DAY_S, Emergency, Week, cut, marks, place
from simulator.world import NOWHERE, Doing, Plan, RoomKind, Segment, Truth

__all__ = ["Course", "Emergency", "Habits", "Week", "course", "days", "habits", "marks", "place"]

HOUR_S: Final = 3_600.0
DAY_MIN: Final = 1_440.0
MOOD_STREAM, DAY_STREAM = 403, 404  # purposes of random numbers


def days(
    who: Habits,
    plan: Plan,
    count: int,
    seed: int,
    *,
    start_ms: int,
    timezone: str = "Europe/Berlin",
    special: Course | None = None,
) -> Week:
    """Live `count` days of 24 h from `start_ms` on; segments cover them without a gap.

    `special` None: drawn by `course` from the seed. Raises ValueError when `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}, at least one day is needed")
    special = course(count, seed) if special is None else special
    zone = ZoneInfo(timezone)
    first = datetime.fromtimestamp(start_ms / 1000.0, zone).date()
    mood = np.random.default_rng([seed, MOOD_STREAM])
    clock = _Clock(start_ms, zone)
    diary = _Diary(plan, -2 * DAY_S)
    visits: list[tuple[float, float]] = []
    well = 0.0
    for k in range(-1, count + 2):  # who goes to bed before the end sleeps into one day more
        well = 0.7 * well + 0.25 * float(mood.standard_normal())  # good and bad spells of a few days
        rng = np.random.default_rng([seed, DAY_STREAM, k + 1])
        today = first + timedelta(days=k)
        poor = bool(rng.random() < who.poor_days)
        visits += _live(_Day(who, rng, clock, today, k, special, well, poor), diary)
        if diary.t > count * DAY_S:
            break
    end_s = count * DAY_S
    truth, notes = _specials(special, clock, first, end_s)
    return Week(
        cut(diary.segments, 0.0, end_s),
        tuple(sorted((max(a, 0.0), min(b, end_s)) for a, b in visits if b > 0.0 and a < end_s)),
        truth,
        notes,
        start_ms,
        timezone,
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    start_ms: int
    zone: ZoneInfo

    def at(self, day: date, minute: float) -> float:
        """Seconds since the start when the local clock shows `minute` of `day` (1500 = 01:00 next day)."""
        wall = datetime.combine(day, time(), self.zone) + timedelta(minutes=minute)
        return wall.timestamp() - self.start_ms / 1000.0


@dataclass(slots=True)
class _Diary:
    """Writes segments one after the other."""

    plan: Plan
    t: float
    segments: list[Segment] = field(default_factory=list)
    due_s: float = 0.0
    """When the toilet calls next."""

    def add(self, doing: Doing, room: RoomKind | None, seconds: float) -> None:
        """Do it for so long."""
        self.until(doing, room, self.t + seconds)

    def until(self, doing: Doing, room: RoomKind | None, end_s: float) -> None:
        """Do it until then; nothing happens when that has passed."""
        if end_s <= self.t + 1.0:
            return
        where, end_s = NOWHERE if room is None else self.plan.index(room), float(end_s)
        last = self.segments[-1] if self.segments else None
        if last is not None and last.doing == doing and last.room == where:
            self.segments[-1] = replace(last, end_s=end_s)
        else:
            self.segments.append(Segment(self.t, end_s, doing, where))
        self.t = end_s


@dataclass(frozen=True, slots=True)
class _Day:
    """Everything that a day depends on."""

    who: Habits
    rng: np.random.Generator
    clock: _Clock
    date: date
    k: int
    special: Course
    well: float
    poor: bool
    """Spent in bed for hours, with little done."""

    def within(self, spells: Iterable[tuple[int, int]]) -> bool:
        return any(a <= self.k <= b for a, b in spells)

    @property
    def vigour(self) -> float:
        """1 on a usual day, lower when ill or after a decline."""
        decline = np.clip(1.0 - self.special.decline_per_year * max(self.k, 0) / 365.0, 0.3, 1.0)
        ill = 0.45 if self.poor or self.within(self.special.ill) else 1.0
        return float(decline * ill * np.exp(self.well))

    def about(self, minute: float, spread: float = 1.0) -> float:
        """Seconds since the start of a habit: usually close, now and then far off (Student's t)."""
        off = self.rng.standard_t(3.0) * 0.7 * self.who.regular_min * spread
        return self.clock.at(self.date, minute + float(np.clip(off, -150.0, 240.0)))


def _lognormal(rng: np.random.Generator, median: float, sigma: float) -> float:
    return float(median * np.exp(sigma * rng.standard_normal()))


LATE_S: Final = 5400.0
"""What has not begun so long after its time is left out: a late breakfast takes the place of lunch."""


def _live(day: _Day, diary: _Diary) -> list[tuple[float, float]]:
    """Write one day, from the end of the night before until bed; give its visits."""
    who, rng, special = day.who, day.rng, day.special
    weekend = who.weekend_late_min if day.date.weekday() >= 5 else 0.0
    ill = day.within(special.ill)
    stays_min = rng.uniform(60.0, 330.0) if day.poor else 45.0 if ill else 0.0
    wake_s = day.about(who.wake_min + weekend + stays_min)
    bed_s = max(day.about(who.bed_min + weekend - (30.0 if ill else 0.0)), wake_s + 6 * HOUR_S)
    if any(a < day.k <= b for a, b in special.away):
        diary.until(Doing.OUT, None, wake_s)
    _sleep(day, diary, wake_s)
    if day.within(special.away):
        # leaves in the morning of the first day and is back in the afternoon of the last one
        starts, ends = ({spell[side] for spell in special.away} for side in (0, 1))
        if day.k in starts:
            _free(day, diary, day.about(who.wake_min + 150.0), bed_s)
        diary.until(Doing.OUT, None, min(day.about(1020.0), bed_s) if day.k in ends else bed_s)
        if day.k in ends:
            _free(day, diary, bed_s, bed_s)
        return []
    visits = _visits(day, bed_s)
    plans = sorted([*_meals(day), *_outings(day, visits), *_care(day)])
    if diary.t <= wake_s:
        diary.add(Doing.TOILET, "bathroom", _lognormal(rng, 4.0, 0.45) * 60)
        diary.add(Doing.DRESS, "bedroom", _lognormal(rng, 9.0, 0.45) * 60)
    for at_s, doing, minutes in plans:
        if at_s > bed_s:
            break
        if diary.t > at_s + LATE_S:
            continue
        _free(day, diary, at_s, bed_s)
        _carry_out(day, diary, doing, minutes)
    _free(day, diary, bed_s, bed_s)
    diary.add(Doing.WASH, "bathroom", _lognormal(rng, 6.0, 0.5) * 60)
    return visits


def _carry_out(day: _Day, diary: _Diary, doing: Doing, minutes: float) -> None:
    rng = day.rng
    if doing is Doing.EAT:
        diary.add(Doing.COOK, "kitchen", minutes * 60 * rng.uniform(0.3, 1.0))
        where: RoomKind = "kitchen" if rng.random() < day.who.eats_in_kitchen else "living"
        diary.add(Doing.EAT, where, minutes * 60 * rng.uniform(0.5, 0.9))
        if rng.random() < 0.7:
            diary.add(Doing.CHORES, "kitchen", _lognormal(rng, 6.0, 0.7) * 60)
    elif doing is Doing.OUT:
        if minutes > 25:
            diary.add(Doing.DRESS, "bedroom", _lognormal(rng, 4.0, 0.5) * 60)
        diary.add(Doing.POTTER, "hall", rng.uniform(20, 120))
        diary.add(Doing.OUT, None, minutes * 60)
        diary.add(Doing.POTTER, "hall", rng.uniform(20, 90))
    elif doing is Doing.WASH:
        diary.add(Doing.WASH, "bathroom", minutes * 60)
        diary.add(Doing.DRESS, "bedroom", _lognormal(rng, 8.0, 0.5) * 60)
    else:  # a nap
        where = "bedroom" if rng.random() < 0.35 else "living"
        diary.add(Doing.NAP, where, minutes * 60)


def _meals(day: _Day) -> list[tuple[float, Doing, float]]:
    """Breakfast 34, lunch 42, dinner 45 min in all (SensorDataSimulator); the sick skip some."""
    who, rng = day.who, day.rng
    eats = 0.6 if day.within(day.special.ill) else 0.96
    meals = (
        (who.wake_min + who.breakfast_after_min, 34.0),
        (who.lunch_min, 42.0),
        (who.dinner_min, 45.0),
        (who.dinner_min - 150.0, 12.0),  # tea in the afternoon
    )
    return [
        (day.about(minute, 0.7), Doing.EAT, _lognormal(rng, length * 0.6, 0.35))
        for minute, length in meals
        if rng.random() < eats
    ]


LEAVES_MIN: Final = (840.0, 1140.0)
BACK_MIN: Final = (480.0, 1080.0)
"""Minutes of the day at which one leaves for a night elsewhere, and of the next day at which one is back;
judgement. Gaps of a night between two uses of the front door last 12 to 24 h in recorded homes p00–p13."""
LONGEST_OUT_MIN: Final = 1.2 * DAY_MIN  # of one outing or night elsewhere; longer ones are holidays


def _outings(day: _Day, visits: Sequence[tuple[float, float]]) -> list[tuple[float, Doing, float]]:
    """Walks, errands, the weekly club; and the garden. Nobody leaves while somebody visits."""
    who, rng = day.who, day.rng
    out = []
    often = who.outings_per_week / 7 * min(day.vigour, 1.3) * (0.1 if day.within(day.special.ill) else 1.0)
    if day.date.weekday() in who.club_weekdays and not day.within(day.special.ill) and rng.random() < 0.9:
        out.append((day.about(585.0, 0.3), Doing.OUT, who.club_min * rng.normal(1.0, 0.12)))
    out += [
        (day.about(rng.uniform(570.0, 1020.0)), Doing.OUT, min(_lognormal(rng, who.outing_min, 0.8), 600.0))
        for _ in range(rng.poisson(often))
    ]
    out += [
        (day.about(rng.uniform(540.0, 1140.0)), Doing.OUT, _lognormal(rng, 8.0, 0.8))
        for _ in range(rng.poisson(who.garden_per_day * min(day.vigour, 1.3)))
    ]
    if rng.random() < who.overnights_per_year / 365 and not day.within(day.special.ill):
        leaves, back = rng.uniform(*LEAVES_MIN), DAY_MIN + rng.uniform(*BACK_MIN)
        out.append((day.about(leaves), Doing.OUT, back - leaves))
    return [
        (a, doing, float(np.clip(m, 2.0, LONGEST_OUT_MIN)))
        for a, doing, m in out
        if not any(start - 1800 < a < end for start, end in visits)
    ]


REST_BEGINS_MIN: Final = (570.0, 870.0)  # minutes of the day; judgement
LONGEST_REST_MIN: Final = 600.0  # judgement: then somebody looks in, or hunger wakes


def _care(day: _Day) -> list[tuple[float, Doing, float]]:
    """Baths of about 30 min and naps of 40 ± 13 (SensorDataSimulator), naps with a longer tail;
    and, in a few people, rests of hours without a move.
    """
    who, rng = day.who, day.rng
    out = []
    if rng.random() < who.baths_per_week / 7:
        minute = who.wake_min + 25.0 if who.bath_in_morning else who.bed_min - 60.0
        out.append((day.about(minute, 0.5), Doing.WASH, float(np.clip(rng.normal(26.0, 8.0), 8.0, 60.0))))
    naps = 2.0 if day.within(day.special.ill) else who.naps_per_week / 7 / max(day.vigour, 0.3)
    out += [
        (day.about(rng.normal(880.0, 60.0)), Doing.NAP, _lognormal(rng, 45.0, 0.6))
        for _ in range(rng.poisson(naps))
    ]
    if rng.random() < who.long_rests:
        minutes = min(_lognormal(rng, who.long_rest_min, 0.5), LONGEST_REST_MIN)
        out.append((day.about(rng.uniform(*REST_BEGINS_MIN)), Doing.NAP, minutes))
    return out


def _visits(day: _Day, bed_s: float) -> list[tuple[float, float]]:
    """Carers by the clock for 15–45 min, family for an hour or three, guests who stay overnight."""
    who, rng = day.who, day.rng
    out = []
    for minute in who.carer_visits:
        if rng.random() < 0.95:
            at_s = day.about(minute, 0.6)
            out.append((at_s, at_s + rng.uniform(900.0, 2700.0)))
    for _ in range(rng.poisson(who.family_per_week / 7)):
        at_s = day.about(rng.uniform(630.0, 1080.0))
        out.append((at_s, at_s + _lognormal(rng, 90.0, 0.5) * 60))
    if day.within(day.special.guests):
        out.append((day.about(who.wake_min + 30.0), bed_s))
    return out


FREE_ROOMS: Final[dict[Doing, tuple[tuple[RoomKind, ...], tuple[float, ...]]]] = {
    Doing.REST: (("living",), (1.0,)),
    Doing.NAP: (("living",), (1.0,)),
    Doing.EXERCISE: (("living",), (1.0,)),
    Doing.POTTER: (("kitchen", "hall", "bedroom", "living"), (0.40, 0.25, 0.15, 0.20)),
    Doing.CHORES: (("kitchen", "bedroom", "living", "bathroom"), (0.45, 0.25, 0.20, 0.10)),
}
"""Where free time is spent (judgement)."""
EVENING: Final = 0.75  # the dice fall on resting more often after dinner; chosen on the recorded homes


def _free(day: _Day, diary: _Diary, until_s: float, bed_s: float) -> None:
    """Fill the time with rests, errands and chores, each of mixed, long-tailed length."""
    who, rng = day.who, day.rng
    pace = np.clip(who.restless * day.vigour, 0.25, 2.5)
    between_s = (bed_s - diary.t) / max(who.toilet_per_day - 2.0, 1.0) if bed_s > diary.t else HOUR_S
    evening_s = day.clock.at(day.date, who.dinner_min + 45.0)
    while diary.t < until_s - 60.0:
        if diary.t >= diary.due_s:
            diary.add(
                Doing.TOILET, "bathroom", _lognormal(rng, 10.0 if rng.random() < 0.15 else 3.0, 0.5) * 60
            )
            diary.due_s = diary.t + np.clip(between_s, 1.2 * HOUR_S, 4 * HOUR_S) * rng.gamma(4.0, 0.25)
            continue
        dice = rng.random()
        if diary.t > evening_s:
            dice *= EVENING
        if dice < who.rest_share:
            doing = Doing.NAP if rng.random() < who.dozes else Doing.REST
            median, spread = (40.0, 0.85) if doing is Doing.NAP else (16.0 / pace, 1.15)
            minutes = _lognormal(rng, median, spread)
        elif dice < who.rest_share + 0.12:
            doing, minutes = Doing.CHORES, _lognormal(rng, 8.0 / pace, 0.8)
        elif dice < who.rest_share + 0.14:
            doing, minutes = Doing.EXERCISE, rng.uniform(5.0, 15.0)
        else:
            doing, minutes = Doing.POTTER, _lognormal(rng, 2.0 / pace, 0.8)
        rooms, shares = FREE_ROOMS[doing]
        room = rooms[int(np.searchsorted(np.cumsum(shares), rng.random() * sum(shares)))]
        diary.until(doing, room, min(diary.t + max(minutes * 60, 20.0), until_s))


def _sleep(day: _Day, diary: _Diary, wake_s: float) -> None:
    """From now until waking, with visits to the bathroom and, in some people, hours up and about."""
    who, rng = day.who, day.rng
    weak = 1.0 / max(day.vigour, 0.5)
    span_s = wake_s - diary.t
    if span_s < HOUR_S:
        return
    breaks = [(diary.t + span_s * u, False) for u in rng.random(rng.poisson(who.night_toilets * weak))]
    wanders = who.night_wandering * min(day.vigour, 1.3)  # the ill go no further than the bathroom
    breaks += [(diary.t + span_s * u, True) for u in rng.random(rng.poisson(wanders))]
    for at_s, further in sorted(breaks):
        diary.until(Doing.SLEEP, "bedroom", min(at_s, wake_s - 600.0))
        if diary.t < at_s - 1.0:
            break
        diary.add(Doing.TOILET, "bathroom", _lognormal(rng, 4.0, 0.4) * 60)
        if further:
            diary.add(Doing.POTTER, "kitchen", _lognormal(rng, 7.0, 0.6) * 60)
            diary.add(Doing.REST, "living", _lognormal(rng, 25.0, 0.7) * 60)
    diary.until(Doing.SLEEP, "bedroom", wake_s)


def _specials(
    special: Course, clock: _Clock, first: date, end_s: float
) -> tuple[tuple[Truth, ...], tuple[str, ...]]:
    rows, notes = [], []
    for label, spells in (("away", special.away), ("ill", special.ill), ("guest", special.guests)):
        for a, b in spells:
            start = max(clock.at(first + timedelta(days=a), 0.0), 0.0)
            end = min(clock.at(first + timedelta(days=b + 1), 0.0), end_s)
            if end > start:
                rows.append(Truth(start, end, label))
                notes.append(f"{label}: day {a} to {b}")
    if special.decline_per_year:
        notes.append(f"decline: {special.decline_per_year:.0%} of vigour a year")
    return tuple(sorted(rows, key=lambda r: r.start_s)), tuple(notes)
