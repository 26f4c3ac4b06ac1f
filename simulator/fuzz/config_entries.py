"""Settings, parameters and rosters, as files hold them."""

import tempfile
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from guardian.board import Board
from guardian.roster_file import RosterFile, read
from guardian.roster_source import source_of
from guardian.settings import CONFIG, SettingsError, load
from guardian.slab import SensorSpec
from simulator.fuzz.dice import Dice
from simulator.fuzz.entry import FILE_COUNT, FILES_MS, TAKEN, Entry
from simulator.fuzz.writing import coded, toml_value

_GUARDIAN: Final = """site = "demo"
state_directory = "state"
detectors = "none.toml"
escalation = "none.toml"
[mqtt]
host = "127.0.0.1"
port = 1883
tls = false
[web]
board_port = 8080
[twilio]
account_sid = "AC0123456789abcdef0123456789abcdef"
from_number = "+14155550100"
public_url = "https://centre.example/hooks"
per_day = 1000
[modem]
device = "/dev/ttyUSB0"
country = "+86"
[aliyun]
access_key_id = "LTAI12345678"
sign_name = "社区中心"
templates = { page = { code = "SMS_1", parameters = ["home"] } }
[history]
url = "http://127.0.0.1:8086"
org = "o"
bucket = "b"
"""
_SETTINGS_KEYS: Final = (
    *(
        "site",
        "state_directory",
        "secrets_directory",
        "roster",
        "detectors",
        "escalation",
        "mqtt",
        "web",
        "twilio",
    ),
    *(
        "aliyun",
        "modem",
        "apprise",
        "history",
        "host",
        "port",
        "username",
        "password",
        "tls",
        "tls_ca",
        "board_port",
    ),
    *(
        "account_sid",
        "from_number",
        "auth_token",
        "public_url",
        "per_day",
        "device",
        "country",
        "templates",
        "urls",
    ),
)


def settings(stack: ExitStack) -> Entry:
    """`guardian.toml`; its two parameter files are not there, which are two mistakes in any case."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    file = place / "guardian.toml"
    absent = ("none.toml: no such file",) * 2
    without = b'detectors = "none.toml"\nescalation = "none.toml"\n'

    def call(data: bytes) -> str:
        file.write_bytes(data)
        try:
            load(file)
        except SettingsError as error:
            if len(error.problems) > len(absent) or not all(p.endswith(absent) for p in error.problems):
                raise
        return TAKEN

    return Entry(
        "settings",
        (_GUARDIAN.encode(), without + (CONFIG / "guardian.toml").read_bytes()),
        lambda dice: without + _tables(dice, _SETTINGS_KEYS, ("mqtt", "web", "twilio", "aliyun", "modem")),
        call,
        (SettingsError,),
        FILE_COUNT,
        words=tuple(f"{key} = ".encode() for key in _SETTINGS_KEYS),
        limit_ms=FILES_MS,
        batch=100,
    )


def parameters(stack: ExitStack) -> Entry:
    """`escalation.toml`, beside settings and detectors that are sound."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    file = place / "escalation.toml"
    (place / "guardian.toml").write_text(
        'site = "s"\nstate_directory = "s"\nescalation = "escalation.toml"\n[mqtt]\nhost = "h"\n', "utf-8"
    )

    def call(data: bytes) -> str:
        file.write_bytes(data)
        load(place / "guardian.toml")
        return TAKEN

    shipped = tomllib.loads((CONFIG / "escalation.toml").read_text("utf-8"))["escalation"]
    keys = tuple(shipped)
    return Entry(
        "parameters",
        ((CONFIG / "escalation.toml").read_bytes(),),
        lambda dice: _tables(dice, keys, ("escalation", "escalation", "x")),
        call,
        (SettingsError,),
        FILE_COUNT // 10,
        FILE_COUNT // 20,
        words=tuple(f"{key} = ".encode() for key in keys),
        limit_ms=FILES_MS,
        batch=50,
    )


def _tables(dice: Dice, keys: tuple[str, ...], tables: tuple[str, ...]) -> bytes:
    lines = []
    for _ in range(1 + dice.below(12)):
        if dice.one_in(4):
            lines.append(dice.pick(("[{}]", "[[{}]]", "[{}.x]")).format(dice.pick(tables)))
        key = f"{dice.pick(tables)}.{dice.pick(keys)}" if dice.one_in(6) else dice.pick(keys)
        lines.append(f"{key} = {toml_value(dice, ('demo', 'h01', '+8613800000001', 'https://a.example/h'))}")
    return coded(dice, "\n".join(lines))


_ROSTER: Final = """[site]
id = "demo"
[[homes]]
id = "h01"
card = "17"
keyholders = ["+8613800000001"]
resident = { name = "王秀英", phone = "+862150001111" }
rooms = [{ id = "living", zones = [{ id = "s", kind = "sofa", x0_m = 0.2, y0_m = -1, x1_m = 2, y1_m = 0 }] }]
sensors = [
  { id = "t0", kind = "thermal", room = "living", rows = 24, cols = 32, rate_hz = 4.0, mount = "ceiling" },
  { id = "door", kind = "door", room = "living", outside = true },
]
[[responders]]
name = "张敏"
phone = "+8613800000001"
skills = ["lift"]
travel_s = { h01 = 120 }
shifts = [{ days = "mon-sun", from = "00:00", to = "00:00" }]
"""
_ROSTER_KEYS: Final = (
    *(
        "id",
        "card",
        "entry_s",
        "keyholders",
        "resident",
        "rooms",
        "sensors",
        "name",
        "phone",
        "language",
        "reply_odds",
    ),
    *(
        "skills",
        "travel_s",
        "shifts",
        "timezone",
        "default_travel_s",
        "programmes",
        "enrolled",
        "homes",
        "site",
    ),
)
_SOURCES: Final = (
    'kind = "pir", dialect = "zigbee2mqtt", topic = "zigbee2mqtt/Bath", attribute = "occupancy"',
    'kind = "door", dialect = "esphome", topic = "hall-node", attribute = "binary_sensor/front_door"',
    'kind = "plug", dialect = "tasmota", topic = "tasmota_4C11AE", attribute = "ENERGY.Power", scale = 0.1',
    'kind = "button", dialect = "shelly", topic = "s-1", attribute = "input:0.event", on = "single|long"',
    'kind = "thermal", rows = 8, cols = 8, dialect = "thermal", topic = "t", format = "json", order = "rows"',
    'kind = "temperature", dialect = "tasmota", topic = "%prefix%/x", attribute = "S.T", offset = -1',
)
_SOURCE_KEYS: Final = (
    *("kind", "rows", "cols", "dialect", "topic", "attribute", "on", "invert", "scale", "offset", "format"),
    *("endianness", "order", "outside", "rate_hz", "mount", "height_m", "fov_deg", "x_m"),
)
_SOURCE_WORDS: Final = (
    *(
        "pir",
        "door",
        "button",
        "temperature",
        "thermal",
        "zigbee2mqtt",
        "esphome",
        "tasmota",
        "shelly",
        "json",
        "json-rows",
    ),
    *(
        "occupancy",
        "contact",
        "action",
        "event/help",
        "sensor/t",
        "ENERGY.Power",
        "Button1",
        "input:0.event",
        "little",
    ),
    *(
        "zigbee2mqtt/a",
        "zigbee2mqtt/a/availability",
        "%prefix%/a",
        "a/#",
        "a/+/b",
        "ON|off",
        "|",
        "columns-mirrored",
        ".",
    ),
)


def _read(data: bytes) -> RosterFile:
    """Read a roster; whatever the checks let through can be laid out on a board."""
    roster = read(data.decode("utf-8", "replace"))
    specs = [
        SensorSpec(home.id, s.id, s.kind, s.room, s.rows, s.cols, s.rate_hz, source=source_of(dict(s)))
        for home in roster.homes
        for s in home.sensors
    ]
    Board(roster.site.id, specs)
    return roster


def roster() -> Entry:
    """A roster's TOML."""

    def call(data: bytes) -> str:
        _read(data)
        return TAKEN

    return Entry(
        "roster",
        (_ROSTER.encode(), *(_with_source(s.encode()) for s in _SOURCES)),
        lambda dice: _tables(
            dice, _ROSTER_KEYS, ("site", "homes", "responders", "homes.sensors", "homes.rooms")
        ),
        call,
        (SettingsError,),
        FILE_COUNT,
        words=tuple(f"{key} = ".encode() for key in _ROSTER_KEYS),
        limit_ms=FILES_MS,
        batch=100,
    )


def source() -> Entry:
    """The keys of one sensor of a roster, its source above all."""

    def call(data: bytes) -> str:
        _read(_with_source(data))
        return TAKEN

    def invented(dice: Dice) -> bytes:
        pairs = dice.pick(_SOURCES).split(", ") if dice.below(2) else []
        for _ in range(dice.below(4)):
            pairs.append(f"{dice.pick(_SOURCE_KEYS)} = {toml_value(dice, _SOURCE_WORDS, 2)}")
        keys = {pair.partition(" = ")[0]: pair for pair in pairs}
        return coded(dice, ", ".join(keys.values()))

    return Entry(
        "source",
        tuple(s.encode() for s in _SOURCES),
        invented,
        call,
        (SettingsError,),
        FILE_COUNT,
        words=tuple(
            w.encode() for w in (*(f", {k} = " for k in _SOURCE_KEYS), *(f'"{w}"' for w in _SOURCE_WORDS))
        ),
        limit_ms=FILES_MS,
        batch=100,
    )


def _with_source(keys: bytes) -> bytes:
    head = (
        b'[site]\nid = "s"\n[[homes]]\nid = "h1"\nrooms = [{ id = "r" }]\nsensors = [{ id = "x", room = "r", '
    )
    return head + keys + b" }]\n"
