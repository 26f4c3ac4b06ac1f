"""Takes pictures of pages, both languages, desk and phone: python -m tests.page_pictures DIRECTORY [NAME]."""

import asyncio
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Page

from alerting import ledger as records
from alerting.concern import Concern, Kind
from alerting.ledger import Ledger
from detectors.fault import Cause
from guardian import roster
from guardian.board import Board, SensorSpec
from guardian.desk import Answer
from guardian.history.pack import BLIND, DAY, MINUTE, MINUTE_MS, SEEN, Minutes, Rows
from guardian.home_facts import Eye, Facts
from guardian.homes import Activity
from guardian.preroll import Strip
from guardian.roster_file import read as read_roster
from guardian.settings import CONFIG
from guardian.walk import Sign, WalkTests
from guardian.web.access import Role
from guardian.web.serve import Tcp, serve
from simulator.stage import demo_homes
from tests.alerting_people import T0, SetClock
from tests.board_pictures import browser, busy_site
from tests.logged_in import account
from tests.test_month import Staff
from tests.web_people import S, Site

SIZES = {"desk": (1360, 900), "phone": (390, 844)}

PAGES = {
    "incident": "/incidents/1",
    "homes": "/homes",
    "home": "/homes/h01",
    "pictures": "/incidents/1/pictures",
    "coverage": "/coverage",
    "protection": "/protection",
    "accounts": "/accounts",
    "log": "/audit",
    "report": "/report",
    "ready": "/readiness",
    "board": "/",
    "own": "/own",
    "login": "/login",
    "places": "/places",
    "place": "/places/home/h01",
    "person": "/places/person",
    "sensor": "/places/home/h01/sensor/t0",
    "room": "/places/home/h01/room/living",
    "ways": "/places/home/h01/ways",
    "walk": "/homes/h01/walk",
}
"""Name of the picture → address."""


EYES = (
    SensorSpec("h01", "t0", "thermal", "living", 24, 32, 4.0, "ceiling", 2.5, 110.0),
    SensorSpec("h01", "door", "door", "hall"),
    SensorSpec("h01", "move", "pir", "bedroom"),
    SensorSpec("h01", "help", "button", "living"),
)


def facts(home: str) -> Facts | None:
    """Give what is known of one home."""
    if home != "h01":
        return None
    heard = T0 + 140 * S
    eyes = (
        Eye("t1", "thermal", "bedroom", heard - 9_000 * S, fine=False, cause=int(Cause.MOVED), battery=None),
        Eye("t0", "thermal", "bathroom", heard, fine=True, cause=0, battery=None),
        Eye("door", "door", "hall", heard - 700 * S, fine=True, cause=0, battery=81.0),
        Eye("help", "button", "living", heard - 86_400 * S, fine=True, cause=0, battery=64.0),
    )
    return Facts(
        room="bathroom",
        room_ms=heard,
        confidence=0.97,
        activity="lying-on-floor",
        people=1,
        temperature_c=23.4,
        humidity=48.0,
        last_life_ms=heard - 50 * S,
        surface_k=0.3,
        surface_error_k=0.4,
        standing="ok",
        falls=(("bathroom", "detectable"), ("bedroom", "moved"), ("living", "too-warm")),
        silence="detectable",
        climate="detectable",
        fire="detectable",
        help="detectable",
        blind=False,
        protected_min=1290,
        sensors=eyes,
        days_learnt=9.3,
    )


async def nothing(_whole: str | Mapping[str, Any], _dry_run: bool, _source: str) -> Answer:
    """Store nothing."""
    return {"changes": [], "version": None}


class Months:
    """A past: a day of minutes, and half a year of days in which somebody gets up later and later."""

    async def minutes(self, _home: str, from_ms: int, _to_ms: int) -> Minutes:
        """Give a day: asleep, up, out, back, a blind half hour."""
        n = 22 * 60 + 15
        rows = np.zeros(n, MINUTE)
        rows["flags"] = SEEN
        for begin, end, room, doing in (
            (0, 405, 2, Activity.ASLEEP),
            (405, 420, 1, Activity.BATHROOM),
            (420, 540, 0, Activity.WALKING),
            (540, 660, 0, Activity.OUT),
            (660, 900, 0, Activity.SITTING),
            (900, 930, 3, Activity.STANDING),
            (930, 1290, 0, Activity.SITTING),
            (1290, n, 1, Activity.BATHROOM),
        ):
            rows["room"][begin:end], rows["activity"][begin:end] = room, doing
        rows["flags"][1000:1030] |= BLIND
        return Minutes(from_ms + np.arange(n) * MINUTE_MS, rows, ["living", "bathroom", "bedroom", "kitchen"])

    async def days(self, _home: str, first: date, last: date) -> list[tuple[date, Rows]]:
        """Give every day."""
        rng, out = np.random.default_rng(1), []
        for k in range((last - first).days):
            row = np.zeros(1, DAY)[0]
            row["seen_min"], row["active_min"] = 1440, rng.integers(140, 260)
            row["out_min"], row["night_visits"] = rng.integers(0, 160), rng.integers(0, 4)
            row["up_min"] = 400 + k // 6 + rng.integers(-15, 15)
            row["centi_mean"] = 2150 + round(200 * np.sin(k / 30))
            out.append((first + timedelta(k), row))
        return out


async def full_site() -> Site:
    """A busy morning with accounts, a log, pictures of the fall, and evidence."""
    ledger = await Ledger.open(None, inline=True)
    walks = WalkTests(lambda: Board("xingfu", EYES), ledger, SetClock(T0))
    site = await busy_site(
        facts=facts, history=Months(), import_roster=nothing, walks=walks, ledger=ledger, drills=Staff()
    )
    walk = walks.begin("h01", "id-li")
    walk.show("t0", Sign.UPRIGHT, T0)
    walk.show("door", Sign.ON, T0)
    walk.show("door", Sign.OFF, T0)
    passed = {"t0": T0 - 31 * 86_400 * S, "door": T0 - 31 * 86_400 * S}
    await ledger.transact(lambda tx: records.note_walked(tx, "h01", passed))
    rows = roster.prepare(read_roster((CONFIG / "roster.example.toml").read_text("utf-8")), None)
    await site.ledger.transact(lambda tx: roster.store(tx, rows, "desk", site.clock.ms))
    home = demo_homes(seed=1, n=1, fall_home=0, fall_at_s=30.0, duration_s=80.0)[0]
    centi = home.centi[:: max(1, len(home.centi) // 160)].astype(np.int64)
    frames = np.clip(centi // 20 + 1, 1, 255).astype(np.uint8)
    t_ms = T0 - 30 * S + np.arange(len(frames)) * 80_000 // len(frames)
    site.now_seen["h01"] = [Strip("t0", "bathroom", frames, t_ms)]
    evidence = {
        "fall_seen": 1.0,
        "down_s": 14.2,
        "lying_s": 12.6,
        "in_sight": 1.0,
        "speed_m_s": 1.4,
        "length_m": 1.5,
    }
    fall = Concern("h01", Kind.FALL_CONFIRMED, T0, T0 + 13 * S, 0.97, "bathroom", 0.1, 0.6, "t0", evidence)
    await site.ledger.transact(lambda tx: records.add_concern(tx, 1, fall))
    for login, role in (("zhang.min", Role.ADMIN), ("chen", Role.OPERATOR), ("li", Role.RESPONDER)):
        row = await account(site.ledger, site.clock.ms, login, role)

        def note(tx: records.Tx, who: str = row.id) -> None:
            for action, subject in (("login", who), ("access-facts", "h01"), ("pictures", "h01")):
                records.note(tx, account=who, action=action, subject=subject, detail={}, now_ms=site.clock.ms)

        await site.ledger.transact(note)
    return site


async def shoot(page: Page, url: str, file: Path) -> None:
    await page.goto(url)
    await page.wait_for_load_state("networkidle")
    jpeg = {"type": "jpeg", "quality": 72} if file.suffix == ".jpg" else {}
    await page.screenshot(path=file, full_page=True, **jpeg)  # type: ignore[arg-type]  # as the names say


async def pictures(directory: Path, names: list[str]) -> None:
    site = await full_site()
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door:
        for language in ("zh", "en"):
            for size, (width, height) in SIZES.items():
                async with browser(language=language, dark=False) as context:
                    page = context.pages[0]
                    await page.set_viewport_size({"width": width, "height": height})
                    for name in names or PAGES:
                        await shoot(
                            page, f"{door.url}{PAGES[name]}", directory / f"{name}-{language}-{size}.jpg"
                        )
    await site.ledger.close()


if __name__ == "__main__":
    asyncio.run(pictures(Path(sys.argv[1]), sys.argv[2:]))
