"""Bytes on the wire: what is taken, what is refused, and that nothing else ever happens."""

import struct
from contextlib import suppress

import mqtt5
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from guardian.wire import Reason, Reject
from guardian.wire.native import (
    FLAG_KINDS,
    MAX_EVENT_PAYLOAD,
    MAX_FRAME_PAYLOAD,
    VALUE_RANGE,
    frame_size,
    frames_into,
    mend_frames,
    pack_event,
    pack_frame,
    parse_event,
    parse_status,
)
from guardian.wire.salvage import salvage_publish

ROWS, COLS, DEPTH = 3, 4, 5
SIZE = frame_size(ROWS, COLS)

pictures = st.lists(arrays(np.int16, (ROWS, COLS)), min_size=1, max_size=DEPTH)


def naive(payload: bytes) -> list[tuple[int, int, list[int]]]:
    """Decode frames one number at a time."""
    out = []
    while payload:
        seq, t_ms = struct.unpack("<IQ", payload[8:20])
        pixels = [struct.unpack("<h", payload[24 + 2 * i : 26 + 2 * i])[0] for i in range(ROWS * COLS)]
        out.append((seq, t_ms, pixels))
        payload = payload[SIZE:]
    return out


@given(pictures=pictures, count=st.integers(0, 1000))
def test_frames_in_the_ring_are_those_of_a_naive_decode(
    pictures: list[NDArray[np.int16]], count: int
) -> None:
    payload = b"".join(pack_frame(p, seq=i, t_ms=1000 + i) for i, p in enumerate(pictures))
    ring = bytearray(DEPTH * SIZE)
    assert frames_into(payload, ROWS, COLS, memoryview(ring), count) == len(pictures)
    for i, (seq, t_ms, pixels) in enumerate(naive(payload)):
        slot = (count + i) % DEPTH * SIZE
        kept = bytes(ring[slot : slot + SIZE])
        assert (seq, t_ms) == (i, 1000 + i) == struct.unpack("<IQ", kept[8:20])
        assert np.frombuffer(kept, "<i2", offset=24).tolist() == pixels == pictures[i].ravel().tolist()


def picture() -> NDArray[np.int16]:
    return np.full((ROWS, COLS), 2200, np.int16)


@given(
    topic=st.text(st.characters(codec="utf-8", exclude_characters="\0+#"), min_size=1, max_size=200),
    payload=st.binary(max_size=300),
    packet_id=st.none() | st.integers(1, 65_535),
    behind=st.binary(max_size=5),
)
def test_salvage_reads_a_sound_publish_as_the_codec_does(
    topic: str, payload: bytes, packet_id: int | None, behind: bytes
) -> None:
    qos = mqtt5.QoS.AT_MOST_ONCE if packet_id is None else mqtt5.QoS.AT_LEAST_ONCE
    packet = mqtt5.PublishPacket(topic, payload, qos=qos, packet_id=packet_id).write()
    assert salvage_publish(memoryview(packet + behind)) == (len(packet), packet_id)
    assert salvage_publish(memoryview(packet[:-1])) is None


@given(st.binary(min_size=1, max_size=50))
def test_salvage_never_reads_beyond_the_end(data: bytes) -> None:
    found = salvage_publish(memoryview(data))
    assert found is None or 4 <= found[0] <= len(data)


GOOD = pack_frame(picture())
BAD_FRAMES = {
    "empty": (b"", Reason.TRUNCATED),
    "half a header": (GOOD[:10], Reason.TRUNCATED),
    "half a picture": (GOOD[:-1], Reason.TRUNCATED),
    "second frame cut": (GOOD + GOOD[:30], Reason.TRUNCATED),
    "bytes behind the picture": (GOOD + b"\0", Reason.TRUNCATED),
    "wrong magic": (b"XX" + GOOD[2:], Reason.BAD_MAGIC),
    "version 2": (GOOD[:2] + b"\2" + GOOD[3:], Reason.BAD_VERSION),
    "another shape": (pack_frame(np.zeros((4, 3), np.int16)), Reason.WRONG_SHAPE),
    "second frame of another shape": (GOOD + pack_frame(np.zeros((2, 4), np.int16)), Reason.WRONG_SHAPE),
    "over 64 KiB": (GOOD * (MAX_FRAME_PAYLOAD // SIZE + 1), Reason.TOO_LARGE),
}


@pytest.mark.parametrize(("payload", "reason"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_a_bad_message_of_frames_leaves_the_ring_untouched(payload: bytes, reason: Reason) -> None:
    ring = bytearray(DEPTH * SIZE)
    with pytest.raises(Reject) as rejected:
        frames_into(payload, ROWS, COLS, memoryview(ring), 0)
    assert rejected.value.reason is reason
    assert not any(ring)


def test_flags_are_ignored() -> None:
    ring = bytearray(DEPTH * SIZE)
    assert frames_into(GOOD[:3] + b"\xff" + GOOD[4:], ROWS, COLS, memoryview(ring), 0) == 1


def test_pixels_that_cannot_be_become_bad_ones() -> None:
    centi = np.stack([picture(), picture(), picture()])
    centi[0, 0, :3] = 30_001, -4_001, -32_768
    centi[1] = 32_000
    centi[1, 0, 0] = 2200
    centi[2, 0, :2] = 30_000, -4_000
    turned, unusable = mend_frames(centi)
    assert turned == 2 + 11  # the −32768 was bad already
    assert unusable.tolist() == [False, True, False]
    assert centi[0, 0].tolist() == [-32768, -32768, -32768, 2200]
    assert centi[2, 0].tolist() == [30_000, -4_000, 2200, 2200]


def test_an_event_needs_only_its_value() -> None:
    event = parse_event(b'{"value":1}', "pir")
    assert (event.value, event.t, event.id, event.boot, event.seq) == (1, 0, None, None, None)


def test_fields_that_nobody_knows_are_ignored() -> None:
    assert parse_event('{"value":21.5,"colour":"蓝","x":[1,{}]}'.encode(), "temperature").value == 21.5


def test_true_is_a_one_for_a_switch_and_nothing_for_a_thermometer() -> None:
    assert parse_event(b'{"value":true}', "door").value == 1
    with pytest.raises(Reject):
        parse_event(b'{"value":true}', "temperature")


BAD_EVENTS = {
    "empty": (b"", "pir", Reason.BAD_JSON),
    "no JSON": (b"on", "pir", Reason.BAD_JSON),
    "cut": (b'{"value":1', "pir", Reason.BAD_JSON),
    "a deep nest": (b'{"x":' + b"[" * 10_000, "pir", Reason.BAD_JSON),
    "a list": (b"[1]", "pir", Reason.BAD_VALUE),
    "no value": (b'{"t":5}', "pir", Reason.BAD_VALUE),
    "null": (b'{"value":null}', "pir", Reason.BAD_VALUE),
    "a text": (b'{"value":"1"}', "pir", Reason.BAD_VALUE),
    "a half": (b'{"value":0.5}', "pir", Reason.BAD_VALUE),
    "NaN": (b'{"value":NaN}', "temperature", Reason.NOT_A_NUMBER),
    "Infinity": (b'{"value": -Infinity}', "temperature", Reason.NOT_A_NUMBER),
    "1e999": (b'{"value":1e999}', "temperature", Reason.BAD_VALUE),
    "a furnace": (b'{"value":900}', "temperature", Reason.BAD_VALUE),
    "humidity 101": (b'{"value":101}', "humidity", Reason.BAD_VALUE),
    "a time in ns": (b'{"value":1,"t":1700000000000000000}', "pir", Reason.BAD_VALUE),
    "a time before 1970": (b'{"value":1,"t":-5}', "pir", Reason.BAD_VALUE),
    "a sequence of 300 bits": (b'{"value":1,"seq":' + b"9" * 90 + b"}", "pir", Reason.BAD_VALUE),
    "an endless id": (b'{"value":1,"id":"' + b"x" * 65 + b'"}', "pir", Reason.BAD_VALUE),
    "invalid UTF-8": (b'{"value":1,"id":"\xff"}', "pir", Reason.BAD_UTF8),
    "invalid UTF-8 where nobody looks": (b'{"value":1,"x":"\xff"}', "pir", Reason.BAD_UTF8),
    "over 16 KiB": (b'{"value":1,"x":"' + b"x" * MAX_EVENT_PAYLOAD + b'"}', "pir", Reason.TOO_LARGE),
}


@pytest.mark.parametrize(("payload", "kind", "reason"), BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_bad_event_has_one_reason(payload: bytes, kind: str, reason: Reason) -> None:
    with pytest.raises(Reject) as rejected:
        parse_event(payload, kind)
    assert rejected.value.reason is reason


@given(payload=st.binary(max_size=200), kind=st.sampled_from(sorted({*FLAG_KINDS, *VALUE_RANGE})))
def test_any_bytes_are_an_event_or_a_reject(payload: bytes, kind: str) -> None:
    for parse in (lambda: parse_event(payload, kind), lambda: parse_status(payload)):
        with suppress(Reject):
            parse()


@given(head=st.binary(max_size=40), tail=st.binary(max_size=80))
def test_any_bytes_are_frames_or_a_reject(head: bytes, tail: bytes) -> None:
    ring = memoryview(bytearray(DEPTH * SIZE))
    for payload in (head, GOOD[:8] + head + tail, GOOD[: len(tail)] + head):
        with suppress(Reject):
            frames_into(payload, ROWS, COLS, ring, 0)


def test_what_is_packed_is_what_is_parsed() -> None:
    payload = pack_event(1, t_ms=1_700_000_000_000, event_id="a-1", boot="b", seq=7)
    event = parse_event(payload, "button")
    assert (event.value, event.t, event.id, event.boot, event.seq) == (1, 1_700_000_000_000, "a-1", "b", 7)
    assert b"boot" not in pack_event(1)


def test_a_status_is_online_or_offline() -> None:
    status = parse_status(b'{"state":"online","battery":81,"rssi":-67}')
    assert (status.state, status.battery, status.rssi) == ("online", 81, -67)
    with pytest.raises(Reject, match="bad-value"):
        parse_status(b'{"state":"perhaps"}')


@pytest.mark.parametrize("charge", [b"1e308", b"-1", b"101"])
def test_a_charge_that_no_battery_has_is_not_told_and_costs_no_status(charge: bytes) -> None:
    status = parse_status(b'{"state":"offline","battery":' + charge + b"}")
    assert (status.state, status.battery) == ("offline", None)
