"""The roster: who lives where, what looks on, and who can be asked to go.

The newest version of the ledger's roster tables becomes frozen types for the board (`SensorSpec`)
and for alerting (`Duty`). TOML files are import and export only.
"""

import dataclasses
import hashlib
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

import tomli_w

from alerting.duty import Duty, Responder, Shift
from alerting.ledger import Piece, RosterRows, Tx, newest_roster, pieces, save_pieces
from detectors.zones import Box
from guardian.board import SensorSpec
from guardian.lookout import Furniture
from guardian.roster_file import DAYS, RosterFile, ShiftRow, weekdays
from guardian.roster_source import source_of
from guardian.trace import Trace, TraceSensor

Row = Mapping[str, Any]

AT_THE_DOOR: Final = ("address", "key_at", "door_code", "animals", "medical")
"""What is known of a resident for whoever stands at the door."""
_SPEC_COLUMNS: Final = tuple(
    f.name for f in dataclasses.fields(SensorSpec) if f.name not in {"outside", "source"}
)
"""Fields of a sensor that traces and the ledger's rows have under the same name."""


@dataclass(frozen=True, slots=True)
class Roster:
    """What the running daemon needs of the roster."""

    site: str
    homes: tuple[str, ...]
    sensors: tuple[SensorSpec, ...]
    furniture: Furniture
    """(home, room) → kind and box of its zones."""
    duty: Duty
    programmes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Home → ids of its programmes; only homes that have any."""
    enrolled: frozenset[str] = frozenset()
    """Homes that take part."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changes (or would change)."""

    changes: tuple[str, ...]
    """One line each, `+` new, `-` gone, `~` changed."""
    version: int | None
    """The new version; None when nothing was stored."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A roster file beside the version that holds."""

    rows: RosterRows
    changes: tuple[str, ...]
    digest: str
    is_first: bool
    pieces: tuple[Piece, ...]
    """What is to be written."""

    @property
    def changes_anything(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.changes) or self.is_first

    def roster(self) -> Roster:
        """Give it as the daemon would have it."""
        return _roster(self.rows)


def import_file(tx: Tx, file: RosterFile, source: str, now_ms: int, *, dry_run: bool = False) -> Imported:
    """Compare a roster file with the newest version and store it as the next one.

    Random ids stay with people: a responder is known by the phone number, a resident by the home
    and the name.
    """
    return store(tx, prepare(file, newest_roster(tx)), source, now_ms, dry_run=dry_run)


def prepare(file: RosterFile, old: RosterRows | None) -> Prepared:
    """Compare a roster file with the newest version; seconds with 10,000 homes, and the ledger is free."""
    rows = _rows(file, old)
    digest = hashlib.sha256(file.model_dump_json(by_alias=True).encode()).hexdigest()
    return Prepared(rows, tuple(_changes(old, rows)), digest, old is None, tuple(pieces(old, rows)))


def store(tx: Tx, new: Prepared, source: str, now_ms: int, *, dry_run: bool = False) -> Imported:
    """Store what was prepared in one transaction, if it changes anything (beside a daemon: roster_store)."""
    if dry_run or not new.changes_anything:
        return Imported(new.changes, None)
    return Imported(new.changes, save_pieces(tx, new.pieces, source, new.digest, now_ms))


def newest(tx: Tx) -> Roster | None:
    """Give the newest roster as the daemon needs it, None before the first import."""
    rows = newest_roster(tx)
    return None if rows is None else _roster(rows)


def export_file(tx: Tx) -> RosterFile | None:
    """Give the newest roster as it would stand in a file."""
    rows = newest_roster(tx)
    return None if rows is None else file_of(rows)


def from_trace(trace: Trace) -> Roster:
    """Make a roster without people from the sensors of a trace; the site is the slug of its name."""
    duty = Duty(responders={}, shifts=(), travel_s={}, default_travel_s=300.0, timezone=trace.timezone)
    furniture = _furniture((z.home, z.room, z.kind, (z.x0_m, z.y0_m, z.x1_m, z.y1_m)) for z in trace.zones)
    return Roster(site_of(trace), trace.homes, specs_of(trace), furniture, duty)


def of_nobody(site: str) -> Roster:
    """Make the roster of a site of which nothing is known."""
    return Roster(site, (), (), {}, Duty(responders={}, shifts=(), travel_s={}, default_travel_s=300.0))


def site_of(trace: Trace) -> str:
    """Give the site under which a trace is played: the slug of its name."""
    return re.sub(r"[^a-z0-9]+", "-", trace.name.lower()).strip("-")[:32] or "trace"


def specs_of(trace: Trace) -> tuple[SensorSpec, ...]:
    """Give the sensors of a trace as the board wants them."""
    return tuple(spec_of(s) for s in trace.sensors)


def spec_of(sensor: TraceSensor) -> SensorSpec:
    """Give one sensor of a trace as the board wants it."""
    return SensorSpec(**{name: getattr(sensor, name) for name in _SPEC_COLUMNS}, outside=sensor.outside)


def to_toml(file: RosterFile) -> str:
    """Write a roster as TOML."""
    return tomli_w.dumps(file.model_dump(by_alias=True, exclude_none=True))


# --- file → rows ---------------------------------------------------------------------------------


def _rows(file: RosterFile, old: RosterRows | None) -> RosterRows:
    people: dict[str, Row] = {}
    person_ids = _person_ids(old)

    def person(key: tuple[str, str], name: str, phone: str | None, **more: str | None) -> str:
        pid = person_ids.get(key) or secrets.token_hex(8)
        people[pid] = {"id": pid, "name": name, "phone": phone, **dict.fromkeys(AT_THE_DOOR), **more}
        return pid

    of_phone = {r.phone: person(("responder", r.phone), r.name, r.phone) for r in file.responders}
    homes, rooms, zones, sensors = [], [], [], []
    for h in file.homes:
        lives = h.resident
        resident = person((h.id, lives.name), **lives.model_dump()) if lives else None
        homes.append(
            {
                "id": h.id,
                "site": file.site.id,
                "card": h.card,
                "resident": resident,
                "entry_s": h.entry_s,
                "keyholders": " ".join(of_phone[p] for p in h.keyholders or ()),
                "programmes": " ".join(h.programmes),
                "enrolled": h.enrolled,
            }
        )
        for room in h.rooms:
            rooms.append({"id": f"{h.id}/{room.id}", "home": h.id, "name": room.id})
            zones += [
                {
                    "id": f"{h.id}/{room.id}/{z.id}",
                    "home": h.id,
                    "room": room.id,
                    **z.model_dump(exclude={"id"}),
                }
                for z in room.zones
            ]
        sensors += [
            {"id": f"{h.id}/{s.id}", "home": h.id, "name": s.id, **s.model_dump(exclude={"id"})}
            for s in h.sensors
        ]
    responders, shifts, travels = [], [], []
    for r in file.responders:
        pid = of_phone[r.phone]
        keep = {"language", "reply_odds", "reply_p90_s", "turnout_p90_s", "active"}
        responders.append({"id": pid, "skills": " ".join(r.skills), **r.model_dump(include=keep)})
        shifts += [_shift_row(pid, i, s) for i, s in enumerate(r.shifts)]
        travels += [
            {"id": f"{pid}/{home}", "responder": pid, "home": home, "p90_s": s}
            for home, s in r.travel_s.items()
        ]
    return RosterRows(
        people=_in_order(people.values()),
        sites=({"id": file.site.id, **file.site.model_dump(exclude={"id"})},),
        homes=_in_order(homes),
        rooms=_in_order(rooms),
        zones=_in_order(zones),
        sensors=_in_order(sensors),
        responders=_in_order(responders),
        shifts=_in_order(shifts),
        travels=_in_order(travels),
    )


def _in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    """As the ledger gives them: what has only another order in the file has not changed."""
    return tuple(sorted(rows, key=itemgetter("id")))


def _person_ids(old: RosterRows | None) -> dict[tuple[str, str], str]:
    if old is None:
        return {}
    people = {p["id"]: p for p in old.people}
    ids = {(h["id"], people[h["resident"]]["name"]): h["resident"] for h in old.homes if h["resident"]}
    return ids | {("responder", people[r["id"]]["phone"]): r["id"] for r in old.responders}


def _shift_row(pid: str, i: int, s: ShiftRow) -> Row:
    return {
        "id": f"{pid}/{i}",
        "responder": pid,
        "weekdays": weekdays(s.days),
        "start_minute": _minutes(s.start),
        "end_minute": _minutes(s.end),
    }


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


_TABLES = ("sites", "homes", "rooms", "zones", "sensors", "responders", "shifts", "travels", "people")


def _changes(old: RosterRows | None, new: RosterRows) -> Sequence[str]:
    out = []
    for table in _TABLES:
        before = {r["id"]: dict(r) for r in getattr(old, table)} if old else {}
        after = {r["id"]: dict(r) for r in getattr(new, table)}
        noun = table.removesuffix("s") if table != "people" else "person"
        if table == "people":  # somebody who is gone from the roster is not erased by an import
            before = {k: v for k, v in before.items() if k in after}
        out += [f"+ {noun} {k}" for k in after if k not in before]
        out += [f"- {noun} {k}" for k in before if k not in after]
        for k, row in after.items():
            was = before.get(k, row)
            changed = [c for c in row if row[c] != was.get(c)]
            if changed and table == "people":  # who it is stays out of what is printed
                out.append(f"~ {noun} {k}: {', '.join(changed)}")
            elif changed:
                out.append(f"~ {noun} {k}: " + ", ".join(f"{c} {was.get(c)} → {row[c]}" for c in changed))
    return out


# --- rows → what others need ---------------------------------------------------------------------


def _roster(rows: RosterRows) -> Roster:
    people = {p["id"]: p for p in rows.people}
    site = rows.sites[0]
    sensors = tuple(
        SensorSpec(
            **{c: s[c] for c in _SPEC_COLUMNS},
            outside=s["kind"] == "door" and s["outside"] is not False,
            source=source_of(s),
        )
        for s in rows.sensors
    )
    responders = {
        r["id"]: Responder(
            id=r["id"],
            phone=people[r["id"]]["phone"],
            language=r["language"],
            reply_odds=r["reply_odds"],
            reply_p90_s=r["reply_p90_s"],
            turnout_p90_s=r["turnout_p90_s"],
            active=r["active"],
            skills=frozenset(r["skills"].split()),
        )
        for r in rows.responders
    }
    duty = Duty(
        responders=MappingProxyType(responders),
        shifts=tuple(
            Shift(
                s["responder"], frozenset(int(d) for d in s["weekdays"]), s["start_minute"], s["end_minute"]
            )
            for s in rows.shifts
        ),
        travel_s=MappingProxyType({(t["responder"], t["home"]): t["p90_s"] for t in rows.travels}),
        default_travel_s=site["default_travel_s"],
        entry_s=MappingProxyType({h["id"]: h["entry_s"] for h in rows.homes}),
        timezone=site["timezone"],
        cards=MappingProxyType({h["id"]: h["card"] for h in rows.homes if h["card"]}),
        keyholders=MappingProxyType(
            {h["id"]: frozenset(h["keyholders"].split()) for h in rows.homes if h["keyholders"]}
        ),
    )
    furniture = _furniture(
        (z["home"], z["room"], z["kind"], (z["x0_m"], z["y0_m"], z["x1_m"], z["y1_m"])) for z in rows.zones
    )
    programmes = {h["id"]: tuple(h["programmes"].split()) for h in rows.homes if h["programmes"]}
    enrolled = frozenset(h["id"] for h in rows.homes if h["enrolled"])
    homes = tuple(h["id"] for h in rows.homes)
    return Roster(site["id"], homes, sensors, furniture, duty, MappingProxyType(programmes), enrolled)


def _furniture(zones: Iterable[tuple[str, str, str, Box]]) -> Furniture:
    out: dict[tuple[str, str], tuple[tuple[str, Box], ...]] = {}
    for home, room, kind, box in zones:
        out[home, room] = (*out.get((home, room), ()), (kind, box))
    return MappingProxyType(out)


def _by(rows: Iterable[Row], *columns: str) -> defaultdict[Any, list[Row]]:
    """Group rows by one column, or by several; a group that is not there is empty."""
    out: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        out[row[columns[0]] if len(columns) == 1 else tuple(row[c] for c in columns)].append(row)
    return out


def file_of(rows: RosterRows) -> RosterFile:
    """Give a version of the roster as it would stand in a file; 10,000 homes are some seconds of work."""
    people = {p["id"]: p for p in rows.people}
    rooms, sensors = _by(rows.rooms, "home"), _by(rows.sensors, "home")
    zones = _by(rows.zones, "home", "room")
    travels, shifts = _by(rows.travels, "responder"), _by(rows.shifts, "responder")

    def plain(row: Row, *columns: str) -> dict[str, Any]:
        return {c: row[c] for c in columns if row[c] is not None}

    homes = [
        {
            **plain(h, "id", "card", "entry_s"),
            **(
                {"keyholders": [people[r]["phone"] for r in h["keyholders"].split()]}
                if h["keyholders"]
                else {}
            ),
            **({"programmes": h["programmes"].split()} if h["programmes"] else {}),
            **({} if h["enrolled"] else {"enrolled": False}),
            **(
                {"resident": plain(people[h["resident"]], "name", "phone", *AT_THE_DOOR)}
                if h["resident"]
                else {}
            ),
            "rooms": [
                {
                    "id": room["name"],
                    "zones": [
                        {"id": z["id"].rpartition("/")[2], **plain(z, "kind", "x0_m", "y0_m", "x1_m", "y1_m")}
                        for z in zones[h["id"], room["name"]]
                    ],
                }
                for room in rooms[h["id"]]
            ],
            "sensors": [
                {"id": s["name"], **plain(s, *(c for c in s if c not in {"id", "name", "home"}))}
                for s in sensors[h["id"]]
            ],
        }
        for h in rows.homes
    ]
    responders = [
        {
            **plain(people[r["id"]], "name", "phone"),
            **plain(r, "language", "reply_odds", "reply_p90_s", "turnout_p90_s", "active"),
            **({"skills": r["skills"].split()} if r["skills"] else {}),
            "travel_s": {t["home"]: t["p90_s"] for t in travels[r["id"]]},
            "shifts": [
                {
                    "days": ",".join(DAYS[int(d)] for d in s["weekdays"]),
                    "from": _clock(s["start_minute"]),
                    "to": _clock(s["end_minute"]),
                }
                for s in shifts[r["id"]]
            ],
        }
        for r in rows.responders
    ]
    return RosterFile.model_validate({"site": dict(rows.sites[0]), "homes": homes, "responders": responders})
