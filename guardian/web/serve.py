"""Runs a web application inside the daemon's own event loop.

Takes an ASGI application and where to listen: a loopback port or a unix socket. Touches no signal
handlers, logs no requests, and is gone within a second of being told to stop, open streams included.
Refuses any address but loopback where it is not served by TLS.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import stat
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

STOP_S = 0.5
"""How long requests in hand may go on at a stop; with uvicorn's own tick of 0.1 s all is over within 1 s."""
BACKLOG = 128
KEEP_ALIVE_S = 15
"""Longer than the 5 s between two events, so that a browser's connection is not remade for each click."""


class ServeError(Exception):
    """Listening where it was asked for is not possible or not allowed."""


@dataclass(frozen=True, slots=True)
class Tcp:
    """A port, 0 takes a free one; on loopback, unless there is TLS."""

    port: int
    host: str = "127.0.0.1"
    certificate: Path | None = None
    key: Path | None = None

    @property
    def secure(self) -> bool:
        """Whether it is served by TLS."""
        return self.certificate is not None


@dataclass(frozen=True, slots=True)
class Listening:
    """Where an application can be reached: a port of TCP, or 0 on a unix socket."""

    port: int
    url: str


@contextlib.asynccontextmanager
async def serve(
    app: ASGIApp, where: Tcp | Path, *, on_stop: Callable[[], None] = lambda: None
) -> AsyncIterator[Listening]:
    """Serve `app` while the block runs; `on_stop` tells its streams to end.

    On a unix socket (mode 0600) the scope's `client` is `("uid", number of the peer's user)`.

    Raises
    ------
    ServeError
        the address is not loopback, is taken, the path cannot hold a socket, or TLS cannot begin.
    """
    tls = where if isinstance(where, Tcp) and where.secure else None
    sock = _tcp_socket(where) if isinstance(where, Tcp) else _unix_socket(where)
    server = _QuietServer(
        uvicorn.Config(
            app,
            http=H11Protocol if isinstance(where, Tcp) else _PeerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
    )
    try:
        server.config.load()
    except (OSError, ssl.SSLError) as e:
        sock.close()
        raise ServeError(f"{tls.certificate if tls else where}: TLS cannot begin: {e}") from e
    task = asyncio.create_task(server.serve(sockets=[sock]), name="web")
    try:
        port = sock.getsockname()[1] if isinstance(where, Tcp) else 0
        scheme = "https" if tls else "http"
        yield Listening(port, f"{scheme}://{_bracketed(where.host)}:{port}" if isinstance(where, Tcp) else "")
    finally:
        on_stop()
        server.should_exit = True
        try:
            async with asyncio.timeout(STOP_S):
                await asyncio.shield(task)
        except TimeoutError:
            server.force_exit = True
            for request in server.server_state.tasks:
                request.cancel()
        await task
        if isinstance(where, Path):
            where.unlink(missing_ok=True)  # noqa: ASYNC240  # one system call, at the stop


class _QuietServer(uvicorn.Server):
    """Uvicorn without its signal handlers: SIGTERM belongs to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class _PeerProtocol(H11Protocol):
    """Tells the application which user is on the other end of the unix socket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.client = ("uid", peer_uid(transport.get_extra_info("socket")))


def peer_uid(sock: socket.socket) -> int:
    """Give the user id of the process that connected (Linux: SO_PEERCRED, the kernel's word)."""
    _pid, uid, _gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)


def _tcp_socket(where: Tcp) -> socket.socket:
    host = "127.0.0.1" if where.host == "localhost" else where.host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not (address.is_loopback or where.secure):
        raise ServeError(f"{where.host}: without TLS it is loopback only (127.0.0.1 or ::1)")
    sock = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, where.port))
    except OSError as e:
        sock.close()
        raise ServeError(f"cannot listen on {where.host}:{where.port}: {e.strerror}") from e
    sock.listen(BACKLOG)  # from here on nobody is refused, even before the loop gets to it
    return sock


def _unix_socket(path: Path) -> socket.socket:
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise ServeError(f"{path} is there already and is not a socket")
    path.unlink(missing_ok=True)  # of a daemon that was killed: the lock on the folder says it is gone
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # the socket has mode 0600 from its first moment
    try:
        sock.bind(str(path))
    except OSError as e:
        sock.close()
        raise ServeError(f"cannot listen on {path}: {e.strerror or e}") from e
    finally:
        os.umask(before)
    sock.listen(BACKLOG)
    return sock


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
