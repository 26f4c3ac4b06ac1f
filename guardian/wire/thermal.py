"""Thermal frames of publishers that do not write the native format.

The roster says how a device writes: `format`, and for numbers of several bytes `endianness`; `scale` and
`offset` (°C = written x scale + offset) and `order`. Nothing is told from a payload's length: 768 bytes
are 12x16 float32 or 24x32 uint8. Takes one message, gives one frame in centi-°C, −32768 where a pixel is
not known, or a `Reject`.

| format | payload |
|---|---|
| `json` | an array of numbers, or an object with one under `attribute` (dots into objects) |
| `json-rows` | the same, an array for each row |
| `uint8`, `int16`, `uint16`, `float32` | the numbers back to back |
| `base64-uint8` … `base64-float32` | those in base64: the payload, or the text under `attribute` in JSON |

`order`: `rows` (row by row from the upper left, as the native format), `columns`; with `-mirrored`, rows
run from right to left.
"""

import binascii
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.wire import Reason, Reject
from guardian.wire.native import AMBIENT_UNKNOWN, MAX_FRAME_PAYLOAD, MAX_PIXEL_CENTI, MIN_PIXEL_CENTI
from guardian.wire.source import Source, inside

NUMBERS: Final = {"uint8": "u1", "int16": "i2", "uint16": "u2", "float32": "f4"}
"""Name in the roster → numpy's."""
FORMATS: Final = ("json", "json-rows", *NUMBERS, *(f"base64-{name}" for name in NUMBERS))
ORDERS: Final = ("rows", "columns", "rows-mirrored", "columns-mirrored")
_PREFIX: Final = "base64-"
LONGEST_PIXEL: Final = 24
"""Characters that one value takes in JSON at most, comma and all: seventeen digits, sign and exponent."""
AROUND: Final = 8192
"""Bytes of JSON that may stand around the values."""

_flat: Final = msgspec.json.Decoder(list[float | None])
_rows: Final = msgspec.json.Decoder(list[list[float | None]])
_any: Final = msgspec.json.Decoder(dict[str, Any])

Pixels = NDArray[np.int16]


def decoder(source: Source, rows: int, cols: int) -> Callable[[bytes], Pixels]:
    """Give what decodes one device's frames to (rows, cols) centi-°C; it raises Reject."""
    numbers = _reader(source, rows, cols)
    by_column, mirrored = source.order.startswith("columns"), source.order.endswith("-mirrored")

    def decode(payload: bytes) -> Pixels:
        if len(payload) > MAX_FRAME_PAYLOAD:
            raise Reject(Reason.TOO_LARGE)
        written = numbers(payload)
        if written.size != rows * cols:
            raise Reject(Reason.WRONG_SHAPE)
        with np.errstate(over="ignore", invalid="ignore"):
            centi = written.astype(np.float64)
            centi *= 100.0 * source.scale
            centi += 100.0 * source.offset
            np.rint(centi, out=centi)
        sound = (centi >= MIN_PIXEL_CENTI) & (centi <= MAX_PIXEL_CENTI)  # NaN: no
        if not sound.all():
            centi[~sound] = AMBIENT_UNKNOWN
        flat = centi.reshape(-1)
        picture = flat.reshape(cols, rows).T if by_column else flat.reshape(rows, cols)
        return (picture[:, ::-1] if mirrored else picture).astype(np.int16)

    return decode


def _reader(source: Source, rows: int, cols: int) -> Callable[[bytes], NDArray[Any]]:
    path = source.attribute.split(".") if source.attribute else []
    if source.format in {"json", "json-rows"}:
        return _json(path, rows, cols, nested=source.format == "json-rows")
    name = source.format.removeprefix(_PREFIX)
    number = np.dtype(NUMBERS[name]).newbyteorder("<" if source.endianness != "big" else ">")

    def raw(payload: bytes) -> NDArray[Any]:
        if len(payload) != rows * cols * number.itemsize:
            raise Reject(Reason.WRONG_SHAPE)
        return np.frombuffer(payload, number)

    def text(payload: bytes) -> NDArray[Any]:
        coded: object = _under(payload, path) if path else payload
        if not isinstance(coded, str | bytes):
            raise Reject(Reason.BAD_VALUE)
        try:
            return raw(binascii.a2b_base64(coded, strict_mode=True))
        except ValueError:  # no base64, or text beyond ASCII
            raise Reject(Reason.BAD_VALUE) from None

    return text if source.format.startswith(_PREFIX) else raw


def _json(path: list[str], rows: int, cols: int, *, nested: bool) -> Callable[[bytes], NDArray[Any]]:
    typed = _rows if nested else _flat

    def numbers(payload: bytes) -> NDArray[Any]:
        if len(payload) > AROUND + LONGEST_PIXEL * rows * cols:
            raise Reject(Reason.TOO_LARGE)
        try:
            if path:
                found: Any = msgspec.convert(
                    _under(payload, path), list[list[float | None]] if nested else list[float | None]
                )
            else:
                found = typed.decode(payload)
        except msgspec.ValidationError:
            raise Reject(Reason.BAD_VALUE) from None
        except (msgspec.DecodeError, RecursionError):
            raise Reject(Reason.BAD_JSON) from None
        if len(found) != (rows if nested else rows * cols) or (nested and any(len(r) != cols for r in found)):
            raise Reject(Reason.WRONG_SHAPE)
        return np.array(found, np.float64)  # None becomes NaN

    return numbers


def _under(payload: bytes, path: list[str]) -> object:
    """Give what stands under `path` in a JSON object; its own `rows` and `cols` are not believed."""
    try:
        return inside(_any.decode(payload), path)
    except msgspec.ValidationError:
        raise Reject(Reason.BAD_VALUE) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Reject(Reason.BAD_JSON) from None
