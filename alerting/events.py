"""What can happen to an incident: the words of responders, and what Guardian itself notices.

Frozen data without behaviour; `alerting.incident` says what each of them means.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from alerting.concern import Kind, Severity

LEASE_S: Final = 120.0
"""How long an acceptance holds without ETA, and past an ETA, in seconds (DESIGN section 6)."""


@dataclass(frozen=True, slots=True)
class Paged:
    """A provider has accepted a text that asks somebody to go."""

    name: ClassVar[str] = "paged"


@dataclass(frozen=True, slots=True)
class Accepted:
    """`1` or `1 8`: goes, and with minutes is on the way already."""

    name: ClassVar[str] = "accepted"
    responder: str
    minutes: int | None = None
    lease_s: float = LEASE_S


@dataclass(frozen=True, slots=True)
class EnRoute:
    """On the way, with or without minutes."""

    name: ClassVar[str] = "en-route"
    responder: str
    minutes: int | None = None
    lease_s: float = LEASE_S


@dataclass(frozen=True, slots=True)
class Arrived:
    """`2`: at the home."""

    name: ClassVar[str] = "arrived"
    responder: str


@dataclass(frozen=True, slots=True)
class CannotGo:
    """`3`: cannot, or cannot any more."""

    name: ClassVar[str] = "cannot-go"
    responder: str


@dataclass(frozen=True, slots=True)
class ReportedFalse:
    """`4`: says that it is a false alarm."""

    name: ClassVar[str] = "reported-false"
    responder: str


@dataclass(frozen=True, slots=True)
class NeedsHelp:
    """`5`: needs a second person."""

    name: ClassVar[str] = "needs-help"
    responder: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Staff have named who is to take it over; until that person accepts, whoever holds it keeps it."""

    name: ClassVar[str] = "handed-over"
    responder: str
    owner: str | None = None
    """Who says so, where it is known: a name that colleagues know."""


@dataclass(frozen=True, slots=True)
class Added:
    """Staff have sent for somebody beside those who go."""

    name: ClassVar[str] = "added"
    responder: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Sensed:
    """Door and bodies say that whoever goes is there; `seen` names what was seen."""

    name: ClassVar[str] = "arrived-by-sensor"
    seen: str
    lease_s: float
    """How long that counts without the person's own word, in seconds."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Ended, with an outcome: safe, real, false:CAUSE, drill; recovered or cancelled for a suspicion."""

    name: ClassVar[str] = "closed"
    outcome: str


@dataclass(frozen=True, slots=True)
class LeaseLapsed:
    """The acceptor's time is over without a departure, an ETA or an arrival."""

    name: ClassVar[str] = "lease-lapsed"


@dataclass(frozen=True, slots=True)
class LeaseCapped:
    """Somebody else must be asked by `until_ms` at the latest, so no lease goes past it."""

    name: ClassVar[str] = "lease-capped"
    until_ms: int


@dataclass(frozen=True, slots=True)
class BackupWanted:
    """Whoever says yes now is to go too, for those who go may come too late."""

    name: ClassVar[str] = "backup-wanted"


@dataclass(frozen=True, slots=True)
class Suspected:
    """A suspicion has come to an incident that was open for another reason."""

    name: ClassVar[str] = "suspected"
    decided_ms: int


@dataclass(frozen=True, slots=True)
class Raised:
    """Something worse, or the first thing with a severity, with its own onset and deadline."""

    name: ClassVar[str] = "raised"
    kind: Kind
    severity: Severity
    t0_ms: int
    decided_ms: int
    deadline_ms: int | None
    late: bool
    room: str | None = None


@dataclass(frozen=True, slots=True)
class Contradicted:
    """A word after closing that it is not over."""

    name: ClassVar[str] = "contradicted"


@dataclass(frozen=True, slots=True)
class CancelledByHome:
    """The resident's own "I am all right"."""

    name: ClassVar[str] = "cancelled-by-home"


@dataclass(frozen=True, slots=True)
class LastResort:
    """Voice to everybody, siren and 120 have been called for."""

    name: ClassVar[str] = "last-resort"


Word = Accepted | EnRoute | Arrived | CannotGo | ReportedFalse | NeedsHelp
"""What a responder can say."""

IncidentEvent = (
    Word
    | Paged
    | Closed
    | LeaseLapsed
    | LeaseCapped
    | BackupWanted
    | HandedOver
    | Added
    | Sensed
    | Suspected
    | Raised
    | Contradicted
    | CancelledByHome
    | LastResort
)
