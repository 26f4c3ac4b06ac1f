"""A server that only blasts: it speaks just enough MQTT 3.1.1 and 5 to be subscribed to.

Every client of the ingest bench gets the same bytes from it, encoded once for each protocol version,
as fast as the client reads. It reads and ignores whatever comes back. Run as a process of its own, so
that its CPU is not the client's: `python -m simulator.bench.blast QOS WARM MESSAGES TOPICS WORD`.
"""

import socket
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

import numpy as np

from guardian.wire.native import pack_frame

SITE: Final = "bench"
ROWS, COLS = 24, 32
MESSAGE_BYTES: Final = 24 + 2 * ROWS * COLS
V5: Final = 5
PAUSE_S: Final = 0.5
"""Between warming up and the flood: the slowest client has taken 8,000 messages by then."""

_CONNECT, _SUBSCRIBE, _PING = 1, 8, 12


def home(i: int) -> str:
    """Name of the i-th home."""
    return f"h{i:04d}"


def topic(i: int) -> str:
    """Topic of the i-th home's one sensor."""
    return f"guardian/{SITE}/{home(i)}/cam/frame"


def packets(version: int, qos: int, topics: int) -> list[bytes]:
    """One PUBLISH for each topic, with its picture."""
    return encoded(version, qos, [(topic(i), picture) for i, picture in enumerate(pictures(topics))])


def pictures(count: int) -> list[bytes]:
    """Native frames, 24×32, of a room at 22 °C with 0.1 K of noise; seed 1."""
    rng = np.random.default_rng(1)
    return [
        pack_frame(rng.normal(2200, 10, (ROWS, COLS)).astype(np.int16), seq=i, t_ms=1_700_000_000_000)
        for i in range(count)
    ]


def encoded(version: int, qos: int, messages: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """One PUBLISH for each message, a topic and a payload."""
    out = []
    for i, (where, payload) in enumerate(messages):
        name = where.encode()
        body = struct.pack(">H", len(name)) + name
        if qos:
            body += struct.pack(">H", i % 65_535 + 1)
        if version == V5:
            body += b"\0"  # no properties
        body += payload
        out.append(bytes([0x30 | qos << 1]) + remaining_length(len(body)) + body)
    return out


def serve(ready: dict[int, list[bytes]], warm: int, messages: int, word: str) -> None:
    """Print the port, then serve until killed. ready: what is sent again and again, by protocol version.

    Whoever subscribes to a filter that ends in `word` gets `warm` messages, a pause of PAUSE_S in which
    it can take its time, and `messages` more.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            threading.Thread(target=_talk, args=(client, ready, (warm, messages), word), daemon=True).start()


def _talk(client: socket.socket, ready: dict[int, list[bytes]], counts: tuple[int, int], word: str) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    version, turn = 0, threading.Lock()
    for kind, body in _read(client):
        if kind == _CONNECT:
            version = body[6]
            client.sendall(b"\x20\x03\0\0\0" if version == V5 else b"\x20\x02\0\0")
        elif kind == _SUBSCRIBE:
            filters = _filters(body, version)
            answer = body[:2] + (b"\0" if version == V5 else b"") + b"\1" * len(filters)
            client.sendall(b"\x90" + remaining_length(len(answer)) + answer)
            if any(f.endswith(f"/{word}") for f in filters):
                more = client, ready[version], counts, turn
                threading.Thread(target=_blast, args=more, daemon=True).start()
        elif kind == _PING:
            with turn:  # never amid a packet
                client.sendall(b"\xd0\0")


def _blast(client: socket.socket, ready: list[bytes], counts: tuple[int, int], turn: threading.Lock) -> None:
    warm, messages = counts
    with suppress(OSError):  # the client has seen enough
        for count in (warm, messages):
            whole = b"".join(ready)
            for _ in range(count // len(ready)):
                with turn:
                    client.sendall(whole)
            with turn:
                client.sendall(b"".join(ready[: count % len(ready)]))
            threading.Event().wait(PAUSE_S)


def _read(client: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each packet that the client sends."""
    with suppress(OSError), client.makefile("rb") as stream:
        while head := stream.read(1):
            length = shift = 0
            while True:
                byte = stream.read(1)[0]
                length |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
            yield head[0] >> 4, stream.read(length)


def _filters(body: bytes, version: int) -> list[str]:
    at = 3 if version == V5 else 2  # none of the clients sends properties with SUBSCRIBE
    out = []
    while at < len(body):
        size = int.from_bytes(body[at : at + 2], "big")
        out.append(body[at + 2 : at + 2 + size].decode())
        at += 3 + size
    return out


def remaining_length(n: int) -> bytes:
    """Encode a length as MQTT writes it in the second byte of a packet and on."""
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


if __name__ == "__main__":
    qos_, warm_, messages_, topics_ = map(int, sys.argv[1:5])
    serve({v: packets(v, qos_, topics_) for v in (4, V5)}, warm_, messages_, sys.argv[5])
