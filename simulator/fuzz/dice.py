"""Choices from a seed, drawn ahead in blocks: one by one they would cost more than what is fuzzed."""

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

BLOCK: Final = 1 << 16

T = TypeVar("T")


class Dice:
    """A row of choices that is the same for the same seeds."""

    def __init__(self, *seeds: int) -> None:
        self._rng = np.random.default_rng(seeds)
        self._numbers: list[int] = []

    def below(self, n: int) -> int:
        """Give a whole number from 0 to n − 1; n is 1 to 2**32."""
        if not self._numbers:
            self._numbers = self._rng.integers(1 << 32, size=BLOCK).tolist()
        return self._numbers.pop() % n

    def pick(self, some: Sequence[T]) -> T:
        """Give one of them."""
        return some[self.below(len(some))]

    def one_in(self, n: int) -> bool:
        """Say yes once in n times."""
        return not self.below(n)

    def raw(self, size: int) -> bytes:
        """Give that many bytes, any."""
        return self._rng.bytes(size)
