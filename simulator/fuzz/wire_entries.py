"""Guardian's own payloads and topics, on a board of one home; what is taken is then folded as by a beat."""

import struct
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import numpy as np

from guardian.board import Board, SensorSpec
from guardian.plan import EVENT_KINDS
from guardian.wire import Reject
from guardian.wire.native import FLAG_KINDS, VALUE_RANGE, pack_event, pack_frame, parse_event
from guardian.wire.salvage import salvage_publish
from simulator.fuzz.dice import Dice
from simulator.fuzz.entry import MILLION, TAKEN, Entry
from simulator.fuzz.mutators import TEXTS
from simulator.fuzz.writing import coded, json_object

SITE: Final = "s"
START_MS: Final = 1_763_942_400_000
BEAT_MS: Final = 200
SHAPES: Final = ((8, 8), (24, 32))
_EVENT_KEYS: Final = ("value", "t", "id", "boot", "seq", "state", "battery", "rssi")
_EVENT_WORDS: Final = ("online", "offline", "true", "1", "boot-1", "e-000001")
_COUNTS: Final = (0, 1, 2, 7, 8, 9, 24, 32, 33, 255, 256, 32_767, 32_768, 65_535)
_FACTS: Final = ("value", '"t":', '"id":', '"boot":', '"seq":', '"state":', '"battery":', '{"value":1}')


def board_of(*sensors: SensorSpec) -> tuple[Board, Callable[[], None], Callable[[], int]]:
    """Lay out a board; also give what a beat does with it, and its time."""
    board = Board(SITE, sensors)
    beats: Iterator[int] = count(START_MS, BEAT_MS)
    now = [next(beats)]

    def settle() -> None:
        now[0] = next(beats)
        for _group, _frames in board.batches(now[0]):
            pass
        board.fold(board.take_events(now[0]))
        board.take_heard()

    return board, settle, lambda: now[0]


def frame() -> Entry:
    """Thermal frames of two arrays."""
    cameras = [SensorSpec("h1", f"cam{rows}", "thermal", "living", rows, cols, 4.0) for rows, cols in SHAPES]
    board, settle, now_ms = board_of(*cameras)
    topics = [f"guardian/{SITE}/h1/cam{rows}/frame" for rows, _ in SHAPES]

    def call(payload: bytes) -> str:
        small = True
        try:
            board.frame(topics[0], payload, now_ms())
        except Reject:
            small = False
        if small:
            return TAKEN
        board.frame(topics[1], payload, now_ms())
        return "taken as 24x32"

    one, other = (
        pack_frame(np.full(shape, 2200, np.int16), seq=7, t_ms=START_MS, ambient_centi=2100)
        for shape in SHAPES
    )
    return Entry(
        "frame",
        (one, one * 3, one * 30, other, other * 2, one[:24], b"GT"),
        _frames,
        call,
        (Reject,),
        10 * MILLION,
        words=(b"GT", b"GT\x01\x00", one[:24], other[:24], one, b"\x08\x00\x08\x00", b"\x00\x80" * 40),
        most=64 * 1024,
        settle=settle,
    )


def _frames(dice: Dice) -> bytes:
    out = []
    for _ in range(1 if dice.below(4) else 1 + dice.below(30)):
        rows, cols = dice.pick(SHAPES) if dice.below(8) else (dice.pick(_COUNTS), dice.pick(_COUNTS))
        t_ms = dice.pick((0, START_MS, 1 << 48, (1 << 48) + 1, (1 << 64) - 1, dice.below(1 << 32)))
        sound = dice.below(16) > 0
        head = struct.pack(
            "<2sBBHHIQhH",
            b"GT" if sound else dice.raw(2),
            1 if sound else dice.below(256),
            dice.below(256),
            cols,
            rows,
            dice.below(1 << 32) if dice.below(2) else dice.below(20),
            t_ms,
            dice.below(1 << 16) - (1 << 15),
            dice.below(4),
        )
        size = min(2 * rows * cols, 4096)
        pixels = (
            dice.raw(size) if dice.below(2) else struct.pack("<h", dice.below(34_000) - 4_000) * (size // 2)
        )
        out.append(head + (pixels if dice.below(12) else pixels[: dice.below(size + 1)]))
    return b"".join(out)


def event() -> Entry:
    """Events of one sensor of each kind, and what devices say about themselves."""
    board, settle, now_ms = board_of(*(SensorSpec("h1", k, k, "hall") for k in sorted(EVENT_KINDS)))
    root = f"guardian/{SITE}/h1"
    pir, air = f"{root}/pir/event", f"{root}/temperature/event"
    others = sorted(EVENT_KINDS - {"pir", "temperature"})

    def call(payload: bytes) -> str:
        took = []
        try:
            board.status(f"{root}/pir/status", payload)
        except Reject:
            pass
        else:
            took.append("status")
        for kind, topic in (("flag", pir), ("measure", air)):
            try:
                board.event(topic, payload, now_ms())
            except Reject as reject:
                why = reject.reason  # the error itself would hold this frame, and the frame it
            else:
                took.append(kind)
        if not took:
            raise Reject(why)
        if len(payload) % 16 == 0:
            for kind in others:
                _tried(payload, kind)
        return " and ".join((TAKEN, *took))

    sound = (
        pack_event(1),
        pack_event(21.5, t_ms=START_MS, event_id="e-000001", boot="boot-1", seq=7),
        b'{"value":true,"colour":"red","x":[1,{}]}',
        b'{"state":"online","battery":81,"rssi":-67}',
        b'{"state":"offline"}',
    )
    return Entry(
        "event",
        sound,
        lambda dice: coded(dice, json_object(dice, _EVENT_KEYS, _EVENT_WORDS)),
        call,
        (Reject,),
        10 * MILLION,
        words=tuple(word.encode() for word in (*_FACTS, *_EVENT_WORDS)),
        settle=settle,
    )


def _tried(payload: bytes, kind: str) -> None:
    """Decode for another kind of sensor; what is taken must be what such a sensor can say."""
    try:
        value = parse_event(payload, kind).value
    except Reject:
        return
    low, high = VALUE_RANGE.get(kind, (0.0, 1.0))
    if not low <= value <= high or (kind in FLAG_KINDS and value not in {0, 1}):
        raise AssertionError(f"{kind} {value}")


def topic() -> Entry:
    """Topics, with payloads that are sound: of frames, events and statuses, and of nobody."""
    board, settle, now_ms = board_of(
        SensorSpec("h1", "cam", "thermal", "living", 8, 8, 4.0), SensorSpec("h1", "pir", "pir", "hall")
    )
    picture, one, said = pack_frame(np.full((8, 8), 2200, np.int16)), pack_event(1), b'{"state":"online"}'

    def call(name: bytes) -> str:
        topic = name.decode("utf-8", "surrogateescape")
        if board.devices.hear(topic, one, False, now_ms()):
            raise AssertionError("a device that nobody has")
        if topic.endswith("/status"):
            board.status(topic, said)
        elif topic.endswith("/frame"):
            board.frame(topic, picture, now_ms())
        else:
            board.event(topic, one, now_ms())
        return TAKEN

    levels = ("guardian", SITE, "h1", "h2", "cam", "pir", "frame", "event", "status", "", "H1", "x" * 33)

    def invented(dice: Dice) -> bytes:
        some = [dice.pick(TEXTS) if dice.one_in(8) else dice.pick(levels) for _ in range(dice.below(8))]
        name = ["guardian", SITE, f"h{dice.below(1 << 32)}", "cam", "event"] if dice.below(2) else some
        return "/".join(name).encode("utf-8", "surrogatepass")

    sound = ("h1/cam/frame", "h1/pir/event", "h1/pir/status", "h7/cam/frame", "h1/x/event", "h1/pir/frame")
    return Entry(
        "topic",
        tuple(f"guardian/{SITE}/{end}".encode() for end in sound),
        invented,
        call,
        (Reject,),
        10 * MILLION,
        words=tuple(f"{level}/".encode() for level in levels),
        settle=settle,
    )


def packet() -> Entry:
    """What is read of a PUBLISH that the codec refuses; it is never said to be longer than it is."""

    def call(data: bytes) -> str:
        if not data:
            return "nothing"
        found = salvage_publish(memoryview(data))
        if found is None:
            return "not salvaged"
        size, packet_id = found
        if not 4 <= size <= len(data) or not 0 <= (packet_id or 0) <= 0xFFFF:
            raise AssertionError(f"{size} of {len(data)} bytes, id {packet_id}")
        return TAKEN

    body = b"\x00\x0bguardian/s/h\x00\x07\x00" + b'{"value":1}'
    sound = b"\x32" + bytes((len(body),)) + body

    def invented(dice: Dice) -> bytes:
        length = dice.pick(
            (b"\x00", b"\x02", b"\x7f", b"\x80\x01", b"\xff\xff\xff\x7f", b"\xff" * 5, b"\x80" * 4)
        )
        return bytes((0x30 | dice.below(16),)) + length + dice.raw(dice.below(200))

    return Entry("packet", (sound, b"\x30" + sound[1:]), invented, call, (), MILLION)
