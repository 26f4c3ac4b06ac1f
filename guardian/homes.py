"""What is known of every home: where the resident is, what they do, when they last gave a sign of life.

Takes readings (by `fold`) and what the thermal detectors saw (by `see`), gives arrays whose first axis
is the home; where everybody is, `detectors.position` says. Drops readings that it has had before. Never
decides that anything is wrong: that is the detectors' business.
"""
# ruff: noqa: SLF001  (`follow` reads another object of the same class)

import hashlib
import zlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from detectors import position
from detectors.fall import Posture
from detectors.layout import Events, Layout, nothing
from detectors.position import Activity, PositionParams, PositionState, Where
from guardian.bench import told
from guardian.plan import laid_out, rooms_of
from guardian.slab import MOST_MISSED, NEVER, Group, SensorSpec, matching

__all__ = ["Activity", "Homes", "Reading", "StateOfHomes", "decode_events", "encode_events"]

SEEN_KEYS: Final = 32
"""Remembered events of each sensor: a device repeats until acked, and acks follow within a beat."""
UNKNOWN_ROOM: Final = -1


LIFE_BY_ONE: Final = frozenset({"pir", "button", "cancel"})
"""A 1 of these is somebody moving or acting."""
LIFE_BY_CHANGE: Final = frozenset({"door", "appliance-door", "bed", "chair", "presence"})
"""These also repeat their state; only a change is somebody's doing."""
OPENINGS: Final = 8
"""A sensor of these that said 1 so often and never anything else tells of openings, not of states: then each
1 is somebody's doing. A door that stands open repeats its state every hour or so, and closes at night."""


log = structlog.get_logger("homes")


class Reading(msgspec.Struct, array_like=True, frozen=True):
    """One event of one sensor, decoded and placed."""

    home: str
    sensor: str
    kind: str
    room: str
    value: float
    t_ms: int
    """By the device's clock, 0 = unknown."""
    arrival_ms: int
    id: str | None
    boot: str | None
    seq: int | None


@dataclass(frozen=True, slots=True)
class StateOfHomes:
    """A copy of what is known, first axis H = home; times are ms since 1970, −1 = never."""

    now_ms: int
    room: NDArray[np.int32]
    """(H,) index into `Homes.rooms`, −1 = unknown, or out."""
    room_ms: NDArray[np.int64]
    """(H,) when somebody was last noticed there."""
    x_m: NDArray[np.float32]
    """(H,) metres in the room's coordinates, by the sensor that saw them last; NaN = unknown."""
    y_m: NDArray[np.float32]
    place_ms: NDArray[np.int64]
    """(H,) of the place."""
    confidence: NDArray[np.float32]
    """(H,) chance that the resident is in that room; NaN = unknown."""
    people: NDArray[np.int8]
    """(H,) bodies seen now, in each room the most that one sensor sees; −1 where none has sent lately."""
    visit_ms: NDArray[np.int64]
    """(H,) since when there seems to be a second person, −1 = there is none,"""
    company: NDArray[np.float32]
    """(H,) and how sure that is, 0 to 1."""
    out: NDArray[np.float32]
    """(H,) chance that nobody is at home."""
    degraded: NDArray[np.bool_]
    """(H,) in a room that is looked at, a body would hardly stand out: a fall could be missed."""
    activity: NDArray[np.int8]
    """(H,) `Activity`."""
    last_life_ms: NDArray[np.int64]
    """(H,) last proof of life: movement, a door, a button."""
    temperature_c: NDArray[np.float32]
    """(H,) newest room temperature, NaN = unknown."""
    humidity: NDArray[np.float32]
    """(H,) newest relative humidity in %, NaN = unknown."""


class Homes:
    """The arrays behind `StateOfHomes`, and what has been heard of each event sensor."""

    def __init__(self, homes: Sequence[str], groups: Sequence[Group], events: Sequence[SensorSpec]) -> None:
        self.homes = tuple(homes)
        self._groups = tuple(groups)
        specs = [*events, *(s for g in groups for s in g.specs)]
        self.rooms: tuple[str, ...] = tuple(dict.fromkeys(s.room for s in specs))
        room_of = {name: i for i, name in enumerate(self.rooms)}
        self._home_row = {name: i for i, name in enumerate(self.homes)}
        self._events = {(s.home, s.name): i for i, s in enumerate(events)}
        self._event_specs = tuple(events)
        h, e = len(self.homes), len(events)
        self._home: dict[str, NDArray[Any]] = {
            "life_ms": np.full(h, NEVER, np.int64),
            "temperature_c": np.full(h, np.nan, np.float32),
            "humidity": np.full(h, np.nan, np.float32),
        }
        self._sensor: dict[str, NDArray[Any]] = {
            "value": np.full(e, np.nan, np.float64),
            "ms": np.full(e, NEVER, np.int64),
            "keys": np.zeros((e, SEEN_KEYS), np.uint64),
            "next_key": np.zeros(e, np.int64),
            "ones": np.zeros(e, np.int64),
            "boot": np.zeros((e, 2), np.uint32),
            "seq": np.full(e, NEVER, np.int64),
            "missed": np.zeros(e, np.int64),
        }
        self.boots = np.zeros(e, np.int64)
        """(E,) starts of the devices, counted by the boot that their readings name."""
        self.muted = np.zeros(e, np.bool_)  # their readings are nobody's doing: they have a fault
        cameras = [s for g in groups for s in g.specs]
        self.layout: Layout = laid_out(self.homes, events, cameras)
        names = [room for _, room in rooms_of(self.homes, [*events, *cameras])]
        self._name_of = np.array([*(room_of[name] for name in names), UNKNOWN_ROOM], np.int32)
        starts = np.cumsum([0, *(len(g.specs) for g in groups)])
        self._camera_rows = [np.arange(a, a + len(g.specs)) for a, g in zip(starts, groups, strict=False)]
        self._filter: tuple[PositionParams, PositionState] | None = None
        self._heard: list[tuple[int, float, int, bool]] = []
        self._now_ms = NEVER
        self.duplicates = 0
        """Readings dropped because they had been folded before."""
        self.set_aside = 0
        """Readings that could not be folded: an error in here."""
        self._failed: set[int] = set()  # rows of sensors whose first error has been logged

    # --- what comes in -----------------------------------------------------------------------------

    def fold(self, readings: Sequence[Reading]) -> list[Reading]:
        """Take readings into the arrays; give those that are new.

        A reading is known by its id, else by boot and seq, else by its device time and value; one
        with none of them is always new. Readings of sensors that have left the roster are dropped.

        One that an error in here is raised for is given all the same, for a button speaks for itself; nothing
        else is known of it, and it is counted.
        """
        fresh = []
        for r in readings:
            row = self._events.get((r.home, r.sensor))
            if row is None:
                continue
            try:
                if self._seen_before(row, r):
                    self.duplicates += 1
                    continue
                life = self._fold_one(row, r)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, the others of its beat are not lost with it
                self._set_aside(row, r, error)
                fresh.append(r)
                continue
            fresh.append(r)
            self._heard.append((row, r.value, r.arrival_ms, life))
            self._now_ms = max(self._now_ms, r.arrival_ms)
        return fresh

    def _set_aside(self, row: int, r: Reading, error: Exception) -> None:
        self.set_aside += 1
        if row not in self._failed:
            self._failed.add(row)
            sensor = f"{r.home}/{r.sensor}"
            log.error("an event cannot be folded and is set aside", sensor=sensor, traceback=told(error))

    def take_heard(self) -> Events:
        """Give the readings folded since the last time, in order, as the detectors take them."""
        if not self._heard:
            return nothing()
        row, value, t_ms, life = zip(*self._heard, strict=True)
        self._heard.clear()
        return Events(
            np.array(row, np.intp), np.array(value), np.array(t_ms, np.int64), np.array(life, np.bool_)
        )

    def knows(self, home: str) -> bool:
        """Whether the roster has this home."""
        return home in self._home_row

    def value(self, home: str, sensor: str) -> float:
        """Give an event sensor's last value, NaN = never heard."""
        return float(self._sensor["value"][self._events[home, sensor]])

    def _seen_before(self, row: int, r: Reading) -> bool:
        if r.id is not None:
            word = f"i{r.id}"
        elif r.boot is not None and r.seq is not None:
            word = f"s{r.seq} {r.boot}"
        elif r.t_ms:
            word = f"t{r.t_ms} {r.value}"
        else:
            return False
        key = np.uint64(int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") | 1)
        keys = self._sensor["keys"]
        if (keys[row] == key).any():
            return True
        at = self._sensor["next_key"][row]
        keys[row, at % SEEN_KEYS] = key
        self._sensor["next_key"][row] = at + 1
        return False

    def _fold_one(self, row: int, r: Reading) -> bool:
        """Take one reading into its home's arrays; tell whether somebody did it."""
        home, h = self._home_row[r.home], self._home
        before = self._sensor["value"][row]
        self._sensor["value"][row], self._sensor["ms"][row] = r.value, r.arrival_ms
        if r.boot is not None and self._is_newest(row, r.boot) and r.seq is not None:
            self._count_missed(row, r.seq)
        if r.kind in {"temperature", "humidity"}:
            h["temperature_c" if r.kind == "temperature" else "humidity"][home] = r.value
            return False
        ones = self._sensor["ones"]
        ones[row] = ones[row] + 1 if r.value == 1 and ones[row] >= 0 else NEVER
        changed = not np.isnan(before) and (before != r.value or ones[row] > OPENINGS)
        alive = (r.kind in LIFE_BY_ONE and r.value) or (r.kind in LIFE_BY_CHANGE and changed)
        if self.muted[row] or not alive:
            return False
        h["life_ms"][home] = max(h["life_ms"][home], r.arrival_ms)
        return True

    def _is_newest(self, row: int, boot: str) -> bool:
        """Count another boot than the last two as a new start: late readings of the one before are none."""
        now, known = zlib.crc32(boot.encode()) | 1, self._sensor["boot"][row]
        if now not in known:
            self.boots[row] += bool(known[0])
            known[1] = known[0]
            known[0] = now
            self._sensor["seq"][row] = NEVER
        return bool(now == known[0])

    def _count_missed(self, row: int, number: int) -> None:
        """Numbers that one boot leaves out are events that are missing; who comes late is not."""
        seq, missed = self._sensor["seq"], self._sensor["missed"]
        left_out = number - int(seq[row]) - 1
        if seq[row] == NEVER or left_out > MOST_MISSED:
            pass
        elif left_out >= 0:
            missed[row] += left_out
        elif missed[row]:
            missed[row] -= 1
        seq[row] = max(seq[row], number)

    @property
    def missed(self) -> NDArray[np.int64]:
        """(E,) events that the devices' own numbers leave out."""
        return self._sensor["missed"]

    def locate(self, params: PositionParams, state: PositionState) -> None:
        """Let this filter answer where everybody is; until then nobody's place is known."""
        self._filter = params, state

    def see(  # noqa: PLR0917  (one argument for each array that the detector gives)
        self,
        group: Group,
        sensor: NDArray[np.intp],
        people: NDArray[np.int8],
        posture: NDArray[np.int8],
        x_m: NDArray[np.float32],
        y_m: NDArray[np.float32],
        confidence: NDArray[np.float32],
        now_ms: int,
        degraded: NDArray[np.bool_] | bool = False,
    ) -> None:
        """Take what the thermal detectors saw in one batch; all arrays (N,), one row a frame."""
        self._now_ms = max(self._now_ms, now_ms)
        upright = (people > 0) & (posture == Posture.UPRIGHT)  # who lies or sits still proves nothing
        if self._filter is not None:
            cameras = self._camera_rows[self._groups.index(group)][sensor]
            params, state = self._filter
            position.look(params, state, cameras, people, posture, x_m, y_m, confidence, now_ms, degraded)
        self._home["life_ms"][group.home_of[sensor[upright]]] = (
            now_ms  # last: what fails before changes nothing
        )

    # --- what is known ------------------------------------------------------------------------------

    @property
    def last_seen(self) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """(C,) when each camera last saw somebody, −1 = never, and in which detectors.fall.Posture."""
        if self._filter is None:
            cameras = sum(len(g.specs) for g in self._groups)
            return np.full(cameras, NEVER, np.int64), np.zeros(cameras, np.int8)
        _, state = self._filter
        return state.seen_ms, state.posture

    def state(self, now_ms: int | None = None) -> StateOfHomes:
        """Give what is known at `now_ms` (None: at the newest thing heard); `detectors.position` says where
        everybody is, and nobody's place is known without it.
        """
        now = self._now_ms if now_ms is None else now_ms
        where = position.answer(*self._filter, now) if self._filter else Where.nothing(len(self.homes))
        return StateOfHomes(
            now_ms=now,
            room=self._name_of[where.room],
            room_ms=where.room_ms,
            x_m=where.x_m,
            y_m=where.y_m,
            place_ms=where.place_ms,
            confidence=where.confidence,
            people=where.people,
            visit_ms=where.visit_ms,
            company=where.company,
            out=where.out,
            degraded=where.degraded,
            activity=where.activity,
            last_life_ms=self._home["life_ms"].copy(),
            temperature_c=self._home["temperature_c"].copy(),
            humidity=self._home["humidity"].copy(),
        )

    # --- restarts -----------------------------------------------------------------------------------

    def snapshot(self, *, live: bool = False) -> dict[str, NDArray[Any]]:
        """Give everything learnt, with the names of homes, rooms and sensors; `live`: no copies."""
        learnt = {f"home.{k}": v for k, v in self._home.items()}
        learnt |= {f"sensor.{k}": v for k, v in self._sensor.items()}
        if not live:
            learnt = {k: v.copy() for k, v in learnt.items()}
        return self._written_names | learnt | {"now_ms": np.array(self._now_ms, np.int64)}

    @cached_property
    def _written_names(self) -> dict[str, NDArray[Any]]:
        sensors = ["/".join(k) for k in self._events]
        return {"homes": np.array(self.homes, np.str_), "sensors": np.array(sensors, np.str_)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back a snapshot: what the roster still has, by name. Arrays it does not hold stay."""
        if "homes" not in arrays:  # that part of it was damaged
            return
        self._now_ms = max(self._now_ms, int(arrays["now_ms"]))
        here, there = matching(self.homes, arrays["homes"].tolist())
        for name, array in self._home.items():
            if f"home.{name}" in arrays:
                array[here] = arrays[f"home.{name}"][there]
        here, there = matching(["/".join(k) for k in self._events], arrays["sensors"].tolist())
        for name, array in self._sensor.items():
            if f"sensor.{name}" in arrays:
                array[here] = arrays[f"sensor.{name}"][there]

    def follow(self, old: "Homes", anew: Container[tuple[str, str]]) -> None:
        """Go on from others at once, without the sensors `anew`: counts. Their readings have been taken."""
        here, there = matching(
            ["/".join(k) for k in self._events], ["" if k in anew else "/".join(k) for k in old._events]
        )
        self.boots[here], self.muted[here] = old.boots[there], old.muted[there]
        self.duplicates, self.set_aside = old.duplicates, old.set_aside


def encode_events(readings: Sequence[Reading]) -> bytes:
    """Pack readings for the ledger's beat row."""
    return zlib.compress(msgspec.msgpack.encode(readings), 1)


def decode_events(blob: bytes) -> list[Reading]:
    """Unpack a beat row. Raises msgspec.MsgspecError or zlib.error for bytes that are none."""
    return msgspec.msgpack.decode(zlib.decompress(blob), type=list[Reading])
