"""What a set of homes sends, block by block in order of arrival: the way into the detectors for evaluation.

Takes an opened trace or simulated homes; gives the roster's view of them and blocks of MQTT messages,
packed as the devices would pack them. Frames are drawn or read as they are needed, so that weeks fit
into memory. Never runs a detector and never scores.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Final

import numpy as np

from detectors.zones import Box
from guardian.lookout import Furniture
from guardian.roster import from_trace, site_of, specs_of
from guardian.slab import SensorSpec
from guardian.trace import Trace, TraceEvent
from guardian.wire.native import frame_head, frame_record, pack_event
from simulator.camera import Camera
from simulator.home import Home, View
from simulator.world import I16, I64, TIMEZONE

SITE: Final = "simulated"
BLOCK_S: Final = (20.0, 120.0)
"""Frames of this long are held at once: the longer, the better the batches in which one array is drawn.

µs to draw a frame of a lived evening in 20, 60, 120 and 300 s: 8x8 40, 22, 19, 17; 24x32 109, 83, 66, 62."""
BLOCK_BYTES: Final = 2**28
"""Of frames held at once, at most, where the shortest block allows it."""
RUN_MS: Final = 24 * 3600 * 1000
"""A collapse is looked for this long (DESIGN section 8)."""

Message = tuple[int, str, bytes | memoryview, bool]
"""Arrival in ms since 1970, topic, payload, whether it is a frame."""


@dataclass(frozen=True, slots=True)
class Block:
    """All messages that arrive before `until_ms` and were not in an earlier block."""

    until_ms: int
    messages: Sequence[Message]
    """In order of arrival."""


@dataclass(slots=True)
class Drawn:
    """How many frames the devices would have sent, and how many were drawn (idle stretches are thinned)."""

    sent: int = 0
    drawn: int = 0
    sensor_s: float = 0.0
    """Seconds that thermal sensors were simulated."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A set of homes that share one clock."""

    site: str
    specs: tuple[SensorSpec, ...]
    furniture: Furniture
    timezone: str
    blocks: Callable[[], Iterator[Block]]
    drawn: Drawn = field(default_factory=Drawn)
    absences: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    """Home → ms from and until which staff know that nobody is there."""


def of_trace(
    trace: Trace, homes: Sequence[str] | None = None, runs: Mapping[str, tuple[str, int]] | None = None
) -> Feed:
    """Feed the recorded readings of `homes` (None: all); a reading arrives at its `t_ms`.

    runs: name → (home, onset in ms since 1970) feeds, beside them, that home once more under another name
    with nothing sent from the onset on, and ends RUN_MS after it.
    """
    chosen = tuple(trace.homes if homes is None else homes)
    runs = runs or {}
    drawn = Drawn()
    site = site_of(trace)
    names = {name: (name, None) for name in chosen} | {n: (h, onset) for n, (h, onset) in runs.items()}

    def blocks() -> Iterator[Block]:
        frames = [
            (f"guardian/{site}/{s.home}/{s.name}/frame", *trace.frames(s.home, s.name))
            for s in trace.sensors
            if s.kind == "thermal" and s.home in chosen
        ]
        heard = {h: trace.events(h) for h in {home for home, _ in names.values()}}
        spoken = {
            name: [e for e in heard[home] if onset is None or e.t_ms < onset]
            for name, (home, onset) in names.items()
        }
        drawn.sent = drawn.drawn = sum(len(t) for _, t, _ in frames)
        drawn.sensor_s = sum((int(t[-1]) - int(t[0])) / 1000 for _, t, _ in frames if len(t))
        said = sorted(
            (m for n, events in spoken.items() for m in _events(site, n, events)), key=itemgetter(0)
        )
        times = np.array([m[0] for m in said], np.int64)
        ends = [int(t[-1]) for t in (times, *(t for _, t, _ in frames)) if len(t)]
        ends += [onset + RUN_MS for _, onset in names.values() if onset is not None]
        starts = [int(t[0]) for t in (times, *(t for _, t, _ in frames)) if len(t)]
        step_ms = int(BLOCK_S[1] * 1000)
        for now in range(min(starts, default=0), max(ends, default=-1) + 1, step_ms):
            until = now + step_ms
            messages = list(said[slice(*np.searchsorted(times, [now, until]))])
            for topic, t_ms, centi in frames:
                a, b = np.searchsorted(t_ms, [now, until])
                if b > a:
                    messages += _frames(topic, t_ms[a:b], t_ms[a:b], np.arange(a, b), centi[a:b])
            messages.sort(key=itemgetter(0))
            yield Block(until, messages)

    owned: dict[str, list[SensorSpec]] = {}
    for s in specs_of(trace):
        owned.setdefault(s.home, []).append(s)
    specs = tuple(replace(s, home=name) for name, (home, _) in names.items() for s in owned[home])
    known = from_trace(trace).furniture
    furniture = {
        (name, room): zones
        for name, (home, _) in names.items()
        for (owner, room), zones in known.items()
        if owner == home
    }
    return Feed(site, specs, furniture, trace.timezone, blocks, drawn)


def of_homes(homes: Sequence[Home]) -> Feed:
    """Feed simulated homes, all of which start at the same moment; ValueError when they do not."""
    if len({(h.start_ms, h.begin_s) for h in homes}) > 1:
        raise ValueError("the homes of one feed must start together")
    drawn = Drawn()

    def blocks() -> Iterator[Block]:
        views = [(h, e, View(h, e)) for h in homes for e in h.eyes]
        said = sorted((m for h in homes for m in _said(h)), key=itemgetter(0))
        times = np.array([m[0] for m in said], np.int64)
        end_s = max(h.duration_s for h in homes)
        step_s = block_s([e.camera for h in homes for e in h.eyes])
        waiting: list[Message] = []  # delayed into a later block
        for t0_s in np.arange(homes[0].begin_s, end_s, step_s).tolist():
            now, until = homes[0].ms(t0_s), homes[0].ms(min(t0_s + step_s, end_s))
            messages = [*waiting, *said[slice(*np.searchsorted(times, [now, until]))]]
            for home, eye, view in views:
                stop_s = min(t0_s + step_s, home.duration_s)
                if stop_s <= t0_s:
                    continue
                sent = view.sent(t0_s, stop_s)
                topic = f"guardian/{SITE}/{home.name}/{eye.name}/frame"
                messages += _frames(topic, sent.arrival_ms, sent.device_ms, sent.seq, sent.centi)
            messages.sort(key=itemgetter(0))
            yield Block(until, [m for m in messages if m[0] < until])
            waiting = [m for m in messages if m[0] >= until]
        drawn.sent = sum(view.frames for _, _, view in views)
        drawn.drawn = sum(view.drawn for _, _, view in views)
        drawn.sensor_s = sum(h.duration_s - h.begin_s for h, _, _ in views)

    absences = {h.name: [(h.ms(a), h.ms(b)) for a, b in h.absences] for h in homes if h.absences}
    specs = tuple(s for h in homes for s in h.specs())
    return Feed(SITE, specs, _furniture(homes), TIMEZONE, blocks, drawn, absences)


def block_s(cameras: Sequence[Camera]) -> float:
    """How long a block of these arrays may be, in seconds within BLOCK_S."""
    shortest, longest = BLOCK_S
    bytes_a_second = sum(c.rows * c.cols * 2 * c.rate_hz for c in cameras)
    steps = np.floor(BLOCK_BYTES / max(bytes_a_second, 1.0) / shortest)
    return float(np.clip(steps * shortest, shortest, longest))


def _furniture(homes: Sequence[Home]) -> Furniture:
    out: dict[tuple[str, str], list[tuple[str, Box]]] = {}
    for z in (z for h in homes for z in h.zones()):
        out.setdefault((z.home, z.room), []).append((z.kind, (z.x0_m, z.y0_m, z.x1_m, z.y1_m)))
    return out


def _frames(topic: str, arrival_ms: I64, device_ms: I64, seq: I64, centi: I16) -> Iterator[Message]:
    """Pack frames as their device does, one to a message."""
    n, rows, cols = centi.shape
    packed = np.zeros(n, frame_record(rows, cols))
    packed["head"] = np.frombuffer(frame_head(rows, cols), "V8")
    packed["seq"], packed["t_ms"], packed["ambient"], packed["centi"] = seq, device_ms, -32768, centi
    data, size = packed.view(np.uint8).data, packed.dtype.itemsize
    for i, arrival in enumerate(arrival_ms.tolist()):
        yield arrival, topic, data[i * size : (i + 1) * size], True


def _events(site: str, home: str, events: Sequence[TraceEvent]) -> Iterator[Message]:
    """Pack recorded events."""
    for seq, e in enumerate(events):
        topic = f"guardian/{site}/{home}/{e.sensor}/event"
        yield e.t_ms, topic, pack_event(value=e.value, t_ms=e.t_ms, boot="trace", seq=seq), False


def _said(home: Home) -> Iterator[Message]:
    """Pack a simulated home's events as they arrive, after what went wrong on the way."""
    for sensor, sent in home.sent_events():
        topic = f"guardian/{SITE}/{home.name}/{sensor}/event"
        columns = (sent.arrival_ms, sent.device_ms, sent.seq, sent.boot, sent.value)
        for arrival, device, seq, boot, v in zip(*(c.tolist() for c in columns), strict=True):
            yield arrival, topic, pack_event(value=v, t_ms=device, boot=f"b{boot}", seq=seq), False
