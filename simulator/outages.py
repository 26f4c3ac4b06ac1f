"""Which faults a home has, a power cut in a street, and what the faults make true of a home.

Takes seeds, sensors and typical rates; gives faults (`faults.py`) and truth rows for the scorer.
Every fault of every sensor is drawn on its own: one sensor more changes nothing for the others.
"""

from collections.abc import Iterable, Mapping, Sequence
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
)
from simulator.world import Truth

BLIND_S: Final = 180.0
"""A thermal sensor dark for less is no truth. Source: EN 50131 grade 4 (3 min), invariant I7 of the fault
catalogue (research/reliability.md, 2)."""
SILENT_S: Final = 86_400.0
"""An event sensor silent or stuck for less is no truth: homes are quiet for hours, and a `sensor-fault` may
take 24 h to be found (DESIGN section 8)."""
_DRAWN, _STREET = 66, 67  # purposes of draws


def truth(faults: Iterable[Fault], sensors: Mapping[str, str], until_s: float) -> tuple[Truth, ...]:
    """Give what the faults make true of a home whose sensors are name → kind, up to `until_s`.

    `blind`: a thermal sensor dark for at least BLIND_S, alone or with its home. `sensor-fault`: an event
    sensor dead, dark or stuck for at least SILENT_S, or frozen frames for BLIND_S. Onsets are exact; rows of
    one label that overlap are one row, since what is said again of a home before it is over counts once.
    Late, lost, doubled and skewed readings are nobody's fault to report.
    """
    looks = "thermal" in sensors.values()
    spans: dict[str, list[tuple[float, float]]] = {"blind": [], "sensor-fault": []}
    for f in faults:
        match f:
            case GatewayDark():
                label = "blind" if looks else "sensor-fault"
            case Dark() | BatteryDeath() if sensors.get(f.sensor) == "thermal":
                label = "blind"
            case Dark() | BatteryDeath() | Stuck() | FrozenFrames():
                label = "sensor-fault"
            case _:
                continue
        silent = label == "sensor-fault" and not isinstance(f, FrozenFrames)
        if min(f.end_s, until_s) - f.start_s >= (SILENT_S if silent else BLIND_S):
            spans[label].append((f.start_s, min(f.end_s, until_s)))
    rows = [Truth(a, b, label) for label, found in spans.items() for a, b in _merged(found)]
    return tuple(sorted(rows, key=lambda r: (r.start_s, r.label)))


def _merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    out: list[tuple[float, float]] = []
    for a, b in sorted(spans):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], b))
        else:
            out.append((a, b))
    return out


# --- how often -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rates:
    """Faults per device (gateway: per home) and month of 30 days, and how long they last.

    No fleet has published such figures for homes like these. All are judgement, anchored where a source is
    named; meant to be no rarer than what a centre would see.
    """

    battery_deaths: float = 1 / 18
    """A PIR's battery lasts a year or two."""
    stuck: float = 0.02
    frozen: float = 0.05
    """Fault catalogue F20: 20–30 of about 100 units of one fleet failed while looking healthy."""
    dark: float = 0.3
    """Unplugged for the vacuum cleaner, or because it felt like being watched (research/field.md, 2.17)."""
    gateway_dark: float = 0.5
    """1.8–2 % of alarm calls failed even on analogue lines (research/field.md, 1b)."""
    loss: float = 0.5
    duplicates: float = 0.5
    reordering: float = 0.2
    delay: float = 0.5
    clock_skew: float = 0.2


_MONTH_H: Final = 720.0
_LASTS_S: Final[Mapping[str, tuple[float, float]]] = {
    "battery_deaths": (2 * 86_400.0, 0.7),
    "stuck": (3 * 86_400.0, 1.0),
    "frozen": (2 * 3600.0, 1.0),
    "dark": (1200.0, 1.2),
    "gateway_dark": (900.0, 1.2),  # Chiptech's hub tries for an hour before it gives up
    "loss": (3600.0, 0.8),
    "duplicates": (3600.0, 0.8),
    "reordering": (1800.0, 0.8),
    "delay": (1800.0, 0.8),
    "clock_skew": (86_400.0, 1.0),
}
"""Median in seconds and sigma of the logarithm. Judgement."""


def draw_faults(
    seed: int,
    sensors: Mapping[str, str],
    hours: float,
    rates: Rates = Rates(),
) -> tuple[Fault, ...]:
    """Draw the faults of one home whose sensors are name → kind over `hours`, in order of start."""
    out: list[Fault] = []
    for k, name in enumerate(_LASTS_S):
        for sensor, kind in [("", "gateway")] if name == "gateway_dark" else sensors.items():
            rng = np.random.default_rng([seed, _DRAWN, k, *sensor.encode()])
            median_s, sigma = _LASTS_S[name]
            for _ in range(rng.poisson(getattr(rates, name) * hours / _MONTH_H)):
                start_s = float(np.round(rng.uniform(0, hours * 3600.0), 3))
                end_s = start_s + float(np.round(median_s * np.exp(rng.normal(0, sigma)), 3))
                out += _drawn(name, kind, sensor, (start_s, end_s), rng)
    return tuple(sorted(out, key=lambda f: (f.start_s, f.end_s)))


def _drawn(
    name: str, kind: str, sensor: str, span: tuple[float, float], rng: np.random.Generator
) -> Sequence[Fault]:
    thermal = kind == "thermal"
    match name:
        case "battery_deaths":
            return [] if thermal else [BatteryDeath(*span, sensor)]
        case "stuck":  # a jammed motion sensor fires as often as its blind time allows
            return [] if thermal else [Stuck(*span, sensor, 60.0 if kind == "pir" else 600.0)]
        case "frozen":
            return [FrozenFrames(*span, sensor)] if thermal else []
        case "dark":
            return [Dark(*span, sensor)]
        case "gateway_dark":
            return [GatewayDark(*span, power=bool(rng.random() < 0.3))]
        case "loss":  # ablations of 1–10 %: research/detection.md, 4
            return [Loss(*span, float(rng.uniform(0.01, 0.1)), sensor)]
        case "duplicates":
            return [Duplicates(*span, sensor=sensor)]
        case "reordering":
            return [Reordering(*span, sensor=sensor)]
        case "delay":
            return [Delay(*span, float(rng.uniform(5, 300)), bool(rng.random() < 0.3), sensor)]
        case _:  # no battery-backed clock: set late after a boot; or a wrong time zone; or plain drift
            offset_s = float(rng.choice([-86_400.0 * 365, -8 * 3600.0, 3600.0, 40.0, 0.0]))
            return [ClockSkew(*span, offset_s, float(rng.normal(0, 50)), sensor)]


@dataclass(frozen=True, slots=True)
class StreetDark:
    """A power cut in a street: many homes dark within seconds, and back within a minute."""

    start_s: float
    end_s: float
    dark_s: Mapping[str, float]
    """home → when it goes dark; a home that is not in it keeps its power."""
    back_s: Mapping[str, float]
    """home → when it is back."""

    def of_home(self, home: str) -> tuple[Fault, ...]:
        """Give what it means for one home."""
        return (GatewayDark(self.dark_s[home], self.back_s[home]),) if home in self.dark_s else ()


def street(
    seed: int,
    homes: Sequence[str],
    start_s: float,
    lasts_s: float = 1800.0,
    *,
    within_s: float = 10.0,
    back_within_s: float = 60.0,
    spared: Sequence[str] = (),
) -> StreetDark:
    """Cut the power of all `homes` but the spared ones (their gateways run on a battery).

    Source: fault catalogue F35 (500 homes in 10 s) and F36 (all back at once).
    """
    rng = np.random.default_rng([seed, _STREET])
    dark_s = np.round(start_s + within_s * rng.random(len(homes)), 3).tolist()
    back_s = np.round(start_s + lasts_s + back_within_s * rng.random(len(homes)), 3).tolist()
    hit = [i for i, home in enumerate(homes) if home not in spared]
    return StreetDark(
        start_s,
        start_s + lasts_s + back_within_s,
        {homes[i]: dark_s[i] for i in hit},
        {homes[i]: back_s[i] for i in hit},
    )
