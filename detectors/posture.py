"""From the shape of a patch over time to what somebody does: up, sits, is low, lies, and whether they fell.

Takes sizes (geometry.py) averaged over times (tracks.py); gives log-odds by a small network whose weights
come from simulated frames only (`guardian train posture`), and a belief that a forward filter keeps for each
track, with what is known of the furniture. Never decides (fall.py does).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from detectors.background import F32, SMOOTH_FROM, Bools
from detectors.frame import Optics
from detectors.geometry import Patches, Shapes
from detectors.tracks import BANK_S, Tracks
from detectors.zones import AWAY

MODELS: Final = Path(__file__).parent / "models"
UNSCALED: Final = "unscaled"
COARSE_PX: Final = 128
"""Arrays of fewer pixels are coarse (8x8), of fewer than SMOOTH_FROM middle (12x16), else fine."""
FARTHEST: Final = 8.0
"""Standard deviations; an input further out counts as that far."""


class Doing(IntEnum):
    """What a track does; the order of the network's outputs."""

    UP = 0
    """Standing or walking."""
    SITTING = 1
    LOW = 2
    """Kneeling, on all fours, sitting on the floor, deeply bent, crawling, on the way down."""
    LYING = 3
    """On the floor."""
    RAISED = 4
    """Lying on furniture."""
    THING = 5
    """No person: a pet, a lamp, the sun, warmth that somebody left."""


NUMBERS: Final = (
    "log_along", "log_across", "log_wide", "log_tall", "reach", "log_area", "fill", "core", "log_snr", "rim",
    "tip", "side", "top", "middle", "speed", "log_peak", "log_heat",
)  # fmt: skip
"""What is averaged for every track. Lengths in metres. The last two are used as changes only: how warm
somebody looks depends on clothes and room, how it changes on what they do."""
ABSOLUTE: Final = len(NUMBERS) - 2
AT_HOME: Final = (*AWAY, "warmer", "flutter_area", "flutter_along")
"""Averaged too, for arrays that have been told metres: how far the furniture is; how much warmer it is than
who walks there (logarithm); how far size and length are from their own averages."""
BANKED: Final = len(NUMBERS) + len(AT_HOME)
FLUTTER: Final = [NUMBERS.index("log_area"), NUMBERS.index("log_along")]
STEADY: Final = BANK_S.index(1.0)
"""Which average they are compared with."""
PLAIN: Final = ABSOLUTE + (len(BANK_S) - 1) * len(NUMBERS) + 1
"""Inputs of NUMBERS alone; all that weights see that have never been told metres."""
INPUTS: Final = PLAIN + len(BANK_S) * len(AT_HOME) + 1


@dataclass(frozen=True, slots=True)
class PostureParams:
    """Table [posture] of config/detectors.toml."""

    clip: float
    renew_s: float
    stay_s: float


@dataclass(frozen=True, slots=True)
class Network:
    """One hidden layer; weights of one kind of array on one kind of mount."""

    centre: F32
    """(D,) taken off the inputs."""
    scale: F32
    """(D,) multiplied then."""
    hidden: F32
    """(D, H)."""
    hidden_bias: F32
    out: F32
    """(H, len(Doing) + 1): one logit each, then the log-odds that a fall is just over."""
    out_bias: F32

    def __call__(self, x: F32) -> F32:
        """(L, len(Doing) + 1) logits of the first D inputs; every row's result is that of the row alone."""
        z = (x[:, : len(self.centre)] - self.centre) * self.scale
        np.clip(z, -FARTHEST, FARTHEST, out=z)
        # a product a row: what BLAS makes of one among many depends on where it stands among them
        layer = np.matmul(z[:, np.newaxis], self.hidden) + self.hidden_bias
        np.maximum(layer, layer.dtype.type(0), out=layer)
        return np.asarray((np.matmul(layer, self.out) + self.out_bias)[:, 0])


def tier(rows: int, cols: int) -> str:
    """Which weights an array of that many pixels uses."""
    pixels = rows * cols
    return "coarse" if pixels < COARSE_PX else "middle" if pixels < SMOOTH_FROM else "fine"


def shipped(optics: Optics) -> dict[str, Network]:
    """The shipped weights by mount, for the mounts that there are.

    Fine arrays on a ceiling whose field of view is unknown have weights of their own (`unscaled`), which have
    never been told metres.
    """
    kind = tier(optics.rows, optics.cols)
    some = {
        mount: network(mount, kind)
        for mount, there in (("ceiling", ~optics.wall), ("wall", optics.wall))
        if there.any()
    }
    if kind == "fine" and (~optics.wall & np.isnan(optics.fov_deg)).any():
        some[UNSCALED] = network("ceiling", UNSCALED)
    return some


@cache
def network(mount: str, kind: str) -> Network:
    """The shipped weights for `mount` (ceiling, wall) and tier `kind`; OSError where there are none."""
    with np.load(MODELS / f"{mount}-{kind}.npz", allow_pickle=False) as file:
        return Network(*(file[name] for name in Network.__dataclass_fields__))


def numbers(p: Patches, shape: Shapes, speed_m_s: F32) -> F32:
    """(L, len(NUMBERS)) of patches and what they measure."""

    def log(values: F32, least: float) -> F32:
        return np.asarray(np.log(np.maximum(values, np.float32(least))))

    peak = np.maximum(p.peak_k, np.float32(1e-3))
    area: F32 = np.maximum(p.area_px, np.float32(1))
    columns = (
        log(shape.along_m, 0.05),
        log(shape.across_m, 0.05),
        log(shape.wide_m, 0.05),
        log(shape.tall_m, 0.05),
        np.minimum(shape.reach, np.float32(3)),
        log(shape.area_m2, 0.01),
        p.heat_k / (area * peak),
        p.core_px / area,
        np.minimum(log(p.peak_k / p.sigma_k, 1.0), np.float32(4)),
        p.rim,
        shape.tip_m,
        shape.side_m,
        np.clip(shape.top_m, 0, np.float32(2.5)),
        np.clip(shape.middle_m, 0, np.float32(2.0)),
        np.minimum(speed_m_s, np.float32(2)),
        np.log(peak),
        log(p.heat_k / area * shape.area_m2, 1e-3),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def at_home(now: F32, steady: F32, tracks: Tracks, away: F32, warmer: F32) -> F32:
    """(L, len(AT_HOME)) of NUMBERS `now` (L, len(NUMBERS)), their averages STEADY (L, BANKED), and the rest
    as it is.
    """
    flutter = np.abs(now[:, FLUTTER] - steady[:, FLUTTER])
    flutter = np.where(tracks.begun[:, None], np.float32(0), np.minimum(flutter, np.float32(1)))
    return np.concatenate([away, warmer[:, None], flutter], axis=1)


def inputs(bank: F32, age_s: F32, known: Bools) -> F32:
    """(L, INPUTS) what the network sees of averages (L, len(BANK_S), BANKED): the newest, and the changes.

    known (L,): whether it is known where the furniture stands, and where they are.
    """
    n = len(bank)
    steps = bank[:, :-1] - bank[:, 1:]
    age = np.log1p(np.minimum(age_s, np.float32(20)))
    pairs = len(BANK_S) - 1
    own = steps[:, :, : len(NUMBERS)].reshape(n, pairs * len(NUMBERS))
    away = steps[:, :, len(NUMBERS) :].reshape(n, pairs * len(AT_HOME))
    return np.concatenate(
        [bank[:, 0, :ABSOLUTE], own, age[:, None], bank[:, 0, len(NUMBERS) :], away, known[:, None]], axis=1
    ).astype(np.float32, copy=False)


def believed(params: PostureParams, belief: F32, tracks: Tracks, logits: F32) -> F32:
    """(L, len(Doing)) the next belief, by a forward filter.

    belief: the last one (L, len(Doing)); logits (L, len(Doing)) of this frame. Frames that
    follow each other say nearly the same: the evidence of a frame counts by its share of `renew_s`.
    """
    limit = np.float32(params.clip)
    frame = logits[:, : len(Doing)] - logits[:, : len(Doing)].max(axis=1, keepdims=True)
    frame = np.maximum(frame, -limit)
    dt = np.where(tracks.begun, np.float32(params.renew_s), tracks.dt_s)[:, None]
    weight = np.minimum(dt / np.float32(params.renew_s), np.float32(1))
    leave = -np.expm1(-dt / np.float32(params.stay_s))
    prior = np.where(tracks.begun[:, None], np.float32(1 / len(Doing)), belief)
    prior = prior + leave * (np.float32(1 / len(Doing)) - prior)
    after = prior * np.exp(weight * frame)
    after /= after.sum(axis=1, keepdims=True)
    return np.where(tracks.there[:, None], after, belief).astype(np.float32)


def saved(path: Path, net: Network, provenance: Mapping[str, str]) -> None:
    """Write weights with where they come from, byte for byte the same each time."""
    arrays = {name: getattr(net, name) for name in Network.__dataclass_fields__}
    notes = {name: np.array(text) for name, text in provenance.items()}
    with path.open("wb") as file:
        np.savez(file, **arrays, **notes)  # type: ignore[arg-type]  # numpy's stub has a flag of that kind
