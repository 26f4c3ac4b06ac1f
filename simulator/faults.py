"""What goes wrong between a device and Guardian: batteries, stuck values, networks, clocks, power cuts.

Nouns only: each fault says from when to when it lasts, of which sensor, and how bad it is. What it does to
readings is told by `delivery`; which faults a home has is drawn in `outages`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

# --- the faults; times are seconds since the home's start, `sensor` "" = every sensor of the home --------


@dataclass(frozen=True, slots=True)
class BatteryDeath:
    """The battery fades (brown-outs lose readings and reboot the device), is dead, is changed at the end."""

    start_s: float
    end_s: float
    sensor: str
    fading_s: float = 6 * 3600.0
    """Before the death; the share of lost readings rises from none to a half."""
    reboots: int = 3
    """While fading."""

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s, fading_s=self.fading_s, reboots=self.reboots)


@dataclass(frozen=True, slots=True)
class Stuck:
    """An event sensor repeats its last value with fresh stamps, whatever happens in the home."""

    start_s: float
    end_s: float
    sensor: str
    repeat_s: float = 600.0
    """Between two repeats."""

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s, repeat_s=self.repeat_s - 1.0)  # at least a second


@dataclass(frozen=True, slots=True)
class FrozenFrames:
    """A thermal sensor repeats its last frame bit by bit; times and sequence go on."""

    start_s: float
    end_s: float
    sensor: str

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s)


@dataclass(frozen=True, slots=True)
class Dark:
    """One sensor has no power: nothing is made; afterwards it is a new boot."""

    start_s: float
    end_s: float
    sensor: str

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s)


@dataclass(frozen=True, slots=True)
class GatewayDark:
    """Nothing of the home arrives.

    `power` out: mains-powered thermal sensors are off and boot afterwards, what battery devices say is lost.
    Otherwise only the line is down: frames (QoS 0) are lost, events (QoS 1) come as a backlog afterwards.
    """

    start_s: float
    end_s: float
    power: bool = True

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s)


@dataclass(frozen=True, slots=True)
class Loss:
    """A share of the readings is lost on the way."""

    start_s: float
    end_s: float
    share: float
    sensor: str = ""

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s, share=self.share, rest=1.0 - self.share)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """A share of the readings comes again, as they were, up to `most` times each."""

    start_s: float
    end_s: float
    share: float = 0.2
    most: int = 4
    within_s: float = 20.0
    """A copy follows its original within this; clients repeat after 5–20 s without PUBACK (judgement)."""
    sensor: str = ""

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s, share=self.share, rest=1.0 - self.share, most=self.most - 1)


@dataclass(frozen=True, slots=True)
class Reordering:
    """Readings overtake each other by up to `spread_s`."""

    start_s: float
    end_s: float
    spread_s: float = 60.0
    """Source: fault catalogue F6 (permute within 60 s)."""
    sensor: str = ""

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s, spread_s=self.spread_s)


@dataclass(frozen=True, slots=True)
class Delay:
    """Readings come late and in order: by 0.5 to 1.5 `delay_s`, or as one `backlog` after the end."""

    start_s: float
    end_s: float
    delay_s: float = 120.0
    backlog: bool = False
    sensor: str = ""

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s, delay_s=self.delay_s)


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """The device's clock is off by `offset_s`, and drifts away further by `drift_ppm` until it is set."""

    start_s: float
    end_s: float
    offset_s: float
    drift_ppm: float = 0.0
    sensor: str = ""

    def __post_init__(self) -> None:
        _check(self.start_s, self.end_s)


Fault = (
    BatteryDeath
    | Stuck
    | FrozenFrames
    | Dark
    | GatewayDark
    | Loss
    | Duplicates
    | Reordering
    | Delay
    | ClockSkew
)
"""A fault of one home."""


def of_sensor(faults: Iterable[Fault], sensor: str) -> tuple[Fault, ...]:
    """Give the faults that concern one sensor of the home."""
    return tuple(f for f in faults if isinstance(f, GatewayDark) or f.sensor in {"", sensor})


def _check(start_s: float, end_s: float, **at_least_0: float) -> None:
    if not 0 <= start_s < math.inf or not end_s >= start_s:
        raise ValueError(f"a fault from {start_s} s to {end_s} s")
    for name, value in at_least_0.items():
        if not value >= 0:
            raise ValueError(f"a fault with {name} {value}")
