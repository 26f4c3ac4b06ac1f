"""What the homes of the road bench show: rooms that are drawn once, who plays which, and who falls when.

Takes a kind of array and a seed, gives a `Film` (a few rooms, empty and lived in, and a few falls) and a
`Cast` that says for every home and turn which picture it shows. The stories of falls are those that the
detectors find when nothing else is on the road: this bench measures how soon, not how well. A turn is one
frame of every home.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, cast

import numpy as np
from numpy.typing import NDArray

from alerting.concern import Kind
from detectors.zones import Box
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.settings import CONFIG, load
from guardian.wire.native import pack_frame
from simulator import stage
from simulator.bench.footage import footage
from simulator.cameras import PRESETS
from simulator.world import F32, I16

Ints = NDArray[np.int64]

EMPTY_S: Final = 45.0  # at first nobody is there, so that the room is learnt
WARM_S: Final = 60.0  # what homes show before anything is measured
SKIP_S: Final = 2.0  # arrays that average climb from zero for 1.2 s after power-on
FALL_S: Final = 25.0  # in its story, a fall begins about then
STORY_S: Final = 50.0
LIES_S: Final = 8.0  # when a story is over, its last seconds are played to and fro
SOON_S: Final = 3.0  # from the end of the fall to the first suspicion of a story that is kept
WANTED: Final = frozenset({Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED})
TRIES: Final = 10  # stories drawn for each that is wanted
START_MS: Final = 1_767_225_600_000  # 2026-01-01 00:00 UTC


@dataclass(frozen=True, slots=True)
class Film:
    """R rooms of L frames, each empty and lived in, and S stories of K frames; pixels in centi-°C."""

    rate_hz: float
    height_m: float
    fov_deg: float
    empty: I16
    """(R, L, rows, cols)."""
    lived: I16
    """(R, L, rows, cols)."""
    stories: I16
    """(S, K, rows, cols) nobody, somebody comes in, falls and lies there."""
    falls: Ints
    """(S,) turn of each story at which the body is at rest."""
    boxes: F32
    """(R + S, 2, 4) chair and bed of each room, then of each story's; metres from below the array."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.empty.shape[2], self.empty.shape[3]

    def save(self, file: Path) -> None:
        """Write it for the other processes."""
        np.savez(file, **{name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` has written."""
        with np.load(file) as held:
            told = {name: held[name] for name in held.files}
        rate_hz, height_m, fov_deg = (float(told.pop(name)) for name in ("rate_hz", "height_m", "fov_deg"))
        return cls(rate_hz, height_m, fov_deg, **told)

    def pictures(self) -> I16:
        """(R·L + R·L + S·K, rows, cols) all of it, in the order of `Cast.shown`."""
        return np.concatenate(
            [part.reshape(-1, *self.shape) for part in (self.empty, self.lived, self.stories)]
        )


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays what. Arrays (H,), one home each; turn 0 is the first one that is sent over the road."""

    film: Film
    room: Ints
    phase: Ints
    lived: NDArray[np.bool_]
    """Somebody is in view."""
    story: Ints
    """−1: nobody falls there."""
    falls_at: Ints
    """Turn at which who falls is at rest."""

    @classmethod
    def of(
        cls, film: Film, homes: int, falls: int, turns: tuple[int, int], *, lived: float, seed: int
    ) -> Self:
        """Draw it: `falls` homes with a fall, spread over the turns from … to; `lived` is a share."""
        rng = np.random.default_rng([seed, homes])
        rooms, length = film.empty.shape[:2]
        story, falls_at = np.full(homes, -1, np.int64), np.zeros(homes, np.int64)
        fallen = rng.permutation(homes)[:falls]
        story[fallen] = np.arange(falls) % len(film.falls)
        falls_at[fallen] = np.linspace(*turns, falls).round()
        return cls(
            film,
            rng.integers(0, rooms, homes),
            rng.integers(0, 2 * length, homes),
            rng.random(homes) < lived,
            story,
            falls_at,
        )

    @property
    def fallen(self) -> Ints:
        """Homes with a fall."""
        return np.flatnonzero(self.story >= 0)

    def boxes(self, home: int) -> tuple[tuple[str, Box], ...]:
        """Kind and box of what stands in a home."""
        story, rooms = int(self.story[home]), len(self.film.empty)
        chair, bed = self.film.boxes[int(self.room[home]) if story < 0 else rooms + story].tolist()
        return ("chair", tuple(chair)), ("bed", tuple(bed))

    def shown(self, homes: Ints, turns: Ints) -> Ints:
        """(N,) rows of `Film.pictures` that these homes show at these turns."""
        film = self.film
        rooms, length = film.empty.shape[:2]
        warm = turns < round((EMPTY_S - WARM_S) * film.rate_hz)
        at = _to_and_fro(turns + self.phase[homes], length)
        row: Ints = (self.room[homes] + rooms * (self.lived[homes] & ~warm)) * length + at
        of_story = np.flatnonzero(self.story[homes] >= 0)
        if len(of_story):
            there = homes[of_story]
            story, long = self.story[there], film.stories.shape[1]
            k = turns[of_story] - self.falls_at[there] + film.falls[story]
            lies = round(LIES_S * film.rate_hz)
            k = np.where(k < 0, _to_and_fro(k, round(SKIP_S * film.rate_hz)), k)
            k = np.where(k >= long, long - lies + _to_and_fro(k - long, lies), k)
            row[of_story] = 2 * rooms * length + story * long + k
        return row


def _to_and_fro(k: Ints, length: int) -> Ints:
    return cast("Ints", length - 1 - np.abs(length - 1 - k % (2 * (length - 1))))


def film(
    array: str,
    seed: int,
    *,
    rooms: int = 16,
    stories: int = 8,
    tries: int = TRIES,
    wanted: frozenset[Kind] = WANTED,
) -> Film:
    """Draw it. ValueError: of `tries` falls a story, the detectors find too few.

    wanted: kinds of finding that a story is kept for; it must have all.
    """
    played = footage(array, seed, rooms)
    skipped = round(SKIP_S * played.rate_hz)
    drawn: list[_Story] = []
    found: list[_Story] = []
    for k in range(tries * stories):
        own = int(np.random.SeedSequence([seed, 0xFA11, k]).generate_state(1)[0])
        motion = stage.script(own, "fall", STORY_S + SKIP_S, FALL_S + SKIP_S)
        home = stage.simulated_home("h", PRESETS[array](own), motion, stage.room(own), STORY_S + SKIP_S)
        end_s = next(t.end_s for t in motion.truth if t.label.startswith("fall"))
        at_rest = round(end_s * played.rate_hz) - skipped
        drawn.append(_Story(home.centi[skipped:], at_rest, home.furniture))
        if len(drawn) == 2 * stories or k == tries * stories - 1:
            found += _found(drawn, array, played.rate_hz, wanted)
            drawn.clear()
            if len(found) >= stories:
                break
    if len(found) < stories:
        raise ValueError(f"{array}: of {tries * stories} falls the detectors find {len(found)}")
    found = found[:stories]
    boxes = [dict(of) for of in (*played.furniture, *(s.furniture for s in found))]
    return Film(
        played.rate_hz,
        played.height_m,
        played.fov_deg,
        played.empty,
        played.lived,
        np.stack([s.centi for s in found]),
        np.array([s.at_rest for s in found], np.int64),
        np.array([[of["chair"], of["bed"]] for of in boxes], np.float32),
    )


def sensor(home: str, shape: tuple[int, int], camera: tuple[float, float, float]) -> SensorSpec:
    """Give the roster's row of a home's array; camera: rate in Hz, height in m, field of view in degrees."""
    rate_hz, height_m, fov_deg = camera
    return SensorSpec(home, "cam", "thermal", "living-room", *shape, rate_hz, "ceiling", height_m, fov_deg)


@dataclass(frozen=True, slots=True, eq=False)
class _Story:
    centi: I16
    at_rest: int
    furniture: tuple[tuple[str, Box], ...]


def _found(stories: list[_Story], array: str, rate_hz: float, wanted: frozenset[Kind]) -> list[_Story]:
    """Those in which the detectors find all that is wanted, and suspect the fall alone, within SOON_S."""
    camera, shape = PRESETS[array](0), stories[0].centi.shape[1:]
    names = [f"h{k}" for k in range(len(stories))]
    told = rate_hz, camera.height_m, camera.fov_deg
    board = Board("film", [sensor(name, (shape[0], shape[1]), told) for name in names])
    furniture = {(n, "living-room"): s.furniture for n, s in zip(names, stories, strict=True)}
    lookout = Lookout(board, load(CONFIG / "guardian.toml").detectors, furniture)
    before = round(WARM_S * rate_hz)
    at = np.concatenate(
        [_to_and_fro(np.arange(before), round(SKIP_S * rate_hz)), np.arange(len(stories[0].centi))]
    )
    first: dict[str, dict[Kind, int]] = {name: {} for name in names}
    for turn, k in enumerate(at.tolist()):
        now_ms = START_MS + round(turn * 1000 / rate_hz)
        for name, story in zip(names, stories, strict=True):
            board.frame(f"guardian/film/{name}/cam/frame", pack_frame(story.centi[k]), now_ms)
        for concern in (c for found in lookout.look(now_ms) for c in found):
            first[concern.home].setdefault(concern.kind, turn - before)
    soon = round(SOON_S * rate_hz)
    return [
        s
        for s, kinds in zip(stories, first.values(), strict=True)
        if set(kinds) >= wanted and abs(kinds.get(Kind.FALL_SUSPECTED, s.at_rest) - s.at_rest) <= soon
    ]
