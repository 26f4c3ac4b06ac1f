"""What devices write, one message each, and what it means.

The shapes are those of the page named beside each; the words around them are ours. Those marked [run] are
what Zigbee2MQTT 2.14.1 itself published for ZCL frames of such a device (tests/test_zigbee2mqtt.py).
"""

from typing import Any, Final, NamedTuple

Z2M: Final = "https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html"
ESPHOME: Final = "https://esphome.io/components/mqtt.html"
TASMOTA: Final = "https://tasmota.github.io/docs/MQTT/"
SWITCHES: Final = "https://tasmota.github.io/docs/Buttons-and-Switches/"
SHELLY: Final = "https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices"
NOTIFICATIONS: Final = "https://shelly-api-docs.shelly.cloud/gen2/General/Notifications/"


class Example(NamedTuple):
    """One message, and one quantity in it."""

    page: str
    keys: dict[str, Any]
    """Of the roster's sensor: kind, topic, attribute, …"""
    topic: str
    payload: bytes
    value: float | None
    """None: the message says nothing about it."""
    pressed: bool = False


MOTION: Final = {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/Bath motion"}
DOOR: Final = {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/hall/front door", "attribute": "contact"}
NODE: Final = {"dialect": "esphome", "topic": "bedroom"}
PLUG: Final = {"dialect": "tasmota", "topic": "tasmota_4C11AE"}
HT: Final = {"dialect": "shelly", "topic": "shellyhtg3-84fce63ad204"}

EXAMPLES: Final[dict[str, Example]] = {
    # --- Zigbee2MQTT
    "z2m motion [run]": Example(
        "https://www.zigbee2mqtt.io/devices/RTCGQ11LM.html",
        {**MOTION, "kind": "pir", "attribute": "occupancy"},
        "zigbee2mqtt/Bath motion",
        b'{"battery":null,"device_temperature":null,"illuminance":40,"linkquality":120,"occupancy":true,'
        b'"power_outage_count":null,"voltage":null}',
        1,
    ),
    "z2m contact closed is a shut door [run]": Example(
        "https://www.zigbee2mqtt.io/devices/MCCGQ11LM.html",
        {**DOOR, "kind": "door"},
        "zigbee2mqtt/hall/front door",
        b'{"battery":100,"contact":true,"device_temperature":null,"identify":null,"linkquality":120,'
        b'"power_outage_count":null,"trigger_count":null,"voltage":null}',
        0,
    ),
    "z2m contact open": Example(
        "https://www.zigbee2mqtt.io/devices/MCCGQ11LM.html",
        {**DOOR, "kind": "door"},
        "zigbee2mqtt/hall/front door",
        b'{"contact":false,"battery":100,"battery_low":false,"tamper":false,"linkquality":92}',
        1,
    ),
    "z2m temperature [run]": Example(
        "https://www.zigbee2mqtt.io/devices/WSDCGQ11LM.html",
        {
            "dialect": "zigbee2mqtt",
            "topic": "zigbee2mqtt/climate",
            "kind": "temperature",
            "attribute": "temperature",
        },
        "zigbee2mqtt/climate",
        b'{"battery":null,"humidity":44.72,"linkquality":120,"pressure":null,"temperature":27.18,"voltage":null}',
        27.18,
    ),
    "z2m never reported [run]": Example(
        "https://www.zigbee2mqtt.io/devices/WSDCGQ11LM.html",
        {
            "dialect": "zigbee2mqtt",
            "topic": "zigbee2mqtt/climate",
            "kind": "humidity",
            "attribute": "humidity",
        },
        "zigbee2mqtt/climate",
        b'{"battery":null,"humidity":null,"linkquality":120,"pressure":null,"temperature":27.18,"voltage":null}',
        None,
    ),
    "z2m action": Example(
        "https://www.zigbee2mqtt.io/devices/TS0215A_sos.html",
        {
            "dialect": "zigbee2mqtt",
            "topic": "zigbee2mqtt/sos",
            "kind": "button",
            "attribute": "action",
            "on": "emergency",
        },
        "zigbee2mqtt/sos",
        b'{"action":"emergency","battery":100,"linkquality":87,"voltage":3000}',
        1,
        pressed=True,
    ),
    "z2m empty action of older versions": Example(
        Z2M,
        {
            "dialect": "zigbee2mqtt",
            "topic": "zigbee2mqtt/sos",
            "kind": "button",
            "attribute": "action",
            "on": "emergency",
        },
        "zigbee2mqtt/sos",
        b'{"action":"","battery":100,"linkquality":87}',
        None,
    ),
    "z2m fall radar": Example(
        "https://www.zigbee2mqtt.io/devices/MIR-HE200-TY.html",
        {
            "dialect": "zigbee2mqtt",
            "topic": "zigbee2mqtt/radar",
            "kind": "radar-fall",
            "attribute": "fall_down_status",
            "on": "fall",
        },
        "zigbee2mqtt/radar",
        b'{"fall_down_status":"fall","presence":true,"occupancy":true,"motion_speed":0,"linkquality":255}',
        1,
    ),
    "z2m fall radar, nobody fell": Example(
        "https://www.zigbee2mqtt.io/devices/MIR-HE200-TY.html",
        {
            "dialect": "zigbee2mqtt",
            "topic": "zigbee2mqtt/radar",
            "kind": "radar-fall",
            "attribute": "fall_down_status",
            "on": "fall",
        },
        "zigbee2mqtt/radar",
        b'{"fall_down_status":"none","presence":true}',
        0,
    ),
    "z2m bed pad that calls itself a contact": Example(
        "https://www.zigbee2mqtt.io/devices/SPM915.html",
        {
            "dialect": "zigbee2mqtt",
            "topic": "zigbee2mqtt/bed",
            "kind": "bed",
            "attribute": "contact",
            "invert": False,
        },
        "zigbee2mqtt/bed",
        b'{"contact":true,"battery":90,"battery_low":false,"tamper":false}',
        1,
    ),
    # --- ESPHome
    "esphome presence": Example(
        ESPHOME,
        {**NODE, "kind": "presence", "attribute": "binary_sensor/presence"},
        "bedroom/binary_sensor/presence/state",
        b"ON",
        1,
    ),
    "esphome temperature": Example(
        ESPHOME,
        {**NODE, "kind": "temperature", "attribute": "sensor/temperature"},
        "bedroom/sensor/temperature/state",
        b"22.6",
        22.6,
    ),
    "esphome without a value": Example(
        ESPHOME,
        {**NODE, "kind": "temperature", "attribute": "sensor/temperature"},
        "bedroom/sensor/temperature/state",
        b"nan",
        None,
    ),
    "esphome fall": Example(
        "https://esphome.io/components/seeed_mr60fda2.html",
        {**NODE, "kind": "radar-fall", "attribute": "binary_sensor/fall_detected"},
        "bedroom/binary_sensor/fall_detected/state",
        b"ON",
        1,
    ),
    "esphome fall state of a community component": Example(
        ESPHOME,
        {**NODE, "kind": "radar-fall", "attribute": "text_sensor/fall_state", "on": "real"},
        "bedroom/text_sensor/fall_state/state",
        b"Suspected",
        0,
    ),
    "esphome event": Example(
        "https://esphome.io/components/event/",
        {**NODE, "kind": "button", "attribute": "event/help_button", "on": "press"},
        "bedroom/event/help_button/state",
        b'{"event_type":"press"}',
        1,
        pressed=True,
    ),
    # --- Tasmota
    "tasmota climate": Example(
        TASMOTA,
        {**PLUG, "kind": "temperature", "attribute": "AM2301.Temperature"},
        "tele/tasmota_4C11AE/SENSOR",
        b'{"Time":"2018-03-02T18:25:03","AM2301":{"Temperature":22.6,"Humidity":32.4},"TempUnit":"C"}',
        22.6,
    ),
    "tasmota climate in °F": Example(
        TASMOTA,
        {**PLUG, "kind": "temperature", "attribute": "AM2301.Temperature"},
        "tele/tasmota_4C11AE/SENSOR",
        b'{"Time":"2018-03-02T18:25:03","AM2301":{"Temperature":68.0,"Humidity":32.4},"TempUnit":"F"}',
        20.0,
    ),
    "tasmota power": Example(
        TASMOTA,
        {**PLUG, "kind": "plug", "attribute": "ENERGY.Power"},
        "tele/tasmota_4C11AE/SENSOR",
        b'{"Time":"2024-02-24T22:20:38","ENERGY":{"Total":1.753,"Power":182,"Factor":0.98,"Voltage":230}}',
        182,
    ),
    "tasmota switch, told each period": Example(
        SWITCHES,
        {**PLUG, "kind": "door", "attribute": "Switch1"},
        "tele/tasmota_4C11AE/SENSOR",
        b'{"Time":"2024-02-24T22:20:38","Switch1":"ON"}',
        1,
    ),
    "tasmota switch that changed": Example(
        SWITCHES,
        {**PLUG, "kind": "door", "attribute": "Switch1"},
        "stat/tasmota_4C11AE/RESULT",
        b'{"Switch1":{"Action":"OFF"}}',
        0,
    ),
    "tasmota button": Example(
        SWITCHES,
        {**PLUG, "kind": "button", "attribute": "Button1", "on": "single|double"},
        "stat/tasmota_4C11AE/RESULT",
        b'{"Button1":{"Action":"SINGLE"}}',
        1,
        pressed=True,
    ),
    "tasmota relay": Example(
        TASMOTA,
        {**PLUG, "kind": "presence", "attribute": "POWER"},
        "stat/tasmota_4C11AE/RESULT",
        b'{"POWER":"ON"}',
        1,
    ),
    # --- Shelly
    "shelly temperature": Example(
        f"{SHELLY}/Temperature",
        {**HT, "kind": "temperature", "attribute": "temperature:0.tC"},
        "shellyhtg3-84fce63ad204/status/temperature:0",
        b'{"id":0,"tC":19.8,"tF":67.6}',
        19.8,
    ),
    "shelly that has just woken": Example(
        NOTIFICATIONS,
        {**HT, "kind": "humidity", "attribute": "humidity:0.rh"},
        "shellyhtg3-84fce63ad204/events/rpc",
        b'{"src":"shellyhtg3-84fce63ad204","dst":"shellyhtg3-84fce63ad204/events","method":"NotifyFullStatus","params":'
        b'{"ts":1680962879.62,"devicepower:0":{"id":0,"battery":{"V":5.3,"percent":72}},"humidity:0":{"id":0,"rh":42.2},'
        b'"temperature:0":{"id":0,"tC":19.8,"tF":67.6},"wifi":{"rssi":-58}}}',
        42.2,
    ),
    "shelly sensor without a value": Example(
        f"{SHELLY}/Temperature",
        {**HT, "kind": "temperature", "attribute": "temperature:0.tC"},
        "shellyhtg3-84fce63ad204/status/temperature:0",
        b'{"id":0,"tC":null,"tF":null,"errors":["read"]}',
        None,
    ),
    "shelly input": Example(
        NOTIFICATIONS,
        {"dialect": "shelly", "topic": "shellyplusi4-a8032ab1", "kind": "door", "attribute": "input:0.state"},
        "shellyplusi4-a8032ab1/events/rpc",
        b'{"src":"shellyplusi4-a8032ab1","dst":"x/events","method":"NotifyStatus","params":{"ts":1680962879.62,'
        b'"input:0":{"id":0,"state":true}}}',
        1,
    ),
    "shelly press": Example(
        NOTIFICATIONS,
        {
            "dialect": "shelly",
            "topic": "shellyplusi4-a8032ab1",
            "kind": "button",
            "attribute": "input:0.event",
            "on": "single_push|long_push",
        },
        "shellyplusi4-a8032ab1/events/rpc",
        b'{"src":"shellyplusi4-a8032ab1","dst":"x/events","method":"NotifyEvent","params":{"ts":1631266595.44,"events":'
        b'[{"component":"input:0","id":0,"event":"single_push","ts":1631266595.44}]}}',
        1,
        pressed=True,
    ),
    "shelly smoke": Example(
        f"{SHELLY}/Smoke",
        {"dialect": "shelly", "topic": "shellyplussmoke-a8", "kind": "smoke", "attribute": "smoke:0.alarm"},
        "shellyplussmoke-a8/status/smoke:0",
        b'{"id":0,"alarm":true,"mute":false}',
        1,
    ),
    "shelly door behind a Bluetooth gateway": Example(
        f"{SHELLY}/BTHomeSensor",
        {
            "dialect": "shelly",
            "topic": "shellyblugwg3-1",
            "kind": "door",
            "attribute": "bthomesensor:200.value",
        },
        "shellyblugwg3-1/status/bthomesensor:200",
        b'{"id":200,"value":true,"last_updated_ts":1706593991}',
        1,
    ),
}

STATUSES: Final[dict[str, tuple[dict[str, Any], str, bytes, str]]] = {
    "z2m": (
        {**MOTION, "kind": "pir", "attribute": "occupancy"},
        "zigbee2mqtt/Bath motion/availability",
        b'{"state":"offline"}',
        "offline",
    ),
    "z2m 1.x": (
        {**MOTION, "kind": "pir", "attribute": "occupancy"},
        "zigbee2mqtt/Bath motion/availability",
        b"online",
        "online",
    ),
    "esphome": (
        {**NODE, "kind": "presence", "attribute": "binary_sensor/presence"},
        "bedroom/status",
        b"offline",
        "offline",
    ),
    "tasmota": (
        {**PLUG, "kind": "plug", "attribute": "ENERGY.Power"},
        "tele/tasmota_4C11AE/LWT",
        b"Offline",
        "offline",
    ),
    "shelly": (
        {**HT, "kind": "temperature", "attribute": "temperature:0.tC"},
        "shellyhtg3-84fce63ad204/online",
        b"false",
        "offline",
    ),
}
"""Keys of a sensor, topic, payload, state."""
