"""Tells systemd that Guardian is ready and that it is getting on with its work.

Takes marks of progress (`beat`, `ledger`, `courier`) and gives `READY=1`, `STATUS=`, `WATCHDOG=1`
and `STOPPING=1` on `$NOTIFY_SOCKET`. The watchdog is fed only while every mark is fresh, from the
one event loop that does the work and never from a thread of its own; a broker or a provider that is
away is no reason for a restart and has no mark here.
"""

import asyncio
import os
import socket
from collections.abc import Mapping

from guardian.clock import Clock

LIMITS_MS: Mapping[str, int] = {"beat": 5_000, "ledger": 10_000, "courier": 10_000}
"""How old each mark may be. A beat takes 0.2 s and a commit under 20 ms; at these ages something hangs,
and with WatchdogSec=15 a new process runs within about half a minute."""


def stale(marks: Mapping[str, int], limits_ms: Mapping[str, int], now_ms: int) -> tuple[str, ...]:
    """Name the marks that are older than their limit, or that were never made."""
    return tuple(
        name for name, limit in limits_ms.items() if name not in marks or now_ms - marks[name] > limit
    )


def watchdog_interval_s(environment: Mapping[str, str], own_pid: int) -> float | None:
    """How often to feed the watchdog: half of WATCHDOG_USEC; None when there is none, or it is not ours."""
    if environment.get("WATCHDOG_PID", str(own_pid)) != str(own_pid):
        return None
    usec = environment.get("WATCHDOG_USEC", "")
    return int(usec) / 2_000_000 if usec.isdigit() and int(usec) > 0 else None


def notify(address: str | None, *lines: str) -> bool:
    """Send lines such as `READY=1` to systemd; False when there is nobody to tell or it cannot be told.

    `address` is `$NOTIFY_SOCKET`: a path, or with a leading `@` an abstract socket.
    """
    if not address or address[0] not in "/@":
        return False
    target = "\0" + address[1:] if address[0] == "@" else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)
        try:
            sock.sendto("\n".join(lines).encode(), target)
        except OSError:  # supervision that cannot be reached must not stop the watching
            return False
    return True


class Pulse:
    """The marks of progress, and the loop that tells systemd of them."""

    def __init__(
        self,
        clock: Clock,
        *,
        environment: Mapping[str, str] = os.environ,
        limits_ms: Mapping[str, int] = LIMITS_MS,
    ) -> None:
        self._clock = clock
        self._address = environment.get("NOTIFY_SOCKET")
        self._interval_s = watchdog_interval_s(environment, os.getpid())
        self._limits_ms = limits_ms
        self._marks: dict[str, int] = {}

    def mark(self, name: str, now_ms: int) -> None:
        """Say that the part `name` has just got something done, or found that nothing is due."""
        self._marks[name] = now_ms

    def stale(self) -> tuple[str, ...]:
        """Name the parts that are not getting on."""
        return stale(self._marks, self._limits_ms, self._clock.now_ms())

    def ready(self, status: str) -> None:
        """Say that the ledger is open and the courier runs; every mark starts fresh here."""
        now_ms = self._clock.now_ms()
        self._marks |= dict.fromkeys(self._limits_ms, now_ms)
        notify(self._address, "READY=1", f"STATUS={status}")

    def say(self, status: str) -> None:
        """Show a line in systemd's status."""
        notify(self._address, f"STATUS={status}")

    def stopping(self) -> None:
        """Say that an orderly stop has begun."""
        notify(self._address, "STOPPING=1", "STATUS=stopping")

    async def run(self) -> None:
        """Feed the watchdog for ever, while every mark is fresh; return at once when there is none."""
        if self._interval_s is None:
            return
        hung: tuple[str, ...] = ()
        while True:
            late = self.stale()
            if not late:
                notify(self._address, "WATCHDOG=1", *(["STATUS=working"] if hung else []))
            elif late != hung:
                notify(self._address, f"STATUS=no progress: {', '.join(late)}")
            hung = late
            await asyncio.sleep(self._interval_s)
