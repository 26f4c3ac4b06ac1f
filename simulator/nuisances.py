"""What is warm, cold or hazy in a home and is no resident: the things that fool thermal arrays.

Takes a seed, a plan and a stretch of time, gives an `Addition`. Every function serves minutes and weeks: a
stretch shorter than additions.SHORT_S has the nuisance at least once, whatever the hour, for that is what is
being measured; in a longer one things happen at the local hours at which they do, or at the `times` handed
in. Here is what sun, heating, water and windows do, and the names of all nuisances; what people switch on is
in appliances.py, who walks about in animals.py. Nothing of it is dangerous (hazards.py is).

Sizes and kelvins. Sun patch 3–8 K, growth under 0.5 K/min; heat left behind fades with 3–10 min: detection
research, sections 1.9 and 6. Radiators at 45–65 °C: judgement from product data.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from simulator.additions import SHORT_S, Addition, Habit, Span, episodes, inwards, puff, source, top, warmth
from simulator.animals import cat, dog, robot_vacuum, visitor
from simulator.appliances import hot_drink, hot_pan, kettle, television
from simulator.climate import HOUR_S, Calendar, Change
from simulator.residue import warm_seat
from simulator.world import F64, Air, Plan, Source

_SUN, _RADIATOR = 61, 62  # purposes of numbers
_STEAM, _WINDOW, _HOT = 67, 68, 69

Nuisance = Callable[..., Addition]
"""(seed, plan, start_s, end_s, *, calendar, times) → Addition."""

SUN_STEP_S: Final = 300.0
SUN_TAU_S: Final = 20 * 60.0  # a floor follows the sun this slowly; 8 K / 20 min = 0.4 K/min at the most
SUN_MOST_K_MIN: Final = 0.45  # growth stays under the 0.5 K/min that the research gives
SUN_MOVE_M_H: Final = (
    0.1,
    0.6,
)  # 15° an hour, from a window head at 1–2 m: 0.26–0.5 m/h near noon; low sun less
SUN_HABIT: Final = Habit(((8.0, 15.0),), 1.0, (1.5 * HOUR_S, 4 * HOUR_S))


def sun_patch(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """Sun through a window: a patch on the floor that creeps sideways, warms, fades under clouds, goes.

    Each room with a window gets its sun at hours of its own. A room without one gets none.
    """
    rng = np.random.default_rng([seed, _SUN])
    sources: list[Source] = []
    spans: list[Span] = []
    for index, room in enumerate(plan.rooms):
        window = room.zone("window")
        if window is None or (len(plan.rooms) > 1 and rng.random() < 0.4):  # some look north
            continue
        first = float(rng.uniform(*SUN_HABIT.hours[0]))
        habit = Habit(((first, first + 0.3),), 0.6, SUN_HABIT.length_s)  # 4 of 10 days are dull
        when = episodes(rng, habit, (start_s, end_s), calendar or Calendar(), times)
        spans += when
        if end_s - start_s < SHORT_S:  # minutes: it came before, or it would not have warmed anything yet
            when = [(a - float(rng.uniform(0, 2400)), b) for a, b in when]
        in_x, in_y = inwards(room, window)
        far = float(rng.uniform(0.7, 1.7))
        wide, deep = float(rng.uniform(0.35, 0.7)), float(rng.uniform(0.3, 0.6))
        radii = (deep, wide, 0.01) if in_x else (wide, deep, 0.01)
        keys: list[F64] = []
        for start, end in when:
            peak, way = float(rng.uniform(3.0, 8.0)), 1.0 if rng.random() < 0.5 else -1.0
            t, excess = _sunny(rng, start, end, peak)
            slide = way * float(rng.uniform(*SUN_MOVE_M_H)) * (t - (start + end) / 2) / HOUR_S
            x, y = window.middle
            keys.append(
                np.stack(
                    [
                        t,
                        np.clip(x + in_x * far + abs(in_y) * slide, -room.width_m / 2, room.width_m / 2),
                        np.clip(y + in_y * far + abs(in_x) * slide, -room.depth_m / 2, room.depth_m / 2),
                        np.full(len(t), 0.01),
                        excess,
                    ],
                    -1,
                )
            )
        if keys:
            rows = np.concatenate(keys)
            sources.append(Source("sun", index, radii, rows[:, 0], rows[:, 1:4], rows[:, 4]))
    return Addition(tuple(sources), on=tuple(sorted(spans)))


def _sunny(rng: np.random.Generator, start: float, end: float, peak: float) -> tuple[F64, F64]:
    """Keys of one patch: clouds come and go, the floor follows slowly."""
    after = SUN_TAU_S * 4  # it cools after the sun has gone
    t = np.arange(start, end + after, SUN_STEP_S / 5)
    cloudy = np.interp(
        t, np.arange(start, end + after + 900, 900.0), rng.random(int((end + after - start) / 900) + 2)
    )
    cloudy = np.where(t < start + SUN_TAU_S, cloudy / 3, cloudy)  # it begins with the sun coming out
    shine = np.where(t < end, np.clip(1.6 - 1.8 * cloudy, 0, 1), 0.0)
    excess = np.zeros(len(t))
    step = SUN_STEP_S / 5
    most = SUN_MOST_K_MIN * step / 60
    for k in range(1, len(t)):
        excess[k] = excess[k - 1] + np.clip((peak * shine[k] - excess[k - 1]) * step / SUN_TAU_S, -most, most)
    excess[-1] = 0.0
    return t, excess


RADIATOR_HABIT: Final = Habit(((6.0, 7.0), (16.0, 17.0)), 2.0, (2.5 * HOUR_S, 5 * HOUR_S))


def radiator(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """Every radiator of the home: hot in cycles of the thermostat while the heating is on (`times`).

    20–40 K above the room within minutes, 8–20 min on, 10–25 min off (judgement); mornings and evenings, as
    half the homes are heated (Kane et al., Energy and Buildings 2015).
    """
    rng = np.random.default_rng([seed, _RADIATOR])
    when = episodes(rng, RADIATOR_HABIT, (start_s, end_s), calendar or Calendar(), times)
    sources: list[Source] = []
    for index, room in enumerate(plan.rooms):
        zone = room.zone("radiator")
        if zone is None:
            continue
        peak, on_s, off_s = rng.uniform(20, 40), rng.uniform(480, 1200), rng.uniform(600, 1500)
        bursts: list[Span] = []
        for start, end in when:
            t = start
            while t < end:
                long_s = on_s * float(rng.uniform(0.8, 1.25))
                bursts.append((t, min(t + long_s, end)))
                t += long_s + off_s * float(rng.uniform(0.8, 1.25))
        x, y = zone.middle
        radii = ((zone.x1_m - zone.x0_m) / 2, (zone.y1_m - zone.y0_m) / 2, zone.height_m / 2)
        curve = warmth(bursts, float(peak), float(rng.uniform(200, 400)), float(rng.uniform(900, 1500)))
        sources += source("radiator", index, radii, (x, y, zone.height_m / 2 + 0.1), curve)
    return Addition(tuple(sources), on=tuple(when))


STEAM_HABIT: Final = Habit(((7.0, 9.5), (19.0, 21.0)), 0.45, (480.0, 1500.0))


def steam(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A shower or a bath: the bathroom's air turns to 85–100 % and 2–4 K warmer, 40–90 % of the picture's
    contrast is gone within minutes and comes back with 10–20 min; the tub holds warm water. In a home
    without a bathroom the first room steams.
    """
    rng = np.random.default_rng([seed, _STEAM])
    when = episodes(rng, STEAM_HABIT, (start_s, end_s), calendar or Calendar(), times)
    index = plan.index("bathroom")
    changes = [
        puff(index, s, float(rng.uniform(2, 4)), float(rng.uniform(35, 50)), float(rng.uniform(0.4, 0.9)))
        for s in when
    ]
    tub = plan.rooms[index].zone("bath")
    sources: tuple[Source, ...] = ()
    if tub is not None:
        radii = ((tub.x1_m - tub.x0_m) * 0.42, (tub.y1_m - tub.y0_m) * 0.40, 0.05)
        x, y, z = top(tub, -0.1)
        curve = warmth(when, float(rng.uniform(10, 16)), 120.0, 900.0)
        sources = source("tub", index, radii, (x, y, z), curve)
    return Addition(sources, changes=tuple(changes), on=tuple(when))


WINDOW_HABIT: Final = Habit(((7.5, 10.0), (13.0, 15.0), (20.0, 22.0)), 1.4, (300.0, 1800.0))


def open_window(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
    outdoor_c: float = 4.0,
    room_c: float = 20.0,
) -> Addition:
    """A window opened for 5–30 min: its opening shows the cold, cold air pools on the floor before it, the
    room cools by up to half the step to the outdoors per hour.

    In summer (`outdoor_c` above `room_c`) it is a warm window.
    """
    rng = np.random.default_rng([seed, _WINDOW])
    step_k = outdoor_c - room_c
    sources: list[Source] = []
    changes: list[Change] = []
    spans: list[Span] = []
    for index, room in enumerate(plan.rooms):
        zone = room.zone("window")
        if zone is None or (len(plan.rooms) > 1 and rng.random() < 0.3):
            continue
        when = episodes(rng, WINDOW_HABIT, (start_s, end_s), calendar or Calendar(), times)
        spans += when
        x, y = zone.middle
        in_x, in_y = inwards(room, zone)
        half = max(zone.x1_m - zone.x0_m, zone.y1_m - zone.y0_m) / 2
        pane = (0.02, half / 2, 0.45) if in_x else (half / 2, 0.02, 0.45)
        sources += source("opening", index, pane, (x, y, 1.45), warmth(when, 0.7 * step_k, 20.0, 240.0))
        pool = (0.7, half * 1.2, 0.02) if in_x else (half * 1.2, 0.7, 0.02)
        spot = (x + 0.7 * in_x, y + 0.7 * in_y, 0.02)
        sources += source(
            "draught", index, pool, spot, warmth(when, rng.uniform(0.15, 0.3) * step_k, 240.0, 480.0)
        )
        for span in when:
            t, share = warmth([span], 1.0, HOUR_S, 1500.0)
            changes.append(Change(index, t, 0.5 * step_k * share, -20.0 * share * np.sign(-step_k)))
    return Addition(tuple(sources), changes=tuple(changes), on=tuple(sorted(spans)))


def hot_room(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A summer in which no room cools below 29 °C: 29–33 °C, hottest in the early evening, so that clothes
    and skin differ from floor and walls by a kelvin or two only. Replaces the air of the home.
    """
    del times
    rng = np.random.default_rng([seed, _HOT])
    t = np.arange(start_s, end_s + 600.0, 300.0)
    hour = (calendar or Calendar()).hours(t)
    mean, swing = float(rng.uniform(30.2, 31.8)), float(rng.uniform(0.4, 1.1))
    if end_s - start_s < SHORT_S:  # minutes: anywhere within the range
        day = np.full(len(t), float(rng.uniform(-1, 1)))
    else:
        day = np.cos(2 * np.pi * (hour - 18) / 24)
    rooms = rng.normal(0, 0.3, len(plan.rooms))
    temperature = np.clip(mean + swing * day[:, None] + rooms, 29.0, 33.0)
    humidity = np.clip(float(rng.uniform(45, 70)) - 2.5 * (temperature - mean), 20, 95)
    return Addition(air=Air(t, temperature, humidity, np.zeros_like(temperature)))


NUISANCES: Final[Mapping[str, Nuisance]] = MappingProxyType(
    {
        "sun": sun_patch,
        "radiator": radiator,
        "kettle": kettle,
        "pan": hot_pan,
        "drink": hot_drink,
        "tv": television,
        "warm-seat": warm_seat,
        "steam": steam,
        "window": open_window,
        "dog": dog,
        "cat": cat,
        "robot": robot_vacuum,
        "visitor": visitor,
        "hot-room": hot_room,
    }
)
"""By name; called as (seed, plan, start_s, end_s, calendar=…, times=…)."""
