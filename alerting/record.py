"""What is known of one incident, and the table of moves. `alerting.incident` says how it moves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from alerting.concern import AREA, Kind, Severity


class State(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    NOTIFIED = "notified"
    ACCEPTED = "accepted"
    EN_ROUTE = "en-route"
    ON_SCENE = "on-scene"
    CLOSED = "closed"
    REOPENED = "reopened"


ANSWERED: Final = frozenset({State.ACCEPTED, State.EN_ROUTE, State.ON_SCENE})

MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.OPEN: ANSWERED | {State.NOTIFIED, State.CLOSED},
    State.NOTIFIED: ANSWERED | {State.OPEN, State.CLOSED},
    State.ACCEPTED: frozenset({State.EN_ROUTE, State.ON_SCENE, State.CLOSED, State.REOPENED, State.OPEN}),
    State.EN_ROUTE: frozenset({State.ACCEPTED, State.ON_SCENE, State.CLOSED, State.REOPENED, State.OPEN}),
    State.ON_SCENE: frozenset({State.ACCEPTED, State.EN_ROUTE, State.CLOSED, State.REOPENED, State.OPEN}),
    State.CLOSED: frozenset({State.REOPENED}),
    State.REOPENED: ANSWERED | {State.NOTIFIED, State.CLOSED, State.OPEN},
}
"""From a state to those it may move to. Back to `open` only by a rise in severity; from `en-route` to
`accepted` only when somebody else takes over; from `on-scene` to `open` or `en-route` only where sensors
alone had said that somebody is there."""


class IllegalMove(Exception):  # noqa: N818  # it names the move, as the table does
    """An event that the table of moves forbids in this state."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One row of table `incident`; times in ms since 1970, UTC."""

    id: int
    home: str
    kind: Kind
    severity: Severity | None
    """None: only suspected; pages nobody."""
    state: State
    t0_ms: int
    round_ms: int
    """Start of the present round of paging: decision, rise or reopening. Earlier pages do not count."""
    suspected_ms: int | None = None
    decided_ms: int | None = None
    deadline_ms: int | None = None
    late_at_decision: bool = False
    room: str | None = None
    acceptor: str | None = None
    lease_until_ms: int | None = None
    eta_ms: int | None = None
    eta_minutes: int | None = None
    """As last said by the acceptor; the same figure again is the same word."""
    help_ms: int | None = None
    """When the acceptor asked for a second person; None = nobody asked."""
    helper: str | None = None
    backup_ms: int | None = None
    """Since when somebody else is wanted beside those who go, in case; None = nobody is."""
    named: str | None = None
    """Whom staff have named to take over; holds it with his or her own word, and not before."""
    added: tuple[str, ...] = ()
    """Whom staff have sent for beside those who go; goes too, whatever the planner thinks."""
    sensed_ms: int | None = None
    """When sensors alone said that the acceptor is there; stays when a word has contradicted them, so that
    they are not believed again. None: they have not, or a word has confirmed it."""
    wave: int = 0
    """Waves sent in this round."""
    next_wave_ms: int | None = None
    last_resort_ms: int | None = None
    """When voice to all, siren and 120 were last called for in this round."""
    reported_false: bool = False
    cancelled_by_home_ms: int | None = None
    provider_ms: int | None = None
    accepted_ms: int | None = None
    en_route_ms: int | None = None
    on_scene_ms: int | None = None
    closed_ms: int | None = None
    outcome: str | None = None

    @property
    def is_area(self) -> bool:
        """Whether it is about homes that went dark together; they stand on its list (ledger/areas.py)."""
        return self.home == AREA

    @property
    def is_sensed(self) -> bool:
        """Whether sensors alone say that somebody is there: nobody's word has confirmed it yet."""
        return self.state is State.ON_SCENE and self.sensed_ms is not None

    @property
    def is_there(self) -> bool:
        """Whether somebody is there by his or her own word, or the board's."""
        return self.state is State.ON_SCENE and self.sensed_ms is None

    @property
    def called(self) -> frozenset[str]:
        """Whom staff have sent for by name, to take over or to go too."""
        return frozenset({*self.added, *filter(None, (self.named,))})

    @property
    def wants_help(self) -> bool:
        """Whether a second person is wanted who has not been found yet."""
        asked = self.help_ms is not None or (self.backup_ms is not None and not self.is_there)
        return asked and self.helper is None and self.state in ANSWERED

    @property
    def wants_people(self) -> bool:
        """Whether paging goes on."""
        if self.severity is None or self.state is State.CLOSED:
            return False
        return self.wants_help or self.state not in ANSWERED

    def by_word(self) -> "Incident":
        """Give it as it stands by what people have said: what only sensors saw is still a way, so that
        nobody's last moment to be asked passes on the word of a sensor.
        """
        return replace(self, state=State.EN_ROUTE) if self.is_sensed else self
