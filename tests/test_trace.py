"""Trace folders: what is written is read, and all that is wrong is said at once."""

import gzip
import io
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from guardian.trace import Position, Trace, TraceError, TraceEvent, TraceSensor, TruthRow, Zone
from guardian.trace_writer import write_trace, write_truth

EYE = TraceSensor("h1", "eye", "thermal", "living", 8, 8, 10.0, "ceiling", 2.5, None)
DOOR = TraceSensor("h1", "door", "door", "hall", None, None, None, None, None, None, outside=True)


def written(path: Path) -> Path:
    t_ms = np.array([1000, 1100, 1200])
    centi = np.arange(3 * 64, dtype=np.int16).reshape(3, 8, 8)
    write_trace(
        path,
        name='a "test" trace',
        timezone="Europe/London",
        source="tests",
        licence="none",
        sensors=[EYE, DOOR],
        frames={("h1", "eye"): (t_ms, centi)},
        events={"h1": [TraceEvent(900, "door", 1), TraceEvent(950, "door", 0)]},
        truth={"h1": [TruthRow(1000, 1100, "fall:trip", "p1")]},
        zones=[Zone("h1", "living", "bed", "bed", -1, 0.5, 1, 1.5)],
    )
    return path


def test_written_is_read(tmp_path: Path) -> None:
    trace = Trace.open(written(tmp_path / "t"))
    assert (trace.name, trace.timezone, trace.homes) == ('a "test" trace', "Europe/London", ("h1",))
    assert trace.sensors == (EYE, DOOR)
    assert trace.zones[0].y1_m == 1.5
    t_ms, centi = trace.frames("h1", "eye")
    assert t_ms.tolist() == [1000, 1100, 1200]
    assert centi.dtype == np.int16
    assert centi[2, 7, 7] == 191
    assert trace.events("h1") == [TraceEvent(900, "door", 1), TraceEvent(950, "door", 0)]
    assert trace.truth("h1") == [TruthRow(1000, 1100, "fall:trip", "p1")]
    assert trace.positions("h1") == []


def test_where_a_wall_sensor_hangs_and_where_the_resident_was(tmp_path: Path) -> None:
    wall = replace(EYE, mount="wall", tilt_deg=25.0, yaw_deg=-90.0, x_m=0.0, y_m=1.8)
    write_trace(
        tmp_path,
        name="t",
        timezone="Asia/Shanghai",
        source="tests",
        licence="none",
        sensors=[wall, DOOR],
        notes="no homes of anybody",
    )
    there = [Position(1000, "living", 0.5, -1.25), Position(2000, "", math.nan, math.nan)]
    write_truth(tmp_path, "h1", [], there)
    trace = Trace.open(tmp_path)
    assert trace.sensors == (wall, DOOR)
    assert trace.notes == "no homes of anybody"
    read = trace.positions("h1")
    assert read[0] == there[0]
    assert (read[1].t_ms, read[1].room, math.isnan(read[1].x_m)) == (2000, "", True)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = written(tmp_path / "a"), written(tmp_path / "b")
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert len(files) == 6
    assert all((one / f).read_bytes() == (two / f).read_bytes() for f in files)


def test_absent_folders_and_unknown_things_are_fine(tmp_path: Path) -> None:
    (tmp_path / "trace.toml").write_text('format = 1\nname = "x"\ntimezone = "UTC"\nnotes = "n"\nnew = 3\n')
    (tmp_path / "sensors.csv").write_text("home,sensor,kind,room,colour,rows,cols\nh,eye,thermal,r,red,8,8\n")
    (tmp_path / "readme.txt").write_text("hello")
    trace = Trace.open(tmp_path)
    assert trace.sensors[0].fov_deg is None
    assert trace.frames("h", "eye")[1].shape == (0, 8, 8)
    assert trace.events("h") == []
    assert trace.truth("h") == []


def test_all_problems_at_once(tmp_path: Path) -> None:
    (tmp_path / "trace.toml").write_text('format = 2\ntimezone = "Mars/Olympus"\n')
    (tmp_path / "sensors.csv").write_text(
        "home,sensor,kind,room,rows,cols,rate_hz,mount,outside\n"
        "h,eye,thermal,r,,8,fast,roof,2\n"
        "h,eye,pir,r,,,,,\n"
    )
    with pytest.raises(TraceError) as caught:
        Trace.open(tmp_path)
    assert caught.value.problems == (
        "trace.toml: format is 2, this reader knows 1",
        "trace.toml: name: missing or not a text",
        "trace.toml: timezone: 'Mars/Olympus' is not known",
        "sensors.csv:2: a thermal sensor needs rows and cols",
        "sensors.csv:2: mount: 'roof' is neither ceiling nor wall",
        "sensors.csv:2: outside: '2' is neither 0 nor 1",
        "sensors.csv:2: rate_hz: 'fast' is not a number",
        "sensors.csv:3: h/eye stands there twice",
    )
    with pytest.raises(TraceError, match=r"trace.toml: missing; sensors.csv: missing"):
        Trace.open(tmp_path / "nowhere")


def test_bad_frames_events_and_truth(tmp_path: Path) -> None:
    path = written(tmp_path / "t")
    np.savez(path / "frames" / "h1.eye.npz", t_ms=np.array([2, 1]), centi=np.zeros((2, 4, 4), np.int16))
    trace = Trace.open(path)
    with pytest.raises(TraceError, match=r"t_ms goes back; frames/h1.eye.npz: centi is int16 \(2, 4, 4\)"):
        trace.frames("h1", "eye")
    with gzip.open(path / "events" / "h1.csv.gz", "wt") as out:
        out.write("t_ms,sensor,value\nsoon,door,1\n5,door,nan\n")
    with pytest.raises(TraceError, match=r"2: t_ms: 'soon'.*3: value: 'nan'"):
        trace.events("h1")
    (path / "truth" / "h1.csv").write_text("start_ms,end_ms,label,subject\n5,4,fall,p\n")
    with pytest.raises(TraceError, match="end_ms before start_ms"):
        trace.truth("h1")
    (path / "frames" / "h1.eye.npz").write_text("no")
    with pytest.raises(TraceError, match=r"not an \.npz file"):
        Trace.open(path)


def packed(header: bytes) -> bytes:
    """An .npz whose two arrays have this header and nothing else."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("t_ms", "centi"):
            head = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
            archive.writestr(f"{name}.npy", head + header)
    return out.getvalue()


DAMAGED: dict[str, tuple[str, bytes]] = {
    "a nest in trace.toml": ("trace.toml", b"x = " + b"[" * 2000),
    "a huge number in trace.toml": ("trace.toml", b"x = " + b"9" * 5000),
    "events that cannot be unpacked": ("events/h1.csv.gz", bytes.fromhex("1f8b080000000000020b4929cf07")),
    "an endless cell": ("truth/h1.csv", b"start_ms,end_ms,label\n1,2," + b"x" * 200_000),
    "a time beyond all times": ("truth/h1.csv", b"start_ms,end_ms,label\n1," + b"9" * 40 + b",x\n"),
    "a header that is no Python": ("frames/h1.eye.npz", packed(b"{\n")),
    "a header with a number of 5,000 digits": (
        "frames/h1.eye.npz",
        packed(b"{'descr': " + b"9" * 5000 + b"}\n"),
    ),
    "one array alone": ("frames/h1.eye.npz", b"PK\x05\x06" + bytes(18)),
    "a name that is a path": ("sensors.csv", b"home,sensor,kind,room\n../h,x,pir,r\n"),
    "a name too long for a file": ("sensors.csv", b"home,sensor,kind,room\n" + b"h" * 300 + b",x,pir,r\n"),
    "a name with a NUL": ("sensors.csv", b"home,sensor,kind,room\nh,x\0,pir,r\n"),
    "an array without end": (
        "sensors.csv",
        b"home,sensor,kind,room,rows,cols\nh,x,thermal,r,99999999999,9\n",
    ),
}


@pytest.mark.parametrize(("name", "content"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named_whatever_its_reader_says(tmp_path: Path, name: str, content: bytes) -> None:
    (written(tmp_path) / name).write_bytes(content)
    with pytest.raises(TraceError, match=name.rpartition("/")[2].partition(".")[0]):  # noqa: PT012  (either)
        trace = Trace.open(tmp_path)
        trace.events("h1")
        trace.truth("h1")
        trace.frames("h1", "eye")


def test_a_compression_that_python_does_not_know_is_named(tmp_path: Path) -> None:
    file = written(tmp_path) / "frames" / "h1.eye.npz"
    raw = file.read_bytes()
    at = raw.index(b"PK\x01\x02")
    file.write_bytes(raw[: at + 10] + b"\x63\x00" + raw[at + 12 :])
    with pytest.raises(TraceError, match=r"h1\.eye\.npz: "):
        Trace.open(tmp_path).frames("h1", "eye")
