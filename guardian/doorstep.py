"""Who has come in: the outside door and second bodies, in homes to which somebody is on the way.

Takes what was heard in every beat (openings of outside doors) and, when asked, the arrivals that are waited
for; gives those that the sensors show, and by what. One comparison over the few homes that matter, never a
loop over all. Knows openings since the start of the process only: an arrival before a restart is not seen,
and the person's own word counts as ever. Decides nothing about the incident.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerting.arrival import Awaited
from alerting.policy import Policy
from detectors import position
from detectors.keep import PassingHome
from detectors.layout import Events, Layout
from detectors.position import PositionParams, PositionState

BOTH: Final = "door+body"
DOOR: Final = "door"
STEADY_MS: Final = 3_000
"""Two bodies must be seen for so long: a patch that splits in two for a frame is nobody. Source: judgement;
at one look a second these are four looks in a row."""
FRESH_MS: Final = 5_000
"""The door alone is looked at while it is so fresh, for it counts only while the resident is seen to lie."""


@dataclass(slots=True)
class DoorstepState:
    """What is remembered of H homes; times are ms since 1970, NEVER = not yet."""

    opened_ms: PassingHome[np.int64]
    two_ms: PassingHome[np.int64]
    """Since when two bodies were seen at every look."""


class Doorstep:
    """The outside doors of one board, and bodies behind them."""

    def __init__(
        self, homes: Sequence[str], layout: Layout, params: PositionParams, state: PositionState
    ) -> None:
        self._row = {home: row for row, home in enumerate(homes)}
        self._layout, self._params, self._where = layout, params, state
        never = np.full(layout.homes, position.NEVER, np.int64)
        self.state = DoorstepState(never, never.copy())

    def hear(self, heard: Events) -> None:
        """Take the readings of one beat: outside doors that somebody has opened."""
        opens = self._layout.outside[heard.sensor] & (heard.value > 0) & heard.life
        if opens.any():
            home = self._layout.sensor_home[heard.sensor[opens]]
            np.maximum.at(self.state.opened_ms, home, heard.t_ms[opens])

    def look(self, awaited: Sequence[Awaited], policy: Policy, now_ms: int) -> dict[int, str]:
        """Give the arrivals that are seen now: incident → `BOTH` or `DOOR`.

        Two bodies count when they were first seen together after the door had opened, within
        `policy.sensed_body_s`; a visitor who was there before is no proof. Call it also when nobody is
        waited for: what was seen of bodies is forgotten then.
        """
        awaited = [a for a in awaited if a.home in self._row]
        if not awaited:
            self.state.two_ms[:] = position.NEVER
            return {}
        home = np.array([self._row[a.home] for a in awaited], np.intp)
        bodies = position.bodies(self._params, self._where, home, now_ms)
        two_ms = np.where(bodies.people < 2, position.NEVER, self.state.two_ms[home])
        two_ms = np.where((bodies.people >= 2) & (two_ms == position.NEVER), now_ms, two_ms)
        self.state.two_ms[:] = position.NEVER  # where nobody is waited for any more it begins anew
        self.state.two_ms[home] = two_ms
        opened_ms = self.state.opened_ms[home]
        since_ms = np.array([a.since_ms for a in awaited], np.int64)
        alone_ms = np.array([_or_never(a.door_alone_ms) for a in awaited], np.int64)
        came = (opened_ms != position.NEVER) & (opened_ms >= since_ms)
        seen_two = self._after(two_ms, opened_ms, policy) & (now_ms - two_ms >= STEADY_MS)
        both = came & (seen_two | self._after(bodies.visit_ms, opened_ms, policy))
        door = came & bodies.lying & (now_ms - opened_ms <= FRESH_MS)
        door &= (alone_ms != position.NEVER) & (opened_ms >= alone_ms)
        return {a.incident: BOTH if both[n] else DOOR for n, a in enumerate(awaited) if both[n] or door[n]}

    @staticmethod
    def _after(
        second_ms: NDArray[np.int64], opened_ms: NDArray[np.int64], policy: Policy
    ) -> NDArray[np.bool_]:
        later_ms = second_ms - opened_ms
        known = second_ms != position.NEVER
        return np.asarray(known & (later_ms >= 0) & (later_ms <= int(policy.sensed_body_s * 1000)))


def _or_never(t_ms: int | None) -> int:
    return position.NEVER if t_ms is None else t_ms
