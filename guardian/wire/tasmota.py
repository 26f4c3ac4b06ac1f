"""Devices with Tasmota.

`topic` is the device's Topic with the default FullTopic `%prefix%/%topic%/`; another FullTopic is written
out, with `%prefix%` where it stands. `attribute` is a key of the JSON in `tele/…/SENSOR`, `tele/…/STATE`
and `stat/…/RESULT`, with dots into objects: `AM2301.Temperature`, `ENERGY.Power`, `Switch1`, `POWER`.
Switches come as `{"Switch1":"ON"}` each TelePeriod and as `{"Switch1":{"Action":"ON"}}` when they change
(SetOption114); `Button1` and the like are presses. Temperatures in °F say so in the same message. `Time`
has no zone and is not read.
Source: https://tasmota.github.io/docs/MQTT/ and https://tasmota.github.io/docs/Buttons-and-Switches/
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec

from guardian.wire import Reason, Reject
from guardian.wire.native import Status
from guardian.wire.source import Heard, Quantity, Topics, fields, inside, number, taken, text_of

PREFIX: Final = "%prefix%"
BUTTON: Final = "Button"
"""Beginning of attributes that tell of something that happened."""


def topics(quantities: Sequence[Quantity]) -> Topics:
    """Give the topics of one device; all quantities have the same `topic`."""
    topic = quantities[0].source.topic
    full = topic if PREFIX in topic else f"{PREFIX}/{topic}"
    tele, stat = full.replace(PREFIX, "tele"), full.replace(PREFIX, "stat")
    paths = [q.source.attribute.split(".") for q in quantities]
    distinct = tuple(dict.fromkeys((*(path[0] for path in paths), "TempUnit", "Wifi")))
    decoder = _decoder(distinct)
    places = [distinct.index(path[0]) for path in paths]
    unit, wifi = distinct.index("TempUnit"), distinct.index("Wifi")

    def parse(payload: bytes) -> Heard:
        values = taken(decoder, payload)
        heard = Heard(rssi=number(inside(values[wifi], ("Signal",))))
        fahrenheit = values[unit] == "F"
        for i, quantity in enumerate(quantities):
            written = inside(values[places[i]], paths[i][1:])
            if isinstance(written, dict) and "Action" in written:
                written = written["Action"]
            if written is msgspec.UNSET:
                continue
            if quantity.source.attribute.startswith(BUTTON):
                heard.press(i, quantity, written)
                continue
            if fahrenheit and quantity.kind == "temperature" and (f := number(written)) is not None:
                written = (f - 32) / 1.8
            heard.add(i, quantity, written)
        return heard

    readings = {f"{tele}/SENSOR": parse, f"{tele}/STATE": parse, f"{stat}/RESULT": parse}
    return Topics(readings, {f"{tele}/LWT": _last_will})


def _last_will(payload: bytes) -> Status:
    word = text_of(payload)
    if word not in {"Online", "Offline"}:
        raise Reject(Reason.BAD_VALUE)
    return Status(word.lower())


@cache
def _decoder(keys: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """One for all devices of the same make."""
    return fields("TasmotaMessage", *keys)
