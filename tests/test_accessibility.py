"""No page has a serious fault for people who read with other than healthy eyes and a mouse (axe-core)."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from guardian.web.serve import Listening, Tcp, serve
from tests.board_pictures import browser
from tests.page_pictures import PAGES, full_site

pytestmark = pytest.mark.slow

CACHE = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "guardian-care"
AXE = CACHE / "axe-4.14.1" / "node_modules" / "axe-core" / "axe.min.js"
"""Put there by tests/servers.sh."""
WORSE = {"serious", "critical"}


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is missing: npm was not there when tests/servers.sh ran")
    return AXE.read_text("utf-8")


@pytest.fixture
async def door() -> AsyncIterator[Listening]:
    site = await full_site()
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as listening:
        yield listening
    await site.ledger.close()


async def faults(page: Page, url: str, axe: str) -> list[str]:
    """Give each serious fault of a page, with the element."""
    await page.goto(url)
    await page.evaluate(axe)
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']}: {node['target']} {v['help']}"
        for v in found["violations"]
        if v["impact"] in WORSE
        for node in v["nodes"]
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["day", "night"])
@pytest.mark.parametrize("width", [1360, 390], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_no_page_has_a_serious_fault(
    door: Listening, axe: str, language: str, width: int, dark: bool
) -> None:
    async with browser(language=language, dark=dark) as context:
        page = context.pages[0]
        await page.set_viewport_size({"width": width, "height": 844})
        wrong = {name: await faults(page, f"{door.url}{path}", axe) for name, path in PAGES.items()}
    assert {name: found for name, found in wrong.items() if found} == {}


async def test_a_fault_would_be_found(axe: str) -> None:
    async with browser() as context:
        page = context.pages[0]
        grey = "<p style='color:#999;background:#fff'>some words that are hard to read</p>"
        await page.set_content(f"<html><body><input>{grey}</body></html>")
        await page.evaluate(axe)
        found = await page.evaluate("axe.run()")
    assert {"label", "color-contrast", "html-has-lang"} <= {v["id"] for v in found["violations"]}
