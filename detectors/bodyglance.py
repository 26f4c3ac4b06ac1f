"""Readings of the body surface out of what the thermal pipeline sees in a batch.

Takes the view of `fall.step`, puts readings of who is surely one person and keeps still into the sessions of
their cameras. Looks at one frame in two hundred: nearly all the cost is to see that nothing is due.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import background, geometry, skin, zones
from detectors.background import F32, Bools
from detectors.baseline import POSTURES
from detectors.bodystate import GLANCED, I64, NEVER, READINGS, BodytempParams, BodytempState
from detectors.down import Stage, View
from detectors.fall import Seen
from detectors.fallstate import FallParams, FallState
from detectors.posture import Doing
from detectors.roomstate import unreadable
from detectors.tracks import SLOTS
from detectors.undo import Undo

Ints = NDArray[np.intp]
POSTURE_OF: Final = np.full(len(Doing), NEVER, np.int8)
POSTURE_OF[[Doing.UP, Doing.SITTING, Doing.RAISED]] = range(POSTURES)
LIES: Final = 2
ASLEEP: Final = np.isin(np.arange(len(Doing)), (Doing.LYING, Doing.RAISED, Doing.THING))
"""Of each Doing: what somebody in bed is taken for."""


def glance(  # noqa: PLR0917  (called once, in rounds)
    params: BodytempParams,
    falls: FallParams,
    state: BodytempState,
    first: int,
    group: FallState,
    seen: Seen,
    undo: Undo | None = None,
) -> None:
    """Take readings of who keeps still; `first`: row of the group's first camera in the layout.

    Call before the next look of the same group: the picture is lent until then.
    """
    view = seen.view
    if not len(view.row):
        return
    k = np.flatnonzero(view.t_ms >= state.next_ms[first + view.sensor])
    if not k.size:
        return
    if undo is not None:
        undo.keep_all(state, GLANCED, first + view.sensor[k])
    state.next_ms[first + view.sensor[k]] = view.t_ms[k] + round(1000 * params.retry_s)
    away = _away(falls, group, view, k)
    posture, good = _somebody(params, state, first, group, seen, k, away)
    good &= ~_heated(falls, group, view, k, away)
    k, posture = k[good], posture[good]
    x_px, y_px = view.patch.peak_x_px[k], view.patch.peak_y_px[k]
    if not k.size:
        return
    sensor, t_ms = view.sensor[k], view.t_ms[k]
    camera = first + sensor
    picture = seen.look.kelvin[np.searchsorted(seen.look.rows, view.row[k])]
    peak_k = _warmest_two(picture, group.optics.rows, group.optics.cols, x_px, y_px)
    state.level_c[camera] = _level_c(group, sensor) + seen.look.common_k[view.row[k]]
    room_c = state.level_c[camera] - np.nan_to_num(state.offset_k[camera])
    head = skin.seen(falls.geometry, group.optics, sensor, x_px, y_px, posture)
    surface = skin.surface_c(peak_k, room_c, head.fill)
    state.surface_c[camera] = np.where(head.fill >= params.least_fill, surface, np.float32(np.nan))
    gap = np.float32(falls.core_c) - room_c
    with np.errstate(invalid="ignore"):
        value = np.log(np.maximum(peak_k, np.float32(1e-3)) / gap)
    useful = (gap >= params.least_gap_k) & (peak_k > 0)
    k, some = np.flatnonzero(useful), camera[useful]
    note(params, state, some, t_ms[k], posture[k], value[k], np.log(head.range_m[k]))


def _away(falls: FallParams, group: FallState, view: View, k: Ints) -> F32:
    """(K, len(zones.AWAY)) how far the warmest place of the tracks `k` is from furniture, metres.

    Far from all of it on walls, which tell places too badly.
    """
    sensor, patch = view.sensor[k], geometry.picked(view.patch, k)
    warmest = replace(patch, x_px=patch.peak_x_px, y_px=patch.peak_y_px)
    shape = geometry.shapes(falls.geometry, warmest, group.optics, sensor)
    away = zones.away(falls.zones, group.zones, sensor, shape)
    return np.where(group.optics.wall[sensor, None], np.float32(falls.zones.far_m), away)


def _somebody(  # noqa: PLR0917  (called once, above)
    params: BodytempParams,
    state: BodytempState,
    first: int,
    group: FallState,
    seen: Seen,
    k: Ints,
    away: F32,
) -> tuple[Ints, Bools]:
    """(K,) posture of the tracks `k`, and which of them are surely the resident, alone and still.

    Under a blanket only a head is left, as small as a pet and often taken for a thing: four in five
    readings of sleepers were refused. So whoever surely was a person stays one in bed, as long as the track.
    """
    view = seen.view
    line, at, camera = view.line, view.line.at[k], first + view.sensor[k]
    does = view.belief[k].argmax(axis=1)
    person = group.down.person.reshape(-1)[at] > 0.5
    others = seen.people[view.row[k]] - (person & line.there[k])
    still = line.there[k] & (line.speed_m_s[k] < params.slow_m_s) & (others == 0)
    still &= group.tracks.moved.reshape(-1)[at] & (group.down.stage.reshape(-1)[at] == Stage.IDLE)
    sure = still & person & ~view.slight[k] & (POSTURE_OF[does] >= 0)
    sure &= view.belief[k, does] >= params.sure
    track = SLOTS * group.tracks.born_ms.reshape(-1)[at] + at % SLOTS
    same = still & ~sure & (away[:, zones.LIES] < 0) & ASLEEP[does] & (track == state.sure[camera])
    state.sure[camera[sure]] = track[sure]
    return np.where(same, LIES, POSTURE_OF[does]).astype(np.intp), sure | same


def _heated(falls: FallParams, group: FallState, view: View, k: Ints, away: F32) -> Bools:
    """(K,) static heat may lie in the warmest pixels of the tracks `k`: a radiator beside somebody.

    Heat sinks in where people rest, too, so it counts in no bed and on no chair that is known, unless a
    radiator stands there.
    """
    x_px, y_px = view.patch.peak_x_px[k], view.patch.peak_y_px[k]
    rests = zones.at_rest(falls.zones, away) & ~zones.at_heater(falls.zones, away)
    return background.familiar(group.room, view.sensor[k], x_px, y_px) & ~rests


def _level_c(group: FallState, sensor: Ints) -> F32:
    """(K,) mean of the empty room over the pixels that can be read, °C."""
    whole = group.room.whole[sensor]
    fair = ~unreadable(whole)
    total = np.where(fair, whole, 0).sum(axis=1, dtype=np.int64)
    return np.asarray(total / (100 * np.maximum(fair.sum(axis=1), 1)), np.float32)


def _warmest_two(
    picture: NDArray[np.float32], rows: int, cols: int, x_px: NDArray[np.float32], y_px: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(K,) mean of the two warmest of the 3 x 3 pixels about a place, of pictures (K, P)."""
    row = np.clip(np.rint(y_px + np.float32((rows - 1) / 2)).astype(np.intp), 1, rows - 2)
    col = np.clip(np.rint(x_px + np.float32((cols - 1) / 2)).astype(np.intp), 1, cols - 2)
    step = np.add.outer(np.arange(-1, 2) * cols, np.arange(-1, 2)).ravel()
    nine = np.take_along_axis(picture, (row * cols + col)[:, None] + step, axis=1)
    return np.asarray(np.partition(nine, 7, axis=1)[:, 7:].mean(axis=1), np.float32)


def note(  # noqa: PLR0917  (one array a thing known of each reading)
    params: BodytempParams,
    state: BodytempState,
    camera: Ints,
    t_ms: I64,
    posture: Ints,
    value: NDArray[np.float32],
    far: NDArray[np.float32],
) -> None:
    """Put readings (K,), at most one a camera, into the sessions of their cameras."""
    state.next_ms[camera] = t_ms + round(1000 * params.sample_s)
    lies = posture == LIES
    gone = (state.lain_ms[camera] >= 0) & (t_ms - state.last_ms[camera] > 1000 * params.settle_s)
    other = np.where(lies, 0, state.other[camera] + 1)
    was = np.where(gone | (other > 1), NEVER, state.lain_ms[camera])
    state.lain_ms[camera] = np.where(lies & (was < 0), t_ms, was)
    state.other[camera] = np.minimum(other, 2)
    state.last_ms[camera] = t_ms
    settled = ~lies | (t_ms - state.lain_ms[camera] >= 1000 * params.settle_s)
    keep = settled & (state.count[camera] < READINGS)
    k, c = np.flatnonzero(keep), camera[keep]
    state.begun_ms[c] = np.where(state.count[c] == 0, t_ms[k], state.begun_ms[c])
    at = state.count[c]
    state.value[c, at], state.far[c, at], state.how[c, at] = value[k], far[k], posture[k]
    state.count[c] += 1
