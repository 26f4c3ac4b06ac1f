"""What is remembered of the empty room of every thermal sensor, and what that memory is set to.

Names the parameters of table [background], gives fresh state with room to calculate in, takes readings off
the room and adds steps to it. Decides nothing (background.py looks, roomlearn.py learns).

Pictures are flat here: the 3 x 3 box of a pixel is made of shifts of the whole row of pixels, which takes
a fifth of the time of true 2-D sums. At the ends of a line it takes in pixels from the other side: for
a sum of differences to the room that is only noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.undo import Undo, span

F32 = NDArray[np.float32]
I16 = NDArray[np.int16]
Bools = NDArray[np.bool_]
Rows = NDArray[np.intp] | slice

SMOOTH_FROM: Final = (
    200  # pixels; below it (8x8, 12x16) one pixel is as large as a head, and smoothing hides people
)
CHUNK_PIXELS: Final = 147_456  # 192 frames of 24x32: measured best with 1 MB of second-level cache
LOWEST, HIGHEST = -4_000, 30_000  # centi-°C; readings beyond are impossible (MLX90640: -40 to 300 °C)


@dataclass(frozen=True, slots=True)
class BackgroundParams:
    """Table [background] of config/detectors.toml, where each value has its reason."""

    warm_s: float
    jump_k: float
    young_s: float
    young_tau_s: float
    free_tau_s: float
    cool_tau_s: float
    cool_sigma: float
    static_tau_s: float
    dev_tau_s: float
    update_s: float
    check_s: float
    hold_keep_s: float
    frozen_s: float
    noise_floor_k: float
    free_sigma: float
    free_smooth_sigma: float
    gate_false: float
    sick_ratio: float
    stuck_ratio: float
    glitch_k: float
    upset_share: float
    upset_s: float
    forget_days: float


@dataclass(frozen=True, slots=True)
class Spots:
    """The K masked pixels of some pictures, (K,) each, in their order: there are few, so this is quick."""

    row: NDArray[np.intp]
    """Which picture."""
    pixel: NDArray[np.intp]
    never: Bools
    """The room has no reading of it."""

    def part(self, a: int, b: int) -> "Spots":
        """Those of the pictures a to b, counted from a."""
        if not self.row.size:
            return self
        first, last = self.row.searchsorted(a), self.row.searchsorted(b)
        return Spots(self.row[first:last] - a, self.pixel[first:last], self.never[first:last])

    def within(self, rows: NDArray[np.intp]) -> "Spots":
        """Those of the pictures `rows`, counted in these."""
        if not (len(rows) and len(self.row)):
            return Spots(self.row[:0], self.pixel[:0], self.never[:0])
        at = np.minimum(rows.searchsorted(self.row), len(rows) - 1)
        some = np.flatnonzero(rows[at] == self.row)
        return Spots(at[some], self.pixel[some], self.never[some])


@dataclass(slots=True)
class Scratch:
    """Arrays to calculate in, nothing remembered: fresh memory for every step costs a fifth more."""

    chunk: int
    """Frames that are worked on at once."""
    d: I16
    t: I16
    u: I16
    """(chunk, P) each."""
    e: F32
    f: F32
    """(chunk, P) each."""
    kelvin: F32
    """(most frames that ever stood out at once, P): lent to the caller until the next look."""
    spots: Spots | None = None
    """BackgroundState.blank as a list, all sensors; None: to be made anew."""
    undo: Undo | None = None
    """Where what the batch writes over is kept; None: nowhere."""


@dataclass(slots=True)
class BackgroundState:
    """What is remembered; first axis S = sensor of the group, P = rows x cols pixels."""

    rows: int
    cols: int
    room: F32
    """(S, P) learnt reading of the empty room, centi-°C."""
    whole: I16
    """(S, P) the same cut to whole numbers; at a pixel that cannot be read, its own reading."""
    dev: F32
    """(S, P) mean absolute deviation of the free pixel from the room, centi-K."""
    familiar: NDArray[np.uint8]
    """(S, P) how much static heat has sunk in here before; 255 = all of a `static_tau_s`."""
    held: Bools
    """(S, P) what was last held."""
    total: NDArray[np.int64]
    """(S,) sum of `whole`."""
    noise: F32
    """(S,) mean absolute deviation of a good free pixel, centi-K."""
    fog: F32
    """(S,) the same of the picture that blobs are sought in: smoothed, if it is large (white noise is a third
    then; that of real arrays is not white)."""
    level: F32
    """(S,) level of the last frame while warming up, centi-°C; NaN before the first."""
    age_s: F32
    """(S,) seconds of stable frames learnt from."""
    due_s: F32
    """(S,) seconds since the last update."""
    check_s: F32
    """(S,) seconds since the deviations were last measured."""
    fade_s: F32
    """(S,) seconds since `familiar` last faded by one."""
    hold_s: F32
    """(S,) seconds for which `held` still holds."""
    upset_s: F32
    """(S,) seconds during which most of the picture stood out."""
    still_s: F32
    """(S,) seconds of frames equal to the one before."""
    mark: NDArray[np.int64]
    """(S,) checksum of the last frame."""
    odd: Bools
    """(S,) has pixels that are masked."""
    blank: Bools
    """(S, P) those pixels: unreadable at the last update, or sick."""
    bad_share: F32
    """(S,) share of pixels without a usable reading, as of the last closer look."""
    scratch: Scratch


def fresh(sensors: int, rows: int, cols: int) -> BackgroundState:
    """State of `sensors` sensors that know nothing."""
    pixels = rows * cols
    chunk = max(16, min(sensors, CHUNK_PIXELS // pixels))

    def zeros() -> F32:
        return np.zeros(sensors, np.float32)

    def whole(n: int) -> I16:
        return np.zeros((n, pixels), np.int16)

    def real(n: int) -> F32:
        return np.zeros((n, pixels), np.float32)

    return BackgroundState(
        rows,
        cols,
        real(sensors),
        whole(sensors),
        real(sensors),
        np.zeros((sensors, pixels), np.uint8),
        np.zeros((sensors, pixels), np.bool_),
        np.zeros(sensors, np.int64),
        zeros(),
        zeros(),
        np.full(sensors, np.nan, np.float32),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        np.zeros(sensors, np.int64),
        np.zeros(sensors, np.bool_),
        np.zeros((sensors, pixels), np.bool_),
        zeros(),
        Scratch(chunk, whole(chunk), whole(chunk), whole(chunk), real(chunk), real(chunk), real(0)),
    )


NUMBERS: Final = (
    "total", "noise", "fog", "level", "age_s", "due_s", "check_s", "fade_s", "hold_s", "upset_s", "still_s",
    "mark", "odd", "bad_share",
)  # fmt: skip
"""Arrays of BackgroundState without pixels, kept at once. Of those with pixels a batch writes few rows: they
are kept where they are written."""


def overwrites(state: BackgroundState, array: NDArray[Any], at: Rows) -> None:
    """Keep rows that are about to be written, if the batch can be undone."""
    if state.scratch.undo is not None:
        state.scratch.undo.keep(array, at)


def begin(state: BackgroundState, sensor: NDArray[np.intp]) -> None:
    """Keep what every batch of these sensors writes, if it can be undone."""
    if state.scratch.undo is not None:
        state.scratch.undo.keep_all(state, NUMBERS, span(sensor))


def rows_of(sensor: NDArray[np.intp]) -> Rows:
    """The sensors as a slice where they follow each other, so that numpy gives views, not copies."""
    n = len(sensor)
    if n and int(sensor[-1]) - int(sensor[0]) == n - 1:
        return slice(int(sensor[0]), int(sensor[-1]) + 1)
    return sensor


def rows_from(room: NDArray[np.int16], at: Rows, into: I16) -> I16:
    """Rows of an array: a view where they follow each other, else copied `into` a piece of scratch."""
    if isinstance(at, slice):
        return room[at]
    return np.take(room, at, axis=0, out=into[: len(at)], mode="clip")


def spots_of(state: BackgroundState, at: Rows) -> Spots:
    """The masked pixels of the sensors `at`."""
    known = state.scratch.spots
    if known is None:
        odd = np.flatnonzero(state.odd)
        nth, pixel = np.divmod(np.flatnonzero(state.blank[odd]), state.room.shape[1])
        never = unreadable(state.whole[odd[nth], pixel])
        known = state.scratch.spots = Spots(odd[nth], pixel, never)
    return known.part(at.start, at.stop) if isinstance(at, slice) else known.within(at)


def less_room(state: BackgroundState, sensor: NDArray[np.intp], centi: I16, fill: F32, spots: Spots) -> I16:
    """Readings `centi` (m, P) less the rooms of `sensor`, in scratch `d`; `fill` (m,) at masked pixels."""
    d = state.scratch.d[: len(sensor)]
    np.subtract(centi, rows_from(state.whole, rows_of(sensor), state.scratch.u), out=d)
    if spots.row.size:
        d[spots.row, spots.pixel] = fill[spots.row]
    return d


def pieces(k: NDArray[np.intp], size: int) -> Iterator[NDArray[np.intp]]:
    """`k` in pieces of at most `size`."""
    for a in range(0, len(k), size):
        yield k[a : a + size]


def unreadable(centi: I16) -> Bools:
    """Readings that cannot be."""
    return np.asarray((centi < LOWEST) | (centi > HIGHEST))


def settle(
    state: BackgroundState,
    sensor: NDArray[np.intp],
    step: F32,
    blank: tuple[NDArray[np.intp], Bools, I16] | None,
    spots: Spots | None = None,
) -> None:
    """Add `step` (M, P) centi-K to the room. Cutting instead of rounding shifts all pixels alike.

    Pixels that cannot be read hold their own reading: those of `blank` as of now, of `spots` as before.
    """
    at, m = rows_of(sensor), len(sensor)
    overwrites(state, state.room, at)
    overwrites(state, state.whole, at)
    if spots is not None:
        row, pixel = spots.row[spots.never], spots.pixel[spots.never]
        before = state.whole[sensor[row], pixel]
    if isinstance(at, slice):
        room, whole = state.room[at], state.whole[at]
        room += step
    else:
        few = m <= state.scratch.chunk
        room = np.take(state.room, at, axis=0, out=state.scratch.f[:m] if few else None, mode="clip")
        room += step
        state.room[at] = room
        whole = state.scratch.u[:m] if few else np.empty(room.shape, np.int16)
    np.copyto(whole, room, casting="unsafe")
    if blank is not None:
        rows, _, centi = blank
        never = unreadable(centi)
        whole[rows] = np.where(never, centi, whole[rows])
    if spots is not None:
        whole[row, pixel] = before
    if not isinstance(at, slice):
        state.whole[at] = whole
    state.total[at] = np.add.reduce(whole, axis=1, dtype=np.int32)


def share(dt_s: F32, tau_s: F32 | float) -> F32:
    """What of a step is taken over in `dt_s` with the time constant `tau_s`."""
    return np.asarray(-np.expm1(-dt_s / tau_s), np.float32)


def box9(d: I16, t: I16, u: I16, cols: int) -> I16:
    """Sums over the 3 x 3 box that begins at each pixel of flat pictures `d` (n, P): (n, P - 2 cols - 2).

    `t` and `u` are overwritten; sums beyond 327 wrap. All three must be contiguous.
    """
    pixels = d.shape[1]
    one, two, three = d.reshape(-1), t.reshape(-1), u.reshape(-1)
    np.add(one[:-1], one[1:], out=two[:-1])
    np.add(two[:-2], one[2:], out=two[:-2])
    np.add(two[:-cols], two[cols:], out=three[:-cols])
    np.add(three[: -2 * cols], two[2 * cols :], out=three[: -2 * cols])
    return u[:, : pixels - 2 * cols - 2]


def smooth3(grid: F32) -> F32:
    """Mean of 3 x 3 pixels, (N, rows, cols) → same; the rim is repeated outwards."""
    tall = np.empty_like(grid)
    np.add(grid[:, :-2], grid[:, 2:], out=tall[:, 1:-1])
    tall[:, 0] = grid[:, 0] + grid[:, 1]
    tall[:, -1] = grid[:, -1] + grid[:, -2]
    tall += grid
    wide = np.empty_like(grid)
    np.add(tall[:, :, :-2], tall[:, :, 2:], out=wide[:, :, 1:-1])
    wide[:, :, 0] = tall[:, :, 0] + tall[:, :, 1]
    wide[:, :, -1] = tall[:, :, -1] + tall[:, :, -2]
    wide += tall
    wide *= np.float32(1 / 9)
    return wide
