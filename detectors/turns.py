"""One after the other where order matters, all at once where it does not."""

from collections.abc import Iterator

import numpy as np

from detectors.layout import Rows


def turns(owner: Rows) -> Iterator[Rows]:
    """Indices into `owner` (N,): first those of each owner's first row, then of its second one, and so on.

    Each turn has every owner at most once, so that it can be worked out at once. Usually there is one.
    """
    if len(owner) < 2:
        if len(owner):
            yield np.zeros(1, np.intp)
        return
    order = np.argsort(owner, kind="stable")
    ranked = owner[order]
    begins = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    many = np.diff(np.append(begins, len(ranked)))
    turn = np.arange(len(ranked)) - np.repeat(begins, many)
    for k in range(int(many.max())):
        yield order[turn == k]
