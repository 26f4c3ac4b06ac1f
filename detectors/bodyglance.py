"""Readings of the body surface out of what the thermal pipeline sees in a batch.

Takes the view of `fall.step`, puts readings of who is surely one person and keeps still into the sessions of
their cameras. Looks at one frame in two hundred: nearly all the cost is to see that nothing is due.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import background, skin
from detectors.background import F32
from detectors.baseline import POSTURES
from detectors.bodystate import I64, NEVER, READINGS, BodytempParams, BodytempState
from detectors.down import Stage
from detectors.fall import Seen
from detectors.fallstate import FallParams, FallState
from detectors.posture import Doing
from detectors.roomstate import unreadable

Ints = NDArray[np.intp]
POSTURE_OF: Final = np.full(len(Doing), NEVER, np.int8)
POSTURE_OF[[Doing.UP, Doing.SITTING, Doing.RAISED]] = range(POSTURES)
LIES: Final = 2


def glance(  # noqa: PLR0917  (called once, in rounds)
    params: BodytempParams,
    falls: FallParams,
    state: BodytempState,
    first: int,
    group: FallState,
    seen: Seen,
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
    state.next_ms[first + view.sensor[k]] = view.t_ms[k] + round(1000 * params.retry_s)
    line = view.line
    does = view.belief[k].argmax(axis=1)
    at = line.at[k]
    good = line.there[k] & (line.speed_m_s[k] < params.slow_m_s) & (POSTURE_OF[does] >= 0)
    good &= (view.belief[k, does] >= params.sure) & ~view.slight[k] & (seen.people[view.row[k]] == 1)
    good &= (group.down.person.reshape(-1)[at] > 0.5) & group.tracks.moved.reshape(-1)[at]
    good &= group.down.stage.reshape(-1)[at] == Stage.IDLE
    x_px, y_px = view.patch.peak_x_px[k], view.patch.peak_y_px[k]
    good &= ~background.familiar(group.room, view.sensor[k], x_px, y_px)  # a radiator beside somebody
    k, does, x_px, y_px = (a[good] for a in (k, does, x_px, y_px))
    if not k.size:
        return
    sensor, t_ms = view.sensor[k], view.t_ms[k]
    camera, posture = first + sensor, POSTURE_OF[does].astype(np.intp)
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
