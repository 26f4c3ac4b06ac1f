"""What devices announce about themselves over MQTT, as proposals for the roster.

Takes topic and payload of bridges, discovery messages and first readings; gives proposals, with a note
wherever something is guessed. What strangers send is bounded and taken apart piece by piece. Names are only
ever data here: ids are made of them, comments are cleaned by whoever writes them. What cannot be decoded
raises msgspec.MsgspecError, RecursionError or ValueError, and nothing else.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from guardian.refusals import levels_of
from guardian.roster_source import mistakes_of
from guardian.wire import Reject
from guardian.wire.native import FLAG_KINDS, FRAME_HEADER, MAGIC, VALUE_RANGE
from guardian.wire.source import inside

MAX_LIST: Final = 4 << 20
"""Bytes of a bridge's list of devices: 200 devices with all their abilities are about 1 MB."""
MAX_ANNOUNCEMENT: Final = 64 * 1024
"""Bytes of anything else."""
MAX_PIECES: Final = 500
"""Devices or values taken from one message."""

KINDS: Final = FLAG_KINDS | frozenset(VALUE_RANGE)

Keys = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One sensor that could go into the roster."""

    name: str
    """What its maker or owner calls the device."""
    keys: Keys
    """kind, and where its readings come from."""
    notes: tuple[str, ...] = ()
    """What was guessed."""
    home: str | None = None
    sensor: str | None = None
    """Ids of native devices."""
    doubtful: bool = False
    """To be written as a comment only."""
    about: str = ""
    """Maker and model."""
    by_bridge: bool = False
    """From a bridge's own list, which knows more than a discovery message about the same value."""


BY_ABILITY: Final[Mapping[str, tuple[str, str]]] = {
    "occupancy": ("pir", ""),
    "presence": ("presence", ""),
    "contact": ("door", "a contact; of a fridge it is an appliance-door, of a bed it needs invert"),
    "temperature": ("temperature", ""),
    "humidity": ("humidity", ""),
    "power": ("plug", ""),
    "smoke": ("smoke", ""),
    "gas": ("gas", ""),
    "carbon_monoxide": ("gas", "carbon monoxide"),
    "water_leak": ("water", ""),
    "sos": ("button", "a state: a second press while it is set is not seen; an action is better"),
}
"""Zigbee2MQTT's names of abilities → kind, and what to look at. https://www.zigbee2mqtt.io/guide/usage/exposes.html"""
FALL_WORDS: Final = {"fall_down_status": "fall", "fall_status": "fall_alarm", "status": "falling"}
"""Abilities with words, and the word that is a fall (Tuya MIR-HE200-TY, Heiman, OWON FDS315)."""
HELP_WORDS: Final = frozenset({"emergency", "sos", "panic"})
"""Actions that are a call for help."""
BY_CLASS: Final[Mapping[str, tuple[str, str]]] = {
    "motion": ("pir", ""),
    "occupancy": ("presence", ""),
    "presence": ("presence", ""),
    "door": ("door", ""),
    "window": ("door", "a window"),
    "opening": ("door", ""),
    "garage_door": ("door", ""),
    "temperature": ("temperature", ""),
    "humidity": ("humidity", ""),
    "power": ("plug", ""),
    "smoke": ("smoke", ""),
    "gas": ("gas", ""),
    "carbon_monoxide": ("gas", "carbon monoxide"),
    "moisture": ("water", ""),
}
"""Home Assistant's device classes → the same. https://www.home-assistant.io/integrations/binary_sensor/"""
BY_WORD: Final = (
    ("fall", "radar-fall"),
    ("motion", "pir"),
    ("pir", "pir"),
    ("presence", "presence"),
    ("people_exist", "presence"),
    ("has_target", "presence"),
    ("occup", "presence"),
    ("door", "door"),
    ("contact", "door"),
    ("bed", "bed"),
    ("temp", "temperature"),
    ("humid", "humidity"),
    ("power", "plug"),
    ("smoke", "smoke"),
    ("leak", "water"),
    ("sos", "button"),
)
"""Words in names → kind, where nothing better is known."""

_SHELLY: Final[Mapping[str, tuple[str, str, str]]] = {
    "temperature": ("tC", "temperature", ""),
    "humidity": ("rh", "humidity", ""),
    "smoke": ("alarm", "smoke", ""),
    "flood": ("alarm", "water", ""),
    "switch": ("apower", "plug", ""),
    "pm1": ("apower", "plug", ""),
    "input": ("state", "door", "an input: what hangs on it"),
    "bthomesensor": ("value", "door", "a Bluetooth sensor: what it measures"),
}
"""Component → field, kind, what is guessed."""
_COMPONENT: Final = re.compile(r"([a-z0-9]{1,20}):(\d{1,5})")
_TEMPLATE: Final = re.compile(r"value_json\.([a-z0-9_]{1,64})\b")
_LONG: Final = {
    "stat_t": "state_topic",
    "dev_cla": "device_class",
    "val_tpl": "value_template",
    "dev": "device",
    "cmps": "components",
    "mf": "manufacturer",
    "mdl": "model",
    "p": "platform",
}
"""Home Assistant's abbreviations."""


# --- Zigbee2MQTT -------------------------------------------------------------------------------------


class Ability(msgspec.Struct):
    """One entry of `exposes`."""

    name: str = ""
    property: str = ""
    values: list[Any] = []
    unit: str = ""


class Definition(msgspec.Struct):
    """What Zigbee2MQTT knows of a make of device."""

    vendor: str = ""
    model: str = ""
    exposes: list[Ability] = []


class BridgeDevice(msgspec.Struct):
    """One device in `bridge/devices`."""

    friendly_name: str
    definition: Definition | None = None


_pieces: Final = msgspec.json.Decoder(list[msgspec.Raw])
_bridge_device: Final = msgspec.json.Decoder(BridgeDevice)
_object: Final = msgspec.json.Decoder(dict[str, Any])


def bridge_devices(topic: str, payload: bytes) -> Iterator[Proposal]:
    """Take `BASE/bridge/devices`."""
    base = topic.removesuffix("/bridge/devices")
    for raw in _pieces.decode(payload)[:MAX_PIECES]:
        try:
            device = _bridge_device.decode(raw)
        except msgspec.MsgspecError:  # one device that is unlike all others must not hide them
            continue
        if device.definition is None:
            continue
        about = f"{device.definition.vendor} {device.definition.model}"
        for ability in device.definition.exposes[:MAX_PIECES]:
            for keys, note, doubtful in _of_ability(ability):
                topic_keys = {"dialect": "zigbee2mqtt", "topic": f"{base}/{device.friendly_name}"}
                yield Proposal(
                    device.friendly_name,
                    {"kind": keys.pop("kind"), **topic_keys, **keys},
                    (note,) if note else (),
                    doubtful=doubtful,
                    about=about,
                    by_bridge=True,
                )


def _of_ability(ability: Ability) -> Iterator[tuple[Keys, str, bool]]:
    key = ability.property or ability.name
    words = [v for v in ability.values[:MAX_PIECES] if isinstance(v, str) and v]
    if ability.name in BY_ABILITY:
        kind, note = BY_ABILITY[ability.name]
        fahrenheit = {"scale": 5 / 9, "offset": -160 / 9} if ability.unit == "°F" else {}
        yield {"kind": kind, "attribute": key, **fahrenheit}, note, False
    elif ability.name in FALL_WORDS and FALL_WORDS[ability.name] in words:
        yield {"kind": "radar-fall", "attribute": key, "on": FALL_WORDS[ability.name]}, "", False
    elif ability.name == "action" and words:
        help_words = [w for w in words if w in HELP_WORDS]
        note = "" if help_words else "a switch, not made for help: which of its actions would call for it"
        on = "|".join(help_words or words)
        yield {"kind": "button", "attribute": key, "on": on}, note, not help_words


# --- Home Assistant's discovery, and ESPHome ---------------------------------------------------------


def discovery(topic: str, payload: bytes) -> Iterator[Proposal]:
    """Take `PREFIX/COMPONENT[/NODE]/OBJECT/config`, and the form with many components in one message."""
    whole = _long(_object.decode(payload))
    device = _long(whole.get("device"))
    components = whole.get("components")
    parts = list(components.values())[:MAX_PIECES] if isinstance(components, dict) else [whole]
    component = topic.split("/")[1]
    for part in parts:
        entity = {**whole, **_long(part)}
        platform = str(entity.get("platform", component))
        found = _of_entity(platform, entity)
        if found is None:
            continue
        kind, note, keys = found
        name = str(device.get("name") or entity.get("name") or keys["topic"])
        about = f"{device.get('manufacturer', '')} {device.get('model', '')}"
        notes = (f"kind: {note}",) if note else ()
        yield Proposal(name, {"kind": kind, **keys}, notes, about=about)


def _of_entity(platform: str, entity: Keys) -> tuple[str, str, Keys] | None:
    state = entity.get("state_topic")
    base = entity.get("~")
    if not isinstance(state, str):
        return None
    if isinstance(base, str):
        state = state.replace("~", base) if state.startswith("~") or state.endswith("~") else state
    kind, note = BY_CLASS.get(str(entity.get("device_class")), ("", ""))
    if not kind:
        kind = _by_word(f"{state} {entity.get('name', '')}".lower())
        note = "guessed from its name"
    if not kind:
        return None
    levels = state.split("/")
    if len(levels) >= 4 and levels[-1] == "state" and levels[-3] == platform:
        prefix = "/".join(levels[:-3])
        return kind, note, {"dialect": "esphome", "topic": prefix, "attribute": "/".join(levels[-3:-1])}
    key = _TEMPLATE.search(str(entity.get("value_template", "")))
    if key and inside(entity.get("origin", entity.get("o")), ("name",)) == "Zigbee2MQTT":
        return kind, note, {"dialect": "zigbee2mqtt", "topic": state, "attribute": key[1]}
    return None


def esphome_state(topic: str, _payload: bytes) -> Iterator[Proposal]:
    """Take `PREFIX/COMPONENT/OBJECT_ID/state` of nodes whose discovery is off."""
    *prefix, component, object_id, _ = topic.split("/")
    kind = _by_word(object_id)
    flag = component == "binary_sensor"
    if prefix and kind and flag == (kind in FLAG_KINDS):
        keys = {"dialect": "esphome", "topic": "/".join(prefix), "attribute": f"{component}/{object_id}"}
        yield Proposal("/".join(prefix), {"kind": kind, **keys}, ("kind: guessed from its name",))


def _long(part: object) -> Keys:
    if not isinstance(part, dict):
        return {}
    return {_LONG.get(str(key), str(key)): value for key, value in part.items()}


def _by_word(text: str) -> str:
    return next((kind for word, kind in BY_WORD if word in text), "")


# --- Tasmota -----------------------------------------------------------------------------------------


class TasmotaDevice(msgspec.Struct):
    """`tasmota/discovery/MAC/config`."""

    t: str
    ft: str = "%prefix%/%topic%/"
    dn: str = ""
    md: str = ""
    tp: tuple[str, ...] = ("cmnd", "stat", "tele")


_tasmota: Final = msgspec.json.Decoder(TasmotaDevice)


def tasmota_device(payload: bytes) -> TasmotaDevice:
    """Take `tasmota/discovery/MAC/config`. Raises msgspec.MsgspecError."""
    return _tasmota.decode(payload)


def tasmota_sensors(device: TasmotaDevice, payload: bytes) -> Iterator[Proposal]:
    """Take `tasmota/discovery/MAC/sensors` of a device."""
    default = device.ft.strip("/") == "%prefix%/%topic%"
    topic = device.t if default else device.ft.strip("/").replace("%topic%", device.t)
    usual = device.tp[1:] == ("stat", "tele")
    odd = () if usual else ("its prefixes are not cmnd, stat, tele: Guardian knows only these",)
    for attribute, kind, note in _of_sensors(_object.decode(payload).get("sn")):
        keys = {"kind": kind, "dialect": "tasmota", "topic": topic, "attribute": attribute}
        notes = (*odd, *((note,) if note else ()))
        yield Proposal(device.dn or device.t, keys, notes, doubtful=not usual, about=f"Tasmota {device.md}")


def _of_sensors(tree: object) -> Iterator[tuple[str, str, str]]:
    for name, value in list(tree.items())[:MAX_PIECES] if isinstance(tree, dict) else ():
        if isinstance(value, dict):
            for key, kind in (("Temperature", "temperature"), ("Humidity", "humidity"), ("Power", "plug")):
                if key in value:
                    yield f"{name}.{key}", kind, ""
        elif name.startswith("Switch"):
            yield (
                name,
                _by_word(name.lower()) or "pir",
                "kind: what hangs on the switch; invert if it is the wrong way round",
            )


# --- Shelly ------------------------------------------------------------------------------------------


def shelly_component(topic: str, payload: bytes) -> Iterator[Proposal]:
    """Take `PREFIX/status/COMPONENT`."""
    prefix, _, component = topic.rpartition("/status/")
    yield from _of_component(prefix, component, _object.decode(payload))


def shelly_notification(topic: str, payload: bytes) -> Iterator[Proposal]:
    """Take `PREFIX/events/rpc`."""
    prefix = topic.removesuffix("/events/rpc")
    params = _object.decode(payload).get("params")
    for component, state in list(params.items())[:MAX_PIECES] if isinstance(params, dict) else ():
        yield from _of_component(prefix, component, state)


def _of_component(prefix: str, component: str, state: object) -> Iterator[Proposal]:
    parts = _COMPONENT.fullmatch(component)
    if parts is None or parts[1] not in _SHELLY:
        return
    key, kind, guess = _SHELLY[parts[1]]
    value = inside(state, (key,))
    if value is msgspec.UNSET:
        return
    if guess and not isinstance(
        value, bool
    ):  # a button's input has no state, a Bluetooth thermometer a number
        return
    keys = {"kind": kind, "dialect": "shelly", "topic": prefix, "attribute": f"{component}.{key}"}
    yield Proposal(prefix, keys, (f"kind: {guess}",) if guess else (), about="Shelly")


# --- Guardian's own topics ---------------------------------------------------------------------------


def native(topic: str, payload: bytes) -> Iterator[Proposal]:
    """Take `guardian/SITE/HOME/SENSOR/KIND`."""
    try:
        _, _, home, sensor, word = levels_of(topic)
    except Reject:
        return
    if word == "frame" and len(payload) >= FRAME_HEADER.size and payload[:2] == MAGIC:
        cols, rows = FRAME_HEADER.unpack_from(payload)[3:5]
        keys = {"kind": "thermal", "rows": rows, "cols": cols}
        yield Proposal(sensor, keys, ("where it hangs is still missing",), home, sensor)
    elif word == "event":
        known = next((kind for kind in sorted(KINDS) if sensor.startswith(kind)), "")
        kind = known or _by_word(sensor) or "pir"
        note = "kind: guessed from its id" if known or _by_word(sensor) else "kind: not known"
        yield Proposal(sensor, {"kind": kind}, (note,), home, sensor)


def sound(proposal: Proposal) -> bool:
    """Whether a roster would take it."""
    return not mistakes_of(proposal.keys)


Announced = Callable[[str, bytes], Iterator[Proposal]]
