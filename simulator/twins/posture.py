"""The obvious way to tell what one track does: one number after the other."""

import math
from collections.abc import Sequence

from detectors.posture import FARTHEST, Doing, Network, PostureParams


def logits_of(net: Network, x: Sequence[float]) -> list[float]:
    """What a network says of one row of inputs."""
    z = [
        min(max((v - c) * s, -FARTHEST), FARTHEST)
        for v, c, s in zip(x, net.centre.tolist(), net.scale.tolist(), strict=True)
    ]
    layer = [
        max(0.0, bias + sum(v * w for v, w in zip(z, column, strict=True)))
        for bias, column in zip(net.hidden_bias.tolist(), net.hidden.T.tolist(), strict=True)
    ]
    return [
        bias + sum(v * w for v, w in zip(layer, column, strict=True))
        for bias, column in zip(net.out_bias.tolist(), net.out.T.tolist(), strict=True)
    ]


def believed_one(
    params: PostureParams,
    belief: Sequence[float],
    logits: Sequence[float],
    dt_s: float | None,
) -> list[float]:
    """The next belief of a track that is there; dt_s None: it begins."""
    says = {d: max(logits[d] - max(logits[: len(Doing)]), -params.clip) for d in Doing}
    even = 1 / len(Doing)
    if dt_s is None:
        prior, weight = [even] * len(Doing), 1.0
    else:
        leave = 1 - math.exp(-dt_s / params.stay_s)
        prior = [p + leave * (even - p) for p in belief]
        weight = min(dt_s / params.renew_s, 1.0)
    after = [p * math.exp(weight * says[d]) for p, d in zip(prior, Doing, strict=True)]
    return [a / sum(after) for a in after]
