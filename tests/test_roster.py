"""The roster: strict files, versions in the ledger, people kept apart, nothing lost on the way round."""

from collections.abc import AsyncIterator

import numpy as np
import pytest

from alerting.ledger import Ledger
from guardian import roster
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.roster_file import read
from guardian.settings import CONFIG, SettingsError, load
from guardian.wire.native import pack_frame

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
        EXAMPLE.replace('phone = "+8613800000001"', 'phone = "110"')
        .replace('id = "h02"', 'id = "H 2"')
        .replace('kind = "button", room = "living"', 'kind = "knob", room = "living"', 1)
        .replace("Asia/Shanghai", "Asia/Atlantis")
    )
    with pytest.raises(SettingsError) as e:
        read(bad, "r.toml")
    text = "\n".join(e.value.problems)
    assert "responders.0.phone: not an international phone number (+country number)" in text
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


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (0, -8), (65, 8), (7, 80), (8, 130)])
def test_arrays_that_no_detector_can_look_at_are_named_with_all_other_mistakes(
    shape: tuple[int, int],
) -> None:
    rows, cols = shape
    bad = EXAMPLE.replace("rows = 12, cols = 16, rate_hz = 4.0", f"rows = {rows}, cols = {cols}, rate_hz = 0")
    with pytest.raises(SettingsError) as e:
        read(bad.replace('id = "h02"', 'id = "H 2"'), "r.toml")
    why = "it takes 4 to 64 rows and as many columns; with more than 64 columns twice as many of both"
    assert f"r.toml: homes.2 (h03).sensors.0.cols: {rows}x{cols} pixels: {why}" in e.value.problems
    assert len(e.value.problems) == 3


@pytest.mark.parametrize("shape", [(4, 4), (64, 64), (4, 64), (8, 65), (60, 80), (129, 129)])
def test_arrays_of_every_shape_that_may_stand_in_a_roster_are_looked_at(shape: tuple[int, int]) -> None:
    rows, cols = shape
    file = read(EXAMPLE.replace("rows = 12, cols = 16", f"rows = {rows}, cols = {cols}"), "r.toml")
    sensor = file.homes[2].sensors[0]
    board = Board("s", [SensorSpec("h", "cam", "thermal", "hall", sensor.rows, sensor.cols, 4.0)])
    lookout, rng = Lookout(board, load(CONFIG / "guardian.toml").detectors), np.random.default_rng(1)
    for k in range(30):
        t_ms = 1_790_000_000_000 + 250 * k
        centi = rng.integers(2_000, 2_400, (rows, cols)).astype(np.int16)
        board.frame("guardian/s/h/cam/frame", pack_frame(centi, k, t_ms), t_ms)
        for _ in lookout.look(t_ms):
            pass
    assert board.groups[rows, cols].given == 30


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 2000, f"x = {'9' * 5000}"], ids=["a deep nest", "a huge number"]
)
def test_what_the_toml_reader_cannot_bear_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="roster: not TOML"):
        read(text)
