"""What the board shows, as data: incidents in the order of their seconds left, and homes.

Pure: takes the ledger's incidents, the board's home rows, the people and one `now`; gives frozen cards for
the templates (view_json.py: plain objects for programs). Unknown is never "fine": a home without valid data
is blind, whatever was known of it before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from alerting.concern import Kind
from alerting.in_time import latest_pages
from alerting.incident import Incident, State
from alerting.ledger import AreaCount, Silence, Tx, area_count, listed_dark, silences
from alerting.policy import Policy
from alerting.shifts import on_duty
from guardian.home_rows import HomeRow
from guardian.people import People
from guardian.web import codes

HOMES_SHOWN = 240
"""Tiles on one page: what a person can still scan; those with an incident or blind come first."""
CARDS_SHOWN = 60
"""Incidents on one page, most urgent first: a dark street is thousands of `blind` at once."""
RECENT_SHOWN = 6
SILENCES_SHOWN = 24
CAN_SHOWN = 4
AREA_SHOWN = 1_000
"""Homes of an area on its page, those still dark first."""
TEN_MINUTES_MS = 600_000
HURRY_MS = 120_000
"""From here on the countdown is drawn as urgent: about one travel time within a neighbourhood."""

SEGMENTS = ("onset", "suspected", "decided", "provider", "accepted", "en_route", "on_scene", "closed")
_FIRE = frozenset({Kind.FIRE.value, Kind.SMOKE.value, Kind.GAS.value})


@dataclass(frozen=True, slots=True)
class Beside:
    """What the board shows beside incidents and homes."""

    areas: Mapping[int, AreaCount] = field(default_factory=dict)
    """Of each area's incident."""
    dark: Mapping[str, int] = field(default_factory=dict)
    """Home on the list of the open area → that incident."""
    silences: Sequence[Silence] = ()

    @classmethod
    def of(cls, tx: Tx, incidents: Iterable[Incident], now_ms: int) -> "Beside":
        """Read it from the ledger, for these incidents."""
        areas = {i.id: area_count(tx, i.id) for i in incidents if i.is_area}
        one = next((i.id for i in incidents if i.is_area and i.state is not State.CLOSED), None)
        dark = {} if one is None else dict.fromkeys(listed_dark(tx), one)
        return cls(areas, dark, silences(tx, now_ms))


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of the ten minutes."""

    name: str
    at: str
    """Local time, empty while it has not happened."""
    after_s: int | None
    """Seconds since the onset."""
    share: float | None
    """Of the length of the line on which it is drawn: the ten minutes, or longer where it took longer."""


@dataclass(frozen=True, slots=True)
class Card:
    """One incident as it stands on the board."""

    number: int
    home: str
    home_card: str | None
    kind: str
    severity: int | None
    state: str
    room: str | None
    acceptor: str | None
    lease_until: str | None
    helper: str | None
    named: str | None
    added: tuple[str, ...]
    sensed: bool
    wants_help: bool
    deadline_ms: int | None
    """None: no countdown is running (a suspicion, LOW, somebody on scene, or closed)."""
    left_ms: int | None
    span_ms: int
    segments: tuple[Segment, ...]
    late: bool
    reported_false: bool
    cancelled: bool
    last_resort: bool
    fire: bool
    address: str | None
    outcome: str | None
    actions: frozenset[str]
    """Which of accept, arrived, name, close can be asked for now."""
    area: AreaCount | None = None
    """How many homes are meant, when it is about an area."""
    minutes: int = 0
    """How long a closed one has lasted."""
    next_wave_ms: int | None = None
    """When more people are asked, unless somebody goes."""
    can: tuple[tuple[str, str], ...] = ()
    """Who could still be in time: name, and until when to ask, local time; the last moment first."""
    can_more: int = 0
    ten: float = 1.0
    """Share of the line that is the ten minutes."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One home as it stands on the board."""

    row: HomeRow
    age_ms: int | None
    incident: int | None
    severity: int | None

    @property
    def unsure(self) -> bool:
        """Whether there is data, but nobody can say what it means for the resident."""
        return self.row.activity == "unknown" or self.age_ms is None


@dataclass(frozen=True, slots=True)
class View:
    """The whole board at one moment."""

    now_ms: int
    clock: str
    open: int
    """How many incidents are open; `cards` may be fewer."""
    cards: tuple[Card, ...]
    recent: tuple[Card, ...]
    tiles: tuple[Tile, ...]
    not_shown: int
    blind: int
    in_sight: int
    responders: tuple[tuple[str, str], ...]
    """(id, name), those on duty; everybody active when nobody is on duty."""
    silences: tuple[tuple[Silence, str], ...] = ()
    """Those that hold, with the local time of their end."""
    silences_not_shown: int = 0
    grid: codes.Grid | None = None
    """All homes, where they are more than tiles."""
    marks: tuple[object, ...] = ()
    """What a drawing shows, but for times and ages: another drawing only when this is another."""


def view(
    incidents: Sequence[Incident],
    recent: Sequence[Incident],
    rows: Sequence[HomeRow],
    people: People,
    now_ms: int,
    *,
    beside: Beside | None = None,
    find: str = "",
    policy: Policy | None = None,
) -> View:
    """Put the board together; `find` keeps only homes whose id or card number begins with it."""
    zone = ZoneInfo(people.duty.timezone)
    beside = beside or Beside()
    by_id = {i.id: i for i in incidents}
    by_home = {home: by_id[number] for home, number in beside.dark.items() if number in by_id}
    by_home |= {i.home: i for i in incidents}
    tiles = sorted((_tile(row, by_home.get(row.home), now_ms) for row in rows), key=_tile_order)
    if find:
        tiles = [t for t in tiles if t.row.home.startswith(find) or (t.row.card or "").startswith(find)]
    blind = sum(1 for row in rows if row.blind)
    squares = codes.grid(rows, frozenset(by_home)) if len(rows) > HOMES_SHOWN else None
    if squares is not None and not find:  # the grid has the others
        tiles = [t for t in tiles if t.incident is not None]
    shown = tuple(tiles[:HOMES_SHOWN])
    return View(
        now_ms=now_ms,
        clock=local_time(now_ms, zone),
        open=len(incidents),
        cards=tuple(
            card(i, people, now_ms, beside.areas.get(i.id), policy)
            for i in sorted(incidents, key=incident_order)[:CARDS_SHOWN]
        ),
        recent=tuple(
            card(i, people, now_ms, beside.areas.get(i.id)) for i in closed_last(recent)[:RECENT_SHOWN]
        ),
        tiles=shown,
        not_shown=max(0, len(tiles) - len(shown)) if squares is None or find else len(rows) - len(shown),
        blind=blind,
        in_sight=len(rows) - blind,
        responders=responders(people, now_ms),
        silences=tuple((s, local_time(s.until_ms, zone)) for s in beside.silences[:SILENCES_SHOWN]),
        silences_not_shown=max(0, len(beside.silences) - SILENCES_SHOWN),
        grid=squares,
        marks=(
            tuple(incidents),
            tuple(i.id for i in recent),
            tuple(beside.areas.values()),
            tuple(beside.silences),
            0 if squares else blind,  # the grid has its own way to say so
            tuple(
                (t.row.home, t.row.room, t.row.activity, t.row.blind, t.row.degraded, t.incident)
                for t in shown
            ),
            responders(people, now_ms),
        ),
    )


def responders(people: People, now_ms: int) -> tuple[tuple[str, str], ...]:
    """Give (id, name) of those who can be sent: those on duty, else everybody active."""
    ids = on_duty(people.duty, now_ms) or tuple(r.id for r in people.duty.responders.values() if r.active)
    return tuple((r, people.name(r)) for r in ids)


def _can(incident: Incident, people: People, policy: Policy | None, now_ms: int) -> list[tuple[str, int]]:
    """Give who could still be in time if asked, and until when, ms; nobody where nobody is wanted."""
    deadline_ms = incident.deadline_ms
    if policy is None or deadline_ms is None or incident.is_area or not incident.wants_people:
        return []
    latest = latest_pages(incident.home, deadline_ms, people.duty, policy, now_ms)
    return sorted(((r, ms) for r, ms in latest.items() if ms >= now_ms), key=lambda one: one[1])


def card(
    incident: Incident,
    people: People,
    now_ms: int,
    area: AreaCount | None = None,
    policy: Policy | None = None,
) -> Card:
    """Draw up one incident's card; with the policy also who could still be in time."""
    can = _can(incident, people, policy, now_ms)
    zone = ZoneInfo(people.duty.timezone)
    reached = segments(incident)
    line_ms = max(TEN_MINUTES_MS, *((at_ms or 0) - incident.t0_ms for at_ms in reached.values()))
    counting = incident.severity is not None and not incident.is_there and incident.closed_ms is None
    deadline_ms = incident.deadline_ms if counting else None
    leaves_by_ms = incident.lease_until_ms if incident.state is State.ACCEPTED else None
    return Card(
        number=incident.id,
        home=incident.home,
        home_card=people.duty.cards.get(incident.home),
        kind=str(incident.kind),
        severity=None if incident.severity is None else int(incident.severity),
        state=str(incident.state),
        room=incident.room,
        acceptor=None if incident.acceptor is None else people.name(incident.acceptor),
        lease_until=None if leaves_by_ms is None else local_time(leaves_by_ms, zone),
        helper=None if incident.helper is None else people.name(incident.helper),
        named=None if incident.named is None else people.name(incident.named),
        added=tuple(people.name(r) for r in incident.added),
        sensed=incident.is_sensed,
        wants_help=incident.wants_help,
        deadline_ms=deadline_ms,
        left_ms=None if deadline_ms is None else deadline_ms - now_ms,
        span_ms=max(1, (deadline_ms or 0) - incident.t0_ms),
        segments=tuple(
            Segment(
                name,
                "" if at_ms is None else local_time(at_ms, zone),
                None if at_ms is None else (at_ms - incident.t0_ms) // 1000,
                None if at_ms is None else round((at_ms - incident.t0_ms) / line_ms, 4),
            )
            for name, at_ms in reached.items()
        ),
        late=incident.late_at_decision,
        reported_false=incident.reported_false,
        cancelled=incident.cancelled_by_home_ms is not None,
        last_resort=incident.last_resort_ms is not None and not incident.is_there and not incident.closed_ms,
        fire=str(incident.kind) in _FIRE,
        address=people.addresses.get(incident.home),
        outcome=incident.outcome,
        actions=_actions(incident),
        area=area,
        next_wave_ms=incident.next_wave_ms if incident.wants_people else None,
        can=tuple((people.name(r), local_time(ms, zone)) for r, ms in can[:CAN_SHOWN]),
        can_more=max(0, len(can) - CAN_SHOWN),
        ten=round(TEN_MINUTES_MS / line_ms, 4),
        minutes=round(((incident.closed_ms or now_ms) - incident.t0_ms) / 60_000),
    )


def segments(incident: Incident) -> dict[str, int | None]:
    """When each step of the ten minutes was reached, ms since 1970."""
    return {
        "onset": incident.t0_ms,
        "suspected": incident.suspected_ms,
        "decided": incident.decided_ms,
        "provider": incident.provider_ms,
        "accepted": incident.accepted_ms,
        "en_route": incident.en_route_ms,
        "on_scene": incident.on_scene_ms,
        "closed": incident.closed_ms,
    }


def local_time(t_ms: int, zone: ZoneInfo) -> str:
    """HH:MM:SS at the site."""
    return datetime.fromtimestamp(t_ms / 1000, zone).strftime("%H:%M:%S")


def closed_last(incidents: Sequence[Incident]) -> list[Incident]:
    """Give those that are closed, the last one first."""
    return sorted((i for i in incidents if i.state is State.CLOSED), key=lambda i: -(i.closed_ms or 0))


def incident_order(incident: Incident) -> tuple[int, int]:
    """Running countdowns by what is left, then suspicions, then those with somebody there, then LOW."""
    if incident.is_there:
        return 2, incident.t0_ms
    if incident.severity is None:
        return 1, incident.t0_ms
    return (3, incident.t0_ms) if incident.deadline_ms is None else (0, incident.deadline_ms)


def _actions(incident: Incident) -> frozenset[str]:
    if incident.state is State.CLOSED:
        return frozenset()
    actions = {"close"}
    if incident.wants_people:
        actions.add("accept")
    if incident.severity is not None:
        actions.add("name")
        if not incident.is_there and not incident.is_area:
            actions.add("arrived")
    return frozenset(actions)


def _tile(row: HomeRow, incident: Incident | None, now_ms: int) -> Tile:
    age_ms = None if row.last_life_ms is None else now_ms - row.last_life_ms
    severity = None if incident is None or incident.severity is None else int(incident.severity)
    return Tile(row, age_ms, None if incident is None else incident.id, severity)


def _tile_order(tile: Tile) -> tuple[int, str]:
    return (0 if tile.incident is not None else 1 if tile.row.blind else 2), tile.row.home
