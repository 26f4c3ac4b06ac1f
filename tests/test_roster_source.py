"""Where a sensor's readings come from: written, checked, stored, and given back."""

from collections.abc import AsyncIterator

import pytest
import tomli_w

from alerting.ledger import Ledger
from guardian import roster
from guardian.roster_file import read
from guardian.settings import SettingsError
from guardian.wire.source import Source


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(None, inline=True)
    yield ledger
    await ledger.close()


DIALECTS = """
[site]
id = "demo"

[[homes]]
id = "h01"
rooms = [{ id = "bath" }, { id = "hall" }]

[[homes.sensors]]
id = "pir"
kind = "pir"
room = "bath"
dialect = "zigbee2mqtt"
topic = "zigbee2mqtt/Bath motion"
attribute = "occupancy"

[[homes.sensors]]
id = "lux-t"
kind = "temperature"
room = "bath"
dialect = "zigbee2mqtt"
topic = "zigbee2mqtt/Bath motion"
attribute = "temperature"
scale = 0.1
offset = -1.0

[[homes.sensors]]
id = "door"
kind = "door"
room = "hall"
dialect = "zigbee2mqtt"
topic = "zigbee2mqtt/hall/front door"
attribute = "contact"

[[homes.sensors]]
id = "bed"
kind = "bed"
room = "bath"
dialect = "zigbee2mqtt"
topic = "zigbee2mqtt/bed"
attribute = "contact"
invert = false

[[homes.sensors]]
id = "help"
kind = "button"
room = "bath"
dialect = "shelly"
topic = "shellyplusi4-1"
attribute = "input:0.event"
on = "single_push|Long_Push"

[[homes.sensors]]
id = "cam"
kind = "thermal"
room = "bath"
rows = 24
cols = 32
dialect = "thermal"
topic = "thermalcamera/camera2/image"
format = "float32"
endianness = "little"
order = "rows-mirrored"
"""


async def test_where_readings_come_from_goes_into_the_ledger_and_comes_back(ledger: Ledger) -> None:
    file = read(DIALECTS)
    await ledger.transact(lambda tx: roster.import_file(tx, file, "dialects", 1))
    found = await ledger.transact(roster.newest)
    assert found is not None
    sources = {s.name: s.source for s in found.sensors}
    assert sources["pir"] == Source("zigbee2mqtt", "zigbee2mqtt/Bath motion", "occupancy")
    assert sources["lux-t"] == Source(
        "zigbee2mqtt", "zigbee2mqtt/Bath motion", "temperature", scale=0.1, offset=-1.0
    )
    assert sources["door"] is not None
    assert sources["door"].invert, "contact is true where it is closed"
    assert sources["bed"] is not None
    assert not sources["bed"].invert
    assert sources["help"] is not None
    assert sources["help"].on == {"single_push", "long_push"}
    assert sources["cam"] == Source(
        "thermal",
        "thermalcamera/camera2/image",
        format="float32",
        endianness="little",
        order="rows-mirrored",
    )
    exported = await ledger.transact(roster.export_file)
    assert exported is not None
    again = read(roster.to_toml(exported))
    assert again.homes[0].sensors == tuple(sorted(file.homes[0].sensors, key=lambda s: s.id))
    assert (await ledger.transact(lambda tx: roster.import_file(tx, again, "round", 2))).changes == ()
    moved = read(DIALECTS.replace("zigbee2mqtt/bed", "zigbee2mqtt/pad"))
    done = await ledger.transact(lambda tx: roster.import_file(tx, moved, "moved", 3))
    assert done.changes == ("~ sensor h01/bed: topic zigbee2mqtt/bed → zigbee2mqtt/pad",)


def of(**keys: object) -> str:
    """One sensor in a roster; keys that are None are left out."""
    sensor = {"id": "s", "kind": "pir", "room": "bath", **keys}
    return tomli_w.dumps(
        {
            "site": {"id": "demo"},
            "homes": [
                {
                    "id": "h01",
                    "rooms": [{"id": "bath"}],
                    "sensors": [{k: v for k, v in sensor.items() if v is not None}],
                }
            ],
        }
    )


Z2M = {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/x", "attribute": "occupancy"}
FRAMES = {"kind": "thermal", "rows": 8, "cols": 8, "dialect": "thermal", "topic": "cam"}
BUTTON = {**Z2M, "kind": "button", "attribute": "action"}
MISTAKES: dict[str, tuple[dict[str, object], str]] = {
    "no dialect": ({"topic": "x", "on": "a"}, "topic, on: only with a dialect"),
    "no topic": ({**Z2M, "topic": None}, "a dialect needs a topic"),
    "no such dialect": (
        {**Z2M, "dialect": "matter"},
        "Input should be 'zigbee2mqtt', 'esphome', 'tasmota', 'shelly'",
    ),
    "no attribute": ({**Z2M, "attribute": None}, "attribute: a key of the device's JSON, such as occupancy"),
    "a wildcard": (
        {**Z2M, "topic": "zigbee2mqtt/+"},
        "topic: 1 to 200 bytes that can be printed, without + and #",
    ),
    "our own": (
        {**Z2M, "topic": "guardian/s/h/x/event"},
        "topic: guardian/s/h/x/event is not a device's own",
    ),
    "the broker's": ({**Z2M, "topic": "$SYS/uptime"}, "topic: $SYS/uptime is not a device's own"),
    "below the device": (
        {**Z2M, "topic": "zigbee2mqtt/x/set"},
        "topic: zigbee2mqtt/FRIENDLY_NAME, nothing below it",
    ),
    "the bridge": (
        {**Z2M, "topic": "zigbee2mqtt/bridge/state"},
        "topic: zigbee2mqtt/FRIENDLY_NAME, nothing below it",
    ),
    "prefix": ({**Z2M, "topic": "zigbee2mqtt/%prefix%"}, "topic: %prefix% is Tasmota's"),
    "scale of a flag": ({**Z2M, "scale": 2.0}, "scale: not for kind pir"),
    "words of a number": ({**Z2M, "kind": "plug", "on": "x"}, "on: not for kind plug"),
    "an empty word": (
        {**Z2M, "kind": "button", "attribute": "action", "on": "emergency|"},
        "on: words of 1 to 64",
    ),
    "a word too long": (
        {**Z2M, "kind": "button", "attribute": "action", "on": "x" * 65},
        "on: words of 1 to 64",
    ),
    "an action turned round": (
        {**BUTTON, "on": "x", "invert": True},
        "invert: not for attribute action",
    ),
    "scaled to nothing": (
        {**Z2M, "kind": "temperature", "attribute": "temperature", "scale": 0.0},
        "scale: 0 makes everything the same",
    ),
    "format of an event": ({**Z2M, "format": "json"}, "format: only for frames"),
    "action without words": (
        {**Z2M, "kind": "button", "attribute": "action"},
        "attribute action needs the words that count: on",
    ),
    "action of a door": (
        {**Z2M, "kind": "door", "attribute": "action", "on": "open"},
        "attribute action tells of something that happened, which kind door cannot be",
    ),
    "contact of a bed": (
        {**Z2M, "kind": "bed", "attribute": "contact"},
        "attribute contact is true where it is closed: say with invert what that means here",
    ),
    "esphome": (
        {"dialect": "esphome", "topic": "n", "attribute": "presence"},
        "attribute: COMPONENT/OBJECT_ID, such as binary_sensor/presence",
    ),
    "shelly": (
        {"dialect": "shelly", "topic": "n", "attribute": "input:0"},
        "attribute: COMPONENT.FIELD, such as temperature:0.tC",
    ),
    "frames of an event": (
        {**FRAMES, "kind": "pir", "format": "json"},
        "dialect thermal is not for kind pir",
    ),
    "event of frames": ({**FRAMES, "dialect": "esphome"}, "dialect esphome is not for kind thermal"),
    "no format": (FRAMES, "a dialect of frames needs a format: json, json-rows, uint8"),
    "no endianness": ({**FRAMES, "format": "base64-float32"}, "format base64-float32 needs an endianness"),
    "endianness of bytes": (
        {**FRAMES, "format": "uint8", "endianness": "big"},
        "endianness: not for format uint8",
    ),
    "attribute of bytes": (
        {**FRAMES, "format": "uint8", "attribute": "data"},
        "attribute: not for format uint8",
    ),
    "inverted frames": ({**FRAMES, "format": "uint8", "invert": True}, "invert: not for frames"),
}


@pytest.mark.parametrize(("keys", "problem"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_where_readings_come_from_is_named(keys: dict[str, object], problem: str) -> None:
    with pytest.raises(SettingsError) as e:
        read(of(**keys), "r.toml")
    assert len(e.value.problems) == 1
    assert problem in e.value.problems[0]
    assert e.value.problems[0].startswith("r.toml: homes.0 (h01).sensors.0")


def test_all_mistakes_of_one_sensor_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as e:
        read(of(**{**FRAMES, "rows": None, "topic": "#", "format": "int16", "on": "x"}), "r.toml")
    (line,) = e.value.problems
    for part in ("needs rows and cols", "without + and #", "on: not for frames", "needs an endianness"):
        assert part in line


def test_one_device_is_in_one_home_and_one_value_is_one_sensor() -> None:
    second = DIALECTS[DIALECTS.index("[[homes]]") :].replace('"h01"', '"h02"')
    with pytest.raises(SettingsError) as e:
        read(DIALECTS + second, "r.toml")
    assert len(e.value.problems) == 6
    first = "r.toml: home h02: sensor pir has the topic zigbee2mqtt/Bath motion, as one in home h01"
    assert e.value.problems[0] == first
    doubled = DIALECTS.replace("zigbee2mqtt/bed", "zigbee2mqtt/hall/front door").replace(
        'kind = "bed"', 'kind = "door"'
    )
    with pytest.raises(SettingsError, match="home h01: sensor bed is the same as h01/door"):
        read(doubled, "r.toml")
    other = (
        DIALECTS
        + """
[[homes.sensors]]
id = "p1"
kind = "plug"
room = "bath"
dialect = "tasmota"
topic = "x"
attribute = "ENERGY.Power"

[[homes.sensors]]
id = "p2"
kind = "plug"
room = "bath"
dialect = "tasmota"
topic = "%prefix%/x"
attribute = "ENERGY.Power"
"""
    )
    with pytest.raises(SettingsError, match="topic tele/x/SENSOR is of two devices: tasmota x and tasmota"):
        read(other, "r.toml")
