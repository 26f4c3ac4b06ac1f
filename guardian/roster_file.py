"""The roster as people write it: a strict TOML file, checked as a whole, every mistake named at once.

Takes TOML text; gives a `RosterFile`. Knows nothing of the ledger.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Final, Literal
from zoneinfo import available_timezones

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from alerting.wording import card_fits
from guardian.plan import shape_mistake
from guardian.roster_source import mistakes, shared
from guardian.settings import Id, Phone, SettingsError, Strict, lines
from guardian.wire.source import Dialect
from guardian.wire.thermal import FORMATS, ORDERS

EVENT_KINDS: Final = (
    "pir",
    "door",
    "appliance-door",
    "bed",
    "chair",
    "presence",
    "radar-fall",
    "temperature",
    "humidity",
    "plug",
    "button",
    "cancel",
    "smoke",
    "gas",
    "water",
)
"""Kinds of the sensors that send events (DESIGN section 4); `thermal` sends frames."""

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_timezones: Final = cache(available_timezones)
"""It looks through directories, which takes longer than all the rest of a roster."""


def weekdays(text: str) -> str:
    """Give weekday digits, 0 = Monday, for `mon-fri` or `sat,sun`, or raise ValueError."""
    out: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"days are mon, tue, wed, thu, fri, sat, sun: {text}")
        a, b = DAYS.index(first), DAYS.index(last or first)
        out |= {d % 7 for d in range(a, b + 1 if b >= a else b + 8)}
    return "".join(map(str, sorted(out)))


class ShiftRow(Strict):
    """`{ days = "mon-fri", from = "08:00", to = "20:00" }`; equal times mean the whole day."""

    days: str = "mon-sun"
    start: Annotated[str, Field(alias="from", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    end: Annotated[str, Field(alias="to", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]

    @field_validator("days")
    @classmethod
    def _days(cls, text: str) -> str:
        weekdays(text)
        return text


class ResponderRow(Strict):
    """Somebody who can be asked to go."""

    name: Annotated[str, Field(min_length=1)]
    phone: Phone
    language: Literal["zh", "en"] = "zh"
    reply_odds: Annotated[float, Field(gt=0, lt=1)] = 0.3
    reply_p90_s: Annotated[float, Field(gt=0, le=600)] = 60
    turnout_p90_s: Annotated[float, Field(ge=0, le=3600)] = 60
    active: bool = True
    skills: tuple[Id, ...] = ()
    """What they can do that not everybody can, by free ids: `lift`, `nurse`, `first-aid` …"""
    travel_s: dict[Id, Annotated[float, Field(ge=0, le=86400)]] = Field(default_factory=dict)
    shifts: tuple[ShiftRow, ...] = ()


Note = Annotated[str, Field(min_length=1, max_length=200)]


class ResidentRow(Strict):
    """Who lives there."""

    name: Annotated[str, Field(min_length=1)]
    phone: Phone | None = None
    address: str | None = None
    key_at: Note | None = None
    """Where a key is: what somebody at the door must know, shown to them alone."""
    door_code: Note | None = None
    animals: Note | None = None
    medical: Note | None = None


class ZoneRow(Strict):
    """A piece of furniture, in metres, in the room's coordinates: those of its sensors' `x_m` and `y_m`, or,
    where these are not given, from below its ceiling sensor.
    """

    id: Id
    kind: Literal["floor", "bed", "sofa", "chair", "bath", "table", "door", "window", "stove", "radiator"]
    x0_m: float
    y0_m: float
    x1_m: float
    y1_m: float


class RoomRow(Strict):
    """A room and what stands in it."""

    id: Id
    zones: tuple[ZoneRow, ...] = ()


class SensorRow(Strict):
    """One quantity of one device."""

    id: Id
    kind: Literal[("thermal", *EVENT_KINDS)]  # type: ignore[valid-type]  # built from the list above
    room: Id
    rows: int | None = None
    cols: int | None = None
    rate_hz: Annotated[float, Field(gt=0, le=64)] | None = None
    mount: Literal["ceiling", "wall"] | None = None
    height_m: Annotated[float, Field(gt=0.5, lt=10)] | None = None
    fov_deg: Annotated[float, Field(gt=5, lt=180)] | None = None
    tilt_deg: float | None = None
    yaw_deg: float | None = None
    x_m: float | None = None
    y_m: float | None = None
    outside: bool | None = None
    dialect: Dialect | None = None
    """What its device speaks; none = Guardian's own topics. The rest only with one: docs/devices.md."""
    topic: str | None = None
    attribute: str | None = None
    on: str | None = None
    invert: bool | None = None
    scale: Annotated[float, Field(allow_inf_nan=False)] | None = None
    offset: Annotated[float, Field(allow_inf_nan=False)] | None = None
    format: Literal[FORMATS] | None = None  # type: ignore[valid-type]  # a list of wire/thermal.py
    endianness: Literal["little", "big"] | None = None
    order: Literal[ORDERS] | None = None  # type: ignore[valid-type]  # a list of wire/thermal.py

    @field_validator("cols")
    @classmethod
    def _shape(cls, cols: int | None, info: ValidationInfo) -> int | None:
        rows = info.data.get("rows")
        if rows is not None and cols is not None and (wrong := shape_mistake(rows, cols)):
            raise ValueError(wrong)
        return cols

    @model_validator(mode="after")
    def _sound(self) -> "SensorRow":
        wrong = list(mistakes(dict(self)))
        if self.kind == "thermal" and (self.rows is None or self.cols is None):
            wrong.insert(0, "a thermal sensor needs rows and cols")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class HomeRow(Strict):
    """One household."""

    id: Id
    card: str | None = None
    entry_s: Annotated[float, Field(ge=0, le=600)] = 60
    keyholders: Annotated[tuple[Phone, ...], Field(min_length=1)] | None = None
    """Phone numbers of the responders who hold a key or know the code; left out where anybody gets in."""
    programmes: tuple[Id, ...] = ()
    """Programmes of care that the home is meant for, by free ids: `empty-nest`, `single-elder` …"""
    enrolled: bool = True
    """Takes part; a home that is only eligible is listed with `enrolled = false`, with or without sensors."""
    resident: ResidentRow | None = None
    rooms: tuple[RoomRow, ...]
    sensors: tuple[SensorRow, ...] = ()

    @field_validator("card")
    @classmethod
    def _card(cls, text: str | None) -> str | None:
        if text is not None and not card_fits(text):
            raise ValueError(f"a card is at most two letters and digits, 8 characters in all: {text}")
        return text


class SiteRow(Strict):
    """The community centre."""

    id: Id
    timezone: str = "Asia/Shanghai"
    default_travel_s: Annotated[float, Field(gt=0, le=7200)] = 300

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if name not in _timezones():
            raise ValueError(f"no such time zone: {name}")
        return name


class RosterFile(Strict):
    """A whole roster."""

    site: SiteRow
    homes: tuple[HomeRow, ...]
    responders: tuple[ResponderRow, ...] = ()


def read(text: str, name: str = "roster") -> RosterFile:
    """Read and check a roster.

    Raises
    ------
    SettingsError
        with every mistake: bad values, doubled ids, sensors in rooms that are not there, travel
        times to homes that are not there, two responders with one number.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as e:  # also numbers and nests that no roster has
        raise SettingsError([f"{name}: not TOML: {e}"]) from e
    return checked(table, name)


def checked(table: Mapping[str, object], name: str = "roster") -> RosterFile:
    """Check a roster as it would stand in a file. Raises SettingsError, as `read`."""
    try:
        roster = RosterFile.model_validate(table)
    except ValidationError as e:
        raise SettingsError([_by_name(line, table) for line in lines(name, e)]) from e
    problems = [f"{name}: {p}" for p in _cross_checks(roster)]
    if problems:
        raise SettingsError(problems)
    return roster


def _cross_checks(roster: RosterFile) -> Iterable[str]:
    yield from _doubled("home", (h.id for h in roster.homes))
    yield from _doubled("card", (h.card for h in roster.homes if h.card))
    yield from _doubled("responder's phone", (r.phone for r in roster.responders))
    for home in roster.homes:
        yield from _doubled(f"programme of home {home.id}", home.programmes)
        rooms = {room.id for room in home.rooms}
        yield from _doubled(f"room of home {home.id}", (r.id for r in home.rooms))
        yield from _doubled(f"sensor of home {home.id}", (s.id for s in home.sensors))
        for sensor in home.sensors:
            if sensor.room not in rooms:
                yield f"home {home.id}: sensor {sensor.id} stands in room {sensor.room}, which is not there"
    yield from shared((home.id, dict(sensor)) for home in roster.homes for sensor in home.sensors)
    known, phones = {h.id for h in roster.homes}, {r.phone for r in roster.responders}
    for home in roster.homes:
        yield from _doubled(f"keyholder of home {home.id}", home.keyholders or ())
        for phone in sorted(set(home.keyholders or ()) - phones):
            yield f"home {home.id}: keyholder {phone} is no responder"
    for responder in roster.responders:
        yield from _doubled(f"skill of responder {responder.phone}", responder.skills)
        for home_id in sorted(set(responder.travel_s) - known):
            yield f"responder {responder.phone}: travel time to home {home_id}, which is not there"


def _doubled(what: str, ids: Iterable[str]) -> Iterable[str]:
    for value, n in Counter(ids).items():
        if n > 1:
            yield f"{what} {value} stands there {n} times"


def _by_name(line: str, table: Mapping[str, object]) -> str:
    """`homes.3.sensors.0` says little; add the id where there is one."""
    found = re.search(r"\b(homes)\.(\d+)", line)
    homes = table.get("homes")
    if found and isinstance(homes, list) and int(found[2]) < len(homes):
        entry = homes[int(found[2])]
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            return line.replace(found[0], f"{found[0]} ({entry['id']})", 1)
    return line
