"""When a room is truly too cold or too hot, and when a stove was truly left on.

Takes the air of the rooms and the times at which the stove was on and somebody was with it, gives rows of
truth: they begin when the threshold's dwell is complete and end when the danger is over. A home's air is that
of its sensors (`told`): a threshold is crossed when a sensor says so, and nobody can know before, though the
sensor is off by a little and speaks every 10 to 30 min. Every room with a thermometer counts, for heat too:
the water in the air is alike all over a home, so that one humidity sensor tells of it for all rooms.

Levels. Cold: below 16 °C for 1 h, below 12 °C for 30 min, below 10 °C at once. Heat: heat index of 32 °C for
2 h, of 39 °C for 1 h. Both end 0.5 K on the safe side. Sources: housing guidance (serious below 16, danger of
hypothermia below 10 °C); NWS heat index bands (extreme caution 32, danger 39 °C); dwells: judgement.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.heatindex import heat_index_c, saturation_hpa
from simulator.world import F64, Air, Events, Truth

COLD: Final = ((16.0, 3600.0), (12.0, 1800.0), (10.0, 0.0))
"""(°C, seconds below it)."""
HEAT: Final = ((32.0, 7200.0), (39.0, 3600.0))
"""(heat index in °C, seconds at or above it)."""
HYSTERESIS_K: Final = 0.5
LEFT_ON_S: Final = 1200.0  # nobody in the kitchen for this long
SAME_S: Final = 3600.0  # rows closer than this are one: the scorer gives every row an hour after its end
FINE_S: Final = 60.0  # keys at least this dense where the heat index is worked out: it is not a straight line

Span = tuple[float, float]


def spells(t_s: F64, value: F64, below: float, hysteresis: float = HYSTERESIS_K) -> list[Span]:
    """The spans in which `value` went below `below` and had not yet come back above it by `hysteresis`.

    `t_s` (N,) and `value` (N,), straight lines between; times of crossing are exact. A spell that is on
    at the first or the last key begins or ends there.
    """
    if len(t_s) < 2:
        return [(float(t_s[0]), float(t_s[0]))] if len(t_s) and value[0] < below else []
    low = value < below
    high = value >= below + hysteresis
    told = low | high
    # between the two levels the last verdict holds
    last = np.maximum.accumulate(np.where(told, np.arange(len(t_s)), -1))
    cold = np.where(last >= 0, low[np.maximum(last, 0)], False)
    turn = np.flatnonzero(np.diff(cold.astype(np.int8)))
    edges = [_cross(t_s, value, k, below if cold[k + 1] else below + hysteresis) for k in turn.tolist()]
    if cold[0]:
        edges.insert(0, float(t_s[0]))
    if cold[-1]:
        edges.append(float(t_s[-1]))
    return list(zip(edges[::2], edges[1::2], strict=True))


def _cross(t_s: F64, value: F64, k: int, level: float) -> float:
    """When the line from key k to the next one passes `level`."""
    share = (level - value[k]) / (value[k + 1] - value[k])
    return float(t_s[k] + np.clip(share, 0, 1) * (t_s[k + 1] - t_s[k]))


def threshold_truth(
    air: Air,
    rooms: Sequence[int] | None = None,
    *,
    stove_on: Sequence[Span] = (),
    attended: Sequence[Span] = (),
    fires: Sequence[Span] = (),
) -> list[Truth]:
    """Rows `cold`, `heat`, `appliance-left-on` and `fire` of one home, in order of start.

    `rooms` are those that count (default: all); a home is cold as long as one of them is, and the row begins
    when the first of them has been for long enough. `stove_on` and `attended` are when the stove was on and
    when somebody was in the kitchen; `fires` begin when it begins to burn.
    """
    counted = range(air.temperature_c.shape[1]) if rooms is None else rooms
    cold: list[Span] = []
    hot: list[Span] = []
    for room in counted:
        temperature = air.temperature_c[:, room]
        for level, dwell in COLD:
            cold += [(a + dwell, b) for a, b in spells(air.t_s, temperature, level) if b - a >= dwell]
        if len(temperature) and temperature.max() > 25:  # no humidity makes 25 °C feel like 32
            t, index = _index(air, room)
            for level, dwell in HEAT:
                hot += [(a + dwell, b) for a, b in spells(t, -index, -level) if b - a >= dwell]
    rows = [Truth(a, b, "cold") for a, b in _joined(cold)]
    rows += [Truth(a, b, "heat") for a, b in _joined(hot)]
    rows += left_on_truth(stove_on, attended)
    rows += [Truth(a, b, "fire") for a, b in fires]
    return sorted(rows, key=lambda r: (r.start_s, r.end_s, r.label))


STEP_S: Final = 1e-3  # how long a change of what is told takes


def told(events: Events, rooms: Sequence[str], true: Air | None = None, wet: Sequence[int] = ()) -> Air:
    """The air of `rooms` as the home's sensors have told it: each value holds until the next one, and before
    its first word a sensor's first value does.

    Temperature is that of the room's own sensor, NaN without one. So is humidity; a room without one has the
    vapour pressure of the first room that has both sensors (of `wet`, bathrooms, last: a shower is not all
    over the home), as it was at the last word of that humidity sensor. A home with none has the humidity of
    `true` (keys of its own), which is not told by anything; NaN without that.
    """
    of = {kind: [_reading(events, kind, room) for room in rooms] for kind in ("temperature", "humidity")}
    at = np.unique(np.concatenate([np.zeros(1), *(t for each in of.values() for t, _ in each)]))
    t_s = np.unique(np.concatenate([at, np.maximum(at - STEP_S, 0.0)]))

    def table(kind: str) -> F64:
        held = [v[np.maximum(np.searchsorted(t, t_s, "right") - 1, 0)] for t, v in of[kind]]
        return np.stack(held, axis=1)

    temperature, humidity = table("temperature"), table("humidity")
    lacks = np.isnan(humidity).all(axis=0)
    both = np.flatnonzero(~lacks & ~np.isnan(temperature).all(axis=0))
    if lacks.any() and len(both):
        source = int(both[np.argmin(np.isin(both, wet))])
        words = np.maximum(of["humidity"][source][0], of["temperature"][source][0][0])
        at_word = words[np.maximum(np.searchsorted(words, t_s, "right") - 1, 0)]
        then = np.searchsorted(t_s, at_word, "right") - 1
        vapour = (humidity * saturation_hpa(temperature))[then, source]
        borrowed = vapour[:, None] / saturation_hpa(temperature[:, lacks])
        humidity[:, lacks] = np.minimum(borrowed, 100)
    elif true is not None and lacks.all():
        humidity = np.stack([np.interp(t_s, true.t_s, column) for column in true.humidity.T], -1)
    return Air(t_s, temperature, humidity, np.zeros((len(t_s), len(rooms))))


def _reading(events: Events, kind: str, room: str) -> tuple[F64, F64]:
    wanted = [k for k, s in enumerate(events.sensors) if (s.kind, s.room) == (kind, room)]
    of = np.isin(events.sensor, wanted)
    return (events.t_s[of], events.value[of]) if of.any() else (np.zeros(1), np.full(1, np.nan))


def left_on_truth(on: Sequence[Span], attended: Sequence[Span], dwell_s: float = LEFT_ON_S) -> list[Truth]:
    """Rows `appliance-left-on`: from `dwell_s` after the last person left the stove alone while it was on, to
    when somebody comes back or it is off.
    """
    rows = []
    for start, end in on:
        alone = start
        for came, went in [*sorted(attended), (end, end)]:
            until = min(came, end)
            if until - alone >= dwell_s:
                rows.append(Truth(alone + dwell_s, until, "appliance-left-on"))
            alone = max(alone, min(went, end))
    return rows


def _index(air: Air, room: int) -> tuple[F64, F64]:
    gaps = np.maximum(np.ceil(np.diff(air.t_s) / FINE_S).astype(int), 1)
    start = np.repeat(np.arange(len(gaps)), gaps)
    share = (np.arange(len(start)) - np.repeat(np.cumsum(gaps) - gaps, gaps)) / np.repeat(gaps, gaps)
    t = np.append(air.t_s[start] + share * (air.t_s[start + 1] - air.t_s[start]), air.t_s[-1])
    temperature = np.interp(t, air.t_s, air.temperature_c[:, room])
    return t, heat_index_c(temperature, np.interp(t, air.t_s, air.humidity[:, room]))


def _joined(spans: list[Span]) -> list[Span]:
    """Spans that overlap or nearly touch become one."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1] + SAME_S:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out
