"""Devices of other makers: every topic of one device of each dialect, and foreign thermal frames."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from guardian.board import SensorSpec
from guardian.roster_source import mistakes_of, source_of
from guardian.wire import Reject
from guardian.wire.source import Dialect
from simulator.fuzz.dice import Dice
from simulator.fuzz.entry import MILLION, TAKEN, Entry
from simulator.fuzz.mutators import NUMBERS, TEXTS
from simulator.fuzz.wire_entries import board_of
from simulator.fuzz.writing import coded, json_object, json_value

ROWS, COLS = 8, 8
_KEYS: Final = ("topic", "attribute", "on", "invert", "scale", "offset", "format", "endianness", "order")


def sensor(dialect: Dialect, name: str, **keys: Any) -> SensorSpec:
    """Give a sensor as a roster would: its keys are checked as those of a roster are."""
    row = {**dict.fromkeys(_KEYS), "dialect": dialect, **keys}
    if wrong := mistakes_of(row):
        raise ValueError("; ".join(wrong))
    rows, cols = (ROWS, COLS) if dialect == "thermal" else (None, None)
    return SensorSpec("h1", name, str(row["kind"]), "hall", rows, cols, source=source_of(row))


def _heard(
    sensors: Sequence[SensorSpec], topics: Sequence[str]
) -> tuple[Callable[[bytes], str], Callable[[], None]]:
    """Send each input on every topic. Devices never raise: what they refuse is counted."""
    board, settle, now_ms = board_of(*sensors)

    def call(payload: bytes) -> str:
        before = board.events_taken
        for topic in topics:
            if not board.devices.hear(topic, payload, False, now_ms()):
                raise AssertionError(f"nobody's topic: {topic}")
        return TAKEN if board.events_taken > before else "nothing new"

    return call, settle


def _of(
    dialect: Dialect,
    things: Mapping[str, Mapping[str, Any]],
    topics: Sequence[str],
    *,
    corpus: Sequence[object],
    invented: Callable[[Dice], str],
    words: Sequence[str],
) -> Entry:
    sensors = [sensor(dialect, n, topic="z/dev", **keys) for n, keys in things.items()]
    call, settle = _heard(sensors, topics)
    sound = tuple(c.encode() if isinstance(c, str) else json.dumps(c).encode() for c in corpus)
    return Entry(
        dialect,
        sound,
        lambda dice: coded(dice, invented(dice)),
        call,
        (),
        MILLION,
        words=tuple(f'"{word}"'.encode() for word in words),
        settle=settle,
    )


def zigbee2mqtt() -> Entry:
    """One device with a value of every sort."""
    things: dict[str, dict[str, Any]] = {
        "moves": {"kind": "pir", "attribute": "occupancy"},
        "door": {"kind": "door", "attribute": "contact"},
        "air": {"kind": "temperature", "attribute": "temperature", "scale": 5 / 9, "offset": -160 / 9},
        "fall": {"kind": "radar-fall", "attribute": "fall_down_status", "on": "fall"},
        "help": {"kind": "button", "attribute": "action", "on": "emergency|sos"},
    }
    keys = (
        "occupancy",
        "contact",
        "temperature",
        "fall_down_status",
        "action",
        "battery",
        "battery_low",
        "state",
    )
    words = ("fall", "none", "emergency", "ON", "off", "unavailable", "online", "22.5", "nan")
    return _of(
        "zigbee2mqtt",
        things,
        ("z/dev", "z/dev/availability", "z/bridge/state"),
        corpus=(
            {"battery": None, "occupancy": True, "contact": False, "temperature": 70.2, "linkquality": 120},
            {"action": "emergency", "battery": 100, "battery_low": False, "fall_down_status": "fall"},
            {"state": "offline"},
            "online",
        ),
        invented=lambda dice: json_object(dice, keys, words),
        words=(*keys, *words),
    )


def esphome() -> Entry:
    """One node with plain text, and with an event."""
    things: dict[str, dict[str, Any]] = {
        "there": {"kind": "presence", "attribute": "binary_sensor/presence"},
        "air": {"kind": "temperature", "attribute": "sensor/temperature"},
        "fall": {"kind": "radar-fall", "attribute": "text_sensor/fall_state", "on": "real"},
        "help": {"kind": "button", "attribute": "event/help", "on": "press"},
    }
    paths = [str(keys["attribute"]) for keys in things.values()]
    words = ("ON", "OFF", "nan", "real", "press", "22.6", "online", "offline", "event_type", "unavailable")

    def invented(dice: Dice) -> str:
        if dice.below(2):
            return json_object(dice, ("event_type", "state"), words)
        blank = dice.pick(("", " ", "\n", "\u00a0", "\0"))
        return blank + dice.pick((*words, *NUMBERS, *TEXTS)) + dice.pick(("", " ", "°C", "\r\n"))

    return _of(
        "esphome",
        things,
        (*(f"z/dev/{path}/state" for path in paths), "z/dev/status"),
        corpus=("ON", "22.6", "nan", "real", '{"event_type":"press"}', "online", '{"state":"offline"}'),
        invented=invented,
        words=words,
    )


def tasmota() -> Entry:
    """One device with values inside of objects, a switch and a button."""
    things: dict[str, dict[str, Any]] = {
        "air": {"kind": "temperature", "attribute": "AM2301.Temperature"},
        "stove": {"kind": "plug", "attribute": "ENERGY.Power"},
        "door": {"kind": "door", "attribute": "Switch1"},
        "help": {"kind": "button", "attribute": "Button1", "on": "single|double"},
    }
    keys = (
        "AM2301",
        "Temperature",
        "TempUnit",
        "ENERGY",
        "Power",
        "Switch1",
        "Button1",
        "Action",
        "Wifi",
        "Signal",
    )
    words = ("ON", "OFF", "SINGLE", "F", "C", "Online", "Offline", "22.6")
    return _of(
        "tasmota",
        things,
        ("tele/z/dev/SENSOR", "tele/z/dev/LWT"),
        corpus=(
            {
                "Time": "2018-03-02T18:25:03",
                "AM2301": {"Temperature": 68.0, "Humidity": 32.4},
                "TempUnit": "F",
            },
            {"ENERGY": {"Total": 1.753, "Power": 182}, "Switch1": {"Action": "ON"}, "Wifi": {"Signal": -63}},
            {"Switch1": "ON", "Button1": {"Action": "SINGLE"}},
            "Online",
        ),
        invented=lambda dice: json_object(dice, keys, words),
        words=(*keys, *words),
    )


def shelly() -> Entry:
    """One device with states and presses."""
    things: dict[str, dict[str, Any]] = {
        "air": {"kind": "temperature", "attribute": "temperature:0.tC"},
        "smoke": {"kind": "smoke", "attribute": "smoke:0.alarm"},
        "door": {"kind": "door", "attribute": "input:0.state"},
        "help": {"kind": "button", "attribute": "input:0.event", "on": "single_push"},
    }
    inner = (
        "ts",
        "events",
        "sys",
        "temperature:0",
        "smoke:0",
        "input:0",
        "devicepower:0",
        "component",
        "event",
    )
    keys = (*inner, "method", "params", "tC", "alarm", "state", "battery", "percent", "wakeup_period")
    words = ("NotifyStatus", "NotifyFullStatus", "NotifyEvent", "input:0", "single_push", "true", "false")

    def invented(dice: Dice) -> str:
        if dice.below(4):
            params = json_object(dice, keys, words) if dice.below(8) else json_value(dice, words, keys)
            return f'{{"method":"{dice.pick(words)}","params":{params}}}'
        return json_object(dice, keys, words)

    state = {"temperature:0": {"id": 0, "tC": 19.8}, "smoke:0": {"alarm": True}, "input:0": {"state": True}}
    press = {"component": "input:0", "id": 0, "event": "single_push", "ts": 1631266595.44}
    power = {"battery": {"V": 5.3, "percent": 72}}
    return _of(
        "shelly",
        things,
        ("z/dev/events/rpc", "z/dev/status/temperature:0", "z/dev/status/devicepower:0", "z/dev/online"),
        corpus=(
            {"method": "NotifyStatus", "params": {"ts": 1680962879.62, **state, "devicepower:0": power}},
            {"method": "NotifyFullStatus", "params": {"ts": 1.6, "sys": {"wakeup_period": 7200}, **state}},
            {"method": "NotifyEvent", "params": {"ts": 1631266595.44, "events": [press, press]}},
            {"id": 0, "tC": 19.8, "tF": 67.6},
            power,
            "true",
        ),
        invented=invented,
        words=(*keys, *words),
    )


# --- thermal frames that are not ours -----------------------------------------------------------------


def _thermal(name: str, corpus: Sequence[bytes], invented: Callable[[Dice], bytes], **written: str) -> Entry:
    """Send each input to an array of that format, with its pixels at the top and under a key."""
    places: list[dict[str, str]] = [{}, {"attribute": "a.b"}]  # of raw numbers only the first
    under = places if written["format"].startswith(("json", "base64")) else places[:1]
    specs = [
        sensor("thermal", f"cam{i}", kind="thermal", topic=f"t/{i}", **written, **keys)
        for i, keys in enumerate(under)
    ]
    board, settle, now_ms = board_of(*specs)

    def call(payload: bytes) -> str:
        for i in range(len(specs)):
            try:
                board.frame(f"t/{i}", payload, now_ms())
            except Reject as reject:
                why = reject.reason  # the error itself would hold this frame, and the frame it
            else:
                return TAKEN
        raise Reject(why)

    return Entry(
        name,
        tuple(corpus),
        invented,
        call,
        (Reject,),
        MILLION,
        most=64 * 1024,
        settle=settle,
        words=(b'"a"', b'{"a":{"b":'),
    )


def thermal_json() -> Entry:
    """Pixels in one list."""
    return _json_frames("thermal-json", "json", [22.5] * (ROWS * COLS))


def thermal_rows() -> Entry:
    """Pixels in a list for each row."""
    return _json_frames("thermal-rows", "json-rows", [[22.5] * COLS] * ROWS)


def _json_frames(name: str, written: str, picture: object) -> Entry:
    sound = json.dumps(picture).encode()

    def invented(dice: Dice) -> bytes:
        flat = [f"{20 + dice.below(1000) / 100}" for _ in range(ROWS * COLS)]
        for _ in range(dice.below(3)):
            flat[dice.below(ROWS * COLS)] = dice.pick((*NUMBERS[:24], "null", '"x"', "true", "[]", "[1,2]"))
        rows = [f"[{','.join(flat[i : i + COLS - dice.one_in(99)])}]" for i in range(0, ROWS * COLS, COLS)]
        text = f"[{','.join(rows if written == 'json-rows' else flat)}]"
        return coded(dice, f'{{"a":{{"b":{text}}}}}' if dice.below(2) else text)

    return _thermal(
        name, (sound, b'{"a":{"b":' + sound + b"}}", b"[1,null]", b"[[1],[2]]"), invented, format=written
    )


def _floats(dice: Dice) -> bytes:
    values = np.frombuffer(dice.raw(4 * ROWS * COLS), "<f4").copy()
    if dice.below(2):
        values = 20 + np.frombuffer(dice.raw(ROWS * COLS), "u1").astype("<f4") / 10
        values[dice.below(ROWS * COLS)] = dice.pick((np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40))
    return values.tobytes()[: None if dice.below(10) else dice.below(4 * ROWS * COLS)]


def thermal_base64() -> Entry:
    """float32 in base64, as the payload or as text in JSON."""
    coded64 = base64.b64encode(np.full(ROWS * COLS, 22.5, "<f4").tobytes())

    def invented(dice: Dice) -> bytes:
        text = base64.b64encode(_floats(dice))
        text = text if dice.below(8) else text.replace(b"A", dice.pick((b"\n", b"-", b"=", "é".encode())))
        return text if dice.below(2) else b'{"a":{"b":"' + text + b'"}}'

    corpus = (coded64, b'{"a":{"b":"' + coded64 + b'"}}')
    return _thermal("thermal-base64", corpus, invented, format="base64-float32", endianness="little")


def thermal_float32() -> Entry:
    """float32 back to back."""
    corpus = (np.full(ROWS * COLS, 22.5, "<f4").tobytes(),)
    return _thermal("thermal-float32", corpus, _floats, format="float32", endianness="little")
