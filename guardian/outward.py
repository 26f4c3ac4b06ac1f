"""What the beat wants of the world outside: that the broker is told what is safe, and homes are spoken to."""

from typing import Protocol

from guardian.link import AckMark


class Acks(Protocol):
    """The event connection as the beat sees it."""

    def unacked(self) -> AckMark:
        """Mark how far events have been handed to the board."""
        ...

    def acknowledge(self, mark: AckMark) -> None:
        """Acknowledge to the broker everything up to the mark."""
        ...


class Voice(Protocol):
    """What the beat says to homes."""

    def ack(self, home: str, sensor: str, event_id: str) -> None:
        """Tell a device that its event is in the ledger."""
        ...

    def prompt(self, home: str, kind: str, incident_id: int, t_ms: int) -> None:
        """Ask a resident whether all is well."""
        ...

    def replay_done(self, payload: bytes) -> None:
        """Answer one beat of a replay."""
        ...
