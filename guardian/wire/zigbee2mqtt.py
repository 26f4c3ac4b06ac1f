"""Devices behind Zigbee2MQTT (1.17 and later, tried with 2.14).

`topic` is `zigbee2mqtt/FRIENDLY_NAME`; the name may hold blanks and slashes. Its messages are JSON
objects with *every* attribute that was ever reported, so a state counts when it changes; that is for
whoever keeps the last one. `attribute` is a key of the object: `occupancy`, `contact`, `temperature`, …
An `action` is no state: each one is something that happened, and Zigbee2MQTT does not repeat it.
Source: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec

from guardian.wire.source import (
    GOOD_BATTERY,
    LOW_BATTERY,
    Heard,
    Quantity,
    Topics,
    availability,
    fields,
    percent,
    taken,
)

ACTION: Final = "action"
"""This attribute, and those that begin with it and an underscore."""
NOT_STATES: Final = frozenset({"availability", "set", "get"})
"""Last levels of topics below a device that are not its state."""


def is_action(attribute: str) -> bool:
    """Whether an attribute tells of something that happened."""
    return attribute == ACTION or attribute.startswith(f"{ACTION}_")


def topics(quantities: Sequence[Quantity]) -> Topics:
    """Give the topics of one device; all quantities have the same `topic`."""
    topic = quantities[0].source.topic
    keys = tuple(q.source.attribute for q in quantities)
    distinct = tuple(dict.fromkeys((*keys, "battery", "battery_low")))
    decoder = _decoder(distinct)
    places = [distinct.index(key) for key in keys]
    battery, low = distinct.index("battery"), distinct.index("battery_low")

    def parse(payload: bytes) -> Heard:
        values = taken(decoder, payload)
        heard = Heard(battery=percent(values[battery]))
        if heard.battery is None and isinstance(values[low], bool):
            heard.battery = LOW_BATTERY if values[low] else GOOD_BATTERY
        for i, quantity in enumerate(quantities):
            written = values[places[i]]
            if written is msgspec.UNSET:
                continue
            if is_action(quantity.source.attribute):
                heard.press(i, quantity, written)
            else:
                heard.add(i, quantity, written)
        return heard

    # How many levels its base topic has cannot be told from those of a name; a bridge that is none is silent.
    levels = topic.split("/")
    bases = ("/".join(levels[:n]) for n in range(1, len(levels)))
    bridges = dict.fromkeys((f"{base}/bridge/state" for base in bases), availability)
    return Topics({topic: parse}, {f"{topic}/availability": availability}, bridges)


@cache
def _decoder(keys: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """One for all devices of the same make."""
    return fields("Zigbee2MqttState", *keys)
