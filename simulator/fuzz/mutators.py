"""Sound inputs, damaged: bits, cuts, splices, repeats, other encodings, and words known to do harm."""

from collections.abc import Callable, Sequence
from typing import Final

from simulator.fuzz.dice import Dice

KEPT: Final = 256
"""Damaged inputs that are damaged further: the first of each outcome, and some of those that were taken."""
ROUNDS: Final = (1, 1, 1, 2, 2, 3, 4, 8)
KEPT_TIMES: Final = 2
"""No longer than the longest sound input so many times, or a run would soon take long ones only."""
HUGE_ONE_IN: Final = 2000
"""How seldom an input is blown up to about the largest that is taken, or beyond."""

NUMBERS: Final = (
    *(
        "NaN",
        "-NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "1e400",
        "-1e400",
        "1e-400",
        "1e308",
        "-0",
        "-0.0",
    ),
    *("0", "1", "-1", "0.5", "01", ".5", "1.", "+1", "0x10", "1_000", "1e", "--1", "１２", "٣"),
    *(str(2**31), str(2**32), str(2**53 + 1), str(2**63), str(2**64), str(-(2**63)), "9" * 400, "9" * 5000),
)
"""Numbers, and what some readers take for numbers. int() refuses more than 4,300 digits."""
TEXTS: Final = (
    *(
        "",
        " ",
        "\t",
        "\0",
        "\\",
        '"',
        "'",
        "\\ud800",
        "\\udfff\\ud800",
        "\\u0000",
        "\\x00",
        "\u2028",
        "\ufeff",
    ),
    *(
        "é",
        "e\u0301",
        "ﷺ" * 9,
        "\u200b",
        "\u202e",
        "😀",
        "1\ufe0f\u20e3",
        "\U0010ffff",
        "İ",
        "ß",
        "ŉ",
        "null",
        "None",
    ),
    *(
        "x" * 65,
        "x" * 300,
        "../../etc/passwd",
        "%00",
        "%s%n",
        "{0.__class__}",
        "${x}",
        "guardian/#",
        "+",
        "#",
        "$SYS",
    ),
)
"""Words that are hard to read, count, fold or print."""
BYTES: Final = (
    *(
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xfe\xff",
    ),
    *(
        b"\0" * 8,
        b"\xff" * 8,
        b"\x80" * 4,
        b"\r\n",
        b"\n",
        b"\n\n",
        b",",
        b":",
        b"{",
        b"}",
        b"[",
        b"]",
        b"[[",
        b"]]",
    ),
    *(
        b"[" * 1000,
        b"[" * 5000,
        b'{"a":' * 1500,
        b"[{",
        b"}]",
        b"true",
        b"false",
        b"null",
        b"[]",
        b"{}",
        b"=",
        b"&",
        b";",
    ),
    *(b"/", b"//", b"?", b"#", b"\\", b'"""', b"'''", b"GT\x01\x00"),
)
"""Not UTF-8, byte order marks, nests, and what stands between the words of all formats."""
WORDS: Final = (*(w.encode("utf-8", "surrogatepass") for w in (*NUMBERS, *TEXTS)), *BYTES)

Change = Callable[[Dice, bytes], bytes]


class Mutator:
    """Damages of one corpus."""

    def __init__(self, dice: Dice, corpus: Sequence[bytes], words: Sequence[bytes], most: int) -> None:
        """words: of the entry point, besides WORDS. most: bytes of the largest input that is taken."""
        self._dice = dice
        self._pool = list(corpus)
        self._sound = len(corpus)
        self._words = (*words, *words, *WORDS)
        self._most = most
        self._kept = 0
        self._kept_most = KEPT_TIMES * max(len(data) for data in corpus)
        self._changes: tuple[Change, ...] = (
            *(_flip, _flip, _byte, _cut, _without, _swap, _repeat, _recode),
            *(self._insert, self._insert, self._replace, self._replace, self._splice),
        )

    def one(self) -> bytes:
        """Give one damaged input."""
        dice = self._dice
        data = dice.pick(self._pool)
        for _ in range(dice.pick(ROUNDS)):
            data = dice.pick(self._changes)(dice, data)
        return self._blown_up(data) if dice.one_in(HUGE_ONE_IN) else data

    def keep(self, data: bytes) -> None:
        """Damage this one further from now on, unless it is long; the oldest such one makes room."""
        if len(data) > self._kept_most:
            return
        if len(self._pool) < self._sound + KEPT:
            self._pool.append(data)
        else:
            self._pool[self._sound + self._kept % KEPT] = data
        self._kept += 1

    def _insert(self, dice: Dice, data: bytes) -> bytes:
        at = dice.below(len(data) + 1)
        return data[:at] + dice.pick(self._words) + data[at:]

    def _replace(self, dice: Dice, data: bytes) -> bytes:
        at = dice.below(len(data) + 1)
        return data[:at] + dice.pick(self._words) + data[at + dice.below(12) :]

    def _splice(self, dice: Dice, data: bytes) -> bytes:
        other = dice.pick(self._pool)
        return data[: dice.below(len(data) + 1)] + other[dice.below(len(other) + 1) :]

    def _blown_up(self, data: bytes) -> bytes:
        """Repeat a piece until it is about the largest that is taken, a little less or a little more."""
        at = self._dice.below(len(data) + 1)
        piece = data[at : at + 1 + self._dice.below(64)] or self._dice.pick(self._words) or b"x"
        room = self._most - len(data) - 8 + self._dice.below(24)
        return data[:at] + (piece * (room // len(piece) + 1))[: max(room, 0)] + data[at:]


def _flip(dice: Dice, data: bytes) -> bytes:
    if not data:
        return data
    at = dice.below(len(data))
    return data[:at] + bytes((data[at] ^ 1 << dice.below(8),)) + data[at + 1 :]


def _byte(dice: Dice, data: bytes) -> bytes:
    at = dice.below(len(data) + 1)
    return data[:at] + bytes((dice.below(256),)) + data[at + 1 :]


def _cut(dice: Dice, data: bytes) -> bytes:
    return data[: dice.below(len(data) + 1)]


def _without(dice: Dice, data: bytes) -> bytes:
    at = dice.below(len(data) + 1)
    return data[:at] + data[at + 1 + dice.below(16) :]


def _swap(dice: Dice, data: bytes) -> bytes:
    at = dice.below(len(data) + 1)
    one, two = at + 1 + dice.below(16), at + 17 + dice.below(16)
    return data[:at] + data[one:two] + data[at:one] + data[two:]


def _repeat(dice: Dice, data: bytes) -> bytes:
    at = dice.below(len(data) + 1)
    return data[:at] + data[at : at + 1 + dice.below(24)] * (2 + dice.below(6)) + data[at:]


def _recode(dice: Dice, data: bytes) -> bytes:
    """The same text in another encoding, with or without a byte order mark."""
    if not dice.one_in(8) or len(data) > 4096:
        return data
    name = dice.pick(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7"))
    return data.decode("utf-8", "replace").encode(name, "replace")
