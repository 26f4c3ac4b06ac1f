"""Ten thousand homes in a real browser: drawn soon, and a change is seen soon."""

from dataclasses import replace

import pytest
from playwright.async_api import expect

from guardian.home_rows import HomeRow
from guardian.web.serve import Tcp, serve
from tests.board_pictures import browser
from tests.web_people import MIN, make_site

pytestmark = pytest.mark.slow

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
INK = """([x, y]) => {
  const c = document.getElementById("squares"), r = window.devicePixelRatio || 1;
  return [...c.getContext("2d").getImageData(x * r, y * r, 1, 1).data];
}"""


async def test_ten_thousand_homes_are_painted_soon_and_a_change_is_seen() -> None:
    site = await make_site()
    site.rows[:] = [
        HomeRow(f"h{n:05}", None, "living", "sitting", 21.0, site.clock.ms - MIN, blind=False)
        for n in range(10_000)
    ]
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door, browser() as context:
        page = context.pages[0]
        await page.goto(f"{door.url}/")
        squares = page.locator("#squares")
        await expect(squares).to_have_attribute("data-drawn", "1", timeout=20_000)
        assert await page.evaluate(PAINTED) < 10_000  # ms; 0.5 s on a quiet machine
        await expect(page.locator("#grid-sums")).to_contain_text("protected 10000")
        fine = await page.evaluate(INK, [6, 6])
        site.rows[0] = replace(site.rows[0], blind=True)
        await expect(squares).to_have_attribute("data-drawn", "2", timeout=20_000)
        await expect(page.locator("#grid-sums")).to_contain_text("blind 1")
        assert await page.evaluate(INK, [4, 4]) != fine, "hollow, and crossed out"
        await squares.hover(position={"x": 6, "y": 6})
        await expect(page.locator("#square")).to_have_text("Home h00000: blind")
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for width in (390, 1360):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate(over) == 0
        print("first contentful paint", await page.evaluate(PAINTED), "ms")  # noqa: T201  # a figure for the docs
    await site.ledger.close()
