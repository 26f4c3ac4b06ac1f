"""Guardian's own payloads (DESIGN section 4): thermal frames, events, status.

Takes bytes, gives numbers or a `Reject`. Unknown JSON fields are ignored; impossible values are
refused. Pure: no clock, no counters.
"""

import re
import struct
from typing import Annotated, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.wire import Reason, Reject

FRAME_HEADER: Final = struct.Struct("<2sBBHHIQhH")
"""Magic, version, flags, cols, rows, seq, t_ms, ambient centi-°C, reserved; 24 bytes."""
MAGIC: Final = b"GT"
VERSION: Final = 1
AMBIENT_UNKNOWN: Final = -32768
MAX_FRAME_PAYLOAD: Final = 64 * 1024
"""Bytes in one message of frames (DESIGN section 4)."""
MAX_EVENT_PAYLOAD: Final = 16 * 1024
"""Bytes in one event or status (DESIGN section 4)."""
MIN_PIXEL_CENTI: Final = -4_000
"""−40 °C, the lowest object temperature in the MLX90640's data sheet; anything below is a bad pixel."""
MAX_PIXEL_CENTI: Final = 30_000
"""300 °C, the highest one in the same data sheet (the AMG8833 ends at 80 °C)."""
_FROM_LEAST: Final = np.uint16(-MIN_PIXEL_CENTI)
_SPAN_CENTI: Final = np.uint16(MAX_PIXEL_CENTI - MIN_PIXEL_CENTI)
"""As unsigned numbers that wrap, what is too cold lies above the span, where what is too hot lies."""
MENDED_AT_ONCE: Final = 256
"""Frames: 400 kB of 24×32 stay in the cache."""
MAX_T_MS: Final = 1 << 48
"""Year 10889: a device clock beyond it is a wrong unit or garbage."""
MAX_WORD: Final = 64
"""Characters of an event's id or boot; they are kept, so they are bounded."""

SWITCH_KINDS: Final = ("pir", "door", "appliance-door", "bed", "chair", "presence")
ALARM_KINDS: Final = ("radar-fall", "button", "cancel", "smoke", "gas", "water")
FLAG_KINDS: Final = frozenset((*SWITCH_KINDS, *ALARM_KINDS))
"""Kinds of event sensor whose value is 1 or 0 (true and false are taken too)."""
VALUE_RANGE: Final = {
    "temperature": (-60.0, 150.0),  # °C; DS18B20 and SHT sensors end at −55 and 125
    "humidity": (0.0, 100.0),  # %
    "plug": (0.0, 100_000.0),  # W; a household's whole supply is below
}
"""Lowest and highest value of the other kinds; both included."""

_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_WORD)]


class Event(msgspec.Struct, omit_defaults=True):
    """One event of one sensor; only `value` has to be there."""

    value: float | bool
    t: Annotated[int, msgspec.Meta(ge=0)] = 0
    """ms since 1970 by the device's clock, 0 = unknown."""
    id: _Word | None = None
    boot: _Word | None = None
    seq: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Status(msgspec.Struct):
    """What a device says about itself, retained and as last will."""

    state: str
    battery: float | None = None
    """%."""
    rssi: float | None = None
    """dBm."""


T = TypeVar("T")
_NOT_A_NUMBER: Final = re.compile(rb"[:\[,]\s*-?(?:nan|inf)", re.IGNORECASE)
_events: Final = msgspec.json.Decoder(Event)
_statuses: Final = msgspec.json.Decoder(Status)


def frame_size(rows: int, cols: int) -> int:
    """Bytes of one frame with its header."""
    return FRAME_HEADER.size + 2 * rows * cols


def frame_head(rows: int, cols: int) -> bytes:
    """First 8 bytes of a frame as devices write it: magic, version, flags 0, shape."""
    return FRAME_HEADER.pack(MAGIC, VERSION, 0, cols, rows, 0, 0, 0, 0)[:8]


def frame_record(rows: int, cols: int) -> np.dtype[np.void]:
    """Layout of one frame with its header, for viewing staged bytes as arrays."""
    return np.dtype(
        [
            ("head", "V8"),
            ("seq", "<u4"),
            ("t_ms", "<u8"),
            ("ambient", "<i2"),
            ("reserved", "<u2"),
            ("centi", "<i2", (rows, cols)),
        ]
    )


def pack_frame(
    centi: NDArray[np.int16], seq: int = 0, t_ms: int = 0, ambient_centi: int = AMBIENT_UNKNOWN
) -> bytes:
    """Encode one frame.

    centi: (rows, cols) centi-°C, −32768 = bad pixel. t_ms: ms since 1970, 0 = unknown.
    """
    rows, cols = centi.shape
    head = FRAME_HEADER.pack(MAGIC, VERSION, 0, cols, rows, seq & 0xFFFFFFFF, t_ms, ambient_centi, 0)
    return head + centi.astype("<i2", copy=False).tobytes()


def check_frames(payload: bytes | memoryview, rows: int, cols: int) -> int:
    """Count the frames of one message after checking every header.

    Raises
    ------
    Reject
        too-large, truncated, bad-magic, bad-version or wrong-shape.

    """
    total, size = len(payload), frame_size(rows, cols)
    if total > MAX_FRAME_PAYLOAD:
        raise Reject(Reason.TOO_LARGE)
    at = 0
    while at < total or at == 0:
        if total - at < FRAME_HEADER.size:
            raise Reject(Reason.TRUNCATED)
        magic, version, _flags, got_cols, got_rows, *_ = FRAME_HEADER.unpack_from(payload, at)
        if magic != MAGIC:
            raise Reject(Reason.BAD_MAGIC)
        if version != VERSION:
            raise Reject(Reason.BAD_VERSION)
        if (got_rows, got_cols) != (rows, cols):
            raise Reject(Reason.WRONG_SHAPE)
        if total - at < size:
            raise Reject(Reason.TRUNCATED)
        at += size
    return total // size


def frames_into(payload: bytes | memoryview, rows: int, cols: int, ring: memoryview, count: int) -> int:
    """Copy every frame of one message, header included, into a sensor's ring; all of them or none.

    ring: writable bytes, a whole number (the depth) of frames of `frame_size(rows, cols)`. count: frames
    that the ring has taken so far; frame number n lies in slot n % depth. Gives the number of frames.
    Raises Reject as `check_frames` does.
    """
    frames = check_frames(payload, rows, cols)
    size = frame_size(rows, cols)
    for i in range(frames):
        slot = (count + i) * size % len(ring)
        ring[slot : slot + size] = payload[i * size : (i + 1) * size]
    return frames


def frame_times(payload: bytes | memoryview, size: int) -> list[int]:
    """Device times of the frames (`size` bytes each) of a checked message, ms since 1970, 0 = unknown."""
    times = [FRAME_HEADER.unpack_from(payload, at)[6] for at in range(0, len(payload), size)]
    return [t if t <= MAX_T_MS else 0 for t in times]


def mend_frames(centi: NDArray[np.int16]) -> tuple[int, NDArray[np.bool_]]:
    """Turn pixels outside −40…300 °C into bad ones, in place.

    centi: (N, rows, cols). Gives the number of pixels turned, and (N,) which frames are unusable
    because more than half of their pixels are bad.
    """
    turned, unusable = 0, np.zeros(len(centi), np.bool_)
    for at in range(0, len(centi), MENDED_AT_ONCE):
        some = centi[at : at + MENDED_AT_ONCE]
        outside = some.view(np.uint16) + _FROM_LEAST > _SPAN_CENTI
        sick = np.flatnonzero(outside.reshape(len(some), -1).any(axis=1))
        if not len(sick):
            continue
        outside, held = outside[sick], some[sick]
        bad = np.count_nonzero(outside, axis=(1, 2))
        new = int(bad.sum()) - int(np.count_nonzero(held == AMBIENT_UNKNOWN))
        if new:  # dead pixels that a device knows of have been bad from the start
            held[outside] = AMBIENT_UNKNOWN
            some[sick] = held
            turned += new
        unusable[at + sick] = 2 * bad > centi[0].size
    return turned, unusable


def parse_event(payload: bytes | memoryview, kind: str) -> Event:
    """Decode one event of a sensor of this kind.

    Raises
    ------
    Reject
        too-large, bad-utf8, not-a-number, bad-json or bad-value.

    """
    event = decode_json(_events, payload)
    if kind in FLAG_KINDS:
        sound = event.value in {0, 1}
    else:
        low, high = VALUE_RANGE[kind]
        sound = not isinstance(event.value, bool) and low <= event.value <= high
    if not sound or event.t > MAX_T_MS or (event.seq or 0) > MAX_T_MS:
        raise Reject(Reason.BAD_VALUE)
    return event


def pack_event(
    value: float,
    *,
    t_ms: int = 0,
    event_id: str | None = None,
    boot: str | None = None,
    seq: int | None = None,
) -> bytes:
    """Encode one event; what is not known is left out."""
    return msgspec.json.encode(Event(value=value, t=t_ms, id=event_id, boot=boot, seq=seq))


def parse_status(payload: bytes | memoryview) -> Status:
    """Decode what a device says about itself; a charge that no battery has counts as not told.

    Raises Reject as `parse_event` does.
    """
    status = decode_json(_statuses, payload)
    if status.state not in {"online", "offline"}:
        raise Reject(Reason.BAD_VALUE)
    if status.battery is not None and not 0 <= status.battery <= 100:
        status.battery = None
    return status


def decode_json(decoder: msgspec.json.Decoder[T], payload: bytes | memoryview) -> T:
    """Decode one message of JSON that a device has sent.

    Raises
    ------
    Reject
        too-large (over MAX_EVENT_PAYLOAD), bad-utf8, not-a-number, bad-json or bad-value.

    """
    if len(payload) > MAX_EVENT_PAYLOAD:
        raise Reject(Reason.TOO_LARGE)
    try:
        str(payload, "utf-8")
        return decoder.decode(payload)
    except UnicodeDecodeError:
        raise Reject(Reason.BAD_UTF8) from None
    except msgspec.ValidationError:
        raise Reject(Reason.BAD_VALUE) from None
    except (msgspec.DecodeError, RecursionError):
        reason = Reason.NOT_A_NUMBER if _NOT_A_NUMBER.search(payload) else Reason.BAD_JSON
        raise Reject(reason) from None


def claimed_frames(payload: bytes | memoryview) -> int:
    """How many frames a rejected message seems to hold; at least one."""
    if len(payload) < FRAME_HEADER.size:
        return 1
    cols, rows = FRAME_HEADER.unpack_from(payload)[3:5]
    return max(1, len(payload) // frame_size(rows, cols))
