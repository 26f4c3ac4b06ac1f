"""Takes pictures of pages, both languages, desk and phone: python -m tests.page_pictures DIRECTORY [NAME]."""

import asyncio
import sys
from pathlib import Path

import numpy as np
from playwright.async_api import Page

from alerting import ledger as records
from alerting.concern import Concern, Kind
from guardian.preroll import Strip
from guardian.web.access import Role
from guardian.web.serve import Tcp, serve
from simulator.stage import demo_homes
from tests.alerting_people import T0
from tests.board_pictures import browser, busy_site
from tests.logged_in import account
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
}
"""Name of the picture → address."""


async def full_site() -> Site:
    """A busy morning with accounts, a log, pictures of the fall, and evidence."""
    site = await busy_site()
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
    await page.screenshot(path=file, full_page=True)


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
                            page, f"{door.url}{PAGES[name]}", directory / f"{name}-{language}-{size}.png"
                        )
    await site.ledger.close()


if __name__ == "__main__":
    asyncio.run(pictures(Path(sys.argv[1]), sys.argv[2:]))
