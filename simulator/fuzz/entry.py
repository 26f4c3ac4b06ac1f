"""What is fuzzed: one entry point, what it is called with, and what it may answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from simulator.fuzz.dice import Dice

MILLION: Final = 1_000_000
FILES_MS: Final = 250.0
"""CPU for one file of 16 KiB. Settings and rosters are read when somebody starts or imports, by a TOML reader
in plain Python; no alarm waits for that."""
FILE_COUNT: Final = 200_000
"""Damaged files in a whole run."""
TAKEN: Final = "taken"
"""The outcome of an input that was not refused."""


def nothing() -> None:
    """Do nothing between batches."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry point."""

    name: str
    corpus: tuple[bytes, ...]
    """Sound inputs, which are damaged."""
    invented: Callable[[Dice], bytes]
    """Gives an input of the right shape with wrong things in it."""
    call: Callable[[bytes], str]
    """Takes an input; says in a word what became of it. Raises one of `allowed`, or there is a bug."""
    allowed: tuple[type[Exception], ...]
    """Errors that are documented; a `Reject` counts by its reason."""
    mutated: int
    """How many damaged inputs a whole run takes."""
    structured: int = 100_000
    """How many invented ones."""
    words: tuple[bytes, ...] = ()
    """Words that mean something here."""
    most: int = 16 * 1024
    """Bytes of the largest inputs that are made."""
    limit_ms: float = 5.0
    """CPU for one input (research/reliability.md B12)."""
    settle: Callable[[], None] = nothing
    """Called between batches: what was taken is worked on as the daemon does it, and let go."""
    batch: int = 1000
