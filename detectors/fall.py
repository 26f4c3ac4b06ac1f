"""Falls: from a batch of thermal frames to `fall-suspected`, `fall-confirmed` and `fall-recovered`.

Takes the frames of up to all sensors of one resolution and what is remembered of them; gives findings
with their evidence, and what is seen in every frame. Never looks ahead, never loops over sensors, never
reads a clock. The road of one batch:

    frames → background.look → blobs.find → geometry.shapes → tracks.follow → posture (network, belief)
           → down.decide → findings; and background.learn takes into the room what is no person

Only frames in which something stands out, or with somebody known to be there, go beyond the first station.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import background, blobs, down, geometry, posture, tracks, zones
from detectors.background import F32, Bools, Look
from detectors.blobs import Blobs
from detectors.down import Stage, View
from detectors.fallstate import FallParams, FallState, fresh
from detectors.finding import Finding
from detectors.frame import WIDEST, Frames, halved
from detectors.geometry import Patches, picked
from detectors.posture import Doing
from detectors.tracks import BANK_S, SLOTS
from detectors.undo import array_names

__all__ = ["FallParams", "FallState", "Posture", "Seen", "Stage", "fresh", "observe", "step", "suspects"]

Ints = NDArray[np.intp]
I64 = NDArray[np.int64]
NAN: Final = np.float32(np.nan)
SIZED_PX: Final = 512
"""Arrays of fewer pixels cannot tell a pet by its size: of 16x16 pictures of who lies 47 % are as short and
narrow as one, of 24x32 ones 0.4 % (lessons of seed 1)."""


class Posture(IntEnum):
    """Codes in Seen.posture."""

    ABSENT = 0
    UPRIGHT = 1
    SITTING = 2
    LYING = 3
    LYING_ON_FURNITURE = 4
    UNKNOWN = 5


POSTURE_OF: Final = np.array(
    [
        Posture.UPRIGHT,
        Posture.SITTING,
        Posture.SITTING,  # kneels, or sits on the floor
        Posture.LYING,
        Posture.LYING_ON_FURNITURE,
        Posture.ABSENT,
    ],
    np.int8,
)
"""Of each Doing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is in each of the N frames."""

    present: Bools
    posture: NDArray[np.int8]
    """Codes of Posture."""
    x_m: F32
    """In the room's coordinates; NaN where nobody is seen or the optics are unknown."""
    y_m: F32
    speed_m_s: F32
    confidence: F32
    """0 to 1, of the posture."""
    people: NDArray[np.int8]
    """How many tracks look like people."""
    degraded: Bools
    """A body would hardly stand out from this room: a fall could be missed."""
    look: Look
    """What else the batch showed; its picture is lent until the next step."""
    view: View


def step(
    params: FallParams, state: FallState, frames: Frames, now_ms: int, alibi_ms: I64 | None = None
) -> tuple[list[Finding], Seen]:
    """One batch, at most one frame a sensor. `now_ms` becomes the decision time of the findings; `alibi_ms`
    (N,) as in `down.decide`.
    """
    look, view = observe(params, state, frames)
    found = down.decide(params, state, view, now_ms, alibi_ms)
    return found, _seen(params, state, frames, look, view)


def suspects(state: FallState, sensor: Ints) -> Bools:
    """(N,) of these sensors, those with a track whose fall is suspected and not yet confirmed."""
    return np.asarray((state.down.stage[sensor] == Stage.SUSPECTED).any(axis=1))


def observe(params: FallParams, state: FallState, frames: Frames) -> tuple[Look, View]:
    """All but the decision: look, follow, believe, and learn the room."""
    if frames.centi.shape[2] > WIDEST:
        frames = halved(frames)
    rows, cols = state.optics.rows, state.optics.cols
    look = background.look(params.background, state.room, frames)
    found = blobs.find(params.blobs, look.kelvin, look.fog_k[look.rows], rows, cols)
    view = _follow(params, state, frames, look, found)
    background.learn(params.background, state.room, frames, look, _held(state, look, found, view))
    return look, view


def _follow(params: FallParams, state: FallState, frames: Frames, look: Look, found: Blobs) -> View:
    """The tracks of the batch, with what is measured and believed of them."""
    live = look.ready & ~look.frozen & ~look.repeated
    worth = (state.tracks.used[:, 0] | state.tracks.used[:, 1])[frames.sensor]
    worth[look.rows] = True
    row = np.flatnonzero(worth & live)
    if not row.size:
        return down.nobody()
    sensor, t_ms = frames.sensor[row], frames.t_ms[row]
    undo = state.room.scratch.undo
    if undo is not None:
        undo.keep_all(state.tracks, array_names(state.tracks), sensor)
        undo.keep_all(state.down, array_names(state.down), sensor)
    table = _table(found, look, row)
    patch = _patches(table, look.fog_k[row].repeat(SLOTS))
    shape = geometry.shapes(params.geometry, patch, state.optics, sensor.repeat(SLOTS))
    line = tracks.follow(
        params.tracks,
        state.tracks,
        sensor,
        t_ms,
        np.isnan(frames.dt_s[row]),
        state.down.stage != Stage.IDLE,
        (patch.area_px > 0).reshape(-1, SLOTS),
        shape.move_x_m.reshape(-1, SLOTS),
        shape.move_y_m.reshape(-1, SLOTS),
        patch.peak_k.reshape(-1, SLOTS),
    )
    patch, shape = (
        _patches(table.take(line.patch, axis=1), look.fog_k[row[line.frame]]),
        picked(shape, line.patch),
    )
    owner = sensor[line.frame]
    away = zones.away(params.zones, state.zones, owner, shape)
    most_k = np.maximum(np.float32(params.core_c) - background.level_c(state.room, owner), np.float32(1))
    heated = background.familiar(state.room, owner, patch.x_px, patch.y_px)
    heated &= background.familiar(state.room, owner, patch.peak_x_px, patch.peak_y_px)
    heated |= zones.at_heater(params.zones, away)
    usual = heated | (zones.at_rest(params.zones, away) & ~state.optics.wall[owner])
    warmer = tracks.warmer(state.tracks, owner, line, patch.peak_k, most_k)
    now = posture.numbers(patch, shape, line.speed_m_s)
    steady = state.tracks.bank.reshape(-1, len(BANK_S), posture.BANKED)[line.at, posture.STEADY]
    more = posture.at_home(now, steady, line, away, warmer)
    bank = tracks.average(state.tracks, line, np.concatenate([now, more], axis=1))
    slight = shape.metric & _slight(params, state, owner, bank)
    x = posture.inputs(bank, line.age_s, state.zones.known[owner] & shape.metric)
    logits = _logits(state, owner, x)
    mine = state.down.belief.reshape(-1, len(Doing))
    belief = posture.believed(params.posture, mine.take(line.at, axis=0), line, logits)
    mine[line.at] = belief
    return View(
        row[line.frame],
        owner,
        t_ms[line.frame],
        line,
        patch,
        shape,
        x,
        logits,
        belief,
        zones.no_floor(away),
        usual,
        slight,
    )


def _slight(params: FallParams, state: FallState, owner: Ints, bank: F32) -> Bools:
    """(L,) tracks that are too short and narrow for a body, of sensors with pixels small enough to say so."""
    wall = state.optics.wall[owner]
    limits = (params.pet_wall_long_m, params.pet_long_m), (params.pet_wall_wide_m, params.pet_wide_m)
    out = np.full(len(owner), state.optics.rows * state.optics.cols >= SIZED_PX)
    for name, (on_wall, above) in zip(("log_along", "log_across"), limits, strict=True):
        limit = np.log(np.where(wall, np.float32(on_wall), np.float32(above)))
        out &= bank[:, posture.STEADY, posture.NUMBERS.index(name)] < limit
    return out


def _logits(state: FallState, owner: Ints, x: F32) -> F32:
    """(L, len(Doing) + 1) by the weights of each sensor's mount."""
    wall = state.optics.wall[owner]
    alone = ~wall & np.isnan(state.optics.fov_deg[owner]) & (posture.UNSCALED in state.networks)
    out = np.zeros((len(x), len(Doing) + 1), np.float32)
    for name, mask in (("ceiling", ~wall & ~alone), ("wall", wall), (posture.UNSCALED, alone)):
        rows = np.flatnonzero(mask)
        if rows.size:
            out[rows] = state.networks[name](x[rows])
    return out


def _table(found: Blobs, look: Look, row: Ints) -> F32:
    """blobs.NUMBERS (16, 2 x M) of the frames `row` (M,), both of a frame side by side; 0 where none is."""
    if not len(look.rows):
        return np.zeros((len(blobs.NUMBERS), SLOTS * len(row)), np.float32)
    at = np.minimum(np.searchsorted(look.rows, row), len(look.rows) - 1)
    table = found.numbers.take(at, axis=1)
    table[:, look.rows[at] != row] = 0
    return table.reshape(len(table), -1)


_WANTED: Final = [blobs.NUMBERS.index(name) for name in Patches.__dataclass_fields__ if name != "sigma_k"]


def _patches(table: F32, sigma_k: F32) -> Patches:
    """Patches of blobs.NUMBERS `table` (16, L) and the noise (L,)."""
    return Patches(*[*(table[k] for k in _WANTED), sigma_k])


def _held(state: FallState, look: Look, found: Blobs, view: View) -> Bools:
    """(M, P) pixels under whoever is alive, which the room must not take in."""
    if not len(view.row):
        return np.zeros((len(look.rows), look.kelvin.shape[1]), np.bool_)
    alive = state.tracks.moved.reshape(-1)[view.line.at] | (
        state.down.stage.reshape(-1)[view.line.at] != Stage.IDLE
    )
    alive &= view.line.there
    which = np.zeros(found.area_px.shape, np.bool_)
    at = np.searchsorted(look.rows, view.row[alive])
    which[at, view.line.patch[alive] % SLOTS] = True
    return blobs.paint(found.words, which, state.optics.cols)


def _seen(params: FallParams, state: FallState, frames: Frames, look: Look, view: View) -> Seen:
    n = len(frames.sensor)
    flat = state.down
    live = look.ready & ~look.frozen & ~look.repeated
    person = flat.person.reshape(-1)[view.line.at]
    counts = view.line.there & (person > 0.5)  # more likely a person than not
    people = np.bincount(view.row[counts], minlength=n).astype(np.int8)
    order = np.flatnonzero(counts)
    order = order[np.argsort(person[order], kind="stable")]  # the surest of a sensor is written last
    code = np.where(live, Posture.ABSENT, Posture.UNKNOWN).astype(np.int8)
    columns = np.full((4, n), np.nan, np.float32)
    columns[3] = live
    if order.size:
        row, belief = view.row[order], view.belief[order]
        does = belief[:, : Doing.THING].argmax(axis=1)
        code[row] = POSTURE_OF[does]
        up = does == Doing.UP
        high = (does == Doing.SITTING) | (does == Doing.RAISED)
        metric = view.shape.metric[order]
        for k, name in enumerate(("x_m", "y_m")):
            places = [
                getattr(view.shape, f"{where}_{name}")[order] for where in ("upright", "raised", "floor")
            ]
            columns[k, row] = np.where(
                metric, np.where(up, places[0], np.where(high, places[1], places[2])), NAN
            )
        columns[2, row] = view.line.speed_m_s[order]
        columns[3, row] = belief[np.arange(len(order)), does]
    return Seen(
        people > 0,
        code,
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        people,
        _degraded(params, state, frames, look),
        look,
        view,
    )


def _degraded(params: FallParams, state: FallState, frames: Frames, look: Look) -> Bools:
    """(N,) a dressed body would stand out by less than `least_contrast` times the noise."""
    warmth = np.float32(params.skin_share) * (
        np.float32(params.core_c) - background.level_c(state.room, frames.sensor)
    )
    return np.asarray(look.ready & (warmth < np.float32(params.least_contrast) * look.sigma_k))
