"""Writes trace folders in the format of trace.py, whole or home by home.

Takes what trace.py reads; the same content gives the same bytes.
"""

import csv
import gzip
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guardian.trace import (
    FORMAT,
    POSITION_COLUMNS,
    SENSOR_COLUMNS,
    TRUTH_COLUMNS,
    ZONE_COLUMNS,
    Position,
    TraceEvent,
    TraceSensor,
    TruthRow,
    Zone,
)


def write_trace(
    path: Path,
    *,
    name: str,
    timezone: str,
    source: str,
    licence: str,
    sensors: Iterable[TraceSensor],
    frames: Mapping[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int16]]] | None = None,
    events: Mapping[str, Iterable[TraceEvent]] | None = None,
    truth: Mapping[str, Iterable[TruthRow]] | None = None,
    zones: Iterable[Zone] = (),
    notes: str = "",
) -> None:
    """Write a trace into the folder `path` (made when missing); frames are keyed by (home, sensor)."""
    write_head(
        path,
        name=name,
        timezone=timezone,
        source=source,
        licence=licence,
        sensors=sensors,
        zones=zones,
        notes=notes,
    )
    for (home, sensor), (t_ms, centi) in (frames or {}).items():
        write_frames(path, home, sensor, t_ms, centi)
    for home, rows in (events or {}).items():
        write_events(path, home, rows)
    for home, truths in (truth or {}).items():
        write_truth(path, home, truths)


def write_head(
    path: Path,
    *,
    name: str,
    timezone: str,
    source: str,
    licence: str,
    sensors: Iterable[TraceSensor],
    zones: Iterable[Zone] = (),
    notes: str = "",
) -> None:
    """Write what describes a trace: trace.toml, sensors.csv and zones.csv. The homes' files come beside."""
    path.mkdir(parents=True, exist_ok=True)
    meta = {"name": name, "timezone": timezone, "source": source, "licence": licence}
    meta |= {"notes": notes} if notes else {}
    lines = [f"format = {FORMAT}", *(f"{key} = {_quoted(value)}" for key, value in meta.items())]
    (path / "trace.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    cells = [
        (
            s.home,
            s.name,
            s.kind,
            s.room,
            s.rows,
            s.cols,
            s.rate_hz,
            s.mount,
            s.height_m,
            s.fov_deg,
            int(s.outside),
            s.tilt_deg,
            s.yaw_deg,
            s.x_m,
            s.y_m,
        )
        for s in sensors
    ]
    _write(path / "sensors.csv", SENSOR_COLUMNS, cells)
    boxes = [(z.home, z.room, z.name, z.kind, z.x0_m, z.y0_m, z.x1_m, z.y1_m) for z in zones]
    if boxes:
        _write(path / "zones.csv", ZONE_COLUMNS, boxes)


def write_frames(
    path: Path, home: str, sensor: str, t_ms: NDArray[np.int64], centi: NDArray[np.int16]
) -> None:
    """Write one thermal sensor's frames: `t_ms` (N,), `centi` (N, rows, cols). Same arrays, same bytes."""
    (path / "frames").mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path / "frames" / f"{home}.{sensor}.npz", t_ms=t_ms, centi=centi)


def write_events(path: Path, home: str, rows: Iterable[TraceEvent]) -> None:
    """Write one home's events."""
    (path / "events").mkdir(parents=True, exist_ok=True)
    cells = [(e.t_ms, e.sensor, f"{e.value:g}") for e in rows]
    _write(path / "events" / f"{home}.csv.gz", ("t_ms", "sensor", "value"), cells)


def write_truth(path: Path, home: str, rows: Iterable[TruthRow], positions: Iterable[Position] = ()) -> None:
    """Write what truly happened in one home, and where its resident was if that is given."""
    (path / "truth").mkdir(parents=True, exist_ok=True)
    places = [
        (p.t_ms, p.room, *("" if math.isnan(v) else f"{v:.3f}" for v in (p.x_m, p.y_m))) for p in positions
    ]
    if places:
        _write(path / "truth" / f"{home}.position.csv", POSITION_COLUMNS, places)
    cells = [(r.start_ms, r.end_ms, r.label, r.subject) for r in rows]
    _write(path / "truth" / f"{home}.csv", TRUTH_COLUMNS, cells)


def _quoted(text: str) -> str:
    """TOML basic string."""
    escaped = "".join(f"\\u{ord(c):04x}" if c in '"\\' or ord(c) < 32 or ord(c) == 127 else c for c in text)
    return f'"{escaped}"'


def _write(file: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    raw = text.getvalue().encode("utf-8")
    fresh = file.with_name(file.name + ".new")  # a full disk or a kill leaves no half file that looks whole
    fresh.write_bytes(gzip.compress(raw, mtime=0) if file.suffix == ".gz" else raw)
    fresh.replace(file)
