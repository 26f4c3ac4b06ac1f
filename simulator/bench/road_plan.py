"""What one run of the road bench is made of, as its processes tell each other: homes, rates, bursts.

Takes numbers, gives sensors, topics and the homes' sensors as the roster would name them. Never measures.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from guardian.slab import SensorSpec
from simulator.bench.road_film import Cast, Film, sensor

SITE: Final = "bench"
TICK_S: Final = 0.05
"""The load is sent in so many pieces: a fifth of the homes each time at 4 Hz."""
SETTLE_S: Final = 2.0
"""Of load before anything is measured: connections, first beats."""
AMBIENT: Final = (
    ("move", "pir", "living-room"),
    ("bath", "pir", "bathroom"),
    ("door", "door", "hall"),
    ("warmth", "temperature", "living-room"),
    ("damp", "humidity", "living-room"),
    ("kettle", "plug", "kitchen"),
)


def resident_kb(process: int | str = "self") -> int:
    """Memory of a process, kB."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def open_files(process: int) -> int:
    """How many files, sockets and pipes a process has open."""
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


class Plan(msgspec.Struct, frozen=True):
    """One run."""

    folder: str
    """Where the ledger is made."""
    film: str
    """File of the pictures."""
    homes: int
    falls: int
    seconds: float
    """Measured."""
    seed: int
    ambient: int = 6
    """Event sensors in each home."""
    event_every_s: float = 60.0
    """Between two events of one sensor."""
    lived: float = 0.25
    """Share of the homes with somebody in view."""
    connections: int = 16
    """Of the load generator to the broker, for frames; events have one of their own."""
    burst: float = 1.0
    """So many times the usual frames and events …"""
    burst_s: float = 0.0
    """… for so long, from the beginning of what is measured."""
    calm_s: float = 0.0
    """After the burst the usual load goes on for so long."""
    fall_s: tuple[float, float] = (0.0, 0.0)
    """First and last fall, s after the beginning of what is measured."""

    def cast(self, film: Film) -> Cast:
        """Who plays what."""
        first, last = (round((SETTLE_S + s) * film.rate_hz) for s in self.fall_s)
        return Cast.of(film, self.homes, self.falls, (first, last), lived=self.lived, seed=self.seed)

    def rate_at(self, s: float) -> float:
        """How many times the usual load is sent at `s` after the beginning of the load."""
        return self.burst if SETTLE_S <= s < SETTLE_S + self.burst_s else 1.0

    def sensors(self, film: Film, homes: int | None = None) -> list[SensorSpec]:
        """Give the roster's rows of the first `homes` homes (None: of all)."""
        camera = film.rate_hz, film.height_m, film.fov_deg
        out = []
        for h in range(self.homes if homes is None else homes):
            out.append(sensor(home(h), film.shape, camera))
            out += [
                SensorSpec(home(h), name, kind, room, outside=kind == "door")
                for name, kind, room in ambient(self.ambient)
            ]
        return out


def home(h: int) -> str:
    """Name of the h-th home."""
    return f"h{h:05d}"


def ambient(many: int) -> Sequence[tuple[str, str, str]]:
    """Name, kind and room of a home's event sensors."""
    return [
        (name if k < len(AMBIENT) else f"{name}-{k}", kind, room)
        for k in range(many)
        for name, kind, room in (AMBIENT[k % len(AMBIENT)],)
    ]


def value(kind: str, turn: int) -> float:
    """What a sensor says the `turn`-th time."""
    return {"pir": 1, "door": turn % 2, "temperature": 21 + turn % 3 / 10, "humidity": 45 + turn % 2}.get(
        kind, 0
    )
