"""Shelly devices of the second generation and later.

`topic` is the device's MQTT prefix (`shellyhtg3-…` unless set otherwise), `attribute` is COMPONENT.FIELD
as in `temperature:0.tC`, `input:0.state`, `bthomesensor:200.value`, `smoke:0.alarm`. A change comes as a
notification on `PREFIX/events/rpc` and, where `status_ntf` is on, as the whole component on
`PREFIX/status/COMPONENT`; either is enough, and both are one change. `COMPONENT.event` is something that
happened: `input:0.event` with the words `single_push` and the like. `ts` is the device's own clock.
Source: https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Mqtt/ and
https://shelly-api-docs.shelly.cloud/gen2/General/Notifications/
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec

from guardian.wire import Reason, Reject
from guardian.wire.native import Status, decode_json
from guardian.wire.source import (
    Heard,
    Parse,
    Quantity,
    Topics,
    device_ms,
    fields,
    inside,
    number,
    percent,
    taken,
    text_of,
)

POWER: Final = "devicepower:0"
EVENT: Final = "event"
STATES: Final = frozenset({"NotifyStatus", "NotifyFullStatus"})
EVENTS: Final = "NotifyEvent"
_BATTERY: Final = ("battery", "percent")
_WAKES: Final = ("wakeup_period",)
"""In `sys`: seconds between two wakings of a device with a battery."""

_whole: Final = msgspec.json.Decoder(dict[str, Any])


def topics(quantities: Sequence[Quantity]) -> Topics:
    """Give the topics of one device; all quantities have the same `topic`."""
    prefix = quantities[0].source.topic
    components = dict.fromkeys(q.source.attribute.partition(".")[0] for q in quantities)
    readings = {f"{prefix}/status/{c}": _component(c, quantities) for c in (*components, POWER)}
    readings[f"{prefix}/events/rpc"] = _notification(tuple(components), quantities)
    return Topics(readings, {f"{prefix}/online": _online})


def _component(component: str, quantities: Sequence[Quantity]) -> Parse:
    def parse(payload: bytes) -> Heard:
        heard = Heard()
        _take(heard, component, decode_json(_whole, payload), quantities, 0)
        return heard

    return parse


def _notification(components: tuple[str, ...], quantities: Sequence[Quantity]) -> Parse:
    names = tuple(dict.fromkeys((*components, POWER)))
    whole, inner = _decoder(("method", "params")), ("ts", "events", "sys", *names)

    def parse(payload: bytes) -> Heard:
        method, params = taken(whole, payload)
        heard = Heard()
        if params is msgspec.UNSET or not isinstance(method, str):
            return heard  # an answer to somebody's question
        if not isinstance(params, dict):
            raise Reject(Reason.BAD_VALUE)
        ts, events, system, *states = (params.get(key) for key in inner)
        heard.sleeps = (number(inside(system, _WAKES)) or 0) > 0
        if method in STATES:
            for name, state in zip(names, states, strict=True):
                _take(heard, name, state, quantities, device_ms(ts))
        elif method == EVENTS and isinstance(events, list):
            for event in events:
                _happened(heard, event, quantities)
        return heard

    return parse


def _take(heard: Heard, component: str, state: object, quantities: Sequence[Quantity], t_ms: int) -> None:
    if component == POWER:
        heard.battery = percent(inside(state, _BATTERY))
    for i, quantity in enumerate(quantities):
        of, _, path = quantity.source.attribute.partition(".")
        if of != component or path == EVENT:
            continue
        written = inside(state, path.split("."))
        if written is not msgspec.UNSET:
            heard.add(i, quantity, written, t_ms)


def _happened(heard: Heard, event: object, quantities: Sequence[Quantity]) -> None:
    component, what = inside(event, ("component",)), inside(event, (EVENT,))
    for i, quantity in enumerate(quantities):
        if quantity.source.attribute == f"{component}.{EVENT}":
            heard.press(i, quantity, what, device_ms(inside(event, ("ts",))))


def _online(payload: bytes) -> Status:
    word = text_of(payload)
    if word not in {"true", "false"}:
        raise Reject(Reason.BAD_VALUE)
    return Status("online" if word == "true" else "offline")


@cache
def _decoder(keys: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    return fields("ShellyNotification", *keys)
