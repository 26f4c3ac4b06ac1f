"""Who is who now: the roster that holds, and how its people answered and travelled lately.

Takes the ledger, gives `Duty` as the planner is to have it at this hour. An import through the desk changes
it while the daemon runs. Never decides who goes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from alerting.duty import Duty
from alerting.learning import Past, learnt
from alerting.ledger import Ledger, newest_roster, open_incidents, past
from alerting.policy import Policy
from guardian import desk, roster, roster_file, roster_store
from guardian.clock import Clock
from guardian.exchange import Exchange
from guardian.people import People
from guardian.roster import Imported, Roster
from guardian.roster_file import read as read_roster
from guardian.settings import Loaded, SettingsError

log = structlog.get_logger("book")

HOUR_MS: Final = 3_600_000
LEARN_S: Final = 600.0
"""Between two looks at the past."""
LOOK_BACK_MS: Final = 90 * 24 * HOUR_MS
"""A quarter of a year: habits change. Source: judgement."""
PIECE_MS: Final = 24 * HOUR_MS
"""So much of the past is read in one transaction; others wait for no more than that."""


@dataclass(slots=True)
class Book:
    """The roster that holds now, with what the past says of its people."""

    roster: Roster
    people: People
    policy: Policy
    past: Past = field(default_factory=Past)
    _learnt: tuple[int, Duty] | None = None
    """Hour since 1970, and people as they are at that hour."""

    def duty(self, now_ms: int) -> Duty:
        """Give people as the planner is to have them at this hour."""
        hour = now_ms // HOUR_MS
        known = self._learnt
        if known is None or known[0] != hour:
            known = self._learnt = (hour, learnt(self.roster.duty, self.past, self.policy, now_ms))
        return known[1]

    def take(self, new: Roster | None = None, past: Past | None = None) -> None:
        """Put another roster or another past in place."""
        self.roster, self.past = new or self.roster, past or self.past
        self._learnt = None

    async def learn(self, ledger: Ledger, clock: Clock) -> None:
        """Look at what has ended since the last look every `LEARN_S`, for ever."""
        never = asyncio.Event()
        read_ms = clock.now_ms() - LOOK_BACK_MS
        while True:
            now_ms = clock.now_ms()
            found = self.past
            while read_ms < now_ms:
                until_ms = min(read_ms + PIECE_MS, now_ms)
                piece = await ledger.transact(partial(past, since_ms=read_ms, until_ms=until_ms))
                found = found.followed_by(piece, now_ms - LOOK_BACK_MS)
                read_ms = until_ms
            self.take(past=found)
            await clock.wait(never, now_ms + int(1000 * LEARN_S))


async def open_book(ledger: Ledger, loaded: Loaded, now_ms: int) -> Book:
    """Give the newest roster; at the very first start import the file that the settings name.

    Where the ledger stands in the place of a damaged one and no roster can be had, one of nobody: the desk
    must be there to import one.

    Raises
    ------
    SettingsError
        there is no roster otherwise, or it does not fit.
    """
    try:
        return await _opened(ledger, loaded, now_ms)
    except SettingsError as e:
        if ledger.restored is None:
            raise
        log.error("nobody is watched until a roster is imported and Guardian started again", why=e.problems)  # noqa: TRY400
        nobody = roster.of_nobody(loaded.settings.site)
        return Book(nobody, People(nobody.duty), loaded.policy)


async def _opened(ledger: Ledger, loaded: Loaded, now_ms: int) -> Book:
    settings = loaded.settings
    found = await ledger.transact(roster.newest)
    if found is None:
        if settings.roster is None:
            raise SettingsError(["no roster yet: name one in the settings, or use `guardian roster import`"])
        try:
            text = settings.roster.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as e:
            raise SettingsError([f"{settings.roster}: cannot be read: {e}"]) from e
        file = read_roster(text, settings.roster.name)
        await ledger.transact(lambda tx: roster.import_file(tx, file, str(settings.roster), now_ms))
    book = await _book(ledger, loaded.policy)
    if book.roster.site != settings.site:
        raise SettingsError([f"the roster is of site {book.roster.site}, the settings of {settings.site}"])
    return book


async def _book(ledger: Ledger, policy: Policy) -> Book:
    found, rows = await ledger.transact(lambda tx: (roster.newest(tx), newest_roster(tx)))
    if found is None:
        raise SettingsError(["no roster yet"])
    return Book(found, People.of(found.duty, rows), policy)


async def import_roster(  # noqa: PLR0917  # app.py binds all but the last ones
    ledger: Ledger,
    book: Book,
    clock: Clock,
    exchange: Exchange,
    wanted: str | Mapping[str, object],
    dry_run: bool,
    source: str = "desk",
) -> desk.Answer:
    """Import a roster through the desk or a page; people, homes and sensors take effect at once.

    wanted: TOML, or what stands in it.
    What is to watch is built before anything is stored: a roster that cannot be watched changes nothing.
    """
    try:
        read = read_roster if isinstance(wanted, str) else roster_file.checked
        file = await asyncio.to_thread(read, wanted)  # type: ignore[arg-type]  # each its own
    except SettingsError as e:
        raise desk.Refused(e.problems) from e
    if file.site.id != book.roster.site:
        raise desk.Refused(
            [f"this Guardian watches site {book.roster.site}, the roster is of {file.site.id}"]
        )
    async with exchange.turn:
        held = await roster_store.read(ledger)
        new = await asyncio.to_thread(roster.prepare, file, held[1] if held else None)
        found = await asyncio.to_thread(new.roster)
        other = None if dry_run else await exchange.built(found)
        done = Imported(new.changes, None)
        if not dry_run:
            done = await roster_store.store(ledger, new, source, clock.now_ms())
        changes = list(done.changes)
        if done.version is not None:
            gone = set(book.roster.homes) - set(found.homes)
            book.take(found)
            book.people = People.of(found.duty, new.rows)
            changes += [f"! {why}" for why in await exchange.take(other)]
            changes += [
                f"! {one.home} is watched no more; its incident {one.id} ({one.kind}) stays open until "
                f"somebody closes it / 已不再看护 {one.home},其事件 {one.id} 仍未结束,须由人工关闭"
                for one in await ledger.transact(open_incidents)
                if one.home in gone
            ]
            for line in changes:
                if line.startswith("!"):
                    log.warning("roster imported", says=line)
    return {"changes": changes, "version": done.version}


async def export_roster(ledger: Ledger) -> desk.Answer:
    """Give the newest roster as TOML."""
    held = await roster_store.read(ledger)
    if held is None:
        raise desk.Refused(["no roster has been imported yet"])
    return {"toml": await asyncio.to_thread(lambda: roster.to_toml(roster.file_of(held[1])))}
