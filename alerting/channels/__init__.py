"""Ways to reach a person. Each declares what it can do; the courier asks and records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a channel can do, so that nobody waits for an answer that cannot come."""

    two_way: bool
    receipts: bool
    voice: bool
    needs_inbound: bool
    countries: frozenset[str] | None
    """Country prefixes such as "+86"; None = all."""
    not_two_way: frozenset[str] = frozenset()
    """Prefixes for which answers cannot come back even though `two_way` holds elsewhere."""
    spoken: bool = False
    """Takes words that are to be spoken; its lists carry none."""

    def reaches(self, phone: str) -> bool:
        """Whether a number (E.164) is in a country that this serves."""
        return self.countries is None or any(phone.startswith(prefix) for prefix in self.countries)

    def answers_from(self, phone: str) -> bool:
        """Whether an answer from this number can come back."""
        return self.two_way and not any(phone.startswith(prefix) for prefix in self.not_two_way)


class ChannelError(Exception):
    """A send that did not work.

    `permanent`: the same text to the same number never will. `maybe_taken`: no answer came, so the
    provider may have the text all the same.
    """

    def __init__(self, reason: str, *, permanent: bool, maybe_taken: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.maybe_taken = maybe_taken


@dataclass(frozen=True, slots=True)
class ListedText:
    """A text that the provider says it has, in either direction."""

    sid: str
    phone: str
    """The other side: the recipient of ours, the sender of theirs."""
    body: str
    t_ms: int
    status: str


class Channel(Protocol):
    """A provider of texts."""

    name: str
    abilities: Abilities

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        """Hand one text to the provider; give its id there.

        Raises
        ------
        ChannelError
            refused (permanent) or unreachable, slow or overloaded (not permanent).
        """
        ...

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        """List what the provider has accepted from us for this number since then."""
        ...

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        """List what people have sent to our number since then."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
