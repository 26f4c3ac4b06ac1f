"""One person after the other, a minute each: how calls for help are usually passed on.

Takes a case, gives when somebody would have been inside. The nearest on shift is asked first; whoever says
no, or nothing for 60 s, is followed by the next; an acceptance, even a late one, ends it, and whoever has
accepted goes. After the last one it begins again. On the same draws as everything else, but nothing goes
wrong with Guardian or the provider: the figure beside a fault is what paging one by one reaches without it.
Who accepts and does not go, or turns back, is taken as somebody who does not answer, in its favour.
"""

from typing import Final

import numpy as np

from simulator.response.district import ENTRY_S, TRIES, Case, District

STEP_S: Final = 60.0
GIVE_UP_S: Final = 1800.0


def inside_s(district: District, case: Case, dead: frozenset[int] = frozenset()) -> tuple[float, int]:
    """Give the time of the first one inside since the onset, in seconds (inf = never), and the pages sent."""
    at = district.homes.index(case.home)
    numbers = {r: k for k, r in enumerate(district.duty.responders)}
    order = sorted(
        (numbers[s.responder] for s in district.duty.shifts), key=lambda k: district.usual_s[k, at]
    )
    now_s, accepted_s, inside, pages = case.decision_s, np.inf, np.inf, 0
    for turn in range(TRIES):
        for k in order:
            if now_s >= min(accepted_s, GIVE_UP_S):
                return inside, pages
            pages += 1
            if k in dead:
                now_s += STEP_S
                continue
            said_s = now_s + float(case.send_s[k] + case.reply_s[k, turn])
            if case.answers[k, turn]:
                accepted_s = min(accepted_s, said_s)
                inside = min(inside, said_s + float(case.turnout_s[k] + case.trip_s[k]) + ENTRY_S)
                now_s += STEP_S
            elif case.declines[k] and turn == 0:
                now_s = min(now_s + STEP_S, said_s)
            else:
                now_s += STEP_S
    return inside, pages
