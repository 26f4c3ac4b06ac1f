"""Trace folders with one file replaced."""

import gzip
import io
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from guardian.trace import Trace, TraceError, TraceEvent, TraceSensor, TruthRow, Zone
from guardian.trace_writer import write_trace
from simulator.fuzz.dice import Dice
from simulator.fuzz.entry import FILE_COUNT, FILES_MS, TAKEN, Entry
from simulator.fuzz.mutators import NUMBERS, TEXTS
from simulator.fuzz.writing import coded

_EYE: Final = TraceSensor("h1", "eye", "thermal", "living", 8, 8, 10.0, "ceiling", 2.5, None)
_DOOR: Final = TraceSensor("h1", "door", "door", "hall", None, None, None, None, None, None, outside=True)
_FILES: Final = (
    *("trace.toml", "sensors.csv", "zones.csv", "truth/h1.csv", "truth/h1.position.csv"),
    *("events/h1.csv.gz", "frames/h1.eye.npz"),
)
_COLUMNS: Final = {
    "sensors.csv": "home,sensor,kind,room,rows,cols,rate_hz,mount,height_m,fov_deg,outside,tilt_deg",
    "zones.csv": "home,room,zone,kind,x0_m,y0_m,x1_m,y1_m",
    "truth/h1.csv": "start_ms,end_ms,label,subject",
    "truth/h1.position.csv": "t_ms,room,x_m,y_m",
    "events/h1.csv.gz": "t_ms,sensor,value",
}
_PACKED: Final = b"packed:"
"""Before the name of a file whose bytes are packed as it should be, so that what is inside is damaged."""


def trace(stack: ExitStack) -> Entry:
    """A folder with one file replaced; an input is the file's name, a newline, and what stands in it."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    picture = np.full((3, 8, 8), 2200, np.int16)
    write_trace(
        place,
        name="t",
        timezone="Europe/London",
        source="s",
        licence="none",
        sensors=[_EYE, _DOOR],
        frames={("h1", "eye"): (np.array([1000, 1100, 1200]), picture)},
        events={"h1": [TraceEvent(900, "door", 1), TraceEvent(950, "door", 0)]},
        truth={"h1": [TruthRow(1000, 1100, "fall:trip", "p1")]},
        zones=[Zone("h1", "living", "bed", "bed", -1, 0.5, 1, 1.5)],
    )
    (place / "truth" / "h1.position.csv").write_text("t_ms,room,x_m,y_m\n5,hall,1,2\n6,,,\n", "utf-8")
    sound = {name: (place / name).read_bytes() for name in _FILES}
    changed = [_FILES[0]]

    def call(data: bytes) -> str:
        (place / changed[0]).write_bytes(sound[changed[0]])
        name, content = _named(data)
        changed[0] = name
        (place / name).write_bytes(content)
        opened = Trace.open(place)
        for home in opened.homes:
            opened.events(home)
            opened.truth(home)
            opened.positions(home)
        for s in opened.sensors:
            if s.kind == "thermal":
                opened.frames(s.home, s.name)
        return TAKEN

    corpus = [name.encode() + b"\n" + content for name, content in sound.items()]
    corpus.append(_PACKED + b"events/h1.csv.gz\n" + gzip.decompress(sound["events/h1.csv.gz"]))
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"
    corpus.append(_PACKED + b"frames/h1.eye.npz\n" + header + b"\n" + bytes(24))
    return Entry(
        "trace",
        tuple(corpus),
        _table,
        call,
        (TraceError,),
        FILE_COUNT,
        words=(
            b"1e400",
            b"<f8",
            b"|O",
            b"(9999999999999,)",
            b"(3, 8, 8)",
            b"True",
            b",",
            b"\r\n",
            b'"',
            b'""',
        ),
        limit_ms=FILES_MS,
        batch=100,
    )


def _named(data: bytes) -> tuple[str, bytes]:
    first, _, content = data.partition(b"\n")
    packed = first.startswith(_PACKED)
    name = first.removeprefix(_PACKED).decode("utf-8", "replace")
    if name not in _FILES:
        return _FILES[0], data
    if packed and name.endswith(".gz"):
        return name, gzip.compress(content, 1, mtime=0)
    if packed and name.endswith(".npz"):
        return name, packed_array(content)
    return name, content


def packed_array(content: bytes) -> bytes:
    """Pack an array whose header is as it comes."""
    head, _, body = content.partition(b"\n")
    head = head[:60_000] + b"\n"
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as packed:
        for name in ("t_ms", "centi"):
            packed.writestr(
                f"{name}.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + body
            )
    return whole.getvalue()


def _table(dice: Dice) -> bytes:
    name = dice.pick(tuple(_COLUMNS))
    columns = _COLUMNS[name].split(",")
    if dice.one_in(8):
        columns[dice.below(len(columns))] = dice.pick((*columns, "", "x"))
    cells = (
        "h1",
        "eye",
        "door",
        "thermal",
        "ceiling",
        "8",
        "1000",
        "2.5",
        "living",
        "fall:trip",
        "1",
        "0",
        *NUMBERS,
        *TEXTS,
    )
    lines = [",".join(columns)]
    widths = [len(columns) - dice.one_in(9) + dice.one_in(9) for _ in range(dice.below(5))]
    lines += [",".join(dice.pick(cells) for _ in range(width)) for width in widths]
    return coded(dice, f"packed:{name}\n" + dice.pick(("\n", "\r\n", "\r")).join(lines))
