"""Serving inside the daemon's loop: loopback only, no signal handlers, gone within a second."""

import asyncio
import signal
import socket
import stat
import time
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from alerting.concern import Kind
from guardian.web.serve import ServeError, Tcp, serve
from tests.web_people import make_site


async def hello(request: Request) -> JSONResponse:
    return JSONResponse(list(request.scope["client"] or ()))


async def slow(_request: Request) -> PlainTextResponse:
    await asyncio.Event().wait()
    return PlainTextResponse("never")


APP = Starlette(routes=[Route("/", hello), Route("/slow", slow)])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1"])
async def test_loopback_addresses_are_served_on_a_free_port(host: str) -> None:
    async with serve(APP, Tcp(0, host)) as door, httpx.AsyncClient() as client:
        assert door.port > 0
        assert (await client.get(f"{door.url}/")).status_code == 200


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "10.0.0.1", "example.org", "", "127.0.0.1.x"]
)
async def test_any_other_address_is_refused_with_a_reason(host: str) -> None:
    with pytest.raises(ServeError, match="loopback only"):
        async with serve(APP, Tcp(0, host)):
            raise AssertionError("it was served")


async def test_a_taken_port_is_a_clear_error() -> None:
    async with serve(APP, Tcp(0)) as door:
        with pytest.raises(
            ServeError, match=rf"cannot listen on 127.0.0.1:{door.port}: Address already in use"
        ):
            async with serve(APP, Tcp(door.port)):
                raise AssertionError("it was served")


async def test_the_signals_stay_with_the_daemon() -> None:
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    async with serve(APP, Tcp(0)) as door, httpx.AsyncClient() as client:
        await client.get(door.url)
        assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_stop_takes_under_a_second_with_open_streams() -> None:
    site = await make_site()
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with httpx.AsyncClient() as client:
        async with serve(site.app, Tcp(0), on_stop=site.feed.close) as door:
            response = await client.send(client.build_request("GET", f"{door.url}/events"), stream=True)
            first = await anext(response.aiter_lines())
            assert first.startswith("id: ")
            began = time.monotonic()
        assert time.monotonic() - began < 1.0
        await response.aclose()
    await site.ledger.close()


async def test_a_stop_takes_under_a_second_with_a_request_that_never_ends() -> None:
    async with httpx.AsyncClient() as client:
        async with serve(APP, Tcp(0)) as door:
            request = asyncio.create_task(client.get(f"{door.url}/slow"))
            await client.get(f"{door.url}/")  # answered by the same loop, so the slow one is being worked on
            began = time.monotonic()
        assert time.monotonic() - began < 1.0
        assert (await request).status_code == 500


async def test_a_unix_socket_is_ours_alone_and_names_its_peer(tmp_path: Path) -> None:
    where = tmp_path / "x.sock"
    async with (
        serve(APP, where),
        httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(where))) as client,
    ):
        assert stat.S_IMODE(where.stat().st_mode) == 0o600
        what, uid = (await client.get("http://x/")).json()
        assert (what, uid) == ("uid", where.stat().st_uid)
    assert not where.exists()


async def test_the_socket_of_a_killed_daemon_is_replaced_but_a_file_is_not(tmp_path: Path) -> None:
    stale, file = tmp_path / "stale.sock", tmp_path / "file"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(stale))
    async with serve(APP, stale):
        pass
    file.write_text("precious")
    with pytest.raises(ServeError, match="not a socket"):
        async with serve(APP, file):
            raise AssertionError("it was served")
    assert file.read_text() == "precious"
    with pytest.raises(ServeError, match="too long"):
        async with serve(APP, tmp_path / ("x" * 120)):
            raise AssertionError("it was served")
