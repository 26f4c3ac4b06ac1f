"""Where a sensor's readings come from when its device speaks a dialect, and what the device's words mean.

Takes values as devices write them (`true`, `"ON"`, `"open"`, `22.6`, `"22.6"`, `null`), gives numbers of
the native kinds, None where nothing is known, or a `Reject`. Knows no topic's shape: that is each
dialect's own file. Pure, and keeps nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from guardian.wire import Reason, Reject
from guardian.wire.native import (
    FLAG_KINDS,
    MAX_EVENT_PAYLOAD,
    MAX_T_MS,
    MAX_WORD,
    VALUE_RANGE,
    Event,
    Status,
    decode_json,
    parse_status,
)

Dialect = Literal["zigbee2mqtt", "esphome", "tasmota", "shelly", "thermal"]

ON: Final = frozenset({"true", "on", "1", "open", "yes"})
OFF: Final = frozenset({"false", "off", "0", "closed", "close", "no"})
NOTHING: Final = frozenset({"", "unavailable", "unknown", "null", "none", "nan"})
"""Words for "no value": Zigbee2MQTT's null before the first report, ESPHome's nan, Home Assistant's two."""
NOTHING_BESIDE_WORDS: Final = NOTHING - {"none"}
"""The same where the roster names the words that mean 1: `fall_down_status` is `none` when nobody fell."""
GOOD_BATTERY: Final = 100.0
"""Per cent, of a device that says only that its battery is not low."""
LOW_BATTERY: Final = 10.0
"""% that stands for a device's `battery_low`; below the limit at which staff are told."""

EARLIEST_S: Final = 1_500_000_000
"""July 2017, in seconds since 1970: before the first of these devices was made."""

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """Where one sensor's readings come from; the keys of the roster with the same names."""

    dialect: Dialect
    topic: str
    """The device: what its topics have in common (each dialect's file says how). Of `thermal` the topic."""
    attribute: str = ""
    """Which of the device's values; for `thermal` in JSON where the pixels are, with dots between keys."""
    on: frozenset[str] = frozenset()
    """Words that mean 1, in lower case; every other word means 0. Empty: `ON` and `OFF`."""
    invert: bool = False
    scale: float = 1.0
    offset: float = 0.0
    """Value = written value x scale + offset, in the unit of the kind."""
    format: str = ""
    """Of a thermal frame, see thermal.py."""
    endianness: Literal["little", "big"] | None = None
    order: str = "rows"
    """Order of the pixels, see thermal.py."""


class Quantity(NamedTuple):
    """One sensor of a device: the kind of its readings, and where they come from."""

    kind: str
    source: Source


class Said(NamedTuple):
    """One reading out of a message."""

    sensor: int
    """Place of its quantity among the device's."""
    event: Event
    pressed: bool = False
    """Something happened (a press, an action): never a repeated state."""


@dataclass(slots=True)
class Heard:
    """What one message holds."""

    said: list[Said] = field(default_factory=list)
    refused: list[tuple[int, Reason]] = field(default_factory=list)
    """Quantities whose value cannot be."""
    battery: float | None = None
    """%."""
    rssi: float | None = None
    """dBm."""
    sleeps: bool = False
    """The device says that it wakes now and then: to be away is no fault of it."""

    def add(self, sensor: int, quantity: Quantity, written: object, t_ms: int = 0) -> None:
        """Take one value of a quantity as a state; nothing where none is known."""
        try:
            value = value_of(quantity, written)
        except Reject as reject:
            self.refused.append((sensor, reject.reason))
            return
        if value is not None:
            self.said.append(Said(sensor, Event(value, t_ms)))

    def press(self, sensor: int, quantity: Quantity, written: object, t_ms: int = 0) -> None:
        """Take one value as something that happened just now, if it is one of the roster's words."""
        if isinstance(written, str) and written.strip().lower() in quantity.source.on:
            self.said.append(Said(sensor, Event(1.0, t_ms), pressed=True))


Parse = Callable[[bytes], Heard]
ParseStatus = Callable[[bytes], Status]


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics of one device, each with what decodes it. All raise Reject."""

    readings: Mapping[str, Parse]
    statuses: Mapping[str, ParseStatus]
    bridges: Mapping[str, ParseStatus] = field(default_factory=dict)
    """Of programs that speak for many devices; after one has started anew, it repeats old states."""


def value_of(quantity: Quantity, written: object) -> float | None:
    """Give what a written value means, None where it says that nothing is known.

    Raises
    ------
    Reject
        bad-value or not-a-number.

    """
    if written is None:
        return None
    flag = quantity.kind in FLAG_KINDS
    return _flag(quantity.source, written) if flag else _measure(quantity, written)


def _flag(source: Source, written: object) -> float | None:
    word = _word(written)
    if source.on:
        if word in NOTHING_BESIDE_WORDS and word not in source.on:
            return None
        yes = word in source.on
    elif word in NOTHING:
        return None
    elif word in ON or word in OFF:
        yes = word in ON
    else:
        raise Reject(Reason.BAD_VALUE)
    return float(yes is not source.invert)


def _word(written: object) -> str:
    if isinstance(written, bool):
        return "true" if written else "false"
    if isinstance(written, int | float) and (sound := number(written)) is not None:
        return f"{sound:g}"
    if isinstance(written, str) and len(written) <= MAX_WORD:
        return written.strip().lower()
    raise Reject(Reason.BAD_VALUE)


def _measure(quantity: Quantity, written: object) -> float | None:
    if isinstance(written, str):
        text = written.strip()
        if text.lower() in NOTHING:
            return None
        if len(text) > MAX_WORD or not _NUMBER.fullmatch(text):
            raise Reject(Reason.BAD_VALUE)
        written = float(text)
    sound = number(written)
    if sound is None:
        raise Reject(Reason.BAD_VALUE)
    value = sound * quantity.source.scale + quantity.source.offset
    low, high = VALUE_RANGE[quantity.kind]
    if not low <= value <= high:
        raise Reject(Reason.BAD_VALUE)
    return value


def inside(tree: object, path: Sequence[str]) -> object:
    """Follow keys into nested objects; UNSET where there is no such key."""
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return msgspec.UNSET
        tree = tree[key]
    return tree


def number(written: object) -> float | None:
    """Give a finite number, None for anything else; true and false are none."""
    if isinstance(written, bool) or not isinstance(written, int | float):
        return None
    try:
        value = float(written)
    except OverflowError:
        return None
    return value if isfinite(value) else None


def percent(written: object) -> float | None:
    """Give a battery's charge in %, None unless it is one."""
    value = number(written)
    return value if value is not None and 0 <= value <= 100 else None


def device_ms(seconds: object) -> int:
    """Give a device's time in ms since 1970 of seconds, 0 = unknown.

    A device that has not been told the time counts from its start: 1.6 s after each waking would look like
    one moment, and what happened then like a repetition.
    """
    value = number(seconds)
    return round(value * 1000) if value is not None and EARLIEST_S < value < MAX_T_MS / 1000 else 0


def fields(name: str, *keys: str) -> msgspec.json.Decoder[Any]:
    """Make a decoder for JSON objects that takes these keys and skips all others.

    It gives structs; `msgspec.structs.astuple` has the values in the order of the keys, UNSET where the
    object has no such key.
    """
    attributes = [f"a{i}" for i in range(len(keys))]
    struct = msgspec.defstruct(
        name,
        [(a, Any, msgspec.UNSET) for a in attributes],
        rename=dict(zip(attributes, keys, strict=True)),
    )
    return msgspec.json.Decoder(struct)


def taken(decoder: msgspec.json.Decoder[Any], payload: bytes) -> tuple[Any, ...]:
    """Decode with a decoder of `fields`. Raises Reject as `decode_json` does."""
    return msgspec.structs.astuple(decode_json(decoder, payload))


def text_of(payload: bytes) -> str:
    """Give a payload of plain text. Raises Reject: too-large or bad-utf8."""
    if len(payload) > MAX_EVENT_PAYLOAD:
        raise Reject(Reason.TOO_LARGE)
    try:
        return str(payload, "utf-8")
    except UnicodeDecodeError:
        raise Reject(Reason.BAD_UTF8) from None


def availability(payload: bytes) -> Status:
    """Decode `online` and `offline`, plain (in any case) or as JSON. Raises Reject."""
    if payload[:1] == b"{":
        return parse_status(payload)
    word = text_of(payload).strip().lower()
    if word not in {"online", "offline"}:
        raise Reject(Reason.BAD_VALUE)
    return Status(word)
