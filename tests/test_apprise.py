"""Information by Apprise: the real library against a real server on loopback."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs

from alerting.channels.apprise import MOST_AT_ONCE, MOST_WAITING, Informer
from guardian.web.serve import Tcp, serve

# One of Apprise's plugins imports it on Python below 3.13.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "s3cret-token"


@dataclass
class Chat:
    """Somebody's service: remembers what came, refuses or hangs on request."""

    told: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    free: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    heard: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def take(self, request: Request) -> Response:
        self.told.append(json.loads(await request.body()))
        self.heard.put_nowait(self.told[-1]["message"])
        await self.free.wait()
        return Response(status_code=self.status)


@asynccontextmanager
async def chat(*, hangs: bool = False) -> AsyncIterator[Chat]:
    it = Chat()
    if not hangs:
        it.free.set()
    app = Starlette(routes=[Route("/{token}", it.take, methods=["POST"])])
    async with serve(app, Tcp(0)) as listening:
        it.url = f"{listening.url.replace('http', 'json')}/{SECRET}"
        yield it


async def test_words_reach_every_address() -> None:
    async with chat() as one, chat() as two:
        informer = Informer([one.url, two.url])
        assert await informer.inform("Guardian", "A12 还没有人接手")
        for it in (one, two):
            assert [(t["title"], t["message"]) for t in it.told] == [("Guardian", "A12 还没有人接手")]
        assert (informer.informed, informer.failed) == (1, 0)


async def test_one_address_that_fails_keeps_no_other_from_hearing() -> None:
    async with chat() as one, chat() as two:
        one.status = 500
        informer = Informer([one.url, "json://127.0.0.1:9/x", two.url])
        with capture_logs() as logged:
            assert not await informer.inform("Guardian", "words")
        assert len(two.told) == 1
        assert (informer.informed, informer.failed) == (0, 1)
        assert [line["why"] for line in logged] == ["2 of 3 addresses failed"]


async def test_a_hung_service_costs_the_timeout_and_the_loop_goes_on() -> None:
    async with chat(hangs=True) as it:
        informer, loop = Informer([it.url], timeout_s=0.3), asyncio.get_running_loop()
        began = loop.time()
        with capture_logs() as logged:
            assert not await informer.inform("Guardian", "words")
        assert loop.time() - began < 1.5
        assert it.told, "the loop served the request meanwhile"
        assert informer.failed == 1
        assert [line["why"] for line in logged] == ["no answer within 0.3 s"]
        it.free.set()


async def test_hung_calls_do_not_pile_up() -> None:
    async with chat(hangs=True) as it:
        informer = Informer([it.url], timeout_s=0.3)
        results = await asyncio.gather(*(informer.inform("t", str(n)) for n in range(MOST_AT_ONCE + 3)))
        assert not any(results)
        assert len(it.told) <= MOST_AT_ONCE
        hung = [t for t in threading.enumerate() if t.name == "apprise"]
        assert len(hung) == MOST_AT_ONCE
        with capture_logs() as logged:
            assert not await informer.inform("t", "still hung")
        assert [line["why"] for line in logged] == ["too many under way"]
        it.free.set()
        for thread in hung:
            await asyncio.to_thread(thread.join, 5)
        assert await informer.inform("t", "again"), "it works again when they have come back"


async def test_what_is_offered_is_passed_on_in_order_and_nobody_waits() -> None:
    async with chat() as it:
        informer = Informer([it.url])
        with capture_logs() as logged:
            for n in range(MOST_WAITING + 2):
                informer.offer("Guardian", str(n))
        assert [line["why"] for line in logged] == ["too many waiting"] * 2
        running = asyncio.create_task(informer.run())
        async with asyncio.timeout(30):
            assert [await it.heard.get() for _ in range(3)] == ["0", "1", "2"]
        running.cancel()
        assert informer.failed == 2


async def test_addresses_are_told_to_nobody(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, logger="urllib3")  # whose debugging is not Apprise's
    caplog.set_level(logging.DEBUG)
    async with chat() as it:
        it.status = 403
        informer = Informer([it.url])
        with capture_logs() as logged:
            await informer.inform("Guardian", "words")
            await Informer(["json://127.0.0.1:9/" + SECRET]).inform("Guardian", "words")
    out = capfd.readouterr()
    assert len(logged) == 2
    assert SECRET not in repr(logged) + caplog.text + out.out + out.err


@pytest.mark.parametrize("bad", ["", "nonsense", f"unknown://{SECRET}"])
def test_an_address_that_is_not_understood_is_named_by_its_number(
    bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match=r"^address 2 is not understood$"):
        Informer([f"json://127.0.0.1/{SECRET}", bad])
    assert SECRET not in caplog.text
