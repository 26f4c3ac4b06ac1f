"""Which file knows which dialect: from the sensors of one device to its topics.

`thermal` is not here: its frames have one topic and no words (thermal.py).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from guardian.wire import esphome, shelly, tasmota, zigbee2mqtt
from guardian.wire.source import Quantity, Topics

TOPICS: Final[Mapping[str, Callable[[Sequence[Quantity]], Topics]]] = MappingProxyType(
    {
        "zigbee2mqtt": zigbee2mqtt.topics,
        "esphome": esphome.topics,
        "tasmota": tasmota.topics,
        "shelly": shelly.topics,
    }
)
"""Dialect → what gives the topics of a device, all of whose quantities have the same `topic`."""


def is_press(dialect: str, attribute: str) -> bool:
    """Whether an attribute tells of something that happened, not of a state."""
    if dialect == "zigbee2mqtt":
        return zigbee2mqtt.is_action(attribute)
    if dialect == "esphome":
        return attribute.startswith(esphome.EVENT)
    if dialect == "tasmota":
        return attribute.startswith(tasmota.BUTTON)
    return attribute.endswith(f".{shelly.EVENT}")
