"""Words of ours written out in a statement.

SQLite chooses a partial index by what stands in the statement, and SQLAlchemy has a value list to expand at
each run only where it is bound. Never for anything that came from outside.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, literal_column


def word(of: str) -> ColumnElement[str]:
    """Give a word as it stands in SQL. Raises ValueError for anything but letters and hyphens."""
    text = of.value if isinstance(of, StrEnum) else of
    if not text.replace("-", "").isalpha():
        raise ValueError(f"not a word of ours: {text}")
    return literal_column(f"'{text}'")


def one_of(column: ColumnElement[Any], words: Iterable[str]) -> ColumnElement[bool]:
    """Give whether a column is one of these words."""
    return column.in_([word(w) for w in words])
