"""What people switch on or put down that stays warm: kettle, pan, cup, television.

Takes a seed, a plan and a stretch of time, gives an `Addition`, as all of nuisances.py does: at the hours at
which people do so or at the `times` handed in, so that the kettle boils when the resident cooks. Never
dangerous (hazards.py is).

Pan 1–2 pixels and above 60 °C: detection research, sections 1.9 and 6. Screens at 32–42 °C, kettles at
55–95 °C outside: judgement from product data.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from simulator.additions import Addition, Habit, Span, episodes, inwards, place, puff, source, top, warmth
from simulator.climate import Calendar
from simulator.world import Plan, Source

_KETTLE, _PAN, _DRINK, _TV = range(63, 67)  # purposes of numbers

KETTLE_HABIT: Final = Habit(((7.0, 9.0), (10.0, 11.5), (15.0, 17.0), (19.0, 21.0)), 4.0, (120.0, 240.0))


def kettle(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A kettle on the counter: boils within 2–4 min, its shell 30–70 K above the room, cools for an hour."""
    rng = np.random.default_rng([seed, _KETTLE])
    when = episodes(rng, KETTLE_HABIT, (start_s, end_s), calendar or Calendar(), times)
    at = place(plan, "table", "counter")
    if at is None:
        return Addition()
    index, zone = at
    x, y, z = top(zone, 0.11)
    x += float(rng.uniform(-0.3, 0.3)) * (zone.x1_m - zone.x0_m)
    curve = warmth(when, float(rng.uniform(35, 80)), 90.0, float(rng.uniform(1200, 2400)))
    return Addition(source("kettle", index, (0.09, 0.09, 0.11), (x, y, z), curve), on=tuple(when))


PAN_HABIT: Final = Habit(((7.0, 8.5), (11.5, 13.0), (17.5, 19.0)), 1.6, (600.0, 1800.0))


def hot_pan(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A pan on the stove: 90–190 K above the room while cooking (boiling to frying), the plate below it cools
    with 10–20 min; the kitchen warms by 1–2 K and steams a little.
    """
    rng = np.random.default_rng([seed, _PAN])
    when = episodes(rng, PAN_HABIT, (start_s, end_s), calendar or Calendar(), times)
    at = place(plan, "stove", "stove") or place(plan, "table", "table")
    if at is None:
        return Addition()
    index, zone = at
    x, y, z = top(zone)
    x, y = x + float(rng.choice([-0.13, 0.13])), y + float(rng.choice([-0.13, 0.13]))
    out: list[Source] = []
    out += source(
        "pan", index, (0.12, 0.12, 0.05), (x, y, z + 0.06), warmth(when, rng.uniform(90, 190), 150.0, 420.0)
    )
    plate = warmth(when, float(rng.uniform(20, 60)), 240.0, float(rng.uniform(600, 1200)))
    out += source("plate", index, (0.10, 0.10, 0.01), (x, y, z), plate)
    changes = [
        puff(index, span, float(rng.uniform(1, 2)), 12.0, float(rng.uniform(0, 0.15))) for span in when
    ]
    return Addition(tuple(out), changes=tuple(changes), on=tuple(when))


DRINK_HABIT: Final = Habit(((7.5, 9.5), (10.0, 12.0), (15.0, 17.0), (19.0, 21.5)), 4.0, (30.0, 60.0))


def hot_drink(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A cup of tea put on the table: 20–35 K above the room at its outside, cooling with 15–25 min."""
    rng = np.random.default_rng([seed, _DRINK])
    when = episodes(rng, DRINK_HABIT, (start_s, end_s), calendar or Calendar(), times)
    at = place(plan, "table", "table")
    if at is None:
        return Addition()
    index, zone = at
    curve = warmth(when, float(rng.uniform(25, 40)), 15.0, float(rng.uniform(900, 1500)))
    return Addition(source("cup", index, (0.045, 0.045, 0.05), top(zone, 0.05), curve), on=tuple(when))


TV_HABIT: Final = Habit(((9.0, 11.0), (13.0, 15.0), (18.0, 20.0)), 2.4, (3600.0, 4 * 3600.0))


def television(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A screen that stands on its board: 8–18 K above the room after a quarter of an hour."""
    rng = np.random.default_rng([seed, _TV])
    when = episodes(rng, TV_HABIT, (start_s, end_s), calendar or Calendar(), times)
    at = place(plan, "table", "tv")
    if at is None:
        return Addition()
    index, zone = at
    in_x, _ = inwards(plan.rooms[index], zone)
    wide = float(rng.uniform(0.35, 0.6))
    radii = (0.04, wide, 0.32) if in_x else (wide, 0.04, 0.32)
    curve = warmth(
        when, float(rng.uniform(8, 18)), float(rng.uniform(300, 600)), float(rng.uniform(600, 900))
    )
    return Addition(source("television", index, radii, top(zone, 0.35), curve), on=tuple(when))
