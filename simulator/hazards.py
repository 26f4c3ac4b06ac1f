"""What is dangerous in a home's air and on its stove: a cold flat, a heat wave, a window left open in winter,
a stove left on, a fire.

Takes a seed, a plan and times, gives an `Addition`. Stove and fire bring their truth; for the others truth
comes from `thresholds.threshold_truth` of the air that the home has in the end, with all that is laid over
it. Nothing here moves anybody: whether somebody is in the kitchen is handed in.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from simulator.additions import Addition, Span, place, source, top, warmth
from simulator.climate import (
    HOUR_S,
    LONDON,
    Calendar,
    Change,
    House,
    Place,
    house,
    indoor,
    weather,
)
from simulator.nuisances import open_window
from simulator.thresholds import left_on_truth
from simulator.world import Air, Plan, Source, Truth

_STOVE, _FIRE, _SHUT = 101, 102, 103  # purposes of random numbers

COLD_SPELL_K: Final = -6.0  # against the season: −1 °C in a London January
HEAT_SPELL_K: Final = 9.0  # 28 °C as the mean of day and night; England had up to 12 K in July 2022
FIRE_STEP_S: Final = 1.0
FIRE_KW_S2: Final = (0.0029, 0.047)
"""Growth of a t² fire. Source: NFPA 72 annex B (slow 0.0029, medium 0.0117, fast 0.0469)."""
FLAME_KW_M2: Final = 500.0  # released by burning furniture for each m² of floor: judgement within 250–1000
FLAME_K: Final = 600.0  # flames at 800–1000 °C cover part of their outline; arrays saturate at 80 or 300 °C
BURN_S: Final = 300.0  # what comes after five minutes decides nothing any more
BURN_MOST_K: Final = 400.0
PAN_DRY_K: Final = (180.0, 320.0)  # of a pan whose water is gone; oil ignites at 371–399 °C


def home_air(
    seed: int,
    plan: Plan,
    calendar: Calendar,
    duration_s: float,
    *,
    climate: Place = LONDON,
    keeps: House | None = None,
) -> Air:
    """The air of an ordinary home over that time."""
    outside = weather(seed, calendar, duration_s, place=climate)
    return indoor(plan, outside, house(seed) if keeps is None else keeps, calendar, seed=seed)


def cold_flat(
    seed: int, plan: Plan, calendar: Calendar, duration_s: float, *, fails_s: float, back_s: float = np.inf
) -> Addition:
    """The heating fails at `fails_s` during a cold spell; it works again from `back_s` on."""
    outside = weather(
        seed, calendar, duration_s, spells_k=[(fails_s - 24 * HOUR_S, duration_s, COLD_SPELL_K)]
    )
    air = indoor(plan, outside, _warm(seed), calendar, seed=seed, heating_off=[(fails_s, back_s)])
    return Addition(air=air, on=((fails_s, min(back_s, duration_s)),))


def _warm(seed: int) -> House:
    """A home that is warm by day and night, so that nothing but what happens makes it cold."""
    usual = house(seed)
    return replace(usual, set_c=max(usual.set_c, 20.0), heated_h=((0.0, 24.0),))


def heat_wave(
    seed: int,
    plan: Plan,
    calendar: Calendar,
    duration_s: float,
    *,
    wave_s: Span,
    climate: Place = LONDON,
) -> Addition:
    """A heat wave in a home without air conditioning; half the homes never open a window against it."""
    shut = bool(np.random.default_rng([seed, _SHUT]).random() < 0.5)
    outside = weather(seed, calendar, duration_s, place=climate, spells_k=[(*wave_s, HEAT_SPELL_K)])
    air = indoor(plan, outside, house(seed), calendar, seed=seed, shut=shut)
    return Addition(air=air, on=(wave_s,))


def window_in_winter(
    seed: int, plan: Plan, calendar: Calendar, duration_s: float, *, open_s: Span, room: int | None = None
) -> Addition:
    """A window is opened at `open_s[0]` and forgotten until `open_s[1]`: the room cools by 3 K an hour and
    more, the floor before the window first. ValueError: a room without a window.
    """
    index = plan.index("bedroom") if room is None else room
    if plan.rooms[index].zone("window") is None:
        raise ValueError(f"no window in {plan.rooms[index].name}")
    outside = weather(
        seed, calendar, duration_s, spells_k=[(open_s[0] - 24 * HOUR_S, duration_s, COLD_SPELL_K)]
    )
    air = indoor(plan, outside, _warm(seed), calendar, seed=seed, windows=[(index, *open_s)])
    out_c = float(np.interp(np.mean(open_s), outside.t_s, outside.temperature_c))
    only = Plan((plan.rooms[index],))
    seen = open_window(seed, only, 0.0, duration_s, calendar=calendar, times=[open_s], outdoor_c=out_c)
    sources = tuple(Source(s.name, index, s.radii_m, s.t_s, s.centre_m, s.excess_k) for s in seen.sources)
    return Addition(sources, air=air, on=(open_s,))


def stove_left_on(
    seed: int, plan: Plan, on_s: Span, attended: Sequence[Span] = (), *, pan: bool | None = None
) -> Addition:
    """The stove is on during `on_s`, with or without (`pan`; default: half the homes) a pan that boils
    dry.

    `attended` are the spans in which somebody is in the kitchen. The plate reaches 200–300 K above the room,
    a dry pan 180–320 K; the kitchen warms by 3–7 K within an hour. Truth: `appliance-left-on`, 20 min after
    the last person has gone. ValueError: a home without a stove.
    """
    rng = np.random.default_rng([seed, _STOVE])
    at = place(plan, "stove", "stove")
    if at is None:
        raise ValueError("stove_left_on: the home has no stove")
    index, zone = at
    x, y, z = top(zone)
    x, y = x + float(rng.choice([-0.13, 0.13])), y + float(rng.choice([-0.13, 0.13]))
    with_pan = bool(rng.random() < 0.5) if pan is None else pan
    if with_pan:
        boils = warmth([on_s], 75.0, 240.0, 600.0)  # water keeps it at 100 °C …
        dry_s = min(on_s[0] + float(rng.uniform(900, 2400)), on_s[1] - 1.0)
        dries = warmth(
            [(dry_s, on_s[1])], float(rng.uniform(*PAN_DRY_K)) - 75.0, 300.0, 600.0
        )  # … till it is gone
        t = np.union1d(boils[0], dries[0])
        k = np.interp(t, *boils, left=0, right=0) + np.interp(t, *dries, left=0, right=0)
        hot = source("pan", index, (0.12, 0.12, 0.06), (x, y, z + 0.06), (t, k))
    else:
        curve = warmth([on_s], float(rng.uniform(200, 300)), 240.0, 900.0)
        hot = source("plate", index, (0.10, 0.10, 0.01), (x, y, z), curve)
    t, share = warmth([on_s], 1.0, 1800.0, 2400.0)
    change = Change(index, t, float(rng.uniform(3, 7)) * share, -4.0 * share, 0.1 * share)
    truth = left_on_truth([on_s], attended)
    return Addition(hot, changes=(change,), truth=tuple(truth), on=(on_s,))


def fire(seed: int, plan: Plan, start_s: float, *, room: int | None = None) -> Addition:
    """Something begins to burn at `start_s`: in the kitchen at the stove, elsewhere on a piece of furniture.

    It grows with the square of time for five minutes; flames cover what burns, the air near the ceiling
    warms as in a room with an open door (McCaffrey, Quintiere and Harkleroad, Fire Technology 17:98, 1981),
    smoke takes contrast away. Truth: `fire`, from the first flame on.
    """
    rng = np.random.default_rng([seed, _FIRE])
    index = (
        plan.index(rng.choice(np.array(["kitchen", "living", "bedroom"]), p=[0.6, 0.25, 0.15]).item())
        if room is None
        else room
    )
    here = plan.rooms[index]
    zone = here.zone("stove") or here.zone("sofa") or here.zone("bed") or here.zone("table")
    x, y, z = top(zone) if zone is not None else (0.0, 0.0, 0.0)
    alpha = float(np.exp(rng.uniform(*np.log(FIRE_KW_S2))))
    age = np.arange(0.0, BURN_S + FIRE_STEP_S, FIRE_STEP_S)
    power_kw = alpha * age**2
    walls_m2 = 2 * here.width_m * here.depth_m + 2.5 * 2 * (here.width_m + here.depth_m)
    door = 0.8 * 2.0 * np.sqrt(2.0)
    air_k = np.minimum(6.85 * (power_kw**2 / (door * 0.03 * walls_m2)) ** (1 / 3), BURN_MOST_K)
    change = Change(index, start_s + age, air_k, -np.minimum(air_k / 4, 30.0), np.minimum(air_k / 200, 0.6))
    sources = []
    for k, most_m in enumerate(
        (0.12, 0.30, 0.80)
    ):  # ellipsoids keep their size, so a fire grows by steps of them
        area = np.pi * most_m**2
        share = np.clip(power_kw / (FLAME_KW_M2 * area), 0, 1)
        centre = np.tile(np.array([x, y, z + most_m]), (len(age), 1))
        sources.append(Source(f"fire-{k + 1}", index, (most_m,) * 3, start_s + age, centre, FLAME_K * share))
    end = start_s + BURN_S
    return Addition(
        tuple(sources), changes=(change,), truth=(Truth(start_s, end, "fire"),), on=((start_s, end),)
    )
