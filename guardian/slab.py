"""Where thermal frames wait for the beat: one ring of frames for each sensor, one slab for each resolution.

Takes frames as devices sent them, gives batches of at most one frame for each sensor, oldest first,
with times. When a ring is full its oldest frame makes room, so that one talkative home never costs
another one a frame. Never decodes pixel by pixel and never loops over sensors.
"""
# ruff: noqa: SLF001  (`follow` reads another object of the same class)

from array import array
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.frame import Frames, Optics
from guardian.wire.native import MAX_T_MS, frame_head, frame_record, frame_size, mend_frames
from guardian.wire.source import Source

CHUNK: Final = 4_096
"""Frames in one batch: 25 ms of work, after which the beat yields to the loop. Pixels are worked on in
pieces that fit the cache inside of the detectors; with 512 frames the fixed cost of a batch, 2 to 3 ms, is
half of all work."""
GAP_MS: Final = 10_000
"""A sensor silent for longer has a gap: what moved meanwhile is unknown (DESIGN: a gap resets memory)."""
GAP_FRAMES: Final = 10
"""For slow sensors the gap is that many nominal frames instead, where that is longer."""
TRUST_MS: Final = 2_000
"""How far a device's step may lie from the step of arrivals (DESIGN section 5, Time)."""
NEW_BOOT: Final = 16
"""A sequence number below this and below the last one is counted from a new start, not overtaken."""
MOST_MISSED: Final = 1 << 20
"""Frames or events that one gap can stand for, three days at 4 Hz; beyond it a device counts otherwise."""
NEVER: Final = -1
"""A time that has not come yet, in arrays of ms since 1970."""


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """One sensor as the roster knows it. `kind` is `thermal` or a kind of event."""

    home: str
    name: str
    kind: str
    room: str
    rows: int | None = None
    cols: int | None = None
    rate_hz: float | None = None
    mount: str | None = None
    height_m: float | None = None
    fov_deg: float | None = None
    outside: bool = False
    """A door that leads out of the home."""
    tilt_deg: float | None = None
    yaw_deg: float | None = None
    x_m: float | None = None
    y_m: float | None = None
    source: Source | None = None
    """Where its readings come from when its device speaks a dialect; None = native."""


class Lane(NamedTuple):
    """Where one thermal sensor's frames go; unpacked for each message, hence a tuple."""

    row: int
    size: int
    head: bytes
    ring: memoryview
    counts: "array[int]"
    arrivals: "array[int]"
    depth: int
    group: "Group"


class Group:
    """All thermal sensors of one resolution: their slab, their times and how they look at their rooms."""

    def __init__(self, specs: Sequence[SensorSpec], homes: dict[str, int], depth: int) -> None:
        self.rows, self.cols = int(specs[0].rows or 0), int(specs[0].cols or 0)
        self.depth = depth
        self.specs = tuple(specs)
        n = len(specs)
        self._names = [f"{s.home}/{s.name}" for s in specs]
        self.home_of: NDArray[np.intp] = np.array([homes[s.home] for s in specs], np.intp)
        """(S,) row of each sensor's home in the board's arrays."""
        self.optics = Optics(
            rows=self.rows,
            cols=self.cols,
            height_m=_floats([s.height_m for s in specs]),
            fov_deg=_floats([s.fov_deg for s in specs]),
            wall=np.array([s.mount == "wall" for s in specs], np.bool_),
            rate_hz=_floats([s.rate_hz for s in specs]),
            tilt_deg=_floats([s.tilt_deg for s in specs]),
            yaw_deg=_floats([s.yaw_deg for s in specs]),
            x_m=_floats([s.x_m for s in specs]),
            y_m=_floats([s.y_m for s in specs]),
        )
        self._records = np.empty((n, depth), frame_record(self.rows, self.cols))
        self._records.view(np.uint8)[:] = 0  # written, not only promised: a first touch costs 20 times more
        self.slab: NDArray[np.int16] = self._records["centi"]
        """(S, depth, rows, cols) centi-°C as received; frame n of a sensor lies in slot n % depth."""
        self._count = array("q", bytes(8 * n))  # frames taken since the start
        self._arrival = array("q", bytes(8 * n * depth))  # ms, by slot
        self._handed = np.zeros(n, np.int64)  # frames given to the detectors, or dropped
        self.dropped = np.zeros(n, np.int64)
        """(S,) frames that made room for newer ones."""
        self.mended_pixels = 0
        """Pixels outside what a sensor can measure, turned into bad ones."""
        self.last_t_ms = np.full(n, NEVER, np.int64)
        """(S,) time of each sensor's last frame handed over, ms since 1970."""
        self._last_arrival = np.full(n, NEVER, np.int64)
        self.refused_ms = np.full(n, NEVER, np.int64)
        """(S,) arrival of each sensor's last frame without a usable pixel."""
        self.boots = np.zeros(n, np.int64)
        """(S,) starts of the device, counted by its sequence numbers."""
        self.missed = np.zeros(n, np.int64)
        """(S,) frames that the sequence numbers leave out: lost on the way, dropped here or refused."""
        self._last_device = np.zeros(n, np.int64)
        self._last_seq = np.zeros(n, np.int64)
        rate = self.optics.rate_hz.astype(np.float64)
        with np.errstate(divide="ignore"):
            period = np.where(rate > 0, 1000.0 / rate, np.nan)
        self._period_ms = period
        self._gap_ms = np.fmax(GAP_MS, GAP_FRAMES * period)

    def name_of(self, row: int) -> tuple[str, str, str]:
        """Home, sensor and room of one row."""
        s = self.specs[row]
        return s.home, s.name, s.room

    def lane(self, row: int) -> Lane:
        """Where one sensor's frames go."""
        size = frame_size(self.rows, self.cols)
        whole = self._records.view(np.uint8).reshape(-1).data
        ring = whole[row * self.depth * size : (row + 1) * self.depth * size]
        head = frame_head(self.rows, self.cols)
        return Lane(row, size, head, ring, self._count, self._arrival, self.depth, self)

    @property
    def heard_ms(self) -> NDArray[np.int64]:
        """(S,) arrival of each sensor's last usable frame handed over, −1 = never."""
        return self._last_arrival

    @property
    def device_ms(self) -> NDArray[np.int64]:
        """(S,) what each sensor's own clock said in its last usable frame handed over, 0 = unknown."""
        return self._last_device

    @property
    def given(self) -> int:
        """Frames handed over since the start."""
        return int((self._handed - self.dropped).sum())

    @property
    def taken(self) -> int:
        """Frames taken since the start, the dropped ones included."""
        return sum(self._count)

    def arrivals(self, payload_times: Sequence[int], row: int, arrival_ms: int) -> list[int]:
        """Spread one message's frames over time, the last one at its arrival.

        Steps are the device's where both times are known, positive and within TRUST_MS of the
        roster's period (the device's alone where the roster has none), else the roster's period.
        """
        period = self._period_ms[row]
        out = [float(arrival_ms)]
        for earlier, later in zip(payload_times[-2::-1], payload_times[:0:-1], strict=True):
            step = later - earlier
            expected = 0.0 if np.isnan(period) else period
            known = earlier > 0 and later > 0 and step > 0 and abs(step - expected) <= TRUST_MS
            out.append(out[-1] - (step if known else expected))
        return [int(t) for t in reversed(out)]

    def batches(self, now_ms: int, reject: Callable[["Group", NDArray[np.intp]], None]) -> Iterator[Frames]:
        """Give everything that arrived by `now_ms`, the k-th oldest frame of each sensor after the (k−1)-th.

        The arrays are copies: what arrives while they are used changes nothing. `reject` is told the
        rows of frames that are unusable; those are not given.
        """
        counts = np.frombuffer(self._count, np.int64)
        arrival = np.frombuffer(self._arrival, np.int64).reshape(-1, self.depth)
        end = counts.copy()
        while True:
            self._skip_dropped(counts)
            waiting = np.flatnonzero(self._handed < end)
            waiting = waiting[arrival[waiting, self._handed[waiting] % self.depth] <= now_ms]
            if not len(waiting):
                return
            for at in range(0, len(waiting), CHUNK):
                rows = waiting[at : at + CHUNK]
                if at:  # the loop has run since: what was next may have made room
                    self._skip_dropped(counts)
                    rows = rows[self._handed[rows] < end[rows]]
                    rows = rows[arrival[rows, self._handed[rows] % self.depth] <= now_ms]
                frames = self._take(rows, arrival, reject)
                if len(frames.sensor):
                    yield frames

    def _skip_dropped(self, counts: NDArray[np.int64]) -> None:
        oldest = counts - self.depth
        behind = oldest > self._handed
        if behind.any():
            self.dropped[behind] += (oldest - self._handed)[behind]
            self._handed[behind] = oldest[behind]

    def _take(
        self,
        rows: NDArray[np.intp],
        arrival: NDArray[np.int64],
        reject: Callable[["Group", NDArray[np.intp]], None],
    ) -> Frames:
        slots = self._handed[rows] % self.depth
        centi = self.slab[rows, slots]
        arrived = arrival[rows, slots]
        device = self._records["t_ms"][rows, slots]
        device = np.where(device > MAX_T_MS, 0, device).astype(np.int64)
        seq = self._records["seq"][rows, slots].astype(np.int64)
        self._handed[rows] += 1
        turned, unusable = mend_frames(centi)
        if turned:
            self.mended_pixels += turned
        if unusable.any():
            reject(self, rows[unusable])
            self.refused_ms[rows[unusable]] = arrived[unusable]
            keep = ~unusable
            rows, centi, arrived = rows[keep], centi[keep], arrived[keep]
            device, seq = device[keep], seq[keep]
        t_ms, dt_s = self._times(rows, arrived, device, seq)
        return Frames(sensor=rows, centi=centi, t_ms=t_ms, dt_s=dt_s)

    def _times(
        self,
        rows: NDArray[np.intp],
        arrived: NDArray[np.int64],
        device: NDArray[np.int64],
        seq: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Refine arrivals by the devices' own steps (DESIGN section 5, Time).

        1. The step is the difference of arrivals.
        2. Where both device times are known, the sequence says that it is the same boot, and their
           difference is positive and within TRUST_MS of the arrivals', it is that difference.
        3. Where neither is positive (a burst without times) it is the roster's period, or 1 ms.
        4. The frame was taken one step after the last one, but never after it arrived; more than
           TRUST_MS before arrival the device's clock has drifted off, and arrival counts. Time never
           runs backwards.
        5. A first frame, or a step longer than the sensor's gap, has no step (NaN).
        """
        before, device_before = self._last_arrival[rows], self._last_device[rows]
        first = before == NEVER
        step = (arrived - before).astype(np.float64)
        own = (device - device_before).astype(np.float64)
        same_boot = (device > 0) & (device_before > 0) & (seq >= self._last_seq[rows])
        trusted = same_boot & (own > 0) & (np.abs(own - step) <= TRUST_MS)
        step = np.where(trusted, own, step)
        step = np.where(step > 0, step, np.fmax(1.0, self._period_ms[rows]))
        broken = first | (step > self._gap_ms[rows])
        stepped = np.minimum(self.last_t_ms[rows] + step.astype(np.int64), arrived)
        t_ms = np.where(broken | (arrived - stepped > TRUST_MS), arrived, stepped)
        t_ms = np.maximum(t_ms, self.last_t_ms[rows])
        dt_s = np.where(broken, np.nan, step / 1000.0).astype(np.float32)
        left_out = seq - self._last_seq[rows] - 1
        self.missed[rows] += np.where(first | (left_out > MOST_MISSED), 0, left_out.clip(0))
        self.boots[rows] += (seq < NEW_BOOT) & (seq < self._last_seq[rows])
        self.last_t_ms[rows] = t_ms
        self._last_arrival[rows], self._last_device[rows], self._last_seq[rows] = arrived, device, seq
        return t_ms, dt_s

    def snapshot(self, *, live: bool = False) -> dict[str, NDArray[Any]]:
        """Times of the last frames, with the names of their sensors; `live`: the arrays themselves."""
        times = {
            "t_ms": self.last_t_ms,
            "arrival": self._last_arrival,
            "device": self._last_device,
            "seq": self._last_seq,
        }
        if not live:
            times = {k: v.copy() for k, v in times.items()}
        return {"name": np.array(self._names, np.str_), **times}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back the times of the sensors that are still there."""
        here, there = matching(self._names, arrays["name"].tolist())
        self.last_t_ms[here] = arrays["t_ms"][there]
        self._last_arrival[here] = arrays["arrival"][there]
        self._last_device[here] = arrays["device"][there]
        self._last_seq[here] = arrays["seq"][there]

    def follow(self, old: "Group", anew: Container[tuple[str, str]]) -> int:
        """Go on from another group, at once and without `anew`: frames that wait, counts.

        Gives how many of its frames were taken for sensors that are not here.
        """
        names = [
            "" if (s.home, s.name) in anew else name for s, name in zip(old.specs, old._names, strict=True)
        ]
        here, there = matching(self._names, names)
        counts = ("_handed", "dropped", "boots", "missed")
        for mine, its in ((getattr(self, name), getattr(old, name)) for name in counts):
            mine[here] = its[there]
        self.refused_ms[here] = old.refused_ms[there]
        count, was = np.frombuffer(self._count, np.int64), np.frombuffer(old._count, np.int64)
        count[here] = was[there]
        arrival = np.frombuffer(self._arrival, np.int64).reshape(-1, self.depth)
        waits = was[there] > old._handed[there]
        arrival[here[waits]] = np.frombuffer(old._arrival, np.int64).reshape(-1, old.depth)[there[waits]]
        self._records[here[waits]] = old._records[there[waits]]
        self.mended_pixels = old.mended_pixels
        return int(was.sum() - was[there].sum())


def matching(names: Sequence[str], others: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the same names: in `names`, and in `others`."""
    if list(names) == others:
        every = np.arange(len(names))
        return every, every
    rows = {name: i for i, name in enumerate(names)}
    pairs = [(rows[name], i) for i, name in enumerate(others) if name in rows]
    here, there = np.array(pairs, np.intp).reshape(-1, 2).T
    return here, there


def _floats(values: Sequence[float | None]) -> NDArray[np.float32]:
    return np.array([np.nan if v is None else v for v in values], np.float32)
