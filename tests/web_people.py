"""A small site for the tests of the board: five homes, three responders, incidents of every kind."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from argon2 import PasswordHasher
from starlette.applications import Starlette

from alerting import ledger as records
from alerting.concern import SEVERITY, Concern, Kind
from alerting.coverage import Forecast
from alerting.duty import Language
from alerting.incident import Incident, IncidentEvent, Paged
from alerting.ledger import Ledger, Message, Tx
from guardian.board import SensorSpec
from guardian.desk import Answer
from guardian.evidence import Evidence
from guardian.history.pack import History
from guardian.home_facts import Facts
from guardian.home_rows import HomeRow
from guardian.people import Door, People
from guardian.preroll import Strip
from guardian.unseen import Unseen
from guardian.walk import WalkTests
from guardian.web import pages
from guardian.web.feed import Feed
from guardian.web.passwords import Passwords, Welcome
from guardian.web.staff import staff_app
from tests.alerting_people import T0, SetClock, duty, responder, shipped_policy

S = 1000
MIN = 60 * S
ORIGIN = "http://127.0.0.1:8080"
DOOR = Door(
    "王秀英", "+862150001111", "幸福路 12 号 301", "居委会钥匙柜 17 号", "1234#", "小狗，怕生", "糖尿病 <b>"
)
FURNITURE = {("h01", "bathroom"): (("bath", (0.4, -1.2, 1.1, 0.4)), ("door", (-1.2, 1.0, -0.4, 1.1)))}
SENSORS = (SensorSpec("h01", "t0", "thermal", "bathroom", 24, 32, 4.0, "ceiling", 2.5, 110.0),)
NAMES = {"ann": "王安", "bo": "李波", "cy": "陈西 <b>"}


def homes(now_ms: int) -> list[HomeRow]:
    return [
        HomeRow("h01", "17", "bathroom", "lying-on-floor", 23.4, now_ms - 50 * S, blind=False),
        HomeRow("h02", "18", "living", "sitting", 22.1, now_ms - 4 * MIN, blind=False),
        HomeRow("h03", None, "bedroom", "asleep", None, now_ms - 100 * MIN, blind=False),
        HomeRow("h04", "20", "kitchen", "walking", 21.0, now_ms - 26 * 60 * MIN, blind=True),
        HomeRow("h05", "21", None, "unknown", 19.5, None, blind=False),
    ]


@dataclass
class Site:
    """The board of one site over a ledger in memory, and what happened to it."""

    ledger: Ledger
    clock: SetClock
    feed: Feed
    app: Starlette
    changes: list[int] = field(default_factory=list)
    rows: list[HomeRow] = field(default_factory=list)
    now_seen: dict[str, list[Strip]] = field(default_factory=dict)
    """Home → what its arrays saw."""

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A browser on the board's own page."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url=ORIGIN,
            headers={"origin": ORIGIN, "accept-language": "en", **headers},
        )

    async def opened(
        self, kind: Kind, home: str, *, onset_ms: int = T0, deadline_s: int | None = 600, late: bool = False
    ) -> Incident:
        severity = SEVERITY[kind]
        concern = Concern(
            home, kind, onset_ms, onset_ms + 12 * S, 0.93, "bathroom", sensor="t0", evidence={"floor_s": 14.0}
        )

        def work(tx: Tx) -> Incident:
            return records.open_new(
                tx,
                concern,
                severity=severity,
                deadline_ms=None if severity is None or deadline_s is None else onset_ms + deadline_s * S,
                late=late,
                now_ms=concern.decided_ms,
            )

        return await self.ledger.transact(work)

    async def happens(
        self, number: int, event: IncidentEvent, *, by: str = "ann", after_s: int = 20
    ) -> Incident:
        now_ms = T0 + after_s * S
        return await self.ledger.transact(lambda tx: records.apply(tx, number, event, now_ms, by))

    async def texted(self, number: int, who: str = "ann", receipt: str = "delivered") -> None:
        def work(tx: Tx) -> None:
            page = Message(
                who,
                "page",
                T0 + 12 * S,
                T0 + 600 * S,
                T0 + 12 * S,
                template="high",
                incident=number,
                channel="sms",
            )
            text = records.enqueue(tx, page)
            records.lease(tx, text, T0 + 12 * S, T0 + 42 * S, channel="sms", body="A7 17 secret body")
            records.record_sent(tx, text, f"SM{text}", T0 + 14 * S)
            records.record_receipt(tx, f"SM{text}", receipt)
            records.apply(tx, number, Paged(), T0 + 14 * S, "guardian")

        await self.ledger.transact(work)

    async def read(self, number: int) -> Incident:
        return await self.ledger.transact(lambda tx: records.incident(tx, number))


async def make_site(
    now_ms: int = T0 + 60 * S,
    *,
    language: Language = "zh",
    login: bool = False,
    secure: bool = False,
    passwords: Passwords | None = None,
    welcome: Welcome | None = None,
    evidence: Evidence | None = None,
    facts: Callable[[str], Facts | None] = lambda _home: None,
    history: History | None = None,
    drills: pages.Drilling | None = None,
    walks: WalkTests | None = None,
    import_roster: Callable[[str | Mapping[str, Any], bool, str], Awaitable[Answer]] | None = None,
    ledger: Ledger | None = None,
    forecast: Callable[[], Forecast | None] = lambda: None,
    look_back: Callable[[int], Unseen] = lambda _since_ms: Unseen(0, 0, (), {}),
) -> Site:
    """Make a board over a new ledger, or over one that is there (the daemon has been started again)."""
    ledger = ledger or await Ledger.open(None, inline=True)
    clock = SetClock(now_ms)
    feed = Feed()
    people = People(
        duty(responder("ann"), responder("bo"), responder("cy"), off=("cy",)),
        names=NAMES,
        addresses={"h01": "幸福路 12 号 301", "h02": "幸福路 12 号 502"},
        doors={"h01": DOOR},
        phones={"ann": "+8613800000001"},
    )
    changes: list[int] = []
    now_seen = dict[str, list[Strip]]()
    rows = homes(now_ms)
    app = staff_app(
        pages.Site(
            name="xingfu",
            ledger=ledger,
            clock=clock,
            policy=shipped_policy(),
            feed=feed,
            changed=lambda: changes.append(clock.now_ms()),
            home_rows=lambda: rows,
            people=lambda: people,
            forecast=forecast,
            look_back=look_back,
            language=language,
            open_to_all=not login,
            secure=secure,
            passwords=passwords or Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
            welcome=welcome,
            evidence=evidence,
            facts=facts,
            import_roster=import_roster,
            drills=drills,
            walks=walks,
            history=history,
            strips=lambda home: now_seen.get(home, []),
            furniture=lambda: FURNITURE,
            sensors=lambda: SENSORS,
        )
    )
    return Site(ledger, clock, feed, app, changes, rows, now_seen)
