"""A real daemon on a disk that fills up: the button is heard, the text goes out, and all of it is kept."""

import asyncio
import time
from pathlib import Path
from typing import Any

from guardian import desk
from simulator.private import connected, daemon
from tests.test_ledger_disk import fill, small_disk
from tests.test_road import PHONE, centre

__all__ = ["small_disk"]


async def test_a_help_button_on_a_full_disk_is_paged_within_ten_seconds(
    tmp_path: Path,
    small_disk: Path,
) -> None:
    (tmp_path / "state").symlink_to(small_disk)
    async with centre(tmp_path) as c:

        async def status() -> dict[str, Any]:
            return await asyncio.to_thread(desk.call, c.place.state, "GET", "/status")

        async with daemon(c.place):
            await connected(c.place)
            assert (await status())["ledger_in_memory"] is None
            filler = fill(small_disk)
            pressed_s = time.monotonic()
            await c.press("e1")
            assert await c.phones[PHONE].expects_text("", within_s=10)
            assert time.monotonic() - pressed_s < 10
            assert (await status())["ledger_in_memory"] is not None
            filler.unlink()
            async with asyncio.timeout(20):
                while (await status())["ledger_in_memory"] is not None:  # noqa: ASYNC110  # another process
                    await asyncio.sleep(0.2)
        assert c.rows("select kind from incident") == [("sos",)]
        assert c.rows("select state from message where purpose = 'page'") == [("sent",)]
        log = c.place.log.read_text("utf-8")
        assert log.count("goes on in memory alone") == 1, "said once"
        assert "on the disk again" in log
        c.phones.nobody_else_got_a_message()


async def test_a_daemon_that_is_started_on_a_full_disk_pages_too(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "state").symlink_to(small_disk)
    async with centre(tmp_path) as c:
        async with daemon(c.place):
            await connected(c.place)
        filler = fill(small_disk)
        async with daemon(c.place):
            await connected(c.place)
            await c.press("e1")
            assert await c.phones[PHONE].expects_text("", within_s=10)
            found = await asyncio.to_thread(desk.call, c.place.state, "GET", "/status")
            assert found["ledger_in_memory"] is not None
            filler.unlink()
        assert c.rows("select kind from incident") == [("sos",)], "written back at the orderly stop"
