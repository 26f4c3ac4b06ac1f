"""The district of the alerts bench: who is on shift, how far everybody lives from every home.

Takes a seed, gives a `Duty` as the roster would fill it. A district is made of quarters: whoever works in
one reaches its homes in minutes, and no other home within the ten that Guardian promises.

Figures: 12 people on shift and 6 off for 300 homes, and the delays of people, as in
simulator/response/district.py; odds of an answer 0.8, so that a wave is two people (with 0.3 it is nine, and
what is measured here would be how fast nine texts leave, not one).
"""

from typing import Final

import numpy as np

from alerting.duty import Duty, Language, Responder, Shift
from simulator.response.district import BETWEEN, ENTRY_S, EVERY_DAY, REPLY, TRIP, TURNOUT

QUARTERS: Final = 33
HOMES_EACH: Final = 300
ON_SHIFT_EACH: Final = 12
OFF_EACH: Final = 6
ODDS: Final = 0.8
TOO_FAR_S: Final = 1800.0
"""From one quarter to a home of another."""


def district(seed: int, quarters: int = QUARTERS) -> tuple[Duty, tuple[str, ...]]:
    """Draw the people and their ways; give them with the homes, quarter by quarter."""
    rng = np.random.default_rng([seed, 0xA1E7])
    people: dict[str, Responder] = {}
    homes: list[str] = []
    shifts: list[Shift] = []
    travel_s: dict[tuple[str, str], float] = {}
    for q in range(quarters):
        here = [f"h{q:02d}{n:03d}" for n in range(HOMES_EACH)]
        crew = [f"r{q:02d}{n:02d}" for n in range(ON_SHIFT_EACH + OFF_EACH)]
        usual_s = BETWEEN.draw(rng, (len(crew), len(here)))
        homes += here
        for n, who in enumerate(crew):
            language: Language = "zh" if n % 4 else "en"
            # +44 7700 900000 to 900999 are numbers that nobody has (Ofcom, numbers for use in drama)
            phone = f"+447700900{len(people):03d}"
            people[who] = Responder(who, phone, language, ODDS, REPLY.p90_s, TURNOUT.p90_s)
            if n < ON_SHIFT_EACH:
                shifts.append(Shift(who, EVERY_DAY, 0, 0))
            usual = zip(here, usual_s[n], strict=True)
            travel_s |= {(who, home): float(s) * TRIP.p90_s for home, s in usual}
    duty = Duty(
        responders=people,
        shifts=tuple(shifts),
        travel_s=travel_s,
        default_travel_s=TOO_FAR_S,
        entry_s=dict.fromkeys(homes, ENTRY_S),
    )
    return duty, tuple(homes)
