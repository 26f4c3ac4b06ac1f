"""People and places: tables with mistakes, a look before anything is stored, forms, versions, two at once."""

import csv
import io
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from alerting import ledger as records
from guardian import roster, roster_csv
from guardian.desk import Answer, Refused
from guardian.roster_csv import COLUMNS, TableError, merge, write
from guardian.roster_file import RosterFile, checked
from guardian.roster_file import read as read_roster
from guardian.settings import CONFIG, SettingsError
from guardian.web.access import Role
from tests.logged_in import Browser, account, logged_in
from tests.web_people import Site, make_site

EXAMPLE = (CONFIG / "roster.example.toml").read_text("utf-8")


@pytest.fixture
def file() -> RosterFile:
    return read_roster(EXAMPLE)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made: Site

    async def take(whole: str | Mapping[str, Any], dry_run: bool, source: str) -> Answer:
        """As guardian/book.py does, but for what is watched."""
        try:
            wanted = read_roster(whole) if isinstance(whole, str) else checked(whole)
        except SettingsError as e:
            raise Refused(e.problems) from e
        old = await made.ledger.transact(records.newest_roster)
        new = roster.prepare(wanted, old)
        done = await made.ledger.transact(
            lambda tx: roster.store(tx, new, source, made.clock.now_ms(), dry_run=dry_run)
        )
        return {"changes": list(done.changes), "version": done.version}

    made = await make_site(login=True, import_roster=take)
    await take(EXAMPLE, False, "desk")
    yield made
    await made.ledger.close()


async def operator(site: Site, login: str = "li") -> Browser:
    return await logged_in(site, await account(site.ledger, site.clock.ms, login, Role.OPERATOR))


async def upload(b: Browser, table: str, raw: bytes, **fields: str) -> Any:
    return await b.post(
        "/places/file",
        data={"csrf": b.csrf, "table": table, **fields},
        files={"file": ("x.csv", raw, "text/csv")},
    )


async def now(site: Site) -> RosterFile:
    rows = await site.ledger.transact(records.newest_roster)
    assert rows is not None
    return roster.file_of(rows)


def key_of(page: str) -> str:
    return page.split('name="key" value="')[1].split('"', maxsplit=1)[0]


# --- tables -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", COLUMNS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_was_written_comes_back_the_same(
    file: RosterFile, table: str, encoding: str, delimiter: str
) -> None:
    text = write(file, table).removeprefix("\ufeff")
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(csv.reader(io.StringIO(text)))
    merged = RosterFile.model_validate(merge(file, table, out.getvalue().encode(encoding)))
    assert merged == file


def test_an_array_of_another_maker_keeps_the_format_of_its_pictures(file: RosterFile) -> None:
    columns = "home,sensor,kind,room,rows,cols,dialect,topic,format,endianness"
    text = f"{columns}\nh01,cam,thermal,living,8,8,thermal,cam/1,base64-int16,little\n"
    merged = RosterFile.model_validate(merge(file, "sensors", text.encode()))
    assert merged.homes[0].sensors[-1].format == "base64-int16"
    assert RosterFile.model_validate(merge(file, "sensors", write(merged, "sensors").encode())) == merged


def test_a_cell_that_a_spreadsheet_would_work_out_is_text_and_comes_back(file: RosterFile) -> None:
    first = file.homes[0]
    assert first.resident is not None
    evil = first.model_copy(
        update={"resident": first.resident.model_copy(update={"name": '=HYPERLINK("http://x")'})}
    )
    some = file.model_copy(update={"homes": (evil, *file.homes[1:])})
    text = write(some, "homes")
    assert "'=HYPERLINK" in text
    assert "'+862150001111" in text
    assert merge(file, "homes", text.encode())["homes"][0]["resident"]["name"] == '=HYPERLINK("http://x")'


MISTAKES = {
    "unknown column": ("homes", "home,colour\nh01,red\n", ["column colour: not one of home, card"]),
    "no key": ("homes", "card\n17\n", ["column home is missing"]),
    "twice": ("homes", "home,home\nh01,h01\n", ["column home stands there twice"]),
    "empty key": ("homes", "home,card\n,17\n", ["line 2, column home: empty"]),
    "same key": ("homes", "home,card\nh01,17\nh01,18\n", ["line 3: the same as line 2"]),
    "bad id": ("homes", "home,rooms\nH 9,living\n", ["line 2, column id: String should match pattern"]),
    "bad card": ("homes", "home,card\nh01,a long card\n", ["line 2, column card: a card is at most"]),
    "bad number": ("homes", "home,entry_s\nh01,soon\n", ["line 2, column entry_s: soon is no number"]),
    "bad yes": (
        "homes",
        "home,enrolled\nh01,maybe\n",
        ["line 2, column enrolled: maybe is neither yes nor no"],
    ),
    "bad phone": ("responders", "phone,name\n12,x\n", ["line 2, column phone: not an international"]),
    "bad shift": (
        "responders",
        "phone,shifts\n+8613800000001,mornings\n",
        ["line 2, column shifts: mornings is not like mon-fri"],
    ),
    "no home": (
        "sensors",
        "home,sensor,kind\nh99,t0,pir\n",
        ["line 2, column home: h99 is not in the roster"],
    ),
    "no room": (
        "sensors",
        "home,sensor,kind,room\nh01,p9,pir,attic\n",
        ["line 2, column room: home h01 has no room attic"],
    ),
    "no size": (
        "sensors",
        "home,sensor,kind,room\nh01,t9,thermal,living\n",
        ["line 2: a thermal sensor needs rows and cols"],
    ),
    "too many cells": ("homes", "home,card\nh01,17,18\n", ["line 2: 3 cells, of 2 columns"]),
    "nobody": ("travel", "phone,home,travel_s\n+8613800000009,h01,60\n", ["is no responder"]),
    "binary": ("homes", "home\x00\n", ["the file is no text"]),
    "a quote": ("homes", 'home,card\n"h01,17\n', ["not a table"]),
    "nothing": ("homes", "", ["column home is missing"]),
}


@pytest.mark.parametrize(("table", "text", "says"), MISTAKES.values(), ids=list(MISTAKES))
def test_each_mistake_is_named_with_its_line_and_column(
    file: RosterFile, table: str, text: str, says: list[str]
) -> None:
    with pytest.raises(TableError) as caught:
        merge(file, table, text.encode())
    assert len(caught.value.problems) == len(says)
    for problem, said in zip(caught.value.problems, says, strict=True):
        assert said in problem


def test_all_mistakes_are_named_at_once(file: RosterFile) -> None:
    text = "home,card,entry_s\nh01,a long card,soon\nh02,,-5\nH,1,1\n"
    with pytest.raises(TableError) as caught:
        merge(file, "homes", text.encode())
    assert {p.split(":")[0] for p in caught.value.problems} >= {
        "line 2, column entry_s",
        "line 2, column card",
        "line 3, column entry_s",
        "line 4, column id",
    }


def test_bytes_that_are_no_text_are_refused(file: RosterFile) -> None:
    with pytest.raises(TableError, match="neither UTF-8 nor GB18030"):
        merge(file, "homes", b"home\n\xff\xff\xff\n")


def test_what_is_not_named_stays_unless_it_is_asked_for(file: RosterFile) -> None:
    one = b"home,card\nh02,19\n"
    kept = RosterFile.model_validate(merge(file, "homes", one))
    assert [h.card for h in kept.homes] == ["17", "19", "21"]
    assert kept.homes[1].sensors == file.homes[1].sensors
    gone = RosterFile.model_validate(merge(file, "homes", one, remove=True))
    assert [h.id for h in gone.homes] == ["h02"]
    assert set(gone.responders[0].travel_s) == {"h02"}
    people = b"phone\n+8613800000002\n"
    few = RosterFile.model_validate(merge(file, "responders", people, remove=True))
    assert [r.name for r in few.responders] == ["陈伟"]
    assert few.homes[0].keyholders is None
    sensors = RosterFile.model_validate(merge(file, "sensors", b"home,sensor\nh01,t0\n", remove=True))
    assert [len(h.sensors) for h in sensors.homes] == [1, 0, 0]
    travel = RosterFile.model_validate(merge(file, "travel", b"phone,home,travel_s\n", remove=True))
    assert not any(r.travel_s for r in travel.responders)


# --- pages ------------------------------------------------------------------------------------------------


async def test_a_table_is_looked_at_then_stored_then_in_the_log(site: Site) -> None:
    b = await operator(site)
    look = await upload(b, "homes", "home,card,animals\nh01,17,两只猫\n".encode("gb18030"))
    assert look.status_code == 200
    assert "person" in look.text
    assert "两只猫" not in look.text, "what is changed of a person, not to what"
    assert (await now(site)).homes[0].resident is not None
    done = await b.press("/places/store", key=key_of(look.text))
    assert done.headers["location"] == "/places"
    resident = (await now(site)).homes[0].resident
    assert resident is not None
    assert (resident.animals, resident.key_at) == ("两只猫", "居委会钥匙柜 17 号")
    assert (await b.press("/places/store", key=key_of(look.text))).status_code == 409, "once"
    (deed,) = [d for d in await site.ledger.transact(records.deeds) if d.action == "roster"]
    assert (deed.account, deed.detail["by"]) == ("id-li", "csv homes")
    assert "猫" not in str(deed)
    page = (await b.get("/places")).text
    assert "<td>li</td><td>csv homes</td>" in page


async def test_a_table_with_mistakes_changes_nothing_and_names_them(site: Site) -> None:
    b = await operator(site)
    before = await now(site)
    bad = await upload(b, "homes", b"home,card,entry_s\nh01,17,soon\nh02,far too long,\n")
    assert bad.status_code == 422
    assert "2 mistakes" in bad.text
    assert "line 2, column entry_s: soon is no number" in bad.text
    assert 'name="key"' not in bad.text
    assert await now(site) == before
    whole = await upload(b, "toml", b"[site]\nid = 7\n")
    assert whole.status_code == 422
    assert (await upload(b, "pets", b"x")).status_code == 400
    assert (await b.press("/places/file", table="homes")).status_code == 422, "no file at all"
    assert (await upload(b, "toml", b"\xff")).status_code == 422


async def test_a_look_is_of_its_version_of_its_account_and_of_half_an_hour(site: Site) -> None:
    one, other = await operator(site), await operator(site, "chen")
    mine = key_of((await upload(one, "homes", b"home,card\nh01,77\n")).text)
    theirs = key_of((await upload(other, "homes", b"home,card\nh02,88\n")).text)
    assert (await other.press("/places/store", key=mine)).status_code == 409
    assert (await other.press("/places/store", key=theirs)).status_code == 303
    late = await one.press("/places/store", key=mine)
    assert late.status_code == 409
    assert "Somebody else has changed the roster meanwhile" in late.text
    assert [h.card for h in (await now(site)).homes] == ["17", "88", "21"]
    again = key_of((await upload(one, "homes", b"home,card\nh01,77\n")).text)
    site.clock.ms += 31 * 60_000
    assert (await one.press("/places/store", key=again)).status_code == 409


async def test_the_form_of_a_home_keeps_what_was_typed_and_names_every_mistake(site: Site) -> None:
    b = await operator(site)
    page = (await b.get("/places/home/h01")).text
    assert 'value="居委会钥匙柜 17 号"' in page
    fields = {
        "id": "h01",
        "card": "far too long",
        "entry_s": "soon",
        "rooms": "living bath",
        "name": "王秀英",
    }
    bad = await b.press("/places/home", **fields)
    assert bad.status_code == 422
    assert "2 mistakes" in bad.text
    assert 'value="far too long"' in bad.text
    assert 'aria-describedby="wrong-card"' in bad.text
    fields |= {"card": "99", "entry_s": "45", "enrolled": "1", "door_code": "1#"}
    look = await b.press("/places/home", **fields)
    assert "~ home h01: card 17 → 99" in look.text
    await b.press("/places/store", key=key_of(look.text))
    home = (await now(site)).homes[0]
    assert (home.card, home.entry_s, len(home.sensors), home.keyholders) == ("99", 45.0, 3, None)
    assert [z.id for r in home.rooms for z in r.zones] == ["sofa"], "furniture stays"
    assert (await b.get("/places/home/h99")).status_code == 404


async def test_a_new_home_and_a_new_person(site: Site) -> None:
    b = await operator(site)
    assert (await b.get("/places/home")).status_code == 200
    look = await b.press("/places/home", id="h77", rooms="living", enrolled="1", name="赵六")
    await b.press("/places/store", key=key_of(look.text))
    assert (await now(site)).homes[-1].id == "h77"
    assert (await b.get("/places/person")).status_code == 200
    bad = await b.press("/places/person", phone="138", name="", shifts="often")
    assert bad.status_code == 422
    fields = {"phone": "+8613800000009", "name": "孙丽", "language": "zh", "active": "1"}
    look = await b.press("/places/person", **fields, shifts="mon-fri 08:00-20:00", skills="lift")
    await b.press("/places/store", key=key_of(look.text))
    person = next(r for r in (await now(site)).responders if r.name == "孙丽")
    assert (person.active, person.skills, person.shifts[0].days) == (True, ("lift",), "mon,tue,wed,thu,fri")
    assert 'value="孙丽"' in (await b.get("/places/person/8613800000009")).text
    assert (await b.get("/places/person/999")).status_code == 404


async def stores(b: Browser, look: Any) -> None:
    assert look.status_code == 200, look.text
    assert (await b.press("/places/store", key=key_of(look.text))).status_code == 303


async def test_a_sensor_is_added_changed_and_taken_out_by_its_form(site: Site) -> None:
    b = await operator(site)
    assert (await b.get("/places/home/h01/sensor")).status_code == 200
    wrong = {"kind": "bed", "room": "attic", "rate_hz": "often", "dialect": "esphome"}
    bad = await b.press("/places/home/h01/sensor", sensor="Bed 1", **wrong)
    assert bad.status_code == 422
    for said in ("home h01 has no room attic", "often is no number", "wrong-sensor"):
        assert said in bad.text
    assert 'value="Bed 1"' in bad.text, "what was typed stays"
    look = await b.press("/places/home/h01/sensor", sensor="bed-1", kind="bed", room="living")
    assert "+ sensor h01/bed-1" in look.text
    await stores(b, look)
    page = (await b.get("/places/home/h01/sensor/t0")).text
    assert 'value="110"' in page
    fields = {"sensor": "t0", "kind": "thermal", "room": "living", "rows": "24", "cols": "32", "rate_hz": "4"}
    look = await b.press("/places/home/h01/sensor", **fields, mount="ceiling", height_m="2.7", fov_deg="110")
    assert "~ sensor h01/t0: height_m 2.5 → 2.7" in look.text
    await stores(b, look)
    look = await b.press("/places/home/h01/sensor/bed-1/out")
    assert "- sensor h01/bed-1" in look.text
    await stores(b, look)
    sensors = {s.id: s.height_m for s in (await now(site)).homes[0].sensors}
    assert sensors == {"t0": 2.7, "door": None, "help": None}
    assert (await b.get("/places/home/h01/sensor/bed-1")).status_code == 404
    assert (await b.press("/places/home/h01/sensor/bed-1/out")).status_code == 404
    assert (await b.press("/places/home/h99/sensor", sensor="x", kind="pir", room="y")).status_code == 404


async def test_every_key_of_a_foreign_device_survives_its_form(site: Site) -> None:
    b = await operator(site)
    for sensor in ("pir", "damp", "door", "help"):
        page = (await b.get(f"/places/home/h02/sensor/{sensor}")).text
        fields = dict(re.findall(r'<input type="text" name="(\w+)" value="([^"]*)"', page))
        for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
            chosen = re.search(r'value="([^"]*)" selected', options)
            fields[name] = chosen[1] if chosen else ""
        look = await b.press("/places/home/h02/sensor", **fields)
        assert "Nothing would change" in look.text, (sensor, fields)


async def test_furniture_is_drawn_moved_added_and_taken_away(site: Site) -> None:
    b = await operator(site)
    assert (await b.get("/places/home/h01/room/living")).status_code == 200
    bed = {
        "zone-1": "bed",
        "kind-1": "bed",
        "x0_m-1": "-1",
        "y0_m-1": "0.4",
        "x1_m-1": "0.9",
        "y1_m-1": "1,6",
    }
    sofa = {
        "zone-0": "sofa",
        "kind-0": "sofa",
        "x0_m-0": "0.2",
        "y0_m-0": "x",
        "x1_m-0": "1.6",
        "y1_m-0": "0",
    }
    bad = await b.press("/places/home/h01/room/living", **sofa, **bed)
    assert bad.status_code == 422
    assert "x is no number" in bad.text
    twice = await b.press("/places/home/h01/room/living", **bed, **(sofa | {"zone-0": "bed", "y0_m-0": "1"}))
    assert "the same as line 1" in twice.text
    look = await b.press("/places/home/h01/room/living", **bed, **(sofa | {"y0_m-0": "-1.4"}))
    assert "+ zone h01/living/bed" in look.text
    assert "~ zone h01/living/sofa: y1_m -0.6 → 0.0" in look.text
    await stores(b, look)
    look = await b.press("/places/home/h01/room/living", **bed)
    assert "- zone h01/living/sofa" in look.text
    await stores(b, look)
    living = next(r for r in (await now(site)).homes[0].rooms if r.id == "living")
    assert [(z.id, z.x0_m, z.y1_m) for z in living.zones] == [("bed", -1.0, 1.6)]
    assert (await b.get("/places/home/h01/room/cellar")).status_code == 404
    assert (await b.press("/places/home/h01/room/cellar")).status_code == 404


async def test_ways_and_keys_of_a_home_are_one_form(site: Site) -> None:
    b = await operator(site)
    page = (await b.get("/places/home/h01/ways")).text
    assert 'name="travel-8613800000001" value="120"' in page
    bad = await b.press("/places/home/h01/ways", **{"travel-8613800000001": "soon"})
    assert (bad.status_code, "soon is no number" in bad.text) == (422, True)
    ways = {"travel-8613800000001": "100", "travel-8613800000002": "90", "key-8613800000002": "1"}
    await stores(b, await b.press("/places/home/h01/ways", **ways))
    file = await now(site)
    assert file.homes[0].keyholders == ("+8613800000002",)
    ways_of = {r.phone[-1]: r.travel_s for r in file.responders}
    assert [ways_of[n].get("h01") for n in "123"] == [100.0, 90.0, None]
    assert ways_of["1"]["h02"] == 150.0, "other homes are as they were"
    await stores(b, await b.press("/places/home/h01/ways"))
    assert (await now(site)).homes[0].keyholders is None, "nobody ticked: anybody gets in"


async def test_a_home_or_a_person_who_goes_leaves_nothing_that_points_there(site: Site) -> None:
    b = await operator(site)
    await stores(b, await b.press("/places/home/h01/out"))
    await stores(b, await b.press("/places/person/8613800000001/out"))
    file = await now(site)
    assert [h.id for h in file.homes] == ["h02", "h03"]
    assert all("h01" not in r.travel_s for r in file.responders)
    assert "+8613800000001" not in {r.phone for r in file.responders}
    assert (await b.press("/places/person/8613800000001/out")).status_code == 404
    assert (await b.press("/places/home/h01/out")).status_code == 404


async def test_the_centre_has_a_zone_and_a_usual_way(site: Site) -> None:
    b = await operator(site)
    assert 'value="Asia/Shanghai"' in (await b.get("/places/site")).text
    bad = await b.press("/places/site", timezone="Mars/Olympus", default_travel_s="-5")
    assert bad.status_code == 422
    assert "no such time zone: Mars/Olympus" in bad.text
    assert "wrong-default_travel_s" in bad.text
    await stores(b, await b.press("/places/site", timezone="Asia/Urumqi", default_travel_s="300"))
    assert (await now(site)).site.timezone == "Asia/Urumqi"


async def test_an_older_version_comes_back_as_a_new_one(site: Site) -> None:
    b = await operator(site)
    look = await upload(b, "homes", b"home,card\nh01,77\n")
    await b.press("/places/store", key=key_of(look.text))
    back = await b.press("/places/versions/1/restore")
    assert "~ home h01: card 77 → 17" in back.text
    await b.press("/places/store", key=key_of(back.text))
    assert (await now(site)).homes[0].card == "17"
    assert [v.version for v in await site.ledger.transact(lambda tx: records.roster_versions(tx, 9))] == [
        3,
        2,
        1,
    ]
    assert (await b.press("/places/versions/99/restore")).status_code == 404


async def test_downloads_are_noted_and_a_viewer_sees_none(site: Site) -> None:
    b = await operator(site)
    for table in COLUMNS:
        got = await b.get(f"/places/table/{table}.csv")
        assert got.headers["content-disposition"] == f'attachment; filename="{table}.csv"'
        assert got.text.startswith("\ufeff" + COLUMNS[table][0])
    assert read_roster((await b.get("/places/roster.toml")).text) == await now(site)
    assert (await b.get("/places/table/pets.csv")).status_code == 404
    said = [d.action for d in await site.ledger.transact(records.deeds)]
    assert said == ["roster-export"] * (len(COLUMNS) + 1)
    row = await account(site.ledger, site.clock.ms, "wang", Role.RESPONDER)
    assert (await (await logged_in(site, row)).get("/places")).status_code == 403


async def test_an_upload_may_be_large_and_other_forms_may_not(site: Site) -> None:
    b = await operator(site)
    big = "home,card\n" + "\n" * 200_000
    assert (await upload(b, "homes", big.encode())).status_code == 200
    assert (await b.press("/places/home", id="x" * 20_000)).status_code == 413


def test_the_docs_name_every_column() -> None:
    text = (Path(__file__).parent.parent / "docs" / "staff.md").read_text("utf-8")
    for columns in roster_csv.COLUMNS.values():
        for name in columns:
            assert f"`{name}`" in text, name
