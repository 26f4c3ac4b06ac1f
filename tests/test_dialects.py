"""Payloads of other makers' devices: what each means, what is refused, and that nothing else ever happens."""

import base64
import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from guardian.roster_file import SensorRow
from guardian.roster_source import source_of
from guardian.wire import Reason, Reject
from guardian.wire.dialects import TOPICS
from guardian.wire.native import MAX_EVENT_PAYLOAD, MAX_FRAME_PAYLOAD
from guardian.wire.source import LOW_BATTERY, Heard, Parse, Quantity, Source, Topics, value_of
from guardian.wire.thermal import FORMATS, NUMBERS, decoder
from tests.dialect_payloads import EXAMPLES, STATUSES, Example

ROWS, COLS = 4, 5


def quantity(keys: dict[str, Any]) -> Quantity:
    """Go the way of a roster: a row that is checked, and its source."""
    row = dict(SensorRow.model_validate({"id": "s", "room": "r", **keys}))
    source = source_of(row)
    assert source is not None
    return Quantity(row["kind"], source)


def topics_of(*keys: dict[str, Any]) -> Topics:
    quantities = [quantity(k) for k in keys]
    return TOPICS[quantities[0].source.dialect](quantities)


def parse_of(example: Example) -> Parse:
    return topics_of(example.keys).readings[example.topic]


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_what_a_device_writes_has_its_meaning(example: Example) -> None:
    heard = parse_of(example)(example.payload)
    assert not heard.refused
    if example.value is None:
        assert not heard.said
    else:
        (said,) = heard.said
        assert (said.sensor, said.pressed) == (0, example.pressed)
        assert said.event.value == pytest.approx(example.value)


@pytest.mark.parametrize(("keys", "topic", "payload", "state"), STATUSES.values(), ids=STATUSES)
def test_what_a_device_says_about_itself(
    keys: dict[str, Any], topic: str, payload: bytes, state: str
) -> None:
    assert topics_of(keys).statuses[topic](payload).state == state


def test_one_message_of_one_device_feeds_several_sensors() -> None:
    radar = {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/bedroom radar"}
    topics = topics_of(
        {**radar, "kind": "presence", "attribute": "presence"},
        {**radar, "kind": "radar-fall", "attribute": "status", "on": "falling"},
        {**radar, "kind": "bed", "attribute": "status", "on": "on_the_bed"},
        {**radar, "kind": "temperature", "attribute": "temperature"},
    )
    assert list(topics.readings) == ["zigbee2mqtt/bedroom radar"]
    heard = topics.readings["zigbee2mqtt/bedroom radar"](
        b'{"presence":true,"status":"on_the_bed","temperature":900,"battery":55,"illuminance":30}'
    )
    assert [(s.sensor, s.event.value) for s in heard.said] == [(0, 1), (1, 0), (2, 1)]
    assert heard.refused == [(3, Reason.BAD_VALUE)], "one value that cannot be does not spoil the others"
    assert heard.battery == 55


def test_batteries_and_signals_come_with_the_readings() -> None:
    woken = EXAMPLES["shelly that has just woken"]
    assert parse_of(woken)(woken.payload).battery == 72
    motion = EXAMPLES["z2m motion [run]"]
    assert parse_of(motion)(motion.payload).battery is None
    assert parse_of(motion)(b'{"battery_low":true}').battery == LOW_BATTERY
    assert parse_of(motion)(b'{"battery_low":true,"battery":80}').battery == 80
    plug = topics_of(EXAMPLES["tasmota power"].keys).readings["tele/tasmota_4C11AE/STATE"]
    assert plug(b'{"Uptime":"0T02:00:10","POWER":"ON","Wifi":{"RSSI":44,"Signal":-78}}').rssi == -78


def test_a_device_clock_is_passed_on_where_it_has_a_zone() -> None:
    door = EXAMPLES["shelly input"]
    assert parse_of(door)(door.payload).said[0].event.t == 1_680_962_879_620
    for ts in ("null", "1.62", '"now"', "-5", "1e300", "true"):
        said = parse_of(door)(door.payload.replace(b"1680962879.62", ts.encode())).said
        assert [(s.event.value, s.event.t) for s in said] == [(1, 0)]


def test_another_full_topic_of_tasmota_is_written_out() -> None:
    topics = topics_of({**EXAMPLES["tasmota power"].keys, "topic": "home/%prefix%/kitchen"})
    assert set(topics.readings) == {
        "home/tele/kitchen/SENSOR",
        "home/tele/kitchen/STATE",
        "home/stat/kitchen/RESULT",
    }
    assert set(topics.statuses) == {"home/tele/kitchen/LWT"}


NO_VALUES = [None, "", " ", "unavailable", "unknown", "Unavailable", "null"]


@pytest.mark.parametrize("written", NO_VALUES)
@pytest.mark.parametrize("kind", ["pir", "door", "temperature", "radar-fall"])
def test_no_value_is_no_reading(written: object, kind: str) -> None:
    assert value_of(Quantity(kind, Source("zigbee2mqtt", "z/x")), written) is None
    if kind == "radar-fall":
        assert value_of(Quantity(kind, Source("zigbee2mqtt", "z/x", on=frozenset({"fall"}))), written) is None


FLAGS: list[tuple[object, float]] = [
    *((word, 1) for word in (True, "ON", "open", 1, 1.0, "true", "Yes")),
    *((word, 0) for word in (False, "off", "closed", 0, 0.0, " False ", "no")),
]


@pytest.mark.parametrize(("written", "value"), FLAGS)
def test_flags_come_in_many_spellings(written: object, value: float) -> None:
    assert value_of(Quantity("door", Source("tasmota", "x")), written) == value
    assert value_of(Quantity("door", Source("tasmota", "x", invert=True)), written) == 1 - value


@pytest.mark.parametrize("written", ["perhaps", 0.5, 2, -1, [], {}, "x" * 100, 10**400])
def test_what_is_no_flag_is_refused(written: object) -> None:
    with pytest.raises(Reject, match="bad-value"):
        value_of(Quantity("pir", Source("tasmota", "x")), written)


@pytest.mark.parametrize(
    "written", ["warm", True, [], {}, "1_0", "1e999", "１２", "0x10", "12 °C", 151, -61, "9" * 70, 10**400]
)
def test_what_is_no_temperature_is_refused(written: object) -> None:
    with pytest.raises(Reject, match="bad-value"):
        value_of(Quantity("temperature", Source("esphome", "x")), written)


def test_a_measured_value_is_scaled() -> None:
    tenths = Source("zigbee2mqtt", "z/x", scale=0.1, offset=-1.0)
    assert value_of(Quantity("temperature", tenths), "225") == pytest.approx(21.5)


# --- bad input ---------------------------------------------------------------------------------------

JSON_TOPICS = {name: e for name, e in EXAMPLES.items() if e.payload.startswith(b"{")}
BAD = {
    "empty": (b"", Reason.BAD_JSON),
    "a word": (b"on", Reason.BAD_JSON),
    "cut": (b'{"a":1', Reason.BAD_JSON),
    "a list": (b"[1]", Reason.BAD_VALUE),
    "a deep nest": (b'{"x":' + b"[" * 10_000, Reason.BAD_JSON),
    "NaN": (b'{"x":NaN}', Reason.NOT_A_NUMBER),
    "no UTF-8": (b'{"x":"\xff"}', Reason.BAD_UTF8),
    "over 16 KiB": (b'{"x":"' + b"x" * MAX_EVENT_PAYLOAD + b'"}', Reason.TOO_LARGE),
}


@pytest.mark.parametrize("example", JSON_TOPICS.values(), ids=JSON_TOPICS)
@pytest.mark.parametrize(("payload", "reason"), BAD.values(), ids=BAD)
def test_a_bad_payload_has_one_reason(example: Example, payload: bytes, reason: Reason) -> None:
    with pytest.raises(Reject) as rejected:
        parse_of(example)(payload)
    assert rejected.value.reason is reason


@pytest.mark.parametrize(("keys", "topic", "payload", "state"), STATUSES.values(), ids=STATUSES)
def test_a_bad_status_is_refused(keys: dict[str, Any], topic: str, payload: bytes, state: str) -> None:
    parse = topics_of(keys).statuses[topic]
    for bad in (b"", b"perhaps", b"\xff", b"x" * 20_000, b'{"state":5}', payload[:-1]):
        with pytest.raises(Reject):
            parse(bad)


def sound(heard: Heard) -> None:
    for said in heard.said:
        assert said.event.value in {0, 1} or -60 <= said.event.value <= 100_000
    assert heard.battery is None or 0 <= heard.battery <= 100


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Example, bytes]:
    example = draw(st.sampled_from(list(EXAMPLES.values())))
    payload = bytearray(example.payload)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(payload) - 1)))
        match draw(st.sampled_from(("set", "cut", "insert", "drop"))):
            case "set" if payload:
                payload[at] = draw(st.integers(0, 255))
            case "cut":
                del payload[at:]
            case "insert":
                payload[at:at] = draw(
                    st.sampled_from((b"null", b"1e400", b"[", b"}", b'"', b"-", b"\xff", b"{}"))
                )
            case _:
                del payload[at : at + draw(st.integers(1, 8))]
    return example, bytes(payload)


@settings(max_examples=500)
@given(mutated())
def test_a_damaged_message_is_heard_or_rejected(case: tuple[Example, bytes]) -> None:
    example, payload = case
    with suppress(Reject):
        sound(parse_of(example)(payload))


@given(payload=st.binary(max_size=200))
def test_any_bytes_are_heard_or_rejected(payload: bytes) -> None:
    for example in EXAMPLES.values():
        with suppress(Reject):
            sound(parse_of(example)(payload))
    for keys, topic, _, _ in STATUSES.values():
        with suppress(Reject):
            topics_of(keys).statuses[topic](payload)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(value=values)
def test_any_json_under_the_right_key_is_heard_or_rejected(value: object) -> None:
    for example in JSON_TOPICS.values():
        holder = json.loads(example.payload)
        for key in list(holder):
            with suppress(Reject):
                sound(parse_of(example)(json.dumps({**holder, key: value}).encode()))


# --- thermal frames ----------------------------------------------------------------------------------

CELSIUS = np.array(
    [
        [20.0, 21.5, 22.25, 23.0, 22.0],
        [19.0, 36.5, 35.0, 18.5, 21.0],
        [17.0, 18.0, 19.0, 20.0, 20.5],
        [16.0, 16.5, 24.0, 25.0, 26.0],
    ]
)
CENTI = np.rint(CELSIUS * 100).astype(np.int16)


def thermal(written: str, **keys: Any) -> Source:
    row = {"kind": "thermal", "rows": ROWS, "cols": COLS, "dialect": "thermal", "topic": "cam/frame"}
    return quantity({**row, "format": written, **keys}).source


WRITTEN: dict[str, tuple[bytes, dict[str, Any], float]] = {
    # masato-ka's sketch for Grid-EYE: one JSON array of 64 numbers
    "json": (json.dumps(CELSIUS.ravel().tolist()).encode(), {}, 0),
    # teemvil/iot, AMG8833: nested arrays of floats
    "json-rows": (json.dumps(CELSIUS.tolist()).encode(), {}, 0),
    "json in an object": (
        json.dumps({"t": 5, "rows": 4, "cols": 5, "data": CELSIUS.ravel().tolist()}).encode(),
        {"format": "json", "attribute": "data"},
        0,
    ),
    # Bell AVR: {"data": base64 of whole °C}
    "base64-uint8": (
        json.dumps({"data": base64.b64encode(CELSIUS.astype(np.uint8).tobytes()).decode()}).encode(),
        {"attribute": "data"},
        1,
    ),
    # pisaoutertracker/thermal-camera, MLX90640: float32 back to back
    "float32": (CELSIUS.astype("<f4").tobytes(), {"endianness": "little"}, 0),
    "base64-float32": (base64.b64encode(CELSIUS.astype(">f4").tobytes()), {"endianness": "big"}, 0),
    "uint8": (np.rint(CELSIUS * 2).astype(np.uint8).tobytes(), {"scale": 0.5}, 0.25),
    "int16": (CENTI.astype("<i2").tobytes(), {"endianness": "little", "scale": 0.01}, 0),
    # deci-kelvin, as FLIR's modules count
    "uint16": (
        np.rint((CELSIUS + 273.15) * 10).astype(">u2").tobytes(),
        {"endianness": "big", "scale": 0.1, "offset": -273.15},
        0.05,
    ),
}


@pytest.mark.parametrize(("name", "case"), WRITTEN.items(), ids=WRITTEN)
def test_a_foreign_frame_becomes_centi_degrees(name: str, case: tuple[bytes, dict[str, Any], float]) -> None:
    payload, keys, error_k = case
    found = decoder(
        thermal(keys.get("format", name), **{k: v for k, v in keys.items() if k != "format"}), ROWS, COLS
    )(payload)
    assert found.shape == (ROWS, COLS)
    assert found.dtype == np.int16
    assert np.abs(found / 100 - CELSIUS).max() <= error_k + 0.006


ORDERS = {
    "rows": CELSIUS,
    "columns": CELSIUS.T,
    "rows-mirrored": CELSIUS[:, ::-1],
    "columns-mirrored": CELSIUS[:, ::-1].T,
}


@pytest.mark.parametrize(("order", "as_sent"), ORDERS.items(), ids=ORDERS)
def test_pixels_are_put_in_order(order: str, as_sent: NDArray[np.float64]) -> None:
    payload = json.dumps(as_sent.ravel().tolist()).encode()
    assert decoder(thermal("json", order=order), ROWS, COLS)(payload).tolist() == CENTI.tolist()


def test_pixels_that_are_not_known_or_cannot_be_are_bad_ones() -> None:
    written = CELSIUS.ravel().tolist()
    written[:5] = [None, 301.0, -41.0, 22.0, 22.5]
    found = decoder(thermal("json"), ROWS, COLS)(json.dumps(written).encode())
    assert found[0].tolist() == [-32768, -32768, -32768, 2200, 2250]
    floats = CELSIUS.astype("<f4")
    floats[0] = np.nan, np.inf, -np.inf, 1e30, -1e30
    found = decoder(thermal("float32", endianness="little"), ROWS, COLS)(floats.tobytes())
    assert found[0].tolist() == [-32768] * 5
    assert found[1].tolist() == CENTI[1].tolist()


def test_length_never_chooses_a_format() -> None:
    """768 bytes are 12x16 float32 or 24x32 uint8; the roster says which."""
    payload = bytes(range(256)) * 3
    assert decoder(thermal("uint8"), 24, 32)(payload)[0, :4].tolist() == [0, 100, 200, 300]
    assert decoder(thermal("float32", endianness="little"), 12, 16)(payload).shape == (12, 16)
    with pytest.raises(Reject, match="wrong-shape"):
        decoder(thermal("uint8"), 12, 16)(payload)


BAD_FRAMES: dict[str, tuple[str, bytes, Reason]] = {
    "short": ("uint8", bytes(19), Reason.WRONG_SHAPE),
    "long": ("uint8", bytes(21), Reason.WRONG_SHAPE),
    "over 64 KiB": ("uint8", bytes(MAX_FRAME_PAYLOAD + 1), Reason.TOO_LARGE),
    "no JSON": ("json", b"[20.0 21.0]", Reason.BAD_JSON),
    "rows where none are": ("json", json.dumps(CELSIUS.tolist()).encode(), Reason.BAD_VALUE),
    "no rows": ("json-rows", json.dumps(CELSIUS.ravel().tolist()).encode(), Reason.BAD_VALUE),
    "ragged": ("json-rows", b"[[1,2,3,4,5],[1,2,3,4],[1,2,3,4,5,6],[1,2,3,4,5]]", Reason.WRONG_SHAPE),
    "a word": ("json", b'[1,2,"x"]', Reason.BAD_VALUE),
    "too few": ("json", b"[1,2,3]", Reason.WRONG_SHAPE),
    "no base64": ("base64-uint8", b"%%%", Reason.BAD_VALUE),
    "base64 beyond ASCII": ("base64-uint8", "温度".encode(), Reason.BAD_VALUE),
}


@pytest.mark.parametrize(("written", "payload", "reason"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_a_bad_frame_has_one_reason(written: str, payload: bytes, reason: Reason) -> None:
    with pytest.raises(Reject) as rejected:
        decoder(thermal(written), ROWS, COLS)(payload)
    assert rejected.value.reason is reason


@pytest.mark.parametrize(
    "payload", [b"[1]", b"{", b"{}", b'{"data":5}', b'{"data":null}', b'{"data":[[[]]]}', b"\xff"]
)
@pytest.mark.parametrize("written", ["json", "json-rows", "base64-uint8"])
def test_an_object_without_the_pixels_is_refused(written: str, payload: bytes) -> None:
    with pytest.raises(Reject):
        decoder(thermal(written, attribute="data"), ROWS, COLS)(payload)


@given(payload=st.binary(max_size=120), written=st.sampled_from(FORMATS))
def test_any_bytes_are_a_frame_or_a_reject(payload: bytes, written: str) -> None:
    wide = {"endianness": "big"} if written.endswith(("16", "32")) else {}
    for attribute in (None, "data") if written.startswith(("json", "base64")) else (None,):
        keys = wide | ({} if attribute is None else {"attribute": attribute})
        with suppress(Reject):
            assert decoder(thermal(written, **keys), ROWS, COLS)(payload).shape == (ROWS, COLS)


@given(
    picture=arrays(np.int16, (ROWS, COLS), elements=st.integers(-4000, 30_000)),
    name=st.sampled_from(sorted(NUMBERS)),
)
def test_every_number_type_is_read_as_numpy_wrote_it(picture: NDArray[np.int16], name: str) -> None:
    wide = {"endianness": "big"} if name != "uint8" else {}
    written = (picture.astype(np.float64) / 100).astype(np.dtype(NUMBERS[name]).newbyteorder(">"))
    expected = np.rint(100 * written.astype(np.float64))
    found = decoder(thermal(name, **wide), ROWS, COLS)(written.tobytes())
    assert np.where(expected <= 30_000, expected, -32768).tolist() == found.tolist()
