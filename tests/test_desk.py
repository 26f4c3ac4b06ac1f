"""Commands to a running daemon, over its unix socket."""

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from guardian import desk
from guardian.web.serve import Tcp, serve


class Nobody:
    """A calendar in which number 7 is the only absence."""

    async def note(self, wish: bytes) -> Mapping[str, Any]:
        raise desk.Refused([wish.decode()])

    async def listing(self) -> Mapping[str, Any]:
        return {"absences": []}

    async def end(self, number: int) -> Mapping[str, Any]:
        return {"absences": [{"id": number}]}


def app(imports: list[tuple[str, bool]] | None = None, uids: frozenset[int] | None = None) -> Starlette:
    async def take(text: str, dry_run: bool) -> Mapping[str, Any]:
        if "bad" in text:
            raise desk.Refused(["roster: homes.0.id: missing", "roster: site: missing"])
        if imports is not None:
            imports.append((text, dry_run))
        return {"changes": ["+ home h01"], "version": None if dry_run else 3}

    async def give() -> Mapping[str, Any]:
        return {"toml": '[site]\nid = "幸福"\n'}

    return desk.desk_app(
        calendar=Nobody(),
        silences=Nobody(),
        status=lambda: {"homes": 40, "connected": {"events": True}},
        import_roster=take,
        export_roster=give,
        allowed_uids=uids,
    )


async def ask(state: Path, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
    return await asyncio.to_thread(desk.call, state, method, path, body)


async def test_the_commands_reach_the_daemon(tmp_path: Path) -> None:
    imports: list[tuple[str, bool]] = []
    async with serve(app(imports), desk.socket_path(tmp_path)):
        assert await asyncio.to_thread(desk.runs, tmp_path)
        assert await ask(tmp_path, "GET", "/status") == {"homes": 40, "connected": {"events": True}}
        dry = await ask(tmp_path, "POST", "/roster/import?dry_run=1", "名册".encode())
        done = await ask(tmp_path, "POST", "/roster/import?dry_run=0", "名册".encode())
        assert (dry["version"], done["version"]) == (None, 3)
        assert imports == [("名册", True), ("名册", False)]
        assert (await ask(tmp_path, "GET", "/roster/export"))["toml"] == '[site]\nid = "幸福"\n'


async def test_a_refusal_brings_every_reason_on_a_line_of_its_own(tmp_path: Path) -> None:
    async with serve(app(), desk.socket_path(tmp_path)):
        with pytest.raises(desk.DeskError) as refused:
            await ask(tmp_path, "POST", "/roster/import", b"bad")
        assert str(refused.value) == "roster: homes.0.id: missing\nroster: site: missing"
        with pytest.raises(desk.DeskError, match="not UTF-8"):
            await ask(tmp_path, "POST", "/roster/import", b"\xff\xfe")
        with pytest.raises(desk.DeskError, match="Not Found"):
            await ask(tmp_path, "GET", "/nothing")
        with pytest.raises(desk.DeskError, match="Method Not Allowed"):
            await ask(tmp_path, "DELETE", "/status")


async def test_a_peer_of_another_user_is_refused(tmp_path: Path) -> None:
    others = frozenset({os.getuid() + 1})
    async with serve(app(uids=others), desk.socket_path(tmp_path)):
        with pytest.raises(desk.DeskError, match="only root and Guardian's own user"):
            await ask(tmp_path, "GET", "/status")


async def test_the_desk_answers_nobody_who_comes_over_tcp() -> None:
    async with serve(app(), Tcp(0)) as door, httpx.AsyncClient() as client:
        assert (await client.get(f"{door.url}/status")).status_code == 403


async def test_no_daemon_is_a_clear_error(tmp_path: Path) -> None:
    assert not await asyncio.to_thread(desk.runs, tmp_path)
    with pytest.raises(desk.DeskError, match=r"no Guardian runs here \(.*desk.sock\)"):
        await ask(tmp_path, "GET", "/status")
    with socket.socket(socket.AF_UNIX) as left:  # a daemon that was killed leaves its socket behind
        left.bind(str(desk.socket_path(tmp_path)))
    with pytest.raises(desk.DeskError, match="no Guardian runs here"):
        await ask(tmp_path, "GET", "/status")
    with pytest.raises(desk.DeskError, match="no Guardian runs here"):
        await ask(tmp_path / ("x" * 120), "GET", "/status")


async def test_something_else_behind_the_socket_is_said(tmp_path: Path) -> None:
    other = Starlette(routes=[Route("/status", lambda _request: PlainTextResponse("hello"))])
    async with serve(other, desk.socket_path(tmp_path)):
        with pytest.raises(desk.DeskError, match="is not Guardian's desk"):
            await ask(tmp_path, "GET", "/status")


async def test_a_daemon_that_dies_while_answering_is_said(tmp_path: Path) -> None:
    where = desk.socket_path(tmp_path)

    async def die(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_unix_server(die, where)
    async with server:
        with pytest.raises(desk.DeskError, match="does not answer"):
            await ask(tmp_path, "GET", "/status")
