"""Browsers that are logged in, for tests: sessions put straight into the ledger."""

import httpx
from argon2 import PasswordHasher

from alerting import ledger as records
from alerting.ledger import AccountRow, Ledger, SessionRow, Tx
from guardian.web.access import LONGEST_MS, Role, digest_of
from tests.web_people import ORIGIN, Site

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The same hash with parameters that nobody should use."""
PASSWORD = "a staff of three"


class Browser(httpx.AsyncClient):
    """On the board's own page; fills the hidden field of its session into every form."""

    csrf = ""

    async def press(self, path: str, **fields: str) -> httpx.Response:
        """Send a form."""
        return await self.post(path, data={"csrf": self.csrf, **fields})


async def account(
    ledger: Ledger, now_ms: int, login: str, role: Role, *, responder: str | None = None
) -> AccountRow:
    """Put an account into the ledger, with PASSWORD."""
    row = AccountRow(f"id-{login}", login, int(role), QUICK.hash(PASSWORD), responder, None, now_ms)
    await ledger.transact(lambda tx: records.add_account(tx, row))
    return row


async def logged_in(site: Site, row: AccountRow, cookie: str | None = None) -> Browser:
    """Give a browser in which this account is logged in."""
    cookie = cookie or f"cookie-of-{row.login}"
    now_ms = site.clock.now_ms()
    session = SessionRow(digest_of(cookie), row.id, f"csrf-{cookie}", now_ms, now_ms, now_ms + LONGEST_MS)

    def work(tx: Tx) -> None:
        records.end_session(tx, session.digest)
        records.begin_session(tx, session)

    await site.ledger.transact(work)
    browser = stranger(site)
    browser.cookies.set("guardian", cookie)
    browser.csrf = session.csrf
    return browser


def stranger(site: Site) -> Browser:
    """Give a browser in which nobody is logged in."""
    return Browser(
        transport=httpx.ASGITransport(app=site.app),
        base_url=ORIGIN,
        headers={"origin": ORIGIN, "accept-language": "en", "accept": "text/html"},
    )
