"""Pictures of an incident: kept encrypted for thirty days, shown to those who may, and never in the way."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from alerting import ledger as records
from alerting.concern import Kind
from alerting.incident import Closed
from guardian.evidence import KEPT_MS, Evidence, EvidenceError, keep
from guardian.preroll import Strip
from guardian.web import png
from guardian.web.access import Role
from tests.logged_in import account, logged_in
from tests.web_people import MIN, S, Site, make_site


def strip(n: int = 40, *, from_ms: int = 0, sensor: str = "t0") -> Strip:
    rng = np.random.default_rng(1)
    frames = rng.integers(90, 110, (n, 24, 32)).astype(np.uint8)
    frames[:, 4:9, 10:14] = 165
    frames[:1, 0, 0] = 0  # no reading
    return Strip(sensor, "living", frames, from_ms + np.arange(n) * 1000)


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence.at(tmp_path)


# --- on the disk ----------------------------------------------------------------------------------------


def test_what_was_kept_comes_back_and_nobody_can_read_it_on_the_disk(
    evidence: Evidence, tmp_path: Path
) -> None:
    one = strip()
    assert evidence.save(7, "h01", [one, strip(0, sensor="t1")])
    (back,) = evidence.load(7, "h01")
    assert (back.sensor, back.room) == ("t0", "living")
    assert np.array_equal(back.frames, one.frames)
    assert np.array_equal(back.t_ms, one.t_ms)
    (file,) = evidence.folder.iterdir()
    raw = file.read_bytes()
    assert b"living" not in raw
    assert one.frames[5].tobytes()[:64] not in raw
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "evidence.key").stat().st_mode & 0o777 == 0o600
    assert Evidence.at(tmp_path).load(7, "h01"), "the key is kept"


def test_nothing_seen_is_nothing_kept(evidence: Evidence) -> None:
    assert not evidence.save(7, "h01", [strip(0)])
    assert evidence.load(7, "h01") == []
    assert not evidence.has(7)


@pytest.mark.parametrize("how", ["flipped", "cut", "renamed", "other home", "other key", "foreign", "empty"])
def test_what_is_damaged_or_not_ours_is_said_and_never_shown(
    evidence: Evidence, tmp_path: Path, how: str
) -> None:
    evidence.save(7, "h01", [strip()])
    path, number, home, reader = evidence.folder / "7.strip", 7, "h01", evidence
    raw = path.read_bytes()
    if how == "flipped":
        path.write_bytes(raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:])
    elif how == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    elif how == "renamed":
        path.rename(evidence.folder / "8.strip")
        number = 8
    elif how == "other home":
        home = "h02"
    elif how == "other key":
        reader = Evidence(evidence.folder, bytes(32))
    else:
        path.write_bytes(b"" if how == "empty" else b"something else entirely, of some length")
    with pytest.raises(EvidenceError, match=f"incident {number}"):
        reader.load(number, home)


def test_after_thirty_days_and_when_asked_it_is_gone(evidence: Evidence) -> None:
    for number in (1, 2, 3):
        evidence.save(number, "h01", [strip()])
    evidence.forget([2, 99])
    now_ms = round((evidence.folder / "1.strip").stat().st_mtime * 1000)
    assert evidence.sweep(now_ms + KEPT_MS - 60_000) == 0
    assert [evidence.has(n) for n in (1, 2, 3)] == [True, False, True]
    assert evidence.sweep(now_ms + KEPT_MS + 60_000) == 2


# --- when it is kept ---------------------------------------------------------------------------------------


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await make_site(login=True)
    yield made
    await made.ledger.close()


async def test_an_incident_is_kept_after_ten_minutes_and_again_when_it_has_ended(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, loop = await make_site(), asyncio.get_running_loop()
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.opened(Kind.FALL_SUSPECTED, "h02")
    frames = [10]

    def strips(home: str) -> list[Strip]:
        return [strip(frames[0])] if home == "h01" else [strip(5)]

    async def minute() -> None:
        swept = asyncio.Event()
        monkeypatch.setattr(Evidence, "sweep", lambda *_: loop.call_soon_threadsafe(swept.set))
        keeping = asyncio.create_task(keep(evidence, strips, site.ledger, site.clock))
        await swept.wait()  # the last that is done in each minute
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    await minute()
    assert not evidence.has(fall.id), "ten minutes are not over"
    site.clock.ms += 11 * MIN
    await minute()
    assert len(evidence.load(fall.id, "h01")[0].t_ms) == 10
    assert not evidence.has(2), "a suspicion is no incident yet"
    frames[0] = 30
    await site.happens(fall.id, Closed("real"), after_s=(site.clock.ms - fall.t0_ms) // S)
    await minute()
    assert len(evidence.load(fall.id, "h01")[0].t_ms) == 30
    await site.ledger.close()


# --- pictures -----------------------------------------------------------------------------------------


def pixels(raw: bytes) -> tuple[int, int, np.ndarray]:
    """Read a PNG as its standard says: chunks with their checksums, lines with their filters."""
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, dict[bytes, bytes]()
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        name, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        assert struct.unpack(">I", raw[at + 8 + length : at + 12 + length])[0] == zlib.crc32(name + body)
        chunks[name] = body
        at += 12 + length
    cols, rows, depth, kind, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, kind, len(chunks[b"PLTE"])) == (8, 3, 768)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, cols + 1)
    assert not lines[:, 0].any()
    return rows, cols, lines[:, 1:]


def test_a_frame_becomes_a_picture_in_which_the_warm_is_bright() -> None:
    one = strip()
    low, high = png.scale(one.frames)
    assert 17 < low < 19
    assert 32 < high < 34
    rows, cols, shown = pixels(png.picture(one.frames[0], low, high))
    assert (rows, cols) == (24, 32)
    assert shown[5, 11] > 240
    assert shown[20, 20] < 60
    assert shown[0, 0] == 0
    brightness = png.palette().astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness) >= -0.01).all(), "it reads in grey, too"


def test_a_calm_picture_is_not_stretched_into_noise_and_an_empty_one_is_black() -> None:
    low, high = png.scale(np.full((3, 8, 8), 100, np.uint8))
    assert high - low == pytest.approx(4.0)
    assert png.scale(np.zeros((3, 8, 8), np.uint8)) == (15.0, 35.0)


async def test_pictures_are_for_those_who_act_and_each_look_is_noted(site: Site, evidence: Evidence) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    site.now_seen["h01"] = [strip(60, from_ms=fall.t0_ms - 20 * S), strip(0, sensor="t1")]
    responder = await logged_in(site, await account(site.ledger, site.clock.ms, "li", Role.RESPONDER))
    viewer = await logged_in(site, await account(site.ledger, site.clock.ms, "wang", Role.VIEWER))
    assert (await viewer.get("/incidents/1/pictures")).status_code == 403
    assert (await viewer.get("/incidents/1/pictures/t0/3.png")).status_code == 403
    page = (await responder.get("/incidents/1/pictures")).text
    assert page.count("<li><img") == 24
    picture = await responder.get("/incidents/1/pictures/t0/3.png")
    assert picture.headers["content-type"] == "image/png"
    assert pixels(picture.content)[:2] == (24, 32)
    for gone in (
        "/incidents/1/pictures/t0/60.png",
        "/incidents/1/pictures/t9/0.png",
        "/incidents/9/pictures",
    ):
        assert (await responder.get(gone)).status_code == 404
    deed = (await site.ledger.transact(records.deeds))[0]
    assert (deed.account, deed.action, deed.subject, deed.detail) == (
        "id-li",
        "pictures",
        "h01",
        {"incident": 1},
    )


async def test_after_the_end_what_was_kept_is_shown_or_what_is_wrong_with_it(tmp_path: Path) -> None:
    evidence = Evidence.at(tmp_path)
    site = await make_site(login=True, evidence=evidence)
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.happens(fall.id, Closed("real"), after_s=40)
    browser = await logged_in(site, await account(site.ledger, site.clock.ms, "li", Role.RESPONDER))
    assert "no array saw it" in (await browser.get("/incidents/1/pictures")).text
    evidence.save(fall.id, "h01", [strip(from_ms=fall.t0_ms)])
    assert (await browser.get("/incidents/1/pictures")).text.count("<li><img") == 24
    (evidence.folder / "1.strip").write_bytes(b"rubbish")
    broken = await browser.get("/incidents/1/pictures")
    assert broken.status_code == 200
    assert "cannot be read" in broken.text
    await site.ledger.close()
