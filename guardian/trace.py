"""The trace folder: recorded or simulated homes on disk (format 1).

Takes a folder, gives sensors, frames, events and truth of its homes; trace_writer.py writes one. All
problems of a folder are named at once; keys, columns and files that are not known are ignored, and
`frames/`, `events/` and `truth/` may each be missing. Frames and events are read only when asked for.
"""

import csv
import gzip
import math
import tomllib
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

FORMAT: Final = 1
MOST_SIDE: Final = 1024
"""Pixels; no thermal array has so many on one side."""
MOST_NAME: Final = 100
"""Bytes of a home's and of a sensor's name: together they are the name of a file, which has 255."""
MOST_WHOLE: Final = 1 << 53
"""Whole numbers (ms since 1970, pixels) are below this, which is beyond the year 285,000."""
SENSOR_COLUMNS: Final = (
    "home",
    "sensor",
    "kind",
    "room",
    "rows",
    "cols",
    "rate_hz",
    "mount",
    "height_m",
    "fov_deg",
    "outside",
    "tilt_deg",
    "yaw_deg",
    "x_m",
    "y_m",
)
MOST_SAID: Final = 200
"""Characters of a library's words about a damaged file."""
POSITION_COLUMNS: Final = ("t_ms", "room", "x_m", "y_m")
TRUTH_COLUMNS: Final = ("start_ms", "end_ms", "label", "subject")
ZONE_COLUMNS: Final = ("home", "room", "zone", "kind", "x0_m", "y0_m", "x1_m", "y1_m")


class TraceError(Exception):
    """A trace that cannot be used; one line a problem."""

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        self.path, self.problems = path, tuple(problems)
        super().__init__(f"{path}: " + "; ".join(self.problems))

    def __reduce__(self) -> tuple[type["TraceError"], tuple[Path, tuple[str, ...]]]:
        """Come back whole from a worker process."""
        return TraceError, (self.path, self.problems)


@dataclass(frozen=True, slots=True)
class TraceSensor:
    """One line of sensors.csv; None = blank."""

    home: str
    name: str
    kind: str
    room: str
    rows: int | None
    cols: int | None
    rate_hz: float | None
    mount: str | None
    height_m: float | None
    fov_deg: float | None
    outside: bool = False
    tilt_deg: float | None = None
    """How far a wall sensor looks down from the horizon."""
    yaw_deg: float | None = None
    """Where it looks (wall) or how its columns lie (ceiling), from the room's x axis."""
    x_m: float | None = None
    """Its foot in the room's coordinates; blank = the origin."""
    y_m: float | None = None


@dataclass(frozen=True, slots=True)
class TruthRow:
    """What truly happened, ms since 1970."""

    start_ms: int
    end_ms: int
    label: str
    subject: str


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One line of events/<home>.csv.gz."""

    t_ms: int
    sensor: str
    value: float


@dataclass(frozen=True, slots=True)
class Position:
    """One line of truth/<home>.position.csv: where the resident truly was."""

    t_ms: int
    room: str
    """Blank = not at home."""
    x_m: float
    """In the room's coordinates; NaN where blank."""
    y_m: float


@dataclass(frozen=True, slots=True)
class Zone:
    """One line of zones.csv, metres in the room's coordinates (from below its ceiling sensor)."""

    home: str
    room: str
    name: str
    kind: str
    x0_m: float
    y0_m: float
    x1_m: float
    y1_m: float


@dataclass(frozen=True, slots=True)
class Trace:
    """An opened trace; frames, events and truth are read when asked for."""

    path: Path
    name: str
    timezone: str
    source: str
    licence: str
    sensors: tuple[TraceSensor, ...]
    zones: tuple[Zone, ...]
    notes: str = ""

    @classmethod
    def open(cls, path: Path) -> "Trace":
        """Read trace.toml, sensors.csv and zones.csv, look at the rest; TraceError lists all problems."""
        problems: list[str] = []
        meta = _meta(path, problems)
        sensors = tuple(_sensors(path / "sensors.csv", problems))
        zones = tuple(_zones(path / "zones.csv", problems))
        for s in sensors:
            file = path / "frames" / f"{s.home}.{s.name}.npz"
            broken = s.kind == "thermal" and file.exists() and not zipfile.is_zipfile(file)
            problems += [f"frames/{file.name}: not an .npz file"] if broken else []
        if problems:
            raise TraceError(path, problems)
        return cls(
            path,
            meta["name"],
            meta["timezone"],
            str(meta.get("source", "")),
            str(meta.get("licence", "")),
            sensors,
            zones,
            str(meta.get("notes", "")),
        )

    @property
    def homes(self) -> tuple[str, ...]:
        """Homes in the order of sensors.csv."""
        return tuple(dict.fromkeys(s.home for s in self.sensors))

    def frames(self, home: str, sensor: str) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
        """`t_ms` (N,) and `centi` (N, rows, cols) of one thermal sensor; empty without a file. TraceError."""
        spec = next((s for s in self.sensors if (s.home, s.name) == (home, sensor)), None)
        if spec is None or spec.rows is None or spec.cols is None:
            raise TraceError(self.path, [f"no thermal sensor {sensor} in home {home}"])
        file = self.path / "frames" / f"{home}.{sensor}.npz"
        if not file.exists():
            return np.zeros(0, np.int64), np.zeros((0, spec.rows, spec.cols), np.int16)
        try:
            with file.open("rb") as raw, np.load(raw, allow_pickle=False) as arrays:
                t_ms, centi = arrays["t_ms"], arrays["centi"]
        except Exception as error:  # what zipfile, zlib, ast, tokenize and numpy raise for damaged files
            raise TraceError(self.path, [f"frames/{file.name}: {str(error)[:MOST_SAID]}"]) from error
        wrong = []
        if t_ms.dtype != np.int64 or t_ms.ndim != 1:
            wrong.append(f"t_ms is {t_ms.dtype} {t_ms.shape}, not int64 (N,)")
        elif (np.diff(t_ms) < 0).any():
            wrong.append("t_ms goes back")
        if centi.dtype != np.int16 or centi.shape != (len(t_ms), spec.rows, spec.cols):
            expected = f"int16 ({len(t_ms)}, {spec.rows}, {spec.cols})"
            wrong.append(f"centi is {centi.dtype} {centi.shape}, not {expected}")
        if wrong:
            raise TraceError(self.path, [f"frames/{file.name}: {w}" for w in wrong])
        return t_ms, centi

    def events(self, home: str) -> list[TraceEvent]:
        """Events of one home in order of time; TraceError lists all bad lines."""
        file = self.path / "events" / f"{home}.csv.gz"
        problems: list[str] = []
        rows = _table(file, ("t_ms", "sensor", "value"), problems)
        out = []
        for line, row in rows:
            t_ms = _whole(row, "t_ms", file, line, problems)
            value = _real(row, "value", file, line, problems)
            if t_ms is not None and value is not None:
                out.append(TraceEvent(t_ms, row["sensor"], value))
        if problems:
            raise TraceError(self.path, problems)
        return sorted(out, key=lambda e: e.t_ms)

    def truth(self, home: str) -> list[TruthRow]:
        """What truly happened in one home, in order of start; empty when nothing is written. TraceError."""
        file = self.path / "truth" / f"{home}.csv"
        problems: list[str] = []
        out = []
        for line, row in _table(file, ("start_ms", "end_ms", "label"), problems):
            start = _whole(row, "start_ms", file, line, problems)
            end = _whole(row, "end_ms", file, line, problems)
            if start is not None and end is not None:
                if end < start:
                    problems.append(f"{file.name}:{line}: end_ms before start_ms")
                out.append(TruthRow(start, end, row["label"], row.get("subject") or ""))
        if problems:
            raise TraceError(self.path, problems)
        return sorted(out, key=lambda r: (r.start_ms, r.end_ms))

    def positions(self, home: str) -> list[Position]:
        """Where the resident of one home truly was, in order of time; empty when not written. TraceError."""
        file = self.path / "truth" / f"{home}.position.csv"
        problems: list[str] = []
        out = []
        for line, row in _table(file, POSITION_COLUMNS, problems):
            t_ms = _whole(row, "t_ms", file, line, problems)
            x, y = (_real(row, c, file, line, problems) if row[c] else math.nan for c in POSITION_COLUMNS[2:])
            if t_ms is not None and x is not None and y is not None:
                out.append(Position(t_ms, row["room"], x, y))
        if problems:
            raise TraceError(self.path, problems)
        return sorted(out, key=lambda p: p.t_ms)


def _meta(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        meta = tomllib.loads((path / "trace.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append("trace.toml: missing")
        return {}
    except (ValueError, RecursionError, OSError) as error:
        problems.append(f"trace.toml: {error}")
        return {}
    if meta.get("format", FORMAT) != FORMAT:
        problems.append(f"trace.toml: format is {meta['format']!r}, this reader knows {FORMAT}")
    texts = [key for key in ("name", "timezone") if isinstance(meta.get(key), str) and meta[key]]
    problems += [f"trace.toml: {k}: missing or not a text" for k in ("name", "timezone") if k not in texts]
    zone = meta.get("timezone")
    if isinstance(zone, str) and zone:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            problems.append(f"trace.toml: timezone: {zone!r} is not known")
    return meta


def _table(file: Path, needed: tuple[str, ...], problems: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Lines (number, cells) of a CSV file; nothing when it is missing."""
    if not file.exists():
        return []
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
        reader = csv.DictReader(text.splitlines())
        columns, rows = reader.fieldnames or (), list(reader)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        problems.append(f"{file.name}: {error}")
        return []
    missing = [c for c in needed if c not in columns]
    if missing:
        problems.append(f"{file.name}: column missing: {', '.join(missing)}")
        return []
    return [
        (k, {c: v or "" for c, v in row.items() if isinstance(c, str)}) for k, row in enumerate(rows, start=2)
    ]


def _whole(row: dict[str, str], column: str, file: Path, line: int, problems: list[str]) -> int | None:
    try:
        value = int(row[column])
    except ValueError:
        value = MOST_WHOLE
    if abs(value) < MOST_WHOLE:
        return value
    problems.append(f"{file.name}:{line}: {column}: {row[column][:MOST_SAID]!r} is not a whole number")
    return None


def _real(row: dict[str, str], column: str, file: Path, line: int, problems: list[str]) -> float | None:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    problems.append(f"{file.name}:{line}: {column}: {row[column]!r} is not a number")
    return None


def _sensors(file: Path, problems: list[str]) -> list[TraceSensor]:
    if not file.exists():
        problems.append("sensors.csv: missing")
        return []
    out: list[TraceSensor] = []
    for line, row in _table(file, ("home", "sensor", "kind", "room"), problems):

        def whole(column: str, row: dict[str, str] = row, line: int = line) -> int | None:
            return _whole(row, column, file, line, problems) if row.get(column) else None

        def real(column: str, row: dict[str, str] = row, line: int = line) -> float | None:
            return _real(row, column, file, line, problems) if row.get(column) else None

        rows, cols, kind = whole("rows"), whole("cols"), row["kind"]
        where = f"sensors.csv:{line}"
        problems.extend(f"{where}: {c}: blank" for c in ("home", "sensor", "kind") if not row[c])
        if unfit := [c for c in ("home", "sensor") if not _names_a_file(row[c])]:
            problems.extend(f"{where}: {c}: not fit for the name of a file" for c in unfit)
            continue
        sides = range(1, MOST_SIDE + 1)
        if kind == "thermal" and (rows not in sides or cols not in sides):
            problems.append(f"{where}: a thermal sensor needs rows and cols")
        mount = row.get("mount") or None
        if mount not in {None, "ceiling", "wall"}:
            problems.append(f"{where}: mount: {mount!r} is neither ceiling nor wall")
        if any((s.home, s.name) == (row["home"], row["sensor"]) for s in out):
            problems.append(f"{where}: {row['home']}/{row['sensor']} stands there twice")
        outside = row.get("outside", "")
        if outside not in {"", "0", "1"}:
            problems.append(f"{where}: outside: {outside!r} is neither 0 nor 1")
        out.append(
            TraceSensor(
                row["home"],
                row["sensor"],
                kind,
                row["room"],
                rows,
                cols,
                real("rate_hz"),
                mount,
                real("height_m"),
                real("fov_deg"),
                outside == "1" or (kind == "door" and outside == ""),
                *(real(column) for column in SENSOR_COLUMNS[-4:]),
            )
        )
    return out


def _names_a_file(name: str) -> bool:
    return len(name.encode()) <= MOST_NAME and not set(name) & {"/", "\0"}


def _zones(file: Path, problems: list[str]) -> list[Zone]:
    out = []
    for line, row in _table(file, ZONE_COLUMNS, problems):
        box = [_real(row, c, file, line, problems) for c in ZONE_COLUMNS[4:]]
        x0, y0, x1, y1 = box
        if x0 is not None and y0 is not None and x1 is not None and y1 is not None:
            out.append(Zone(row["home"], row["room"], row["zone"], row["kind"], x0, y0, x1, y1))
    return out
