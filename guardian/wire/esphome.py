"""Devices with ESPHome's MQTT client.

`topic` is the node's `topic_prefix` (its name, unless set otherwise), `attribute` is COMPONENT/OBJECT_ID
as in `binary_sensor/presence`; the state comes as plain text on `PREFIX/COMPONENT/OBJECT_ID/state`, `nan`
where a sensor has none. Of the component `event` it is JSON with an `event_type`, and each is something
that happened. Live values are retained as a rule; the link asks the broker to mark only stored ones.
Source: https://esphome.io/components/mqtt.html
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from guardian.wire.native import decode_json
from guardian.wire.source import Heard, Parse, Quantity, Topics, availability, text_of

EVENT: Final = "event/"
"""Beginning of attributes that tell of something that happened."""


class EventState(msgspec.Struct):
    """State of an `event` component."""

    event_type: Any = None


_event_states: Final = msgspec.json.Decoder(EventState)


def topics(quantities: Sequence[Quantity]) -> Topics:
    """Give the topics of one node; all quantities have the same `topic`."""
    prefix = quantities[0].source.topic
    by_attribute: dict[str, list[tuple[int, Quantity]]] = {}
    for i, quantity in enumerate(quantities):
        by_attribute.setdefault(quantity.source.attribute, []).append((i, quantity))
    readings = {f"{prefix}/{a}/state": _parse(a, some) for a, some in by_attribute.items()}
    return Topics(readings, {f"{prefix}/status": availability})


def _parse(attribute: str, quantities: list[tuple[int, Quantity]]) -> Parse:
    def state(payload: bytes) -> Heard:
        text, heard = text_of(payload), Heard()
        for i, quantity in quantities:
            heard.add(i, quantity, text)
        return heard

    def event(payload: bytes) -> Heard:
        kind, heard = decode_json(_event_states, payload).event_type, Heard()
        for i, quantity in quantities:
            heard.press(i, quantity, kind)
        return heard

    return event if attribute.startswith(EVENT) else state
