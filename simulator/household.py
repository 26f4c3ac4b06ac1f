"""What an ordinary home has and does over days: appliances, sun, radiators, pets, in step with its people.

Takes a seed, a plan, a stretch of time and the segments of the resident's days, gives `Addition`s. Never
dangerous and never writes truth. Shares of homes with a pet or a robot: about a sixth of people over 65
have a dog, as many a cat, few a robot (judgement).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from simulator.additions import Addition, Span
from simulator.animals import cat, dog, robot_vacuum, visitor
from simulator.appliances import hot_drink, hot_pan, kettle, television
from simulator.climate import DAY_S, Calendar
from simulator.nuisances import open_window, radiator, steam, sun_patch
from simulator.world import Doing, Plan, Segment

_HAS, _HABITS = 111, 112  # purposes of random numbers

SHARES: Final = {"dog": 0.15, "cat": 0.16, "robot": 0.05, "tv": 0.95, "sun": 0.8}
HEATED: Final = (110.0, 275.0)  # days of the year between which radiators stay cold: 20 April to 2 October
COOKS_S: Final = 600.0  # who cooks for longer uses a pan
BATHES_S: Final = 600.0  # who washes for longer takes a shower or a bath (people.py draws it so)


def household(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar,
    segments: Sequence[Segment] = (),
    guests: Sequence[Span] = (),
) -> tuple[Addition, ...]:
    """Everything that an ordinary home adds between `start_s` and `end_s`.

    With `segments` the kettle, the pan, steam and the television are on when the resident uses them; without
    they follow hours of their own. `guests` are the visits; none are made up.
    """
    has_rng = np.random.default_rng([seed, _HAS])
    has = {name for name, share in SHARES.items() if has_rng.random() < share}
    rng = np.random.default_rng([seed, _HABITS])
    when = _times(rng, segments)
    kettles, pans, drinks, baths, shows = when if segments else (None,) * 5
    stretch = (seed, plan, start_s, end_s)
    out = [
        kettle(*stretch, calendar=calendar, times=kettles),
        hot_pan(*stretch, calendar=calendar, times=pans),
        hot_drink(*stretch, calendar=calendar, times=drinks),
        steam(*stretch, calendar=calendar, times=baths),
        radiator(*stretch, calendar=calendar, times=_heated(rng, start_s, end_s, calendar)),
        open_window(*stretch, calendar=calendar, outdoor_c=_outdoor_c(calendar, start_s)),
    ]
    if "tv" in has:
        out.append(television(*stretch, calendar=calendar, times=shows))
    if "sun" in has:
        out.append(sun_patch(*stretch, calendar=calendar))
    if "dog" in has:
        out.append(dog(*stretch))
    if "cat" in has:
        out.append(cat(*stretch))
    if "robot" in has:
        out.append(robot_vacuum(*stretch, calendar=calendar))
    if guests:
        out.append(visitor(*stretch, calendar=calendar, times=guests))
    return tuple(out)


def _times(rng: np.random.Generator, segments: Sequence[Segment]) -> tuple[list[Span], ...]:
    """When kettle, pan, cup, bath and television are used."""
    kettles: list[Span] = []
    pans: list[Span] = []
    drinks: list[Span] = []
    baths: list[Span] = []
    shows: list[Span] = []
    for one in segments:
        start, long_s = one.start_s, one.end_s - one.start_s
        if one.doing is Doing.COOK:
            kettles.append((start + 20, start + 20 + float(rng.uniform(120, 240))))
            if long_s > COOKS_S:
                pans.append((start + 120, one.end_s - 30))
        elif one.doing is Doing.EAT:
            drinks.append((start + 5, start + 40))
        elif one.doing is Doing.WASH and long_s >= BATHES_S:
            baths.append((start, one.end_s - 60))
        elif one.doing is Doing.REST and rng.random() < 0.7:
            shows.append((start + 10, one.end_s))
            if rng.random() < 0.4:
                drinks.append((start + 5, start + 40))
    return kettles, pans, drinks, baths, shows


def _heated(rng: np.random.Generator, start_s: float, end_s: float, calendar: Calendar) -> list[Span]:
    """Mornings and afternoons of the heating season, at the hours of this home."""
    up, down = float(rng.uniform(5.5, 7.5)), float(rng.uniform(15.0, 17.0))
    long_h = float(rng.uniform(2.0, 4.0)), float(rng.uniform(4.0, 6.0))
    out = []
    for midnight in calendar.midnights(start_s, end_s).tolist():
        day = float(calendar.day_of_year(np.array([midnight + DAY_S / 2]))[0]) % 365.25
        if not HEATED[0] < day < HEATED[1]:
            out += [
                (midnight + 3600 * begin, midnight + 3600 * (begin + hours))
                for begin, hours in zip((up, down), long_h, strict=True)
            ]
    return out


def _outdoor_c(calendar: Calendar, start_s: float) -> float:
    """What a window lets in, by season: 5 °C in January, 19 °C in July (climate.LONDON)."""
    day = float(calendar.day_of_year(np.array([start_s]))[0])
    return 12.2 - 6.8 * float(np.cos(2 * np.pi * (day - 17) / 365.25))
