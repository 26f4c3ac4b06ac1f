"""The board in a real browser: live, patient with whoever is choosing, and honest when it is deaf."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from alerting.concern import Kind
from alerting.incident import Accepted, State
from guardian.web.serve import Tcp, serve
from tests.alerting_people import T0
from tests.board_pictures import browser, busy_site, picture
from tests.web_people import S, Site, make_site

pytestmark = pytest.mark.slow


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await make_site()
    yield made
    await made.ledger.close()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page on which any error or refused resource fails the test."""
    async with browser() as context:
        page = context.pages[0]
        wrong: list[str] = []
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.on(
            "console",
            lambda m: wrong.append(m.text) if m.type == "error" and "ERR_CON" not in m.text else None,
        )
        yield page
        assert not wrong


async def test_an_incident_appears_by_itself_and_counts_down(site: Site, page: Page) -> None:
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door:
        await page.goto(f"{door.url}/")
        await expect(page.locator(".calm")).to_contain_text("No open incidents")
        await expect(page.locator("#live-mark")).to_be_visible()
        await site.opened(Kind.FALL_CONFIRMED, "h01")
        site.feed.changed()
        digits = page.locator("#i1 .digits")
        await expect(digits).to_have_text("8:59", timeout=4000)
        await expect(digits).to_have_text("8:58", timeout=2000)
        await expect(page).to_have_title("(1) Guardian board")
        await expect(page.locator("#say")).to_have_text("Open incidents 1: HIGH, Fall, Home h01")


async def test_from_the_alarm_to_closed_with_the_mouse(site: Site, page: Page) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door:
        await page.goto(f"{door.url}/?lang=en")
        await page.get_by_label("Who goes").select_option("bo")
        await page.get_by_role("button", name="Accept").click()
        await expect(page.locator("#i1 .state")).to_contain_text("Accepted by 李波")
        await page.get_by_role("button", name="Arrived").click()
        await expect(page.locator("#i1 .state")).to_contain_text("on scene")
        await page.locator("#i1 summary").click()
        await page.get_by_label("Outcome").select_option("false:furniture")
        await page.locator("#confirm-1").click()
        await expect(page.locator("#recent")).to_contain_text("false alarm (furniture or bedding)")
        assert page.url.endswith("/?lang=en")
        await page.locator("#recent a").click()
        await expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    assert (await site.read(fall.id)).outcome == "false:furniture"


async def test_a_card_in_which_somebody_is_choosing_stays_while_the_board_moves(
    site: Site, page: Page
) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door:
        await page.goto(f"{door.url}/")
        await expect(page.locator("#live-mark")).to_be_visible()
        await page.locator("#i1 summary").click()
        await page.locator("#outcome-1").select_option("false:pet")
        await site.opened(Kind.GAS, "h02", onset_ms=T0 - 200 * S)
        await site.happens(fall.id, Accepted("ann"))
        await site.opened(Kind.WATER, "h05", onset_ms=T0 + 200 * S)
        site.feed.changed()
        await expect(page.locator("article")).to_have_count(3)
        assert await page.locator("article").evaluate_all("all => all.map(a => a.id)") == ["i2", "i1", "i3"]
        await expect(page.locator("#i1 .state")).to_contain_text("王安")  # the facts are fresh
        await expect(page.locator("#outcome-1")).to_have_value("false:pet")  # the choice still stands
        await page.locator("#confirm-1").click()
        await expect(page.locator("article")).to_have_count(2)
    assert (await site.read(fall.id)).state is State.CLOSED


async def test_a_dead_line_is_said_aloud_and_mends_itself(site: Site, page: Page) -> None:
    await page.clock.install()
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door:
        await page.goto(f"{door.url}/")
        await expect(page.locator("#live-mark")).to_be_visible()
        await expect(page.locator("#lost")).to_be_hidden()
    await page.clock.fast_forward(16_000)
    await expect(page.locator("#lost")).to_be_visible()
    await expect(page.locator("#lost")).to_contain_text("Connection lost")
    await expect(page.locator("#live-mark")).to_be_hidden()
    await site.opened(Kind.SOS, "h02")
    again = await make_site(ledger=site.ledger)  # the daemon comes back on the same port
    async with serve(again.app, Tcp(door.port), on_stop=again.feed.close):
        async with asyncio.timeout(20):
            while await page.locator("#lost").is_visible():
                await page.clock.run_for(1000)
        await expect(page.locator("article")).to_have_count(1)


async def test_without_scripts_the_page_still_works(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door, browser() as context:
        page = context.pages[0]
        await page.route("**/*.js", lambda route: route.abort())
        await page.goto(f"{door.url}/")
        await expect(page.locator("#i1 .digits")).to_have_text("9:00")
        await page.get_by_role("button", name="Accept").click()
        await expect(page.locator("#i1 .state")).to_contain_text("Accepted by 王安")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (820, 1180), (1920, 1080)])
async def test_nothing_runs_out_of_the_page_at_any_width(width: int, height: int) -> None:
    site = await busy_site()
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door, browser() as context:
        page = context.pages[0]
        await page.set_viewport_size({"width": width, "height": height})
        for address in ("/", "/incidents/1"):
            await page.goto(f"{door.url}{address}")
            over = await page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert over == 0
    await site.ledger.close()


@pytest.mark.parametrize("dark", [False, True], ids=["day", "night"])
async def test_every_text_can_be_read(dark: bool) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) for all text, by day and by night."""
    site = await busy_site()
    async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door, browser(dark=dark) as context:
        page = context.pages[0]
        for address in ("/", "/incidents/1"):
            await page.goto(f"{door.url}{address}")
            assert await page.evaluate(CONTRAST) == []
    await site.ledger.close()


async def test_pictures_can_be_taken(tmp_path: Path) -> None:
    site = await busy_site()
    async with (
        serve(site.app, Tcp(0), on_stop=site.feed.close) as door,
        browser(language="zh-CN") as context,
    ):
        await picture(context.pages[0], f"{door.url}/", tmp_path / "board.png")
        await expect(context.pages[0].locator("h2").first).to_contain_text("未结事件")
    assert (tmp_path / "board.png").stat().st_size > 50_000
    await site.ledger.close()


CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (el) => {
    for (; el; el = el.parentElement) {
      const c = rgb(getComputedStyle(el).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const el = walk.currentNode.parentElement;
    const text = walk.currentNode.textContent.trim();
    if (!text || !el.checkVisibility() || el.closest("noscript, .unseen")) continue;
    const [a, b] = [light(rgb(getComputedStyle(el).color)), light(ground(el))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${text} ${ratio.toFixed(2)}`);
  }
  return bad;
}"""
