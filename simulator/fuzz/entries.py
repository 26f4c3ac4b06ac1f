"""Every entry point that strangers, devices, people or files reach, by name."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import MappingProxyType
from typing import Final

from simulator.fuzz import (
    config_entries,
    dialect_entries,
    hook_entries,
    said_entries,
    trace_entries,
    wire_entries,
)
from simulator.fuzz.entry import Entry

ENTRIES: Final[Mapping[str, Callable[[ExitStack], Entry]]] = MappingProxyType(
    {
        "frame": lambda _: wire_entries.frame(),
        "event": lambda _: wire_entries.event(),
        "topic": lambda _: wire_entries.topic(),
        "packet": lambda _: wire_entries.packet(),
        "zigbee2mqtt": lambda _: dialect_entries.zigbee2mqtt(),
        "esphome": lambda _: dialect_entries.esphome(),
        "tasmota": lambda _: dialect_entries.tasmota(),
        "shelly": lambda _: dialect_entries.shelly(),
        "thermal-json": lambda _: dialect_entries.thermal_json(),
        "thermal-rows": lambda _: dialect_entries.thermal_rows(),
        "thermal-base64": lambda _: dialect_entries.thermal_base64(),
        "thermal-float32": lambda _: dialect_entries.thermal_float32(),
        "announcement": lambda _: said_entries.announcement(),
        "reply": lambda _: said_entries.reply(),
        "webhook": hook_entries.webhook,
        "aliyun": hook_entries.aliyun,
        "settings": config_entries.settings,
        "parameters": config_entries.parameters,
        "roster": lambda _: config_entries.roster(),
        "source": lambda _: config_entries.source(),
        "trace": trace_entries.trace,
    }
)
"""Name → what sets it up; files, loops and ledgers go with the stack."""
