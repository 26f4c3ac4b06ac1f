"""Staff in real browsers on the real daemon, fed by simulated homes through a real broker."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import httpx
import pytest
from playwright.async_api import Page, expect

from guardian.broker import mosquitto
from guardian.clock import LiveClock
from guardian.link import BrokerAddress
from simulator import demo
from simulator.private import Configuration, Place, connected, daemon, free_port, prepare
from simulator.providers import FakeTwilio
from tests.board_pictures import browser
from tests.page_pictures import shoot

pytestmark = pytest.mark.slow

PASSWORD = "ten letters and more"


@dataclass(frozen=True, slots=True)
class Centre:
    place: Place
    url: str
    begin: Callable[[], None]
    """Let the homes send."""
    broker: BrokerAddress


@asynccontextmanager
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    """A private installation in which people log in; its homes are not sending yet."""
    clock, hooks_port, board_port = LiveClock(), free_port(), free_port()
    streams = list(demo._simulated(1))
    async with (
        mosquitto(tmp_path / "broker") as broker,
        httpx.AsyncClient() as callbacks,
        FakeTwilio(demo.ACCOUNT, "token", demo.NUMBER, clock.now_ms, callbacks=callbacks) as provider,
        provider.serve() as url,
    ):
        place = prepare(
            tmp_path,
            Configuration(
                broker,
                roster=demo.roster(streams),
                provider={"account_sid": demo.ACCOUNT, "from_number": demo.NUMBER, "base_url": url},
                auth_token="token",
                web={"board_port": board_port, "hooks_port": hooks_port, "login": True},
            ),
        )
        sending: list[asyncio.Task[None]] = []

        def begin() -> None:
            start = demo.send(streams, broker, clock, clock.now_ms(), for_ever=True)
            sending.append(asyncio.create_task(start))

        try:
            yield Centre(place, f"http://127.0.0.1:{board_port}", begin, broker)
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)


async def first_account(page: Page, url: str, place: Place) -> None:
    """Make the first account with the token that the daemon has written."""
    token = (place.state / "first-start").read_text()
    await page.goto(url)
    await expect(page).to_have_url(re.compile("/first-start"))
    await page.get_by_label("Token").fill(token)
    await page.get_by_label("Login").fill("boss")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("The same again").fill(PASSWORD)
    await page.get_by_role("button", name="Make the account").click()
    await expect(page.locator("#live-mark")).to_be_visible()


async def log_in(page: Page, url: str) -> None:
    await page.goto(url)
    await page.get_by_label("Login").fill("boss")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#live-mark")).to_be_visible()


async def test_from_the_first_login_to_a_fall_that_is_closed_by_three_people_at_once(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, daemon(c.place), browser() as desk_context:
        place, url = c.place, c.url
        await connected(place)
        desk = desk_context.pages[0]
        await first_account(desk, url, place)
        assert not (place.state / "first-start").exists()
        c.begin()
        async with browser() as second_context, browser() as phone_context:
            second, phone = second_context.pages[0], phone_context.pages[0]
            await phone.set_viewport_size({"width": 390, "height": 844})
            await log_in(second, url)
            await log_in(phone, url)
            everybody = (desk, second, phone)
            for page in everybody:  # a suspicion, then the fall, by itself on every screen
                await expect(page.locator("article .kind").first).to_contain_text("Fall", timeout=90_000)
                digits = page.locator("article .digits").first
                await expect(digits).to_have_text(re.compile(r"^\d:\d\d$"), timeout=60_000)
            before = await desk.locator(".digits").first.text_content()
            await expect(desk.locator(".digits").first).not_to_have_text(str(before), timeout=3_000)
            accept = [p.get_by_role("button", name="Accept", exact=True).first for p in everybody]
            await asyncio.gather(*(button.click() for button in accept))
            for page in everybody:
                state = page.locator("article .state").first
                await expect(state).to_contain_text("Accepted by", timeout=10_000)
            arrived = [p.get_by_role("button", name="Arrived").first for p in everybody]
            await asyncio.gather(*(button.click() for button in arrived))
            for page in everybody:
                await expect(page.locator("article .state").first).to_contain_text("on scene", timeout=10_000)
            await desk.locator("article a.kind").first.click()
            await expect(desk.get_by_role("heading", name="What happened")).to_be_visible()
            await desk.locator("a.button", has_text="What the sensors saw").click()
            await expect(desk.locator(".strip img").first).to_be_visible()
            assert await desk.locator(".strip img").count() >= 8
            await desk.locator(".player .step").last.click()
            await desk.go_back()
            await phone.locator("article summary").first.click()
            await phone.get_by_label("Outcome").select_option("real")
            await phone.locator("button[id^='confirm-']").click()
            await expect(phone.locator("#recent")).to_contain_text("real", timeout=10_000)
            await expect(second.locator("#recent")).to_contain_text("real", timeout=10_000)
            await shoot(phone, f"{url}/homes", tmp_path / "homes.png")
            await phone.locator("th a").first.click()
            await expect(phone.get_by_role("heading", name="What would be noticed now")).to_be_visible()
            await desk.goto(f"{url}/audit")
            await expect(desk.locator("tbody")).to_contain_text("button in an incident")
            await expect(desk.locator("tbody")).to_contain_text("saw pictures")


async def test_a_dead_daemon_is_said_on_the_screen_and_the_session_outlives_it(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, browser() as context:
        page, place, url = context.pages[0], c.place, c.url
        async with daemon(place):
            await connected(place)
            await first_account(page, url, place)
        await expect(page.locator("#lost")).to_be_visible(timeout=30_000)
        async with daemon(place):
            await connected(place)
            await expect(page.locator("#lost")).to_be_hidden(timeout=30_000)
            await page.goto(f"{url}/accounts")
            await expect(page.locator("tbody")).to_contain_text("boss")


async def test_a_sensor_is_added_by_a_form_walked_past_and_no_longer_due(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, daemon(c.place), browser() as context:
        page, url = context.pages[0], c.url
        await connected(c.place)
        await first_account(page, url, c.place)
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(f"{url}/places/home/home-02/sensor")
        await page.get_by_label("Sensor").first.fill("Move")
        await page.locator("select[name=kind]").select_option("pir")
        await page.get_by_role("button", name="See what would change").click()
        await expect(page.get_by_role("alert")).to_contain_text("mistakes")
        await page.get_by_label("Sensor").first.fill("move")
        await page.get_by_role("button", name="See what would change").click()
        await expect(page.locator(".changes")).to_contain_text("+ sensor home-02/move")
        await page.get_by_role("button", name="Store it").click()
        await page.goto(f"{url}/homes/home-02/walk")
        await page.get_by_role("button", name="Begin").click()
        await expect(page.locator("#walk .wanted")).to_have_count(3)  # the array's two, and the new one's
        async with aiomqtt.Client(c.broker.host, c.broker.port) as device:
            await device.publish("guardian/demo/home-02/move/event", b'{"value": 1}', qos=1)
            await expect(page.locator("#walk .passed")).to_contain_text("motion", timeout=10_000)
        await page.get_by_role("button", name="End the test").click()
        await expect(page.get_by_role("status")).to_contain_text("1 of 2 sensors have passed.")
        await page.goto(f"{url}/readiness")
        await expect(page.locator("li", has_text="home-02").last).to_contain_text("1 sensors")


async def test_a_table_with_mistakes_stores_nothing_and_names_each(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, daemon(c.place), browser() as context:
        page, url = context.pages[0], c.url
        await connected(c.place)
        await first_account(page, url, c.place)
        for text, found in (
            ("home,card,entry_s\nhome-01,much too long,soon\nhome-99,7,60\n", "2 mistakes"),
            ("home,card\nhome-01,88\n", "What would change"),
        ):
            await page.goto(f"{url}/places")
            file = {"name": "homes.csv", "mimeType": "text/csv", "buffer": text.encode()}
            await page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
            await page.get_by_role("button", name="See what would change").click()
            await expect(page.locator("#page")).to_contain_text(found)
        await page.get_by_role("button", name="Store it").click()
        await page.goto(f"{url}/homes/home-01")
        await expect(page.get_by_role("heading", name="Card 88")).to_be_visible()
        await page.goto(f"{url}/homes/home-99")
        await expect(page.locator("main")).to_contain_text("There is no such page")
