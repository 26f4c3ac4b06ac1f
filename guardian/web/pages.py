"""What all of the staff's pages share: what they are made from, and how one is drawn.

`Site` is everything that the pages may read and do; `Pages` renders a template in the reader's language.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from alerting.coverage import HOURS, Forecast
from alerting.duty import Language
from alerting.ledger import Ledger
from alerting.policy import Policy
from guardian.board import SensorSpec
from guardian.clock import Clock
from guardian.evidence import Evidence
from guardian.history.pack import History
from guardian.home_facts import Facts
from guardian.home_rows import HomeRow
from guardian.lookout import Furniture
from guardian.people import People
from guardian.preroll import Strip
from guardian.unseen import Unseen
from guardian.walk import WalkTests
from guardian.web.access import Role, whoever
from guardian.web.feed import Feed
from guardian.web.fence import LOOPBACK_NAMES
from guardian.web.mistakes import told
from guardian.web.names import FALSE_CAUSES
from guardian.web.passwords import Passwords, Welcome
from guardian.web.view import HURRY_MS, SEGMENTS
from guardian.web.words import LANGUAGES, N_, WORDS, Words, choose

HERE: Final = Path(__file__).parent
GAPS_SHOWN: Final = 500
"""Rows of a list: more than anybody reads; the commands `coverage` and `protection` have all."""

CSRF_MARK: Final = "csrf-of-the-session"
"""Stands in a drawing that several sessions share, in the place of each one's own."""
_CSRF: Final = Markup('<input type="hidden" name="csrf" value="{}">')
NAV: Final = (
    ("/", N_("Board"), Role.VIEWER),
    ("/homes", N_("Homes"), Role.VIEWER),
    ("/coverage", N_("Coverage"), Role.VIEWER),
    ("/protection", N_("Protection"), Role.VIEWER),
    ("/places", N_("People and places"), Role.OPERATOR),
    ("/readiness", N_("Readiness"), Role.VIEWER),
    ("/report", N_("Report"), Role.VIEWER),
    ("/accounts", N_("Accounts"), Role.ADMIN),
    ("/audit", N_("Log"), Role.ADMIN),
)
"""Address, words and least role of what stands at the head of each page."""


class Drilling(Protocol):
    """Drills, readiness and shifts (guardian/drills.py)."""

    async def begin(self, body: bytes) -> Mapping[str, Any]:
        """Begin a drill; may raise `desk.Refused`."""
        ...

    async def due(self) -> Mapping[str, Any]:
        """Give the homes and people whose drill is due."""
        ...

    async def ready(self) -> Mapping[str, Any]:
        """Give who is on shift, and whether they can be reached."""
        ...

    async def shifts(self) -> Mapping[str, Any]:
        """Give who is on duty and who comes next."""
        ...


async def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages read and do."""

    name: str
    """Site id."""
    ledger: Ledger
    clock: Clock
    policy: Policy
    """How Guardian escalates, for those whom staff name."""
    feed: Feed
    """Whoever changes an incident calls `feed.changed()`; `feed.close()` ends the streams at a stop."""
    changed: Callable[[], None]
    """Called after a button has changed an incident and the change is committed."""
    home_rows: Callable[[], Sequence[HomeRow]]
    """The homes now; called for each drawing."""
    people: Callable[[], People]
    """Who is on duty, names and addresses, as of the newest roster."""
    forecast: Callable[[], Forecast | None] = lambda: None
    """Which homes too few people could reach soon, worked out before; None while it is not."""
    look_back: Callable[[int], Unseen] = field(default=lambda _since_ms: Unseen(0, 0, (), {}))
    """Which homes were not protected since a time, ms since 1970."""
    language: Language = "zh"
    """What is shown when neither the address nor the browser asks for one."""
    strips: Callable[[str], Sequence[Strip]] = lambda _home: ()
    """What the arrays of a home saw lately, from memory."""
    evidence: Evidence | None = None
    """What is kept of it for incidents."""
    furniture: Callable[[], Furniture] = dict
    sensors: Callable[[], Sequence[SensorSpec]] = lambda: ()
    facts: Callable[[str], Facts | None] = lambda _home: None
    """What is known of a home now."""
    history: History | None = None
    tell_away: Callable[[], Awaitable[None]] = _nothing
    """Called after the away calendar has changed."""
    drills: Drilling | None = None
    """Drills, readiness and shifts."""
    walks: WalkTests | None = None
    import_roster: Callable[[str | Mapping[str, Any], bool, str], Awaitable[Mapping[str, Any]]] | None = None
    """Takes a roster, as TOML or as what would stand in it, whether to store nothing, and where it comes
    from; may raise `desk.Refused`."""
    passwords: Passwords = field(default_factory=Passwords)
    welcome: Welcome | None = None
    """How the first account is made."""
    open_to_all: bool = False
    """Nobody logs in, whoever reaches the port may do everything."""
    secure: bool = False
    """It is served by TLS."""
    hosts: Sequence[str] = LOOPBACK_NAMES
    """Names under which browsers may ask for it."""


class Pages:
    """Draws templates for one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Answer with a whole page, which no cache keeps."""
        return HTMLResponse(self.render(request, template, **values), status, {"cache-control": "no-store"})

    def render(self, request: Request, template: str, *, shared: bool = False, **values: Any) -> str:
        """Draw a template in the reader's language; `shared`: for several sessions, with CSRF_MARK in it."""
        site, words, account = self._site, self.words(request), whoever(request)
        return self._templates.get_template(template).render(
            w=words,
            _=words.text,
            pgettext=words.in_context,
            told=partial(told, words),
            site=site.name,
            account=account,
            Role=Role,
            csrf_field=_CSRF.format(CSRF_MARK if shared else account.csrf) if account else "",
            nav=[(path, words.text(text)) for path, text, role in NAV if account and account.role >= role],
            here=request.url.path,
            other="en" if words.language == "zh" else "zh",
            lang_query=lang_query(request),
            find=asked_for(request),
            hurry_ms=HURRY_MS,
            causes=FALSE_CAUSES,
            segment_names=SEGMENTS,
            forecast=site.forecast(),
            in_memory=site.ledger.on_memory,
            restored=site.ledger.restored,
            hours_ahead=HOURS,
            **values,
        )

    def words(self, request: Request) -> Words:
        """Give the reader's language: as the address says, else the account, the browser, the site."""
        account = whoever(request)
        if account is not None and account.language is not None:
            return WORDS[choose(request.query_params.get("lang"), "", account.language)]
        wished = request.headers.get("accept-language", "")
        return WORDS[choose(request.query_params.get("lang"), wished, self._site.language)]


def lang_query(request: Request) -> str:
    """Give what keeps an asked-for language in the next address, with its question mark."""
    asked = request.query_params.get("lang")
    return f"?lang={asked}" if asked in LANGUAGES else ""


def asked_for(request: Request) -> str:
    """Give what is searched for."""
    return request.query_params.get("find", "").strip()[:32]


def seen(request: Request, path: str) -> RedirectResponse:
    """Send the reader on after a button: 303, so that reloading does not press it again."""
    return RedirectResponse(f"{path}{lang_query(request)}", 303)


def whole_number(text: str) -> int:
    """Give a whole number from 0 on that a reader has sent. Raises HTTPException 400."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise HTTPException(400)
    return int(text)


def begin_ms(day: date, zone: ZoneInfo) -> int:
    """Give when a day begins there, ms since 1970."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
