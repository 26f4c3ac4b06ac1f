"""The roster: strict files, versions in the ledger, people kept apart, nothing lost on the way round."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
import tomli_w

from alerting.ledger import Ledger
from guardian import roster
from guardian.board import Board
from guardian.roster_file import read
from guardian.settings import CONFIG, SettingsError
from guardian.wire.source import Source

EXAMPLE = (CONFIG / "roster.example.toml").read_text("utf-8")


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(None, inline=True)
    yield ledger
    await ledger.close()


async def test_the_example_becomes_what_the_daemon_needs(ledger: Ledger) -> None:
    await ledger.transact(lambda tx: roster.import_file(tx, read(EXAMPLE), "example", 1))
    found = await ledger.transact(roster.newest)
    assert found is not None
    assert found.site == "demo"
    assert found.homes == ("h01", "h02", "h03")
    thermal = [s for s in found.sensors if s.kind == "thermal"]
    assert [(s.home, s.rows, s.cols) for s in thermal] == [("h01", 24, 32), ("h02", 8, 8), ("h03", 12, 16)]
    assert [s.outside for s in found.sensors if s.kind == "door"] == [True, True]
    duty = found.duty
    assert sorted(r.phone for r in duty.responders.values()) == [f"+861380000000{i}" for i in (1, 2, 3)]
    assert duty.cards == {"h01": "17", "h02": "18", "h03": "21"}
    zhang = next(r.id for r in duty.responders.values() if r.phone.endswith("1"))
    assert duty.travel_s[zhang, "h01"] == 120
    nights = [s for s in duty.shifts if s.start_minute == 20 * 60]
    assert nights[0].end_minute == 8 * 60
    assert nights[0].weekdays == frozenset(range(7))


async def test_import_shows_changes_and_keeps_ids_and_versions(ledger: Ledger) -> None:
    first = await ledger.transact(lambda tx: roster.import_file(tx, read(EXAMPLE), "example", 1))
    assert "+ home h01" in first.changes
    before = await ledger.transact(roster.newest)
    changed = EXAMPLE.replace('card = "17"', 'card = "19"').replace("Anna Keller", "Anna Weber")
    dry = await ledger.transact(lambda tx: roster.import_file(tx, read(changed), "x", 2, dry_run=True))
    assert dry.version is None
    assert "~ home h01: card 17 → 19" in dry.changes
    second = await ledger.transact(lambda tx: roster.import_file(tx, read(changed), "x", 2))
    assert second.changes == dry.changes
    assert first.version is not None
    assert second.version == first.version + 1
    assert not any("Weber" in line or "Keller" in line for line in second.changes), "names stay out of output"
    after = await ledger.transact(roster.newest)
    assert before is not None
    assert after is not None
    assert set(before.duty.responders) == set(after.duty.responders)
    again = await ledger.transact(lambda tx: roster.import_file(tx, read(changed), "x", 3))
    assert again == roster.Imported((), None)


async def test_export_comes_back_as_the_same_roster(ledger: Ledger) -> None:
    await ledger.transact(lambda tx: roster.import_file(tx, read(EXAMPLE), "example", 1))
    exported = await ledger.transact(roster.export_file)
    assert exported is not None
    again = await ledger.transact(
        lambda tx: roster.import_file(tx, read(roster.to_toml(exported)), "round", 2, dry_run=True)
    )
    assert again.changes == ()


async def test_how_a_sensor_hangs_and_what_stands_there_reach_the_detectors(ledger: Ledger) -> None:
    hung = EXAMPLE.replace(
        'mount = "ceiling", height_m = 2.5, fov_deg = 60.0',
        'mount = "wall", height_m = 2.2, fov_deg = 60.0, tilt_deg = 30, yaw_deg = 90, x_m = 1.5, y_m = -2',
    ).replace(
        'rooms = [{ id = "bedroom" }]',
        """rooms = [{ id = "bedroom", zones = [
          { id = "a", kind = "chair", x0_m = 0, y0_m = 0, x1_m = 0.5, y1_m = 0.5 },
          { id = "b", kind = "stove", x0_m = 1, y0_m = 1, x1_m = 2, y1_m = 2 },
        ] }]""",
    )
    await ledger.transact(lambda tx: roster.import_file(tx, read(hung), "hung", 1))
    exported = await ledger.transact(roster.export_file)
    assert exported is not None
    await ledger.transact(lambda tx: roster.import_file(tx, read(EXAMPLE), "example", 2))
    await ledger.transact(lambda tx: roster.import_file(tx, read(roster.to_toml(exported)), "round", 3))
    found = await ledger.transact(roster.newest)
    assert found is not None
    groups = Board(found.site, found.sensors).groups
    told = groups[8, 8].optics
    assert told.wall.tolist() == [True]
    columns = (told.height_m, told.fov_deg, told.tilt_deg, told.yaw_deg, told.x_m, told.y_m)
    assert [float(c[0]) for c in columns] == pytest.approx([2.2, 60, 30, 90, 1.5, -2])
    blank = groups[24, 32].optics
    assert not groups[24, 32].optics.wall.any()
    assert all(np.isnan(c).all() for c in (blank.tilt_deg, blank.yaw_deg, blank.x_m, blank.y_m))
    assert found.furniture == {
        ("h01", "living"): (("sofa", (0.2, -1.4, 1.6, -0.6)),),
        ("h03", "bedroom"): (("chair", (0, 0, 0.5, 0.5)), ("stove", (1, 1, 2, 2))),
    }


async def test_programmes_and_who_takes_part_come_back_and_changes_of_them_are_told(ledger: Ledger) -> None:
    plain = read(EXAMPLE)
    await ledger.transact(lambda tx: roster.import_file(tx, plain, "example", 1))
    before = await ledger.transact(roster.newest)
    assert before is not None
    assert before.programmes == {}
    assert before.enrolled == {"h01", "h02", "h03"}
    text = EXAMPLE.replace('id = "h01"', 'id = "h01"\nprogrammes = ["single-elder", "empty-nest"]', 1)
    text = text.replace('id = "h02"', 'id = "h02"\nprogrammes = ["empty-nest"]\nenrolled = false', 1)
    done = await ledger.transact(lambda tx: roster.import_file(tx, read(text), "more", 2))
    assert "~ home h02: programmes  → empty-nest, enrolled True → False" in done.changes
    found = await ledger.transact(roster.newest)
    assert found is not None
    assert found.programmes == {"h01": ("single-elder", "empty-nest"), "h02": ("empty-nest",)}
    assert found.enrolled == {"h01", "h03"}
    exported = await ledger.transact(roster.export_file)
    assert exported is not None
    again = read(roster.to_toml(exported))
    assert [(h.id, h.programmes, h.enrolled) for h in again.homes] == [
        ("h01", ("single-elder", "empty-nest"), True),
        ("h02", ("empty-nest",), False),
        ("h03", (), True),
    ]
    assert (await ledger.transact(lambda tx: roster.import_file(tx, again, "round", 3))).changes == ()


def test_a_programme_that_is_no_id_or_stands_there_twice_is_named() -> None:
    with pytest.raises(SettingsError, match=r"homes\.0 \(h01\)\.programmes\.0"):
        read(EXAMPLE.replace('id = "h01"', 'id = "h01"\nprogrammes = ["Empty Nest"]', 1), "r.toml")
    with pytest.raises(SettingsError, match="programme of home h01 a stands there 2 times"):
        read(EXAMPLE.replace('id = "h01"', 'id = "h01"\nprogrammes = ["a", "a"]', 1), "r.toml")


def test_all_mistakes_of_a_roster_are_named_with_their_home() -> None:
    bad = (
        EXAMPLE.replace('"+8613800000001"', '"110"')
        .replace('id = "h02"', 'id = "H 2"')
        .replace('kind = "button", room = "living"', 'kind = "knob", room = "living"', 1)
        .replace("Asia/Shanghai", "Asia/Atlantis")
    )
    with pytest.raises(SettingsError) as e:
        read(bad, "r.toml")
    text = "\n".join(e.value.problems)
    assert "responders.0.phone: not an international phone number (+country number): 110" in text
    assert "homes.1 (H 2).id" in text
    assert "homes.0 (h01).sensors.2.kind" in text
    assert "no such time zone: Asia/Atlantis" in text
    assert len(e.value.problems) == 4


def test_references_that_lead_nowhere_are_named() -> None:
    bad = EXAMPLE.replace('id = "h02"', 'id = "h01"').replace(
        'kind = "button", room = "bedroom"', 'kind = "button", room = "attic"'
    )
    with pytest.raises(SettingsError) as e:
        read(bad, "r.toml")
    assert e.value.problems == [
        "r.toml: home h01 stands there 2 times",
        "r.toml: home h03: sensor help stands in room attic, which is not there",
        "r.toml: responder +8613800000001: travel time to home h02, which is not there",
    ]


def test_a_thermal_sensor_needs_its_shape() -> None:
    with pytest.raises(SettingsError, match="a thermal sensor needs rows and cols"):
        read(EXAMPLE.replace("rows = 12, ", ""), "r.toml")


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
