"""What goes wrong at the fake provider, and how slow things are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Report = tuple[str, Mapping[str, str]]
"""A status callback: the address and the form."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What one POST meets."""

    status: int = 0
    """HTTP status of the refusal; 0: the answer is a good one."""
    code: int = 0
    taken: bool = False
    """The text goes out, or the phone rings, all the same."""
    wait_s: float = 0.0
    """Before the answer; longer than anybody's patience is a hang."""


@dataclass(slots=True)
class Knobs:
    """May be turned at any time; seconds."""

    answer_s: float = 0.0
    """Before each HTTP answer; a text or call is taken before this wait."""
    sent_s: float = 0.2
    delivered_s: float = 0.8
    dialled_s: float = 0.5
    """From the POST until the phone rings."""
    list_lag_s: float = 0.0
    """Younger texts and calls do not stand in lists yet."""
    hold: bool = False
    """Texts stay queued until this is let go (and `FakeTwilio.release` called) or they expire."""
    never_deliver: bool = False
    """Texts are accepted and sent, and that is the last that is heard of them."""
    lose_texts: bool = False
    """Says "delivered", and no phone rings."""
    lose_callbacks: bool = False
    lose_webhooks: bool = False
    """What phones send is listed but not told."""
    repeat_keys: bool = False
    """What is pressed is told twice, as after an answer that came too late."""
    retell: Callable[[Sequence[Report]], Iterable[Report]] | None = None
    """Status callbacks of one text or call wait for its last one, then go out as this says: in another order,
    some twice, some never."""
    script: list[Trouble] = field(default_factory=list)
    """What the next POSTs meet, one each."""
