"""Who somebody is: the habits that make one home's days unlike another's, and what befalls them.

Takes a seed; gives constants of a person (`habits`) and the special days to come (`course`). Never lives a
day: `routine.py` does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

HABITS_STREAM, COURSE_STREAM = 401, 402  # purposes of random numbers


@dataclass(frozen=True, slots=True)
class Habits:
    """What is constant about a person. Times of the day are minutes after local midnight."""

    wake_min: float
    bed_min: float
    regular_min: float
    """Standard deviation of the hours of rising, meals and bed from day to day."""
    breakfast_after_min: float
    lunch_min: float
    dinner_min: float
    eats_in_kitchen: float
    """Share of meals; the others are eaten in front of the television."""
    restless: float
    """About 1: how soon one leaves what one is doing; 2 = every stretch takes half as long."""
    rest_share: float
    """Chance that a free stretch is spent in the chair."""
    dozes: float
    """Chance that a rest turns into a nap in the chair."""
    naps_per_week: float
    long_rests: float
    """Chance per day of resting for hours, hardly moving, in bed or in the chair."""
    long_rest_min: float
    """Median length of those."""
    outings_per_week: float
    outing_min: float
    """Median length."""
    overnights_per_year: float
    """Single nights elsewhere: family, friends, respite care, a hospital's ward."""
    unseen_outings: float
    """Share of outings through a door without a sensor: nothing tells them from silence at home."""
    garden_per_day: float
    toilet_per_day: float
    night_toilets: float
    night_wandering: float
    """Spells up and about per night."""
    baths_per_week: float
    bath_in_morning: bool
    poor_days: float
    """Share of days on which one stays in bed for hours and does little."""
    weekend_late_min: float
    club_weekdays: tuple[int, ...]
    """The days of the week (0 = Monday) with a fixed outing in the morning: club, church, day centre."""
    club_min: float
    carer_visits: tuple[float, ...]
    """When a carer comes each day."""
    family_per_week: float
    door_looks_per_day: float
    """Opening the outside door without going anywhere: post, bins, milk, somebody rang."""
    fridge_per_visit: float
    """Mean number of times the fridge is opened when somebody does something in the kitchen."""
    sleep_restless: float
    """About 1: how much one turns in bed."""
    lively: float
    """About 1: how much one moves while resting."""
    evidence: float
    """How much of the person's stirring the sensors of this home notice; mean 1."""
    gait_m_s: float


@dataclass(frozen=True, slots=True)
class Course:
    """What is special about the days to come; days are counted from 0."""

    away: tuple[tuple[int, int], ...] = ()
    """(first, last) day of each holiday."""
    ill: tuple[tuple[int, int], ...] = ()
    guests: tuple[tuple[int, int], ...] = ()
    """Days on which somebody stays in the home overnight."""
    decline_per_year: float = 0.0
    """Share of vigour lost in a year."""


CLUBS: Final = (0, 1, 2, 3, 5)
CLUB_SHARES: Final = (0.35, 0.30, 0.15, 0.10, 0.10)
"""Days a week with a fixed outing; one of the 14 recorded homes is empty on most mornings."""


def habits(seed: int) -> Habits:
    """Draw somebody's habits; equal seeds give equal people.

    Meal times, lengths and counts: the constants of SensorDataSimulator (arXiv 2312.16852) as the
    middle; how far people differ, visits, doors and rising times: first chosen on half of the recorded
    homes (p00–p13 of TIHM, doi 10.1038/s41597-023-02519-y; see `rhythm.py`). Long rests, unseen outings,
    restless nights, nights elsewhere, outings and uses of doors were then set with the means of all 28
    homes in view, to be no kinder than those.
    """
    rng = np.random.default_rng([seed, HABITS_STREAM])
    wake = rng.normal(462.0, 50.0)
    carers = rng.choice(5, p=[0.45, 0.15, 0.15, 0.10, 0.15])
    return Habits(
        wake_min=float(np.clip(wake, 300.0, 600.0)),
        bed_min=float(np.clip(rng.normal(1395.0, 70.0), 1230.0, 1530.0)),
        regular_min=float(rng.lognormal(np.log(28.0), 0.4)),
        breakfast_after_min=float(rng.uniform(15.0, 60.0)),
        lunch_min=float(rng.normal(745.0, 25.0)),
        dinner_min=float(rng.normal(1075.0, 35.0)),
        eats_in_kitchen=float(rng.beta(2.0, 2.0)),
        restless=float(rng.lognormal(0.0, 0.30)),
        rest_share=float(rng.uniform(0.3, 0.65)),
        dozes=float(min(rng.gamma(0.5, 0.4), 0.7)),
        naps_per_week=float(rng.gamma(1.5, 2.0)),
        # a quarter of the people more than once in five days, half of them less than once in twenty
        long_rests=float(min(rng.gamma(0.28, 0.8), 0.6)),
        long_rest_min=float(rng.lognormal(np.log(310.0), 0.4)),
        outings_per_week=float(rng.gamma(1.6, 1.7)),
        outing_min=float(rng.lognormal(np.log(55.0), 0.4)),
        # recorded: 43 gaps over 12 h in 1,264 days, and 23 more in one outage of all homes
        overnights_per_year=float(min(rng.gamma(0.8, 38.0), 100.0)),
        # recorded: of 14 front doors three tell nothing or next to nothing
        unseen_outings=float(min(rng.gamma(0.15, 0.8), 1.0)),
        garden_per_day=float(rng.gamma(1.0, 0.65)),
        toilet_per_day=float(np.clip(rng.normal(6.0, 1.2), 3.5, 10.0)),
        # recorded events 00–05 h: 8 in p00–p13, 19 over all 28
        night_toilets=float(rng.gamma(1.2, 1.25)),
        night_wandering=float(rng.gamma(0.7, 1.55)),
        baths_per_week=float(rng.uniform(1.0, 7.0)),
        bath_in_morning=bool(rng.random() < 0.6),
        poor_days=float(min(rng.gamma(0.6, 0.14), 0.4)),
        weekend_late_min=float(rng.normal(10.0, 15.0)),
        club_weekdays=tuple(sorted(rng.permutation(7)[: rng.choice(CLUBS, p=CLUB_SHARES)].tolist())),
        club_min=float(rng.uniform(60.0, 420.0)),
        carer_visits=tuple(float(m) for m in (480.0, 750.0, 1050.0, 1230.0)[: int(carers)]),
        family_per_week=float(rng.gamma(1.5, 1.0)),
        door_looks_per_day=float(rng.gamma(1.5, 15.5)),
        fridge_per_visit=float(rng.gamma(2.5, 0.71)),
        sleep_restless=float(rng.lognormal(0.0, 1.0)),
        lively=float(rng.lognormal(-0.7, 1.1)),
        evidence=float(rng.gamma(4.0, 0.25)),
        gait_m_s=float(np.clip(rng.normal(0.7, 0.12), 0.35, 1.0)),
    )


def course(days: int, seed: int) -> Course:
    """Draw what befalls somebody in so many days.

    Rates are judgement: two holidays and two weeks of illness a year, somebody staying three times a
    year; one person in five grows weaker by a fifth to a half in a year.
    Raises ValueError when `days` is below 1.
    """
    if days < 1:
        raise ValueError(f"days is {days}, at least one is needed")
    rng = np.random.default_rng([seed, COURSE_STREAM])
    decline = float(rng.uniform(0.2, 0.5)) if rng.random() < 0.2 else 0.0
    dice = rng.random((days, 6))  # one row a day: a longer course begins like a shorter one

    def spells(k: int, per_year: float, shortest: int, longest: int) -> tuple[tuple[int, int], ...]:
        firsts = np.flatnonzero(dice[:, k] < per_year / 365.0)
        lengths = shortest + (dice[firsts, k + 1] * (longest - shortest + 1)).astype(np.int64)
        return tuple(zip(firsts.tolist(), (firsts + lengths).tolist(), strict=True))

    return Course(spells(0, 2.0, 1, 10), spells(2, 2.0, 3, 10), spells(4, 3.0, 1, 6), decline)
