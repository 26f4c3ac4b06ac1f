"""What is known of every home: where the resident is, what they do, when they last gave a sign of life.

Takes readings (by `fold`) and what the thermal detectors saw (by `see`), gives arrays whose first axis
is the home. Drops readings that it has had before. Never decides that anything is wrong: that is the
detectors' business.
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.fall import Posture
from detectors.layout import Events, Layout, RoomKind, nothing
from guardian.plan import laid_out, room_kind
from guardian.slab import NEVER, Group, SensorSpec

FRESH_MS: Final = 5_000
"""What a thermal sensor saw counts as present for so long; it sends several frames a second."""
MOVED_MS: Final = 60_000
"""A motion sensor's 1 tells of walking for so long; most are blind for 30–60 s after one."""
OUT_AFTER_MS: Final = 120_000
"""Nothing inside for so long after an outside door: the resident has gone out."""
SEEN_KEYS: Final = 32
"""Remembered events of each sensor: a device repeats until acked, and acks follow within a beat."""
UNKNOWN_ROOM: Final = -1


class Activity(IntEnum):
    """What a resident is doing."""

    UNKNOWN = 0
    ABSENT = 1
    WALKING = 2
    STANDING = 3
    SITTING = 4
    LYING_IN_BED = 5
    LYING_ON_FLOOR = 6
    BATHROOM = 7
    ASLEEP = 8
    OUT = 9


ACTIVITY_OF: Final = np.zeros(len(Posture), np.int8)
"""`Activity` by `Posture`; upright is walking where the steps are long enough, see WALKING_MPS."""
ACTIVITY_OF[[Posture.UPRIGHT, Posture.SITTING, Posture.LYING, Posture.LYING_ON_FURNITURE]] = (
    Activity.STANDING,
    Activity.SITTING,
    Activity.LYING_ON_FLOOR,
    Activity.LYING_IN_BED,
)
WALKING_MPS: Final = 0.3
"""m/s; slow walkers of 80 and over make 0.4–0.6, the place of somebody standing wanders by 0.1–0.2."""
LIFE_BY_ONE: Final = frozenset({"pir", "button", "cancel"})
"""A 1 of these is somebody moving or acting."""
LIFE_BY_CHANGE: Final = frozenset({"door", "appliance-door", "bed", "chair", "presence"})
"""These also repeat their state; only a change is somebody's doing."""
OPENINGS: Final = 8
"""A sensor of these that said 1 so often and never anything else tells of openings, not of states: then each
1 is somebody's doing. A door that stands open repeats its state every hour or so, and closes at night."""


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
    """(H,) index into `Homes.rooms`, −1 = unknown."""
    room_ms: NDArray[np.int64]
    """(H,) when the resident was last noticed there."""
    x_m: NDArray[np.float32]
    """(H,) metres in the room's coordinates, by the sensor that saw them best; NaN = unknown."""
    y_m: NDArray[np.float32]
    confidence: NDArray[np.float32]
    """(H,) of room and position, 0 to 1; NaN = unknown."""
    people: NDArray[np.int8]
    """(H,) bodies seen now, in each room the most that one sensor sees; −1 where none has sent lately."""
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
        self._room_of = room_of
        self._bathroom = np.array([*(room_kind(r) is RoomKind.BATHROOM for r in self.rooms), False], np.bool_)
        self._home_row = {name: i for i, name in enumerate(self.homes)}
        self._events = {(s.home, s.name): i for i, s in enumerate(events)}
        self._event_specs = tuple(events)
        self._room_of_sensor = [np.array([room_of[s.room] for s in g.specs], np.int32) for g in groups]
        self._people = [np.zeros(len(g.specs), np.int8) for g in groups]
        self._degraded = [np.zeros(len(g.specs), np.bool_) for g in groups]
        self._looked_ms = [np.full(len(g.specs), NEVER, np.int64) for g in groups]
        h, e = len(self.homes), len(events)
        self._home: dict[str, NDArray[Any]] = {
            "room": np.full(h, UNKNOWN_ROOM, np.int32),
            "room_ms": np.full(h, NEVER, np.int64),
            "x_m": np.full(h, np.nan, np.float32),
            "y_m": np.full(h, np.nan, np.float32),
            "confidence": np.full(h, np.nan, np.float32),
            "posture": np.full(h, Activity.UNKNOWN, np.int8),
            "posture_ms": np.full(h, NEVER, np.int64),
            "life_ms": np.full(h, NEVER, np.int64),
            "inside_ms": np.full(h, NEVER, np.int64),
            "moved_ms": np.full(h, NEVER, np.int64),
            "way_out_ms": np.full(h, NEVER, np.int64),
            "in_bed": np.zeros(h, np.bool_),
            "in_chair": np.zeros(h, np.bool_),
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
        }
        self.boots = np.zeros(e, np.int64)
        """(E,) starts of the devices, counted by the boot that their readings name."""
        self.muted = np.zeros(e, np.bool_)  # their readings are nobody's doing: they have a fault
        self.layout: Layout = laid_out(self.homes, events, [s for g in groups for s in g.specs])
        self._heard: list[tuple[int, float, int, bool]] = []
        self._now_ms = NEVER
        self.duplicates = 0
        """Readings dropped because they had been folded before."""

    # --- what comes in -----------------------------------------------------------------------------

    def fold(self, readings: Sequence[Reading]) -> list[Reading]:
        """Take readings into the arrays; give those that are new.

        A reading is known by its id, else by boot and seq, else by its device time and value; one
        with none of them is always new. Readings of sensors that have left the roster are dropped.
        """
        fresh = []
        for r in readings:
            row = self._events.get((r.home, r.sensor))
            if row is None:
                continue
            if self._seen_before(row, r):
                self.duplicates += 1
                continue
            fresh.append(r)
            self._heard.append((row, r.value, r.arrival_ms, self._fold_one(row, r)))
            self._now_ms = max(self._now_ms, r.arrival_ms)
        return fresh

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
        home, h, t = self._home_row[r.home], self._home, r.arrival_ms
        before = self._sensor["value"][row]
        self._sensor["value"][row], self._sensor["ms"][row] = r.value, t
        if r.boot is not None:
            self._count_boot(row, r.boot)
        if r.kind in {"temperature", "humidity"}:
            h["temperature_c" if r.kind == "temperature" else "humidity"][home] = r.value
            return False
        ones = self._sensor["ones"]
        ones[row] = ones[row] + 1 if r.value == 1 and ones[row] >= 0 else NEVER
        changed = not np.isnan(before) and (before != r.value or ones[row] > OPENINGS)
        alive = (r.kind in LIFE_BY_ONE and r.value) or (r.kind in LIFE_BY_CHANGE and changed)
        if r.kind in {"bed", "chair"}:  # a first report of state too: known, but nobody's doing
            h[f"in_{r.kind}"][home] = bool(r.value)
        if self.muted[row] or not alive:
            return False
        h["life_ms"][home] = max(h["life_ms"][home], t)
        if r.kind == "pir":
            h["moved_ms"][home] = t
        if r.kind == "door" and self._event_specs[row].outside:
            h["way_out_ms"][home] = t
        else:
            h["inside_ms"][home] = t
        h["room"][home], h["room_ms"][home] = self._room_of[r.room], t
        h["x_m"][home] = h["y_m"][home] = np.nan
        h["confidence"][home] = 0.5  # a motion sensor sees past an open door as often as not
        return True

    def _count_boot(self, row: int, boot: str) -> None:
        """Another boot than the last two is a new start: late readings of the one before are none."""
        now, known = zlib.crc32(boot.encode()) | 1, self._sensor["boot"][row]
        if now not in known:
            self.boots[row] += bool(known[0])
            known[1] = known[0]
            known[0] = now

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
        """Take what the thermal detectors saw in one batch; all arrays (N,), one row a frame.

        Where several sensors of a home see somebody, the most confident one gives room and position.
        """
        self._now_ms = max(self._now_ms, now_ms)
        g = self._groups.index(group)
        self._people[g][sensor] = people
        self._degraded[g][sensor] = degraded
        self._looked_ms[g][sensor[posture != Posture.UNKNOWN]] = now_ms  # unknown: it does not see yet
        seen = np.flatnonzero(people)
        homes = group.home_of[sensor[seen]]
        order = np.lexsort((-confidence[seen], homes))  # by home, the most confident first
        best_home, first = np.unique(homes[order], return_index=True)
        best = seen[order[first]]
        h = self._home
        activity = ACTIVITY_OF[posture[best]]
        step_m = np.hypot(x_m[best] - h["x_m"][best_home], y_m[best] - h["y_m"][best_home])
        step_s = np.maximum(now_ms - h["posture_ms"][best_home], 1) / 1000.0
        same_room = h["room"][best_home] == self._room_of_sensor[g][sensor[best]]
        moves = same_room & (step_s < FRESH_MS / 1000) & (step_m / step_s >= WALKING_MPS)  # NaN: no
        activity[moves & (activity == Activity.STANDING)] = Activity.WALKING
        h["room"][best_home] = self._room_of_sensor[g][sensor[best]]
        h["room_ms"][best_home] = now_ms
        h["x_m"][best_home], h["y_m"][best_home] = x_m[best], y_m[best]
        h["confidence"][best_home] = confidence[best]
        h["posture"][best_home], h["posture_ms"][best_home] = activity, now_ms
        h["inside_ms"][best_home] = now_ms
        upright = (activity == Activity.WALKING) | (activity == Activity.STANDING)
        h["life_ms"][best_home[upright]] = now_ms  # a warm body that lies or sits still proves nothing

    # --- what is known ------------------------------------------------------------------------------

    def state(self, now_ms: int | None = None) -> StateOfHomes:
        """Give what is known at `now_ms` (None: at the newest thing heard).

        The activity is the first that holds: seen lying, and no bed says otherwise; an outside door
        and nothing inside for OUT_AFTER_MS: out; seen in the bathroom; in bed; seen (its posture); in
        a chair; moved within MOVED_MS: walking; every thermal sensor looks and sees nobody: absent;
        unknown.
        """
        now = self._now_ms if now_ms is None else now_ms
        h = self._home
        looking, blind, people = self._looks(now)
        degraded = np.zeros(len(self.homes), np.bool_)
        for g, group in enumerate(self._groups):
            degraded[group.home_of[self._degraded[g] & self._fresh(g, now)]] = True
        seen = (h["posture_ms"] != NEVER) & (now - h["posture_ms"] <= FRESH_MS)
        out = (h["way_out_ms"] > h["inside_ms"]) & (now - h["way_out_ms"] > OUT_AFTER_MS)
        choices: list[tuple[NDArray[np.bool_], Any]] = [
            (seen & (h["posture"] == Activity.LYING_ON_FLOOR) & ~h["in_bed"], Activity.LYING_ON_FLOOR),
            (out, Activity.OUT),
            (seen & self._bathroom[h["room"]], Activity.BATHROOM),
            (h["in_bed"], Activity.LYING_IN_BED),
            (seen, h["posture"]),
            (h["in_chair"], Activity.SITTING),
            ((h["moved_ms"] != NEVER) & (now - h["moved_ms"] <= MOVED_MS), Activity.WALKING),
            (looking & ~blind & (people == 0), Activity.ABSENT),
        ]
        activity = np.select([c for c, _ in choices], [v for _, v in choices], Activity.UNKNOWN)
        return StateOfHomes(
            now_ms=now,
            room=h["room"].copy(),
            room_ms=h["room_ms"].copy(),
            x_m=h["x_m"].copy(),
            y_m=h["y_m"].copy(),
            confidence=h["confidence"].copy(),
            people=people,
            degraded=degraded,
            activity=activity.astype(np.int8),
            last_life_ms=h["life_ms"].copy(),
            temperature_c=h["temperature_c"].copy(),
            humidity=h["humidity"].copy(),
        )

    def _looks(self, now: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int8]]:
        """Which homes have a thermal sensor that looks, which have one that does not, and the people."""
        n = len(self.homes)
        looking, blind = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        rooms, most = [], []
        for g, group in enumerate(self._groups):
            fresh = self._fresh(g, now)
            looking[group.home_of[fresh]] = True
            blind[group.home_of[~fresh]] = True
            rooms.append(group.home_of[fresh] * len(self.rooms) + self._room_of_sensor[g][fresh])
            most.append(self._people[g][fresh])
        if not rooms:
            return looking, blind, np.full(n, -1, np.int8)
        room, which = np.unique(np.concatenate(rooms), return_inverse=True)
        in_room = np.zeros(len(room), np.int8)
        np.maximum.at(in_room, which, np.concatenate(most))  # sensors of one room see the same people
        people = np.bincount(room // len(self.rooms), in_room, n).astype(np.int8)
        return looking, blind, np.where(looking, people, np.int8(-1))

    def _fresh(self, g: int, now: int) -> NDArray[np.bool_]:
        """Which sensors of a group look."""
        looked = self._looked_ms[g]
        return np.asarray((looked != NEVER) & (now - looked <= FRESH_MS))

    # --- restarts -----------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Give everything learnt, with the names of homes, rooms and sensors."""
        names = {
            "homes": np.array(self.homes, np.str_),
            "rooms": np.array(self.rooms, np.str_),
            "sensors": np.array(["/".join(k) for k in self._events], np.str_),
            "now_ms": np.array(self._now_ms, np.int64),
        }
        homes = {f"home.{k}": v.copy() for k, v in self._home.items()}
        return names | homes | {f"sensor.{k}": v.copy() for k, v in self._sensor.items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back a snapshot: what the roster still has, by name. Arrays it does not hold stay."""
        self._now_ms = max(self._now_ms, int(arrays["now_ms"]))
        here, there = _matching(self._home_row, arrays["homes"].tolist())
        for name, array in self._home.items():
            if f"home.{name}" in arrays:
                array[here] = arrays[f"home.{name}"][there]
        rooms = [self._room_of.get(name, UNKNOWN_ROOM) for name in arrays["rooms"].tolist()]
        renumber = np.array([*rooms, UNKNOWN_ROOM], np.int32)  # the last one is for −1
        self._home["room"][here] = renumber[arrays["home.room"][there]]
        keys = {"/".join(k): row for k, row in self._events.items()}
        here, there = _matching(keys, arrays["sensors"].tolist())
        for name, array in self._sensor.items():
            if f"sensor.{name}" in arrays:
                array[here] = arrays[f"sensor.{name}"][there]


def _matching(rows: Mapping[str, int], names: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    pairs = [(rows[name], i) for i, name in enumerate(names) if name in rows]
    here, there = np.array(pairs, np.intp).reshape(-1, 2).T
    return here, there
