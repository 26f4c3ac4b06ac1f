"""`guardian devices`: what is announced becomes a roster that can be read, whatever strangers send."""

import asyncio
import json
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.announcements import MAX_ANNOUNCEMENT, MAX_LIST
from guardian.broker import mosquitto
from guardian.control import listen
from guardian.link import BrokerAddress, LinkError
from guardian.roster_file import RosterFile, read
from guardian.scout import MAX_PROPOSALS, Scout, filters, to_toml
from guardian.slug import slug
from guardian.wire.native import pack_event, pack_frame
from tests.mqtt_fixtures import device

# Each message as the page beside it has it, in words of ours.
BRIDGE = [  # https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html#zigbee2mqtt-bridge-devices
    {"friendly_name": "Coordinator", "type": "Coordinator", "ieee_address": "0x00124b0000000001"},
    {
        "friendly_name": "Bath motion",
        "type": "EndDevice",
        "definition": {
            "vendor": "Aqara",
            "model": "RTCGQ11LM",
            "exposes": [
                {"type": "numeric", "name": "battery", "property": "battery", "unit": "%"},
                {
                    "type": "binary",
                    "name": "occupancy",
                    "property": "occupancy",
                    "value_on": True,
                    "value_off": False,
                },
                {"type": "numeric", "name": "illuminance", "property": "illuminance", "unit": "lx"},
            ],
        },
    },
    {
        "friendly_name": "卧室/雷达",
        "definition": {
            "vendor": "Tuya",
            "model": "MIR-HE200-TY_fall",
            "exposes": [
                {
                    "type": "enum",
                    "name": "fall_down_status",
                    "property": "fall_down_status",
                    "values": ["none", "maybe_fall", "fall"],
                },
                {"type": "binary", "name": "presence", "property": "presence"},
            ],
        },
    },
    {
        "friendly_name": "sos",
        "definition": {
            "vendor": "Tuya",
            "model": "TS0215A_sos",
            "exposes": [{"type": "enum", "name": "action", "property": "action", "values": ["emergency"]}],
        },
    },
    {
        "friendly_name": "light switch",
        "definition": {
            "vendor": "IKEA",
            "model": "E1743",
            "exposes": [{"type": "enum", "name": "action", "property": "action", "values": ["on", "off"]}],
        },
    },
    {"friendly_name": 5, "definition": "nonsense"},
]
MESSAGES: dict[str, bytes] = {
    "zigbee2mqtt/bridge/devices": json.dumps(BRIDGE).encode(),
    # the same value as in the bridge's list: it is proposed once
    "homeassistant/binary_sensor/0x00158d0000000011/occupancy/config": json.dumps(
        {
            "device": {"manufacturer": "Aqara", "model": "Motion sensor", "name": "Bath motion"},
            "device_class": "occupancy",
            "origin": {"name": "Zigbee2MQTT"},
            "state_topic": "zigbee2mqtt/Bath motion",
            "value_template": "{{ value_json.occupancy }}",
        }
    ).encode(),
    # https://esphome.io/components/mqtt.html: discovery with abbreviations
    "homeassistant/binary_sensor/bedroom/presence/config": json.dumps(
        {
            "name": "Presence",
            "dev_cla": "occupancy",
            "stat_t": "bedroom/binary_sensor/presence/state",
            "dev": {"name": "bedroom", "mdl": "esp32dev", "mf": "espressif"},
        }
    ).encode(),
    "bedroom/binary_sensor/presence/state": b"ON",
    "hall/sensor/room_temperature/state": b"21.0",
    # https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
    "homeassistant/device/kitchen/config": json.dumps(
        {
            "dev": {"name": "kitchen"},
            "o": {"name": "esphome"},
            "cmps": {
                "a": {"p": "sensor", "dev_cla": "temperature", "stat_t": "kitchen/sensor/air/state"},
                "b": {"p": "light", "stat_t": "kitchen/light/lamp/state"},
                "c": 7,
            },
        }
    ).encode(),
    # https://tasmota.github.io/docs/MQTT/ (SetOption19 0)
    "tasmota/discovery/4C11AE000001/sensors": json.dumps(
        {
            "sn": {
                "Time": "2024-02-24T22:20:38",
                "Switch1": "ON",
                "AM2301": {"Temperature": 22.6, "Humidity": 32.4},
                "ENERGY": {"Power": 182},
                "TempUnit": "C",
            },
            "ver": 1,
        }
    ).encode(),
    "tasmota/discovery/4C11AE000001/config": json.dumps(
        {
            "dn": "Kitchen plug",
            "t": "tasmota_4C11AE",
            "ft": "%prefix%/%topic%/",
            "tp": ["cmnd", "stat", "tele"],
            "md": "NodeMCU",
        }
    ).encode(),
    # https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Mqtt/
    "shellyhtg3-84fce63ad204/events/rpc": json.dumps(
        {
            "method": "NotifyFullStatus",
            "params": {
                "ts": 1.5,
                "humidity:0": {"id": 0, "rh": 42.2},
                "temperature:0": {"id": 0, "tC": 19.8},
                "sys": {},
            },
        }
    ).encode(),
    "shellyplusi4-a8/status/input:0": b'{"id":0,"state":true}',
    "shellyplusi4-a8/status/input:1": b'{"id":1,"state":null}',
    "guardian/demo/h09/t0/frame": pack_frame(np.full((8, 8), 2000, np.int16)),
    "guardian/demo/h09/door-2/event": pack_event(1),
    "guardian/demo/h09/xyz/event": pack_event(1),
}


def scouted(messages: dict[str, bytes], known: RosterFile | None = None) -> Scout:
    scout = Scout(known)
    for topic, payload in messages.items():
        scout.hear(topic, payload)
    return scout


def as_roster(scout: Scout) -> tuple[str, RosterFile]:
    text = to_toml(scout.found, "demo", "heard")
    return text, read(text)


def test_what_is_announced_becomes_a_roster() -> None:
    text, roster = as_roster(scouted(MESSAGES))
    found = {
        (home.id, s.dialect, s.topic, s.attribute): (s.kind, s.on)
        for home in roster.homes
        for s in home.sensors
    }
    z2m = "zigbee2mqtt"
    assert found == {
        ("unplaced", z2m, "zigbee2mqtt/Bath motion", "occupancy"): ("pir", None),
        ("unplaced", z2m, "zigbee2mqtt/卧室/雷达", "fall_down_status"): ("radar-fall", "fall"),
        ("unplaced", z2m, "zigbee2mqtt/卧室/雷达", "presence"): ("presence", None),
        ("unplaced", z2m, "zigbee2mqtt/sos", "action"): ("button", "emergency"),
        ("unplaced", "esphome", "bedroom", "binary_sensor/presence"): ("presence", None),
        ("unplaced", "esphome", "hall", "sensor/room_temperature"): ("temperature", None),
        ("unplaced", "esphome", "kitchen", "sensor/air"): ("temperature", None),
        ("unplaced", "tasmota", "tasmota_4C11AE", "Switch1"): ("pir", None),
        ("unplaced", "tasmota", "tasmota_4C11AE", "AM2301.Temperature"): ("temperature", None),
        ("unplaced", "tasmota", "tasmota_4C11AE", "AM2301.Humidity"): ("humidity", None),
        ("unplaced", "tasmota", "tasmota_4C11AE", "ENERGY.Power"): ("plug", None),
        ("unplaced", "shelly", "shellyhtg3-84fce63ad204", "temperature:0.tC"): ("temperature", None),
        ("unplaced", "shelly", "shellyhtg3-84fce63ad204", "humidity:0.rh"): ("humidity", None),
        ("unplaced", "shelly", "shellyplusi4-a8", "input:0.state"): ("door", None),
        ("h09", None, None, None): ("pir", None),  # the last of three of them
    }
    native = {
        s.id: (s.kind, s.rows, s.cols) for home in roster.homes if home.id == "h09" for s in home.sensors
    }
    assert native == {"t0": ("thermal", 8, 8), "door-2": ("door", None, None), "xyz": ("pir", None, None)}
    (switch,) = [line for line in text.splitlines() if "light switch" in line]
    assert switch.startswith("  # {"), "an ordinary switch must not become a call for help by being pasted"
    (motion,) = [line for line in text.splitlines() if "Bath motion" in line]
    assert "Aqara RTCGQ11LM Bath motion" in motion


def test_guesses_are_said() -> None:
    lines = as_roster(scouted(MESSAGES))[0].splitlines()
    for topic, guess in (
        ("hall", "guessed from its name"),
        ("tasmota_4C11AE", "what hangs on the switch"),
        ("input:0", "an input"),
    ):
        assert any(f'"{topic}' in line and guess in line for line in lines), topic
    assert any('id = "xyz"' in line and "kind: not known" in line for line in lines)


def test_what_is_in_the_roster_is_not_proposed_again() -> None:
    _, roster = as_roster(scouted(MESSAGES))
    again = scouted(MESSAGES, roster)
    assert [p.name for p in again.found] == ["light switch"], "which is no sensor of the roster"
    assert again.counters["known"] > 15
    assert tomllib.loads(to_toml([], "demo", "nothing")) == {"homes": [], "site": {"id": "demo"}}
    assert read(to_toml([], "demo", "nothing")).homes == ()


HOSTILE = [
    'x"\n[[homes]]\nid = "evil',
    "a # b\r\n\x7f\x00",
    "\u202e\u2028name",
    "../../etc",
    "+/#",
    "'''",
    "\\",
    "x" * 5_000,
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_ever_data(name: str) -> None:
    ability = {"name": "occupancy", "property": "occupancy"}
    bridge = [{"friendly_name": name, "definition": {"vendor": name, "model": name, "exposes": [ability]}}]
    entity = {
        "dev_cla": "motion",
        "stat_t": f"{name}/binary_sensor/motion/state",
        "name": name,
        "dev": {"name": name},
    }
    scout = scouted(
        {
            "zigbee2mqtt/bridge/devices": json.dumps(bridge).encode(),
            "homeassistant/binary_sensor/x/config": json.dumps(entity).encode(),
            "tasmota/discovery/1/config": json.dumps({"t": name, "dn": name}).encode(),
            "tasmota/discovery/1/sensors": json.dumps(
                {"sn": {"DS18B20": {"Temperature": 1}, name: {"Power": 1}}}
            ).encode(),
        }
    )
    text, roster = as_roster(scout)
    assert [h.id for h in roster.homes] in ([], ["unplaced"])
    for home in roster.homes:
        assert all(re.fullmatch(r"[a-z0-9-]{1,32}", s.id) for s in home.sensors)
    assert all(line.isprintable() and len(line) < 800 for line in text.splitlines())


def test_floods_are_bounded() -> None:
    scout = Scout(None)
    ability = {"name": "occupancy", "property": "occupancy"}
    for n in range(5):
        some = [
            {"friendly_name": f"{n}-{i}", "definition": {"exposes": [ability]}} for i in range(MAX_PROPOSALS)
        ]
        scout.hear(f"z{n}/bridge/devices", json.dumps(some).encode())
    assert len(scout.found) == MAX_PROPOSALS
    assert scout.counters["too-many"] > 0
    for n in range(3 * MAX_PROPOSALS):
        scout.hear(f"tasmota/discovery/{n}/sensors", b'{"sn":{}}')
        scout.hear(f"tasmota/discovery/x{n}/config", b'{"t":"x"}')
    assert len(scout._tasmota) <= MAX_PROPOSALS
    assert len(scout._tasmota_sensors) <= MAX_PROPOSALS
    scout.hear("z/bridge/devices", b" " * (MAX_LIST + 1))
    scout.hear("x/status/input:0", b" " * (MAX_ANNOUNCEMENT + 1))
    assert scout.counters["too-large"] == 2
    read(to_toml(scout.found, "demo", "flood"))


TOPICS = [
    *MESSAGES,
    "homeassistant/x/config",
    "a/status/temperature:0",
    "a/events/rpc",
    "b/sensor/x/state",
    "",
    "a/b",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(topic=st.sampled_from(TOPICS), value=values, key=st.text(max_size=8))
def test_any_json_is_heard_without_a_word(topic: str, value: object, key: str) -> None:
    scout = scouted(MESSAGES)
    for payload in (json.dumps(value), json.dumps({key: value})):
        scout.hear(topic, payload.encode())
    whole: Any = None
    with suppress(ValueError, UnicodeDecodeError):
        whole = json.loads(MESSAGES.get(topic, b"{}"))
    if isinstance(whole, dict) and whole:  # damage one key of a sound message
        for name in whole:
            scout.hear(topic, json.dumps({**whole, name: value}).encode())
    as_roster(scout)


@settings(max_examples=300)
@given(topic=st.sampled_from(TOPICS), payload=st.binary(max_size=300))
def test_any_bytes_are_heard_without_a_word(topic: str, payload: bytes) -> None:
    scout = Scout(None)
    scout.hear(topic, payload)
    scout.hear(topic, MESSAGES.get(topic, b"")[: len(payload)] + payload)
    as_roster(scout)


def test_ids_are_ids_and_differ() -> None:
    taken: set[str] = set()
    names = ["Bath motion", "bath-motion", "BATH  motion!", "卧室", "客厅", "7", "x" * 90, "x" * 91]
    ids = [slug(name, taken, "topic") for name in names]
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]{1,32}", i) and re.search("[a-z]", i) for i in ids)
    assert ids[:3] == ["bath-motion", "bath-motion-2", "bath-motion-3"]


async def test_it_listens_on_a_broker_and_hears_what_is_stored_there(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, device(address) as client:
        await client.publish(
            "zigbee2mqtt/bridge/devices", MESSAGES["zigbee2mqtt/bridge/devices"], qos=1, retain=True
        )
        scout, heard, all_heard = Scout(None), asyncio.Event(), asyncio.Event()

        def take(topic: str, payload: bytes) -> None:
            scout.hear(topic, payload)
            heard.set()
            if scout.counters["messages"] == 3:
                all_heard.set()

        listening = asyncio.create_task(listen(address, "guardian-demo-devices", filters("demo"), 60.0, take))
        await asyncio.wait_for(heard.wait(), 10)
        await client.publish("shellyplusi4-a8/status/input:0", b'{"id":0,"state":true}')
        await client.publish("guardian/demo/h09/help/event", pack_event(1), qos=1)
        await asyncio.wait_for(all_heard.wait(), 10)
        listening.cancel()
        await asyncio.wait([listening])
        _, roster = as_roster(scout)
        assert sum(len(home.sensors) for home in roster.homes) == 6


async def test_a_broker_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(LinkError, match=r"127\.0\.0\.1:1"):
        await listen(BrokerAddress("127.0.0.1", 1), "guardian-demo-devices", ["#"], 1.0, lambda _t, _p: None)
