"""The keys of a roster's sensor that say where its readings come from, when its device speaks a dialect.

Takes one sensor's row, gives its mistakes in words, or a `Source`. Knows neither TOML nor the ledger.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from guardian.wire import tasmota
from guardian.wire.dialects import TOPICS, is_press
from guardian.wire.native import ALARM_KINDS, FLAG_KINDS, MAX_WORD
from guardian.wire.source import Quantity, Source
from guardian.wire.thermal import FORMATS
from guardian.wire.zigbee2mqtt import NOT_STATES

KEYS: Final = (
    "topic",
    "attribute",
    "on",
    "invert",
    "scale",
    "offset",
    "format",
    "endianness",
    "order",
)
"""Keys that only a sensor with a `dialect` has."""
MAX_TOPIC: Final = 200
"""Bytes. mosquitto takes 65,535; nobody's name of a lamp is longer, and subscriptions go out in pieces."""
BETWEEN_WORDS: Final = "|"
"""In `on`."""

_KEY: Final = r"[^\s.\"\\\x00-\x1f]{1,64}"
"""A key of JSON. msgspec takes no quotes, backslashes and control characters; dots lead into objects."""
_ATTRIBUTES: Final = {
    "zigbee2mqtt": (re.compile(_KEY), "a key of the device's JSON, such as occupancy"),
    "esphome": (
        re.compile(r"[a-z0-9_]+/[\w-]{1,100}"),
        "COMPONENT/OBJECT_ID, such as binary_sensor/presence",
    ),
    "tasmota": (
        re.compile(rf"{_KEY}(\.{_KEY})*"),
        "a key of the JSON with dots into objects, such as AM2301.Temperature",
    ),
    "shelly": (re.compile(rf"[a-z0-9_]+(:\d+)?(\.{_KEY})+"), "COMPONENT.FIELD, such as temperature:0.tC"),
}
_PRESSED: Final = frozenset((*ALARM_KINDS, "pir"))
"""Kinds that a press or an action can be."""


def mistakes_of(keys: Mapping[str, Any]) -> list[str]:
    """Name what is wrong with a sensor of which only some keys are given."""
    return list(mistakes({**dict.fromkeys(("dialect", *KEYS)), **keys}))


def mistakes(row: Mapping[str, Any]) -> Iterator[str]:
    """Name what is wrong with the keys of one sensor."""
    dialect, kind = row["dialect"], row["kind"]
    given = [key for key in KEYS if row[key] is not None]
    if dialect is None:
        if given:
            yield f"{', '.join(given)}: only with a dialect"
        return
    if row["topic"] is None:
        yield "a dialect needs a topic"
    else:
        yield from _topic(dialect, row["topic"])
    if (kind == "thermal") != (dialect == "thermal"):
        yield f"dialect {dialect} is not for kind {kind}"
        return
    yield from _thermal(row) if kind == "thermal" else _words(row)


def _topic(dialect: str, topic: str) -> Iterator[str]:
    levels = topic.split("/")
    if not topic or len(topic.encode()) > MAX_TOPIC or not topic.isprintable() or set(topic) & {"+", "#"}:
        yield f"topic: 1 to {MAX_TOPIC} bytes that can be printed, without + and #"
    elif topic.startswith("$") or levels[0] in {"guardian", "guardian-out"}:
        yield f"topic: {topic} is not a device's own"
    elif dialect == "zigbee2mqtt" and (len(levels) < 2 or levels[1] == "bridge" or levels[-1] in NOT_STATES):
        yield "topic: zigbee2mqtt/FRIENDLY_NAME, nothing below it"
    elif tasmota.PREFIX in topic and dialect != "tasmota":
        yield f"topic: {tasmota.PREFIX} is Tasmota's"


def _thermal(row: Mapping[str, Any]) -> Iterator[str]:
    wrong = [key for key in ("on", "invert") if row[key] is not None]
    if wrong:
        yield f"{', '.join(wrong)}: not for frames"
    written = row["format"]
    if written is None:
        yield f"a dialect of frames needs a format: {', '.join(FORMATS)}"
        return
    wide = written.endswith(("16", "32"))
    if wide and row["endianness"] is None:
        yield f"format {written} needs an endianness"
    if not wide and row["endianness"] is not None:
        yield f"endianness: not for format {written}"
    if row["scale"] == 0:
        yield "scale: 0 makes everything the same"
    if row["attribute"] is not None and not written.startswith(("json", "base64")):
        yield f"attribute: not for format {written}"


def _words(row: Mapping[str, Any]) -> Iterator[str]:
    dialect, kind, attribute = row["dialect"], row["kind"], row["attribute"]
    wrong = [key for key in ("format", "endianness", "order") if row[key] is not None]
    if wrong:
        yield f"{', '.join(wrong)}: only for frames"
    if row["on"] and not all(0 < len(w.strip()) <= MAX_WORD for w in row["on"].split(BETWEEN_WORDS)):
        yield f"on: words of 1 to {MAX_WORD} characters, with {BETWEEN_WORDS} between them"
    if row["scale"] == 0:
        yield "scale: 0 makes everything the same"
    flag = kind in FLAG_KINDS
    wrong = [key for key in (("scale", "offset") if flag else ("on", "invert")) if row[key] is not None]
    if wrong:
        yield f"{', '.join(wrong)}: not for kind {kind}"
    pattern, words = _ATTRIBUTES[dialect]
    if attribute is None or not pattern.fullmatch(attribute):
        yield f"attribute: {words}"
        return
    if is_press(dialect, attribute):
        if kind not in _PRESSED:
            yield f"attribute {attribute} tells of something that happened, which kind {kind} cannot be"
        if not row["on"]:
            yield f"attribute {attribute} needs the words that count: on"
        if row["invert"] is not None:
            yield f"invert: not for attribute {attribute}, which tells of something that happened"
    elif attribute == "contact" and kind not in {"door", "appliance-door"} and row["invert"] is None:
        yield "attribute contact is true where it is closed: say with invert what that means here"


def shared(sensors: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Name devices that stand in two homes, values that are two sensors, and topics of two devices.

    sensors: home and row of each, without mistakes of their own.
    """
    homes: dict[tuple[str, str], str] = {}
    values: dict[tuple[str | None, ...], str] = {}
    devices: dict[tuple[str, str], list[Quantity]] = {}
    for home, row in sensors:
        source = source_of(row)
        if source is None:
            continue
        device: tuple[str, str] = (source.dialect, source.topic)
        frames = source.dialect == "thermal"
        value = (*device, *(() if frames else (source.attribute, row["kind"])))
        first = values.setdefault(value, f"{home}/{row['id']}")
        if homes.setdefault(device, home) != home:
            here = f"home {home}: sensor {row['id']}"
            yield f"{here} has the topic {source.topic}, as one in home {homes[device]}"
        elif first != f"{home}/{row['id']}":
            yield f"home {home}: sensor {row['id']} is the same as {first}"
        devices.setdefault(device, []).append(Quantity(row["kind"], source))
    owners: dict[str, tuple[str, str]] = {}
    for device, quantities in devices.items():
        for topic in _topics_of(device[0], quantities):
            owner = owners.setdefault(topic, device)
            if owner != device:
                yield f"topic {topic} is of two devices: {' '.join(owner)} and {' '.join(device)}"


def _topics_of(dialect: str, quantities: Sequence[Quantity]) -> Iterable[str]:
    if dialect not in TOPICS:
        return [quantities[0].source.topic]
    topics = TOPICS[dialect](quantities)
    return [*topics.readings, *topics.statuses]


def source_of(row: Mapping[str, Any]) -> Source | None:
    """Give the source of a sensor's row without mistakes, None for a native one."""
    if row["dialect"] is None:
        return None
    contact = row["dialect"] == "zigbee2mqtt" and row["attribute"] == "contact"
    plain = {
        "on": frozenset(w.strip().lower() for w in row["on"].split(BETWEEN_WORDS)) if row["on"] else None,
        "invert": contact if row["invert"] is None else row["invert"],
        **{key: row[key] for key in ("attribute", "scale", "offset", "format", "endianness", "order")},
    }
    given = {key: value for key, value in plain.items() if value is not None}
    return Source(row["dialect"], row["topic"], **given)
