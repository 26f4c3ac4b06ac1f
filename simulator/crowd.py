"""A crowd of people who can be asked to go: when they are on duty, when their phone is off, what they answer.

Takes seeds, homes and moments; gives people, a roster of them, what thousands of incidents would get from
each (`answers`, as arrays), and what a simulated phone does in one of them (`behaviour`). Both are the same
draw: a behaviour is one cell of the answers, told in steps. Never sends anything and reads no clock.

No centre has published such figures for neighbours of older people; where a number has no source beside it,
it is judgement, and `reply_odds` is the one to vary (published response rates of volunteers: 17–47 %,
Source: mhealth.jmir.org/2023/1/e41551).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]  # scipy has no types

from alerting.duty import Duty, Language, Responder, Shift
from simulator.hours import local_minutes, shift_minutes, within
from simulator.responders import Behaviour, Say, Slip
from simulator.world import F64, I64, Bools

WINDOW_S: Final = 60.0
"""`reply_odds` is the chance of an acceptance within this (a wave of config/escalation.toml)."""
SPELL_MS: Final = 6 * 3_600_000
"""A flat, forgotten or shielded phone stays so for a spell: incidents close together find it alike."""
_SPELLS = 4 * 366  # the calendar of spells repeats after a year
Z90: Final = float(ndtri(0.9))

_PEOPLE, _FLAT, _ACCEPTS, _DECLINES, _REPLY, _TURNOUT, _TRAVEL, _SHOWS, _SLIPS, _WHICH, _CORRECTS, _STORY = (
    range(80, 92)
)  # purposes of draws


class Role(StrEnum):
    """Why somebody can be asked."""

    CARER = "carer"
    """The centre's staff, in three shifts."""
    NEIGHBOUR = "neighbour"
    """A volunteer."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may answer a text. Chances are 0 to 1, times seconds."""

    number: int
    """Names the person's own stream of draws."""
    id: str
    phone: str
    """E.164."""
    language: Language
    role: Role
    timezone: str
    shifts: tuple[Shift, ...]
    off: tuple[tuple[int, int], ...]
    """Minutes after local midnight (from, to; over midnight where from > to) with the phone off or silent."""
    flat: float
    """Share of spells in which the phone is off at any hour."""
    accepts: tuple[float, ...]
    """(24,) by local hour, when the text is heard on duty."""
    declines: float
    """Of the rest: says that one cannot, instead of nothing."""
    reply_s: float
    """Median from the text's arrival to the first answer."""
    reply_sigma: float
    turnout_s: float
    """Median from acceptance to leaving, by day."""
    turnout_sigma: float
    travel_s: Mapping[str, float]
    """home → median on the way."""
    travel_sigma: float
    no_show: float
    """Accepts and does not come."""
    slips: float
    """A text is mistyped."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What N incidents get from P people; every array is (N, P), seconds from the text's arrival."""

    on_duty: Bools
    hears: Bools
    """The phone is on."""
    says: NDArray[np.int8]
    """0 nothing, 1 accepts, 3 cannot: what is meant, however it is typed."""
    reply_s: F64
    """First answer; NaN = none."""
    slip: NDArray[np.int8]
    """How it is typed: index into SLIPS."""
    understood_s: F64
    """When what was meant has arrived in a form that can be understood; NaN = never."""
    turnout_s: F64
    """From the first answer to leaving."""
    travel_s: F64
    shows_up: Bools
    """Would come after accepting, told or not."""

    @property
    def accepted_s(self) -> F64:
        """When an acceptance is known; NaN = never."""
        return np.where(self.says == 1, self.understood_s, np.nan)

    @property
    def arrival_s(self) -> F64:
        """When the person is at the door; NaN = does not come."""
        comes = (self.says == 1) & self.shows_up
        return np.where(comes, self.reply_s + self.turnout_s + self.travel_s, np.nan)


SLIPS: Final = tuple(Slip)
FORGIVEN: Final = frozenset(
    {Slip.NONE, Slip.FULL_WIDTH, Slip.BLANKS, Slip.LOWER, Slip.PUNCTUATED, Slip.NO_CODE}
)
"""What a reader of answers understands (DESIGN section 6); NO_CODE only while one incident is open."""
_SLIP_WEIGHT: Final[Mapping[Slip, float]] = {
    Slip.FULL_WIDTH: 0.2,
    Slip.BLANKS: 0.15,
    Slip.LOWER: 0.15,
    Slip.PUNCTUATED: 0.1,
    Slip.NO_CODE: 0.15,
    Slip.WRONG_CODE: 0.05,
    Slip.WRONG_DIGIT: 0.05,
    Slip.WORDS: 0.15,
}
_CORRECTS_ODDS: Final = 0.7  # after an answer that says that it was not understood
_CORRECTS_S, _CORRECTS_SIGMA = 40.0, 0.6
_MOST: Final = 0.98  # nobody accepts always
_OFF_DUTY: Final = 0.5  # the last resort pages everybody; off duty half as many accept
NIGHT: Final = (22, 6)
_NIGHT_TURNOUT: Final = 142 / 102
"""Turnout by night over that by day, 2:22 and 1:42 min. Source: 10.1016/j.resuscitation.2025.110772."""

_AWAKE: Final = np.array([0.35] * 6 + [0.9] * 2 + [1.1] * 4 + [0.8] * 2 + [1.15] * 8 + [0.8, 0.5])
"""How ready neighbours are by hour: asleep, at the midday nap, at home in the evening."""
_RUSH: Final = np.array([0.9] * 6 + [1.0, 1.25, 1.25] + [1.0] * 8 + [1.25, 1.25] + [1.0] * 3 + [0.9] * 2)
"""Travel times by hour over the median."""

_TOWN_M: Final = 1500.0  # side of the square that homes and neighbours live in
_DETOUR: Final = 1.3  # streets over the straight line
_SPEED_M_S, _SPEED_SIGMA = 2.3, 0.5
"""Median of dispatched lay people; its IQR 1.4–4.0 is a sigma of 0.78, of which the person's share is 0.5
and the trip's 0.35 and more. Source: S0300-9572(20)30132-5 (Resuscitation 2020)."""
_SHIFTS_OF: Final[Mapping[Role, tuple[tuple[tuple[int, ...], int, int], ...]]] = {
    Role.CARER: tuple(((0, 1, 2, 3, 4, 5, 6), h * 60, (h + 8) % 24 * 60) for h in (7, 15, 23)),
    Role.NEIGHBOUR: (
        ((0, 1, 2, 3, 4, 5, 6), 0, 0),
        ((0, 1, 2, 3, 4, 5, 6), 7 * 60, 22 * 60),
        ((0, 1, 2, 3, 4), 8 * 60, 20 * 60),
        ((4, 5, 6), 17 * 60, 1 * 60),
    ),
}


def crowd(
    seed: int,
    homes: Sequence[str],
    n: int,
    *,
    reply_odds: float = 0.3,
    carers: int = 0,
    timezone: str = "Asia/Shanghai",
) -> tuple[Person, ...]:
    """Draw `n` people who live among `homes`, the first `carers` of them staff in three shifts.

    reply_odds: mean chance over neighbours and their hours on duty of an acceptance within WINDOW_S.
    Raises ValueError for odds outside 0.01 to 0.6 (beyond it the people would have to be always awake), or
    more carers than people.
    """
    if not 0.01 <= reply_odds <= 0.6:
        raise ValueError(f"reply_odds {reply_odds} is not within 0.01 to 0.6")
    if not 0 <= carers <= n:
        raise ValueError(f"{carers} carers among {n} people")
    where_m = np.random.default_rng([seed, _PEOPLE]).uniform(0, _TOWN_M, (len(homes), 2))
    return tuple(
        _person(seed, k, Role.CARER if k < carers else Role.NEIGHBOUR, homes, where_m, reply_odds, timezone)
        for k in range(n)
    )


def _person(  # noqa: PLR0917  (called once, above)
    seed: int, k: int, role: Role, homes: Sequence[str], where_m: F64, reply_odds: float, timezone: str
) -> Person:
    rng = np.random.default_rng([seed, _PEOPLE, k])
    staff = role is Role.CARER
    own_m = np.full(2, _TOWN_M / 2) if staff else rng.uniform(0, _TOWN_M, 2)
    speed = _SPEED_M_S * math.exp(_SPEED_SIGMA * rng.normal())
    travel_s = 20.0 + _DETOUR * np.hypot(*(where_m - own_m).T) / np.clip(speed, 0.8, 8.0)
    choices = _SHIFTS_OF[role]
    days, start, end = choices[k % 3] if staff else choices[rng.choice(4, p=(0.3, 0.35, 0.2, 0.15))]
    shifts = (Shift(f"p{k:04d}", frozenset(days), start, end),)
    off: tuple[tuple[int, int], ...] = ()
    if not staff and rng.random() < 0.3:  # silent by night
        off += ((int(rng.integers(21 * 60, 24 * 60)), int(rng.integers(5 * 60, 8 * 60))),)
    if not staff and rng.random() < 0.15:  # and at the midday nap
        off += ((12 * 60 + 30, 14 * 60),)
    flat = 0.01 if staff else float(rng.beta(2, 38))
    # Operators of telecare centres answer 97.5 % within 60 s and 99 % within 180 s (research S72): a
    # median of 15 s with a sigma of 0.64. Carers are on their way and busy: as fast, but less often.
    reply_s, reply_sigma = (15.0, 0.64) if staff else (float(rng.uniform(15, 40)), 0.9)
    odds = 0.85 if staff else float(rng.beta(12 * reply_odds, 12 * (1 - reply_odds)))
    weight = shift_minutes(shifts).mean(0)
    heard = weight.copy()
    for span in off:
        heard[within(np.arange(1440), span)] = 0.0
    ready = np.ones(24) if staff else _AWAKE
    in_time = float(ndtr(math.log(WINDOW_S / reply_s) / reply_sigma))
    heard *= (1 - flat) * in_time / weight.sum()
    return Person(
        number=k,
        id=f"p{k:04d}",
        phone=f"+86138{k:08d}",
        language="zh",
        role=role,
        timezone=timezone,
        shifts=shifts,
        off=off,
        flat=flat,
        accepts=_by_hour(odds, ready, heard),
        declines=0.5 if staff else 0.25,
        reply_s=reply_s,
        reply_sigma=reply_sigma,
        turnout_s=40.0
        if staff
        else 102.0,  # NFPA: 60 s at the 90th percentile; neighbours: as _NIGHT_TURNOUT
        turnout_sigma=0.35 if staff else 0.6,
        travel_s=MappingProxyType(dict(zip(homes, np.round(travel_s, 1).tolist(), strict=True))),
        travel_sigma=0.35,
        no_show=0.01 if staff else 0.05,
        slips=0.04 if staff else float(rng.beta(2, 14)),
    )


def _by_hour(odds: float, ready: F64, heard: F64) -> tuple[float, ...]:
    """(24,) chances in the proportions of `ready`, so that their mean over the `heard` minutes is `odds`.

    heard: (1440,) share of a person's texts that comes in that minute and is answered in time if at all.
    """
    by_hour = heard.reshape(24, 60).sum(1)
    scale = odds / float(by_hour @ ready)
    for _ in range(8):  # hours that are always accepted leave their rest to the others
        scale *= odds / float(by_hour @ np.clip(scale * ready, 0.0, _MOST))
        scale = min(scale, 10.0)
    return tuple(np.clip(scale * ready, 0.0, _MOST).tolist())


def duty_of(people: Sequence[Person], homes: Sequence[str], *, reply_odds: float = 0.3) -> Duty:
    """Give the roster that an office with experience would keep: the true 90th percentiles of everybody."""
    responders = {
        p.id: Responder(
            id=p.id,
            phone=p.phone,
            language=p.language,
            reply_odds=reply_odds if p.role is Role.NEIGHBOUR else 0.85,
            reply_p90_s=round(p.reply_s * math.exp(Z90 * p.reply_sigma), 1),
            turnout_p90_s=round(p.turnout_s * math.exp(Z90 * p.turnout_sigma), 1),
        )
        for p in people
    }
    travel_s = {
        (p.id, home): round(p.travel_s[home] * math.exp(Z90 * p.travel_sigma), 1)
        for p in people
        for home in homes
        if home in p.travel_s
    }
    return Duty(
        responders=MappingProxyType(responders),
        shifts=tuple(s for p in people for s in p.shifts),
        travel_s=MappingProxyType(travel_s),
        default_travel_s=600.0,
        timezone=people[0].timezone if people else "Asia/Shanghai",
    )


def answers(people: Sequence[Person], t_ms: I64, seed: int, homes: Sequence[str] | None = None) -> Answers:
    """Give what each of `people` does when a text arrives at `t_ms` (N,); incidents are independent.

    homes: (N,) where to go; None = the first home of each person. What one person does in incident i does
    not depend on the other people nor on the incidents after it. Raises KeyError for an unknown home.
    """
    n = len(t_ms)
    columns = [_of_person(p, t_ms, seed, homes) for p in people]
    if not columns:
        empty = np.zeros((n, 0))
        no, none = empty.astype(np.bool_), empty.astype(np.int8)
        return Answers(no, no, none, empty, none, empty, empty, empty, no)
    return Answers(*(np.stack(arrays, axis=1) for arrays in zip(*columns, strict=True)))


def _of_person(
    p: Person, t_ms: I64, seed: int, homes: Sequence[str] | None
) -> tuple[NDArray[np.generic], ...]:
    n = len(t_ms)

    def draw(purpose: int) -> F64:
        return np.random.default_rng([seed, purpose, p.number]).random(n)

    def time_s(purpose: int, median_s: float | F64, sigma: float) -> F64:
        spread: F64 = np.exp(sigma * ndtri(np.clip(draw(purpose), 1e-12, 1.0 - 1e-12)))
        return median_s * spread

    minute, weekday = local_minutes(t_ms, p.timezone)
    hour = minute // 60
    on_duty = shift_minutes(p.shifts)[weekday, minute]
    spells = np.random.default_rng([seed, _FLAT, p.number]).random(_SPELLS) < p.flat
    hears = ~spells[t_ms // SPELL_MS % _SPELLS]
    for span in p.off:
        hears &= ~within(minute, span)
    odds = np.array(p.accepts)[hour] * np.where(on_duty, 1.0, _OFF_DUTY)
    accepts = hears & (draw(_ACCEPTS) < odds)
    declines = hears & ~accepts & (draw(_DECLINES) < p.declines)
    says = np.where(accepts, 1, np.where(declines, 3, 0)).astype(np.int8)
    reply_s = np.where(says > 0, time_s(_REPLY, p.reply_s, p.reply_sigma), np.nan)
    weights = np.array([_SLIP_WEIGHT.get(s, 0.0) for s in SLIPS])
    which = np.searchsorted(np.cumsum(weights) / weights.sum(), draw(_WHICH), side="right")
    slip = np.where((draw(_SLIPS) < p.slips) & (says > 0), which, 0).astype(np.int8)
    forgiven = np.array([s in FORGIVEN for s in SLIPS])[slip]
    again_s = _CORRECTS_S * np.exp(
        _CORRECTS_SIGMA * ndtri(np.clip(draw(_CORRECTS) / _CORRECTS_ODDS, 1e-12, 1.0))
    )
    corrected_s = np.where(np.isfinite(again_s), reply_s + again_s, np.nan)
    night = (hour >= NIGHT[0]) | (hour < NIGHT[1])
    turnout_s = time_s(_TURNOUT, p.turnout_s, p.turnout_sigma) * np.where(night, _NIGHT_TURNOUT, 1.0)
    if homes is None:
        way_s: float | F64 = next(iter(p.travel_s.values()))
    else:
        names, at = np.unique(np.asarray(homes, np.str_), return_inverse=True)
        way_s = np.array([p.travel_s[str(name)] for name in names])[at]
    travel_s = time_s(_TRAVEL, way_s, p.travel_sigma) * _RUSH[hour]
    shows_up = draw(_SHOWS) >= p.no_show
    understood_s = np.where(forgiven, reply_s, corrected_s)
    return on_duty, hears, says, reply_s, slip, understood_s, turnout_s, travel_s, shows_up


def behaviour(person: Person, t_ms: int, seed: int, home: str | None = None) -> Behaviour:
    """Tell one person's answer to one incident as steps of a phone: the first cell of `answers`.

    Whoever comes says so when leaving (6 of 10, with an honest guess of the minutes), on arrival (9 of 10)
    and when all is well; of those who do not come after all, half say so, late.
    """
    a = answers((person,), np.array([t_ms], np.int64), seed, None if home is None else [home])
    says, reply_s = int(a.says[0, 0]), float(a.reply_s[0, 0])
    if not says:
        return Behaviour()
    u = np.random.default_rng([seed, _STORY, person.number]).random(6)
    slip = SLIPS[a.slip[0, 0]]
    steps = [Say(reply_s, str(says), slip)]
    told_s, turnout_s = reply_s, float(a.turnout_s[0, 0])
    again_s = float(a.understood_s[0, 0])
    if slip not in FORGIVEN and not math.isnan(again_s):
        steps.append(Say(again_s - told_s, str(says)))
        told_s = again_s
    if says == 1:
        leaves_s = max(reply_s + turnout_s, told_s + 1.0)
        travel_s = float(a.travel_s[0, 0])
        if not a.shows_up[0, 0]:
            if u[0] < 0.5:
                steps.append(Say(leaves_s + 300.0 * u[1] - told_s, "3"))
        else:
            if u[0] < 0.6:
                minutes = min(max(round(travel_s / 60 * (0.7 + 0.5 * u[1])), 1), 120)
                steps.append(Say(leaves_s - told_s, f"1 {minutes}"))
                told_s = leaves_s
            if u[2] < 0.9:
                steps.append(Say(leaves_s + travel_s - told_s, "2"))
                steps.append(Say(60.0 + 600.0 * u[3], "6"))
    return Behaviour(tuple(steps), stops_when_called_off=bool(u[4] < 0.95))
