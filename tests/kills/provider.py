"""A provider in a process of its own, whose books outlive whoever is killed while texting.

One line of JSON asks, one answers, over a Unix socket. A text stands in the books as soon as it is read; its
answer comes up to ANSWER_MS later, so that a kill may fall between the two. With `lags` its list is empty.
"""

import asyncio
import errno
import json
import select
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alerting.channels import Abilities, ListedText

ANSWER_MS = 4.0


class Books:
    """What the provider has taken in one story."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._texts: list[dict[str, Any]] = []
        self._lags = False

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                answer = await self._answer(json.loads(line))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ConnectionError:  # the one who asked has been killed
            pass
        finally:
            writer.close()

    async def _answer(self, asked: dict[str, Any]) -> Any:
        match asked["what"]:
            case "begin":
                self._texts, self._lags = [], asked["lags"]
                return True
            case "send":
                sid = f"SM{len(self._texts)}"
                self._texts.append({"sid": sid, **{k: asked[k] for k in ("life", "phone", "body", "t_ms")}})
                await asyncio.sleep(self._rng.uniform(0, ANSWER_MS / 1000))
                return sid
            case "list":
                found = [t for t in self._texts if t["phone"] == asked["phone"]]
                return [] if self._lags else found
        return self._texts


def serve(where: Path, seed: int) -> None:
    """Serve for ever; the caller has forked a process for it."""

    async def run() -> None:
        books = Books(np.random.default_rng(seed))
        server = await asyncio.start_unix_server(books.speak, where)
        await server.serve_forever()

    asyncio.run(run())


class Line:
    """The story-teller's own line to the provider; blocks."""

    def __init__(self, where: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        while self._socket.connect_ex(str(where)) in {errno.ENOENT, errno.ECONNREFUSED}:  # it has just begun
            select.select([], [], [], 0.01)
        self._file = self._socket.makefile("rwb")

    def ask(self, what: str, **more: object) -> Any:
        self._file.write(json.dumps({"what": what, **more}).encode() + b"\n")
        self._file.flush()
        return json.loads(self._file.readline())

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class SocketChannel:
    """The channel of one life: the courier's way to the provider."""

    name = "socket"
    abilities = Abilities(two_way=False, receipts=False, voice=False, needs_inbound=False, countries=None)

    def __init__(self, where: Path, life: int) -> None:
        self._where = where
        self._life = life
        self.now_ms = 0
        self.last_sid: dict[str, str] = {}
        """By the name of the courier's task: the text that it has handed over last."""

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        assert valid_s > 0
        sid: str = await self._ask("send", life=self._life, phone=phone, body=body, t_ms=self.now_ms)
        self.last_sid[_task()] = sid
        return sid

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        self.last_sid.pop(_task(), None)
        found = [t for t in await self._ask("list", phone=phone) if t["t_ms"] >= since_ms]
        return [ListedText(t["sid"], t["phone"], t["body"], t["t_ms"], "sent") for t in found]

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        raise AssertionError(f"no answers come this way, nor since {since_ms}")

    async def close(self) -> None:
        return

    async def _ask(self, what: str, **more: object) -> Any:
        reader, writer = await asyncio.open_unix_connection(self._where)
        writer.write(json.dumps({"what": what, **more}).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        return answer


def _task() -> str:
    task = asyncio.current_task()
    assert task is not None
    return task.get_name()
