"""Text of the right shape with wrong things in it: JSON, TOML and CSV, written and not encoded by a library.

A library would never write a key twice, an Infinity, half a character or a number of 400 digits.
"""

from collections.abc import Sequence
from typing import Final

from simulator.fuzz.dice import Dice
from simulator.fuzz.mutators import NUMBERS, TEXTS

DEEP: Final = 3
"""Levels that are invented; deep nests come whole."""
_NESTS: Final = ("[" * 1000, "[" * 200 + "]" * 200, '{"a":' * 100 + "1" + "}" * 100, "[[[[[[[[1]]]]]]]]")
_ODD_KEYS: Final = ("", "x", "\\u0000", "value ", "VALUE", "é", "a.b", "__class__", "\\ud800")


def json_value(dice: Dice, words: Sequence[str], keys: Sequence[str], depth: int = 0) -> str:
    """Write a value: a number, one of the words or an odd text, now and then a list, an object or a nest."""
    n = dice.below(24)
    if n < 6:
        return f"{(dice.below(2001) - 1000) / dice.pick((1, 10, 100))}"
    if n < 10:
        return dice.pick(NUMBERS)
    if n < 15 and words:
        return f'"{dice.pick(words)}"'
    if n < 17:
        return f'"{dice.pick(TEXTS)}"'
    if n < 20:
        return dice.pick(("true", "false", "null", "1", "0"))
    if n == 20:
        return dice.pick(_NESTS) if dice.one_in(8) else "[]"
    if depth >= DEEP:
        return "{}"
    if n == 21:
        return f"[{','.join(json_value(dice, words, keys, depth + 1) for _ in range(dice.below(4)))}]"
    return json_object(dice, keys, words, depth + 1)


def json_object(dice: Dice, keys: Sequence[str], words: Sequence[str], depth: int = 0) -> str:
    """Write an object of some of the keys, which may come twice or be followed by something."""
    pairs = []
    for _ in range(1 + dice.below(6)):
        key = dice.pick(_ODD_KEYS) if dice.one_in(10) else dice.pick(keys)
        pairs.append(f'"{key}":{json_value(dice, words, keys, depth)}')
    between = ",," if dice.one_in(50) else ","
    return "{" + between.join(pairs) + ("," if dice.one_in(40) else "") + ("}" if dice.below(40) else "")


def toml_value(dice: Dice, words: Sequence[str], depth: int = 0) -> str:
    """Write a value as TOML has them, and as it has not."""
    n = dice.below(20)
    if n < 4:
        return f"{(dice.below(2001) - 1000) / dice.pick((1, 10, 100))}"
    if n < 7:
        return dice.pick(NUMBERS)
    if n < 12 and words:
        return f'"{dice.pick(words)}"'
    if n < 14:
        return f'"{dice.pick(TEXTS)}"'
    if n < 16:
        return dice.pick(
            ("true", "false", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "9999-99-99", "''")
        )
    if n == 16:
        return dice.pick(("[" * 50 + "]" * 50, "[" * 900, "{a=" * 300, "{a.b.c = 1}", '"""x"""'))
    if depth >= DEEP:
        return "[]"
    return f"[{', '.join(toml_value(dice, words, depth + 1) for _ in range(dice.below(4)))}]"


def coded(dice: Dice, text: str) -> bytes:
    """Encode, now and then not as one should."""
    if dice.one_in(100):
        return text.encode(dice.pick(("utf-16", "utf-8-sig", "utf-16-le", "utf-32", "latin-1")), "replace")
    return text.encode("utf-8", "surrogatepass")
