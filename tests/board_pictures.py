"""Draws the board with everything on it and takes its pictures: python -m tests.board_pictures DIRECTORY."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import BrowserContext, Page, async_playwright

from alerting.concern import Kind
from alerting.incident import Accepted, Arrived, Closed, EnRoute, LastResort
from guardian.home_rows import HomeRow
from guardian.homes import Activity
from guardian.protection import Gap, Reach, Reason
from guardian.unseen import Unseen
from guardian.web.serve import Tcp, serve
from tests.alerting_people import T0
from tests.web_people import MIN, S, Site, make_site

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Root may not use the sandbox; the others keep the browser from looking for servers outside."""


@contextlib.asynccontextmanager
async def browser(*, language: str = "en-GB", dark: bool = False) -> AsyncIterator[BrowserContext]:
    """The system's Chromium with an empty profile."""
    if not os.access(CHROMIUM, os.X_OK):
        raise AssertionError(f"{CHROMIUM} is missing: run tests/servers.sh")
    with TemporaryDirectory() as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile,
                executable_path=CHROMIUM,
                args=FLAGS,
                headless=True,
                locale=language,
                color_scheme="dark" if dark else "light",
                viewport={"width": 1360, "height": 1000},
            )
            try:
                yield context
            finally:
                await context.close()


OUTAGE = Unseen(
    homes=312,
    blind=1,
    gaps=(
        Gap("h01", T0 - 90 * MIN, T0 - 40 * MIN, Activity.BATHROOM, Reason.OURSELVES),
        Gap("h04", T0 - 26 * 60 * MIN, None, Activity.WALKING, Reason.DARK),
        Gap("h02", T0 - 90 * MIN, T0 - 40 * MIN, Activity.SITTING, Reason.OURSELVES),
    ),
    reach={"empty-nest": Reach(240, 201, 180, 179), "hardship": Reach(80, 60, 44, 44)},
)
"""Guardian itself was down for a while, and a sensor has been silent since yesterday."""


async def busy_site(**more: Any) -> Site:
    """A morning on which everything happens at once."""
    site = await make_site(T0 + 150 * S, language="zh", look_back=lambda _since_ms: OUTAGE, **more)
    now_ms = site.clock.ms
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01", onset_ms=T0)
    await site.texted(fall.id)
    await site.happens(fall.id, Accepted("ann"), after_s=95)
    still = await site.opened(Kind.INACTIVITY, "h02", onset_ms=T0 - 480 * S)
    await site.texted(still.id)
    await site.happens(still.id, LastResort(), after_s=140)
    await site.opened(Kind.FALL_SUSPECTED, "h03", onset_ms=now_ms - 9 * S)
    there = await site.opened(Kind.BATHROOM_OVERSTAY, "h07", onset_ms=T0 - 400 * S)
    await site.texted(there.id, "bo")
    await site.happens(there.id, EnRoute("bo", 6), by="bo", after_s=30)
    await site.happens(there.id, Arrived("bo"), by="bo", after_s=130)
    await site.opened(Kind.BLIND, "h04", onset_ms=T0 - 900 * S, deadline_s=None)
    drill = await site.opened(Kind.SOS, "h09", onset_ms=T0 - 3600 * S)
    await site.happens(drill.id, Closed("drill"), by="board", after_s=-3300)
    pet = await site.opened(Kind.FALL_CONFIRMED, "h12", onset_ms=T0 - 9000 * S)
    await site.happens(pet.id, Closed("false:pet"), by="board", after_s=-8700)
    quiet = [
        ("living", "sitting", 22.4, 3),
        ("bathroom", "bathroom", 23.0, 31),
        ("kitchen", "standing", 21.8, 1),
        ("bedroom", "asleep", 20.9, 95),
        ("bedroom", "lying-in-bed", 21.2, 12),
        (None, "out", 19.7, 204),
        ("hall", "walking", 21.5, 0),
        ("living", "sitting", None, 8),
        ("bedroom", "asleep", 20.4, 140),
        ("kitchen", "walking", 22.9, 2),
        ("living", "standing", 23.3, 5),
    ]
    site.rows[3] = replace(site.rows[3], last_life_ms=now_ms - 19 * MIN)
    site.rows += [
        HomeRow(f"h{i:02d}", str(16 + i), room, doing, degrees, now_ms - minutes * MIN, blind=False)
        for i, (room, doing, degrees, minutes) in enumerate(quiet, 6)
    ]
    return site


async def picture(page: Page, url: str, file: Path) -> None:
    """Take a picture of the board once it is live."""
    await page.goto(url)
    await page.locator("#live-mark").wait_for(state="visible")
    await page.screenshot(path=file, full_page=True)


async def pictures(directory: Path) -> None:
    """Chinese by day, English by night."""
    site = await busy_site()
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door:
        for language, dark in (("zh", False), ("en", True)):
            async with browser(language=language, dark=dark) as context:
                page = context.pages[0]
                await picture(page, f"{door.url}/", directory / f"board-{language}.png")
                await page.set_viewport_size({"width": 1100, "height": 400})
                await page.goto(f"{door.url}/protection")
                await page.screenshot(path=directory / f"protection-{language}.png", full_page=True)
    await site.ledger.close()


if __name__ == "__main__":
    asyncio.run(pictures(Path(sys.argv[1])))
