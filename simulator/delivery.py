"""The way from a device to Guardian: what arrives of its readings, when, and under which stamps.

Takes the readings that a home's devices would have made and the home's faults; gives what arrives, when,
under which device time, boot and sequence number. Frames come block by block: what one block leaves to the
next is handed on as a `Carry`, and the result does not depend on where the blocks are cut. Random draws
belong to one fault and one sensor, so that a fault more changes nothing for the others. Never detects
anything, never changes what truly happened.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.faults import (
    BatteryDeath,
    ClockSkew,
    Dark,
    Delay,
    Duplicates,
    Fault,
    FrozenFrames,
    GatewayDark,
    Loss,
    Reordering,
    Stuck,
    of_sensor,
)
from simulator.world import F64, I16, I64, Bools

CATCH_UP: Final = 1 / 1000
"""A backlog comes this much faster than it was made: an hour's events in 3.6 s (judgement)."""
_DRAWS: Final = 1 << 14  # a fault's draws repeat after so many readings: 68 min of frames at 4 Hz

_BATTERY, _LOSS, _DUPLICATES, _REORDERING, _DELAY = range(60, 65)  # purposes of draws


@dataclass(frozen=True, slots=True, eq=False)
class Carry:
    """What one block of a stream leaves to the next one."""

    count: int = 0
    """Readings so far, the lost ones included."""
    boot: int = 0
    seq: int = 0
    """Readings that the device has made since it booted."""
    last: I16 | None = None
    """(rows, cols) the last frame that it showed."""


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """What arrives of N readings of one device: M messages in order of arrival."""

    index: I64
    """(M,) which reading."""
    arrival_ms: I64
    """(M,) ms since 1970."""
    device_ms: I64
    """(M,) ms since 1970 by the device's clock, at least 1."""
    seq: I64
    """(M,) counted by the device since its boot."""
    boot: I64
    """(M,) how often it had booted."""
    again: Bools
    """(M,) whether it is a copy of an earlier one."""
    carry: Carry


def deliver(
    t_ms: I64,
    faults: Iterable[Fault],
    seed: int,
    *,
    start_ms: int,
    sensor: str = "",
    frames: bool = False,
    carry: Carry = Carry(),
) -> Delivery:
    """Send readings made at `t_ms` (N,), not decreasing, through what goes wrong.

    frames: a thermal sensor, on mains power and QoS 0; otherwise an event sensor, on a battery and QoS 1.
    Raises ValueError when `t_ms` goes back.
    """
    if (np.diff(t_ms) < 0).any():
        raise ValueError("t_ms goes back")
    mine = of_sensor(faults, sensor)
    t_s = (t_ms - start_ms) / 1000.0
    number = carry.count + np.arange(len(t_ms))
    made = np.ones(len(t_ms), np.bool_)
    arrives = made.copy()
    arrival_s, offset_s = t_s.copy(), np.zeros(len(t_ms))

    def draw(fault: Fault, purpose: int, which: int = 0, at: I64 = number) -> F64:
        key = [seed, purpose, which, round(fault.start_s * 1000), *sensor.encode()]
        return np.random.default_rng(key).random(_DRAWS)[at % _DRAWS]

    for f in mine:
        during = (f.start_s <= t_s) & (t_s < f.end_s)
        match f:
            case BatteryDeath():
                made &= ~during
                left = (f.start_s - t_s) / max(f.fading_s, 1.0)
                fading = (left > 0) & (left < 1)
                if fading.any():
                    arrives &= ~(fading & (draw(f, _BATTERY) < 0.5 * (1 - left)))
            case Dark():
                made &= ~during
            case GatewayDark() if frames and f.power:
                made &= ~during
            case GatewayDark() if frames or f.power:
                arrives &= ~during
            case GatewayDark():
                arrives &= ~during | math.isfinite(f.end_s)
                arrival_s = _held(arrival_s, t_s, f)
            case Delay(backlog=True):
                arrives &= ~during | math.isfinite(f.end_s)
                arrival_s = _held(arrival_s, t_s, f)
            case Delay(delay_s=delay_s) if delay_s:
                slot = np.minimum(t_s - f.start_s, f.end_s - f.start_s) / (2 * delay_s)
                k = np.maximum(np.floor(slot), 0).astype(np.int64)
                u, v = draw(f, _DELAY, at=k), draw(f, _DELAY, at=k + 1)
                late_s = delay_s * (
                    0.5 + u + (v - u) * (slot - k)
                )  # changes by at most half a second a second
                arrival_s = np.where(during, arrival_s + late_s, arrival_s)
                after = t_s >= f.end_s
                arrival_s[after] = np.maximum(arrival_s, f.end_s + late_s)[after]
            case Loss():
                arrives &= ~(during & (draw(f, _LOSS) < f.share))
            case ClockSkew():
                offset_s += np.where(during, f.offset_s + f.drift_ppm * 1e-6 * (t_s - f.start_s), 0.0)
            case _:
                pass
    for f in mine:  # what goes wrong last, on the way in
        if isinstance(f, Reordering):
            during = (f.start_s <= t_s) & (t_s < f.end_s)
            arrival_s = arrival_s + np.where(during, f.spread_s * draw(f, _REORDERING), 0.0)

    boot = np.searchsorted(_boots(mine, seed, sensor, frames=frames), t_s, side="right")
    seq = np.cumsum(made) - 1
    if made.any():
        own = boot[made]
        seq[made] -= seq[made][np.searchsorted(own, own)]
        seq[made & (boot == carry.boot)] += carry.seq
    index = np.flatnonzero(made & arrives)
    late_ms = [np.zeros(len(index))]
    sent = [index]
    for f in mine:
        if isinstance(f, Duplicates):
            n = number[index]
            during = (f.start_s <= t_s[index]) & (t_s[index] < f.end_s)
            chosen = during & (draw(f, _DUPLICATES, at=n) < f.share)
            copies = np.where(chosen, 1 + np.floor(f.most * draw(f, _DUPLICATES, 1, n)), 0).astype(np.int64)
            for c in range(f.most):
                more = copies > c
                sent.append(index[more])
                late_ms.append(1000.0 * f.within_s * draw(f, _DUPLICATES, 2 + c, n[more]))
    which, again = np.concatenate(sent), np.arange(sum(map(len, sent))) >= len(index)
    arrival = start_ms + np.round(arrival_s[which] * 1000.0 + np.concatenate(late_ms)).astype(np.int64)
    device = np.maximum(t_ms + np.round(offset_s * 1000.0).astype(np.int64), 1)
    order = np.argsort(arrival, kind="stable")
    which = which[order]
    newest = np.flatnonzero(made)[-1:]
    return Delivery(
        index=which,
        arrival_ms=arrival[order],
        device_ms=device[which],
        seq=seq[which],
        boot=boot[which],
        again=again[order],
        carry=Carry(
            count=carry.count + len(t_ms),
            boot=int(boot[newest[0]]) if len(newest) else carry.boot,
            seq=int(seq[newest[0]]) + 1 if len(newest) else carry.seq,
            last=carry.last,
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class SentFrames:
    """What arrives of one thermal sensor: M frames in order of arrival, see Delivery."""

    arrival_ms: I64
    device_ms: I64
    seq: I64
    centi: I16
    """(M, rows, cols)."""
    carry: Carry
    """For the next block."""


def deliver_frames(
    faults: Iterable[Fault],
    sensor: str,
    t_ms: I64,
    centi: I16,
    carry: Carry,
    *,
    seed: int,
    start_ms: int,
) -> SentFrames:
    """Send one block of frames, `centi` (N, rows, cols) taken at `t_ms` (N,); blocks follow each other."""
    mine = of_sensor(faults, sensor)
    shown = freeze(centi, (t_ms - start_ms) / 1000.0, mine, last=carry.last)
    d = deliver(t_ms, mine, seed, start_ms=start_ms, sensor=sensor, frames=True, carry=carry)
    last = shown[-1].copy() if len(shown) else carry.last
    onward = Carry(d.carry.count, d.carry.boot, d.carry.seq, last)
    return SentFrames(d.arrival_ms, d.device_ms, d.seq, shown[d.index], onward)


def freeze(centi: I16, t_s: F64, faults: Iterable[Fault], *, last: I16 | None = None) -> I16:
    """Give the frames (N, rows, cols) as a sensor with these faults shows them; `centi` stays as it is.

    last: the frame that was shown before the first one, if any.
    """
    out = centi
    for f in faults:
        during = (f.start_s <= t_s) & (t_s < f.end_s)
        if isinstance(f, FrozenFrames) and during.any():
            first = int(np.argmax(during))
            kept = out[first - 1] if first else last
            out = out.copy()
            out[during] = out[first] if kept is None else kept
    return out


@dataclass(frozen=True, slots=True, eq=False)
class SentEvents:
    """What arrives of one event sensor: M events in order of arrival, see Delivery."""

    arrival_ms: I64
    device_ms: I64
    seq: I64
    boot: I64
    value: F64
    again: Bools


def deliver_events(
    faults: Iterable[Fault], sensor: str, t_ms: I64, value: F64, *, seed: int, start_ms: int
) -> SentEvents:
    """Send all events of one sensor, `value` (N,) at `t_ms` (N,)."""
    mine = of_sensor(faults, sensor)
    t_ms, value = stick(t_ms, value, mine, start_ms=start_ms)
    d = deliver(t_ms, mine, seed, start_ms=start_ms, sensor=sensor)
    return SentEvents(d.arrival_ms, d.device_ms, d.seq, d.boot, value[d.index], d.again)


def stick(t_ms: I64, value: F64, faults: Iterable[Fault], *, start_ms: int) -> tuple[I64, F64]:
    """Give the events (N,) of a sensor as they are while it is stuck: its last value, again and again.

    A sensor that has said nothing yet repeats the first value that it would have said. One that stays
    stuck repeats until its last event.
    """
    for f in faults:
        if not isinstance(f, Stuck) or not len(t_ms):
            continue
        t_s = (t_ms - start_ms) / 1000.0
        during = (f.start_s <= t_s) & (t_s < f.end_s)
        until_s = min(f.end_s, float(t_s[-1]))
        repeats = start_ms + np.round(np.arange(f.start_s, until_s, f.repeat_s) * 1000.0).astype(np.int64)
        before = int(np.searchsorted(t_s, f.start_s))
        kept = value[max(before - 1, 0)]
        t_ms = np.concatenate([t_ms[~during], repeats])
        value = np.concatenate([value[~during], np.full(len(repeats), kept)])
        order = np.argsort(t_ms, kind="stable")
        t_ms, value = t_ms[order], value[order]
    return t_ms, value


# --- parts -----------------------------------------------------------------------------------------------


def _held(arrival_s: F64, t_s: F64, f: GatewayDark | Delay) -> F64:
    """Let what was made during the fault come after it as a burst, and later readings not before that."""
    if not math.isfinite(f.end_s):
        return arrival_s
    during = (f.start_s <= t_s) & (t_s < f.end_s)
    burst_s = f.end_s + (t_s - f.start_s) * CATCH_UP
    over_s = f.end_s + (f.end_s - f.start_s) * CATCH_UP
    return np.where(during, burst_s, np.where(t_s >= f.end_s, np.maximum(arrival_s, over_s), arrival_s))


def _boots(faults: Iterable[Fault], seed: int, sensor: str, *, frames: bool) -> F64:
    """Give when the device boots again, ascending."""
    out: list[float] = []
    for f in faults:
        match f:
            case BatteryDeath():
                rng = np.random.default_rng([seed, _BATTERY, 1, round(f.start_s * 1000), *sensor.encode()])
                out += (f.start_s - f.fading_s * rng.random(f.reboots)).tolist()
                out.append(f.end_s)
            case Dark():
                out.append(f.end_s)
            case GatewayDark() if f.power and frames:
                out.append(f.end_s)
            case _:
                pass
    return np.sort(np.array(out, np.float64))
