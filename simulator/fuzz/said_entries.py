"""What people answer, and what devices announce about themselves."""

from typing import Final

from alerting.replies import MINUTES, Reply, parse
from guardian.roster_file import read
from guardian.scout import Scout, to_toml
from guardian.settings import SettingsError
from simulator.fuzz.dice import Dice
from simulator.fuzz.entry import MILLION, TAKEN, Entry
from simulator.fuzz.wire_entries import SITE
from simulator.fuzz.writing import coded, json_object

_PIECES: Final = (
    *(
        "A12",
        "a1",
        "Ａ１２",
        "Z99",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "0",
        "１",
        "①",
        "Ⅰ",
        "1\ufe0f\u20e3",
        "15",
        "121",
        "000",
    ),
    *(
        " ",
        "  ",
        "\t",
        "\u3000",
        "\u00a0",
        "\n",
        ".",
        "。",
        "，",
        "!",
        "-",
        "min",
        "minutes",
        "分钟",
        "分",
        "m",
        "STOP",
    ),
    *(
        "stop all",
        "退订",
        "ok",
        "yes",
        "好的",
        "\u200e",
        "\ufeff",
        "👍",
        "T",
        "ﷺ" * 40,
        "e\u0301" * 90,
        "ß" * 200,
    ),
)


def reply() -> Entry:
    """Answers of people, as they come in texts."""

    def call(data: bytes) -> str:
        answer = parse(data.decode("utf-8", "surrogateescape"))
        if not isinstance(answer, Reply):
            return answer.reason
        if answer.digit not in range(1, 7) or (answer.minutes is not None and answer.minutes not in MINUTES):
            raise AssertionError(str(answer))
        return f"{TAKEN} {answer.digit}"

    sound = (
        "A12 1 15",
        "1",
        "a1 2",
        "Ａ１２　３。",
        "A121",
        "1 15 分钟",
        "5",
        "STOP",
        "A12 6",
        "1\ufe0f\u20e3",
    )
    return Entry(
        "reply",
        tuple(text.encode() for text in sound),
        lambda dice: "".join(dice.pick(_PIECES) for _ in range(dice.below(9))).encode(
            "utf-8", "surrogatepass"
        ),
        call,
        (),
        10 * MILLION,
        words=tuple(piece.encode() for piece in _PIECES),
    )


_ANNOUNCED: Final = {
    "zigbee2mqtt/bridge/devices": b'[{"friendly_name":"Bath","definition":{"vendor":"Aqara","model":"P1",'
    b'"exposes":[{"name":"occupancy","property":"occupancy"},{"name":"action","values":["single","sos"]},'
    b'{"name":"temperature","unit":"\xc2\xb0F","features":[{"name":"x"}]}]}},{"friendly_name":"Coordinator"}]',
    "homeassistant/binary_sensor/n/o/config": b'{"name":"Hall","stat_t":"hall/binary_sensor/pir/state",'
    b'"dev_cla":"motion","dev":{"name":"hall","mf":"Espressif","mdl":"esp32"}}',
    "homeassistant/device/n/config": b'{"dev":{"name":"x"},"o":{"name":"Zigbee2MQTT"},'
    b'"stat_t":"zigbee2mqtt/x","cmps":{"a":{"p":"sensor",'
    b'"dev_cla":"temperature","val_tpl":"{{ value_json.temperature }}"}}}',
    "tasmota/discovery/4C11AE/config": b'{"t":"tas_1","ft":"%prefix%/%topic%/","dn":"Plug","md":"x",'
    b'"tp":["cmnd","stat","tele"]}',
    "tasmota/discovery/4C11AE/sensors": b'{"sn":{"AM2301":{"Temperature":22.6,"Humidity":3},"Switch1":"ON"}}',
    "shelly-1/status/temperature:0": b'{"id":0,"tC":19.8}',
    "shelly-1/events/rpc": b'{"params":{"input:0":{"state":true},"humidity:0":{"rh":40}}}',
    "node/binary_sensor/motion/state": b"ON",
    "guardian/s/h1/pir-1/event": b'{"value":1}',
    "guardian/s/h1/cam/frame": b"GT\x01\x00\x08\x00\x08\x00" + bytes(144),
}
_ANNOUNCED_KEYS: Final = (
    *(
        "friendly_name",
        "definition",
        "vendor",
        "model",
        "exposes",
        "name",
        "property",
        "values",
        "unit",
        "features",
    ),
    *(
        "stat_t",
        "~",
        "dev_cla",
        "val_tpl",
        "dev",
        "cmps",
        "mf",
        "mdl",
        "p",
        "o",
        "t",
        "ft",
        "dn",
        "md",
        "tp",
        "sn",
        "params",
    ),
    *("temperature:0", "input:0", "state", "tC", "Switch1", "AM2301", "Temperature"),
)
_ANNOUNCED_WORDS: Final = (
    "hall/sensor/temp/state",
    "motion",
    "~/state",
    "{{ value_json.door }}",
    "Zigbee2MQTT",
    "sos",
    "%topic%",
)


def announcement() -> Entry:
    """What devices announce; an input is a topic, a newline and a payload. What is found can be written."""
    scouts = [Scout(None)]

    def call(data: bytes) -> str:
        name, _, payload = data.partition(b"\n")
        scout = scouts[0]
        before, unclear = len(scout.found), scout.counters["not-understood"]
        scout.hear(name.decode("utf-8", "replace"), payload)
        if scout.counters["not-understood"] > unclear:
            return "not understood"
        return TAKEN if len(scout.found) > before else "nothing new"

    def settle() -> None:
        found = scouts[0].found
        scouts[0] = Scout(None)
        try:
            read(to_toml(found[:50], SITE, "heard"))
        except SettingsError as error:  # ids may come twice, which a person must put right
            if any("not TOML" in problem for problem in error.problems):
                raise

    def invented(dice: Dice) -> bytes:
        name = dice.pick(tuple(_ANNOUNCED))
        text = json_object(dice, _ANNOUNCED_KEYS, _ANNOUNCED_WORDS)
        return coded(dice, f"{name}\n{f'[{text}]' if 'bridge' in name else text}")

    corpus = tuple(name.encode() + b"\n" + payload for name, payload in _ANNOUNCED.items())
    words = tuple(f'"{word}"'.encode() for word in (*_ANNOUNCED_KEYS, *_ANNOUNCED_WORDS))
    return Entry("announcement", corpus, invented, call, (), MILLION, words=words, settle=settle, batch=500)
