"""Rosters that somebody has looked at and may store: the road of every change to people and places.

Takes a whole roster, checks it as `guardian roster import` does, shows what it would change, and stores it as
a new version only when asked to; the look holds for the version that it was made on. What is stored is noted.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from alerting import ledger as records
from alerting.ledger import Tx
from guardian import roster, roster_store
from guardian.desk import Refused
from guardian.roster_file import HomeRow, RosterFile
from guardian.web.access import account_of, form_fields
from guardian.web.pages import Pages, Site, seen
from guardian.web.words import N_

LOOKS, LOOK_MS = 8, 30 * 60_000
"""So many looks are held, for half an hour."""
KEPT_S: Final = 300.0
"""A roster that was read stays at hand for so long; with ten thousand homes reading it takes seconds."""
CHANGES_SHOWN: Final = 500
CHANGED_MEANWHILE: Final = N_(
    "Somebody else has changed the roster meanwhile. Look again at what would change."
)

Store = Callable[[str | Mapping[str, Any], bool, str], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Look:
    whole: Mapping[str, Any] | str
    version: int
    account: str
    until_ms: int
    source: str


class Drafts:
    """The looks of one site."""

    def __init__(self, site: Site, pages: Pages, store: Store) -> None:
        self._site, self._pages, self._store = site, pages, store
        self._looks: dict[str, _Look] = {}
        self._read: tuple[int, RosterFile] | None = None
        self._forget: asyncio.TimerHandle | None = None

    async def now(self) -> tuple[int, RosterFile]:
        """Give the version that holds, and the roster as a file. Raises HTTPException 404: there is none."""
        newest = await self._site.ledger.transact(records.newest_version)
        if self._read is None or self._read[0] != newest:
            held = await roster_store.read(self._site.ledger)
            if held is None:
                raise HTTPException(404)
            self._read = held[0], await asyncio.to_thread(roster.file_of, held[1])
        read = self._read
        if self._forget is not None:
            self._forget.cancel()
        self._forget = asyncio.get_running_loop().call_later(KEPT_S, self._drop)
        return read

    def _drop(self) -> None:
        self._read = None

    async def home(self, home: str) -> tuple[RosterFile, HomeRow]:
        """Give the roster and one home of it. Raises HTTPException 404."""
        _, file = await self.now()
        found = next((h for h in file.homes if h.id == home), None)
        if found is None:
            raise HTTPException(404)
        return file, found

    async def editable(self, home: str) -> tuple[int, dict[str, Any], dict[str, Any]]:
        """Give the version, the roster as written, and one home in it. Raises HTTPException 404."""
        version, file = await self.now()
        whole = written(file)
        found: dict[str, Any] | None = next((h for h in whole["homes"] if h["id"] == home), None)
        if found is None:
            raise HTTPException(404)
        return version, whole, found

    async def look(
        self, request: Request, whole: Mapping[str, Any] | str, version: int, source: str
    ) -> Response:
        """Show what a roster would change; nothing is stored yet."""
        try:
            answer = await self._store(whole, True, source)
        except Refused as e:
            return self.refused(request, e.problems)
        now_ms = self._site.clock.now_ms()
        for key in [k for k, one in self._looks.items() if one.until_ms <= now_ms]:
            del self._looks[key]
        while len(self._looks) >= LOOKS:
            del self._looks[next(iter(self._looks))]
        key = secrets.token_urlsafe(16)
        self._looks[key] = _Look(whole, version, account_of(request).id, now_ms + LOOK_MS, source)
        return self._page(request, changes=answer["changes"], key=key)

    async def store(self, request: Request) -> Response:
        """Store what was looked at, and note who did. Raises HTTPException 409: no such look."""
        site, key, account = self._site, form_fields(request).get("key", ""), account_of(request)
        held, now_ms = self._looks.get(key), site.clock.now_ms()
        if held is None or held.account != account.id or held.until_ms <= now_ms:
            raise HTTPException(409)
        version, _ = await self.now()
        if version != held.version:
            return self.refused(request, [self._pages.words(request).text(CHANGED_MEANWHILE)], 409)
        del self._looks[key]
        try:
            answer = await self._store(held.whole, False, f"{account.by} {held.source}")
        except Refused as e:
            return self.refused(request, e.problems)
        stored, told = answer["version"], {"changes": len(answer["changes"]), "by": held.source}

        def note(tx: Tx) -> None:
            records.note(
                tx,
                account=account.id,
                action="roster",
                subject=str(stored),
                detail={"version": stored, **told},
                now_ms=now_ms,
            )

        await site.ledger.transact(note)
        return seen(request, "/places")

    def refused(self, request: Request, problems: Sequence[str], status: int = 422) -> Response:
        """Show what is wrong; nothing was stored."""
        return self._page(request, status, problems=problems)

    def _page(
        self,
        request: Request,
        status: int = 200,
        *,
        problems: Sequence[str] = (),
        changes: Sequence[str] = (),
        key: str | None = None,
    ) -> Response:
        return self._pages.page(
            request,
            "roster_look.html",
            status,
            problems=problems,
            changes=changes[:CHANGES_SHOWN],
            more=max(0, len(changes) - CHANGES_SHOWN),
            key=key,
        )


def written(file: RosterFile) -> dict[str, Any]:
    """Give a roster as it would be written, to be changed."""
    return file.model_dump(by_alias=True, exclude_none=True, mode="json")
