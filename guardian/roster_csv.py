"""The roster as tables for a spreadsheet: written, read back, and merged into what holds, with every mistake.

Takes bytes as Excel writes them in China and elsewhere (UTF-8 with or without a mark, GB18030; commas,
semicolons, tabs); gives a whole roster file that `guardian roster import` would take. A row is known by its
key: a home by its id, a sensor by home and id, a responder by the number. A column that is not there leaves
things as they are; an empty cell empties them.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from guardian.roster_file import HomeRow, ResidentRow, ResponderRow, RosterFile, SensorRow, ZoneRow
from guardian.settings import phone_number

MOST_MISTAKES: Final = 200
_DELIMITERS: Final = ",;\t"
_PLAIN_NUMBER: Final = re.compile(r"-?\d+([.,]\d+)?")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would work out what begins so (OWASP: CSV injection); a quote in front keeps it text."""
_TRUE: Final = {"1", "true", "yes", "y", "是", "对", "√"}
_FALSE: Final = {"0", "false", "no", "n", "否", "不", "×"}
_SHIFT: Final = re.compile(r"(?:([a-z,-]+)\s+)?(\d\d:\d\d)\s*-\s*(\d\d:\d\d)")

_RESIDENT: Final = tuple(ResidentRow.model_fields)
_SENSOR: Final = tuple(n for n in SensorRow.model_fields if n != "id")
_ZONE: Final = tuple(n for n in ZoneRow.model_fields if n != "id")
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "homes": ("home", "card", "entry_s", "enrolled", "programmes", "keyholders", "rooms", *_RESIDENT),
    "zones": ("home", "room", "zone", *_ZONE),
    "sensors": ("home", "sensor", *_SENSOR),
    "responders": (
        "phone",
        "name",
        "language",
        "reply_odds",
        "reply_p90_s",
        "turnout_p90_s",
        "active",
        "skills",
        "shifts",
    ),
    "travel": ("phone", "home", "travel_s"),
}
"""Of each table, in order; the first are its key."""
_KEYS: Final = {
    "homes": ("home",),
    "zones": ("home", "room", "zone"),
    "sensors": ("home", "sensor"),
    "responders": ("phone",),
    "travel": ("phone", "home"),
}
_BOOLEANS: Final = frozenset({"enrolled", "active", "outside", "invert"})
_LISTS: Final = frozenset({"programmes", "keyholders", "rooms", "skills"})
_NUMBERS: Final = frozenset(
    name
    for model in (HomeRow, SensorRow, ResponderRow, ZoneRow)
    for name, f in model.model_fields.items()
    if re.search(r"\b(float|int)\b", str(f.annotation))  # and not what is called int16
) | {"travel_s"}


class TableError(Exception):
    """A table that cannot be taken; one line for each mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, by column; None = an empty cell."""

    line: int
    cells: Mapping[str, str | None]


# --- out ------------------------------------------------------------------------------------------------


def write(file: RosterFile, table: str) -> str:
    """Give one of the tables, with a byte order mark, for Excel takes it for GB18030 otherwise."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(COLUMNS[table])
    for cells in _rows_of(file, table):
        lines.writerow([_cell(cells.get(name)) for name in COLUMNS[table]])
    return "\ufeff" + out.getvalue()


def _rows_of(file: RosterFile, table: str) -> Iterable[Mapping[str, Any]]:
    if table == "homes":
        for h in file.homes:
            cells = {"home": h.id, **h.model_dump(exclude={"id", "rooms", "sensors", "resident"})}
            yield {
                **cells,
                "rooms": [r.id for r in h.rooms],
                **(h.resident.model_dump() if h.resident else {}),
            }
    elif table == "zones":
        for h in file.homes:
            for room in h.rooms:
                for z in room.zones:
                    yield {"home": h.id, "room": room.id, "zone": z.id, **z.model_dump(exclude={"id"})}
    elif table == "sensors":
        for h in file.homes:
            for s in h.sensors:
                yield {"home": h.id, "sensor": s.id, **s.model_dump(exclude={"id"})}
    elif table == "responders":
        for r in file.responders:
            shifts = "; ".join(f"{s.days} {s.start}-{s.end}" for s in r.shifts)
            yield {**r.model_dump(exclude={"shifts", "travel_s"}), "shifts": shifts}
    else:
        for r in file.responders:
            for home, seconds in r.travel_s.items():
                yield {"phone": r.phone, "home": home, "travel_s": seconds}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:g}"
    text = " ".join(value) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(text) else text


# --- in -------------------------------------------------------------------------------------------------


def merge(file: RosterFile, table: str, raw: bytes, *, remove: bool = False) -> dict[str, Any]:
    """Put a table into a roster; give it as `RosterFile` would be written.

    Parameters
    ----------
    remove
        what the table does not name is taken out.

    Raises
    ------
    TableError
        with every mistake, each with its line and column.
    """
    rows = read(table, raw)
    problems: list[str] = []
    whole = file.model_dump(by_alias=True, exclude_none=True, mode="json")
    _PUT[table](whole, rows, remove, problems)
    if problems:
        raise TableError(problems[:MOST_MISTAKES])
    return whole


def read(table: str, raw: bytes) -> list[Row]:
    """Read a table's lines. Raises TableError: no text, no head, unknown or missing columns, doubled keys."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError as e:
            raise TableError(["the file is neither UTF-8 nor GB18030 text"]) from e
    if "\x00" in text:
        raise TableError(["the file is no text"])
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as e:
        raise TableError([f"not a table: {e}"]) from e
    head = [name.strip().lower() for name in lines[0]] if lines else []
    problems = [f"column {name or '(no name)'}: not one of {', '.join(COLUMNS[table])}"
                for name in head if name not in COLUMNS[table]]  # fmt: skip
    problems += [f"column {name} is missing" for name in _KEYS[table] if name not in head]
    problems += [
        f"column {name} stands there twice" for name in sorted({n for n in head if head.count(n) > 1})
    ]
    if problems:
        raise TableError(problems)
    rows, seen = list[Row](), dict[tuple[str | None, ...], int]()
    for n, cells in enumerate(lines[1:], 2):
        if not any(c.strip() for c in cells):
            continue
        if len(cells) > len(head):
            problems.append(f"line {n}: {len(cells)} cells, of {len(head)} columns")
            continue
        padded = [*cells, *[""] * (len(head) - len(cells))]
        row = Row(n, {name: _plain(c) for name, c in zip(head, padded, strict=True)})
        key = tuple(row.cells[name] for name in _KEYS[table])
        problems += [f"line {n}, column {k}: empty" for k in _KEYS[table] if row.cells[k] is None]
        if key in seen:
            problems.append(f"line {n}: the same as line {seen[key]}")
        seen[key] = n
        rows.append(row)
    if problems:
        raise TableError(problems[:MOST_MISTAKES])
    return rows


def _plain(cell: str) -> str | None:
    text = cell.strip()
    if text.startswith("'") and text[1:].startswith(_FORMULA):
        text = text[1:]
    return text or None


def _values(row: Row, names: Iterable[str], problems: list[str]) -> dict[str, Any]:
    """Give a row's cells as values; a mistake for each that is none."""
    out: dict[str, Any] = {}
    for name in names:
        if name not in row.cells:
            continue
        text = row.cells[name]
        if text is None:
            out[name] = None
        elif name in _BOOLEANS:
            if text.lower() not in _TRUE | _FALSE:
                problems.append(f"line {row.line}, column {name}: {text} is neither yes nor no")
            out[name] = text.lower() in _TRUE
        elif name in _LISTS:
            out[name] = text.replace(",", " ").replace("，", " ").split()
        elif name in _NUMBERS:
            try:
                out[name] = float(text.replace(",", "."))
            except ValueError:
                problems.append(f"line {row.line}, column {name}: {text} is no number")
        else:
            out[name] = text
    return out


def put(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Set what has a value, and take out what is None."""
    for name, value in values.items():
        if value is None:
            into.pop(name, None)
        else:
            into[name] = value


def _checked(model: type[BaseModel], row: Row, value: Mapping[str, Any], problems: list[str]) -> None:
    try:
        model.model_validate(value)
    except ValidationError as e:
        for error in e.errors(include_url=False):
            where = next((str(p) for p in reversed(error["loc"]) if not isinstance(p, int)), "")
            named = f", column {where}" if where in row.cells or where else ""
            problems.append(f"line {row.line}{named}: {error['msg'].removeprefix('Value error, ')}")


def _put_homes(whole: dict[str, Any], rows: Sequence[Row], remove: bool, problems: list[str]) -> None:
    homes = {h["id"]: h for h in whole["homes"]}
    for row in rows:
        key = str(row.cells["home"])
        home = homes.setdefault(key, {"id": key, "rooms": [], "sensors": []})
        put(home, _values(row, ("card", "entry_s", "enrolled", "programmes", "keyholders"), problems))
        if "rooms" in row.cells:
            there = {r["id"]: r for r in home["rooms"]}
            wanted = _values(row, ("rooms",), problems)["rooms"] or []
            home["rooms"] = [there.get(name, {"id": name}) for name in wanted]
        lives = dict(home.get("resident") or {})
        put(lives, _values(row, _RESIDENT, problems))
        home.pop("resident", None)
        if lives:
            home["resident"] = lives
        _checked(HomeRow, row, home, problems)
    _keep(whole, "homes", homes, {str(r.cells["home"]) for r in rows}, remove)
    left = {h["id"] for h in whole["homes"]}
    for responder in whole["responders"]:  # a way to a home that is gone leads nowhere
        responder["travel_s"] = {h: s for h, s in responder["travel_s"].items() if h in left}


def _put_zones(whole: dict[str, Any], rows: Sequence[Row], remove: bool, problems: list[str]) -> None:
    rooms = {(h["id"], r["id"]): r for h in whole["homes"] for r in h["rooms"]}
    if remove:
        for room in rooms.values():
            room["zones"] = []
    for row in rows:
        home, name = str(row.cells["home"]), str(row.cells["room"])
        room = rooms.get((home, name))
        if room is None:
            problems.append(f"line {row.line}, column room: home {home} has no room {name}")
            continue
        there = room.setdefault("zones", [])
        zone = next((z for z in there if z["id"] == row.cells["zone"]), None)
        if zone is None:
            zone = {"id": str(row.cells["zone"])}
            there.append(zone)
        put(zone, _values(row, _ZONE, problems))
        _checked(ZoneRow, row, zone, problems)


def _put_sensors(whole: dict[str, Any], rows: Sequence[Row], remove: bool, problems: list[str]) -> None:
    homes = {h["id"]: h for h in whole["homes"]}
    named = {(str(r.cells["home"]), str(r.cells["sensor"])) for r in rows}
    if remove:
        for home in whole["homes"]:
            home["sensors"] = [s for s in home["sensors"] if (home["id"], s["id"]) in named]
    for row in rows:
        found, name = homes.get(str(row.cells["home"])), str(row.cells["sensor"])
        if found is None:
            problems.append(f"line {row.line}, column home: {row.cells['home']} is not in the roster")
            continue
        sensor = next((s for s in found["sensors"] if s["id"] == name), None)
        if sensor is None:
            sensor = {"id": name}
            found["sensors"].append(sensor)
        put(sensor, {k: int(v) if k in {"rows", "cols"} and v is not None and v == int(v) else v
                      for k, v in _values(row, _SENSOR, problems).items()})  # fmt: skip
        _checked(SensorRow, row, sensor, problems)
        if sensor.get("room") is not None and sensor["room"] not in {r["id"] for r in found["rooms"]}:
            problems.append(f"line {row.line}, column room: home {found['id']} has no room {sensor['room']}")


def _put_responders(whole: dict[str, Any], rows: Sequence[Row], remove: bool, problems: list[str]) -> None:
    people = {r["phone"]: r for r in whole["responders"]}
    named = set[str]()
    for row in rows:
        try:
            phone = phone_number(str(row.cells["phone"]))
        except ValueError as e:
            problems.append(f"line {row.line}, column phone: {e}")
            continue
        named.add(phone)
        person = people.setdefault(phone, {"phone": phone, "travel_s": {}})
        names = ("name", "language", "reply_odds", "reply_p90_s", "turnout_p90_s", "active", "skills")
        put(person, _values(row, names, problems))
        if "shifts" in row.cells:
            person["shifts"] = _shifts(row, problems)
        _checked(ResponderRow, row, person, problems)
    _keep(whole, "responders", people, named, remove)
    left = {r["phone"] for r in whole["responders"]}
    for home in whole["homes"]:  # nobody holds a key who is not there
        holders = [p for p in home.get("keyholders", ()) if p in left]
        put(home, {"keyholders": holders or None})


def _put_travel(whole: dict[str, Any], rows: Sequence[Row], remove: bool, problems: list[str]) -> None:
    people = {r["phone"]: r for r in whole["responders"]}
    homes = {h["id"] for h in whole["homes"]}
    if remove:
        for person in people.values():
            person["travel_s"] = {}
    for row in rows:
        person, home = people.get(str(row.cells["phone"])), str(row.cells["home"])
        if person is None:
            problems.append(f"line {row.line}, column phone: {row.cells['phone']} is no responder")
        elif home not in homes:
            problems.append(f"line {row.line}, column home: {home} is not in the roster")
        else:
            put(person["travel_s"], {home: _values(row, ("travel_s",), problems).get("travel_s")})
            _checked(ResponderRow, row, person, problems)


_PUT: Final[Mapping[str, Callable[[dict[str, Any], Sequence[Row], bool, list[str]], None]]] = {
    "homes": _put_homes,
    "zones": _put_zones,
    "sensors": _put_sensors,
    "responders": _put_responders,
    "travel": _put_travel,
}


def put_lines(
    table: str, whole: dict[str, Any], lines: Iterable[Mapping[str, str | None]], problems: list[str]
) -> None:
    """Put lines into a roster as it is written, as the table's would be; a mistake each in `problems`."""
    _PUT[table](whole, [Row(n, cells) for n, cells in enumerate(lines, 1)], False, problems)


def _keep(
    whole: dict[str, Any], table: str, rows: Mapping[str, dict[str, Any]], named: set[str], remove: bool
) -> None:
    whole[table] = [row for key, row in rows.items() if not remove or key in named]


def _shifts(row: Row, problems: list[str]) -> list[dict[str, str]]:
    out = []
    for piece in (row.cells["shifts"] or "").replace("；", ";").split(";"):
        if not piece.strip():
            continue
        found = _SHIFT.fullmatch(piece.strip().lower())
        if found is None:
            problems.append(
                f"line {row.line}, column shifts: {piece.strip()} is not like mon-fri 08:00-20:00"
            )
            continue
        days, start, end = found.groups()
        out.append({"days": days or "mon-sun", "from": start, "to": end})
    return out
