"""Listening for devices that are not in the roster yet, and writing them down as its author would.

Takes messages as they come, gives TOML that a roster can take: what is guessed stands in comments. Never
raises for what a stranger sends, never keeps more than MAX_PROPOSALS, never publishes anything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

import msgspec
import tomli_w

from guardian import announcements as said
from guardian.announcements import MAX_ANNOUNCEMENT, MAX_LIST, Announced, Proposal, TasmotaDevice
from guardian.roster_file import RosterFile
from guardian.slug import slug

MAX_PROPOSALS: Final = 1_000
MAX_COMMENT: Final = 80
"""Characters of a stranger's name in a comment."""
UNPLACED: Final = "unplaced"
"""Home and room of sensors that somebody has to place."""


def filters(site: str) -> list[str]:
    """Give the topics to listen to."""
    return [
        "+/bridge/devices",
        "+/+/bridge/devices",
        "homeassistant/+/+/config",
        "homeassistant/+/+/+/config",
        "tasmota/discovery/+/config",
        "tasmota/discovery/+/sensors",
        "+/status/+",
        "+/events/rpc",
        "+/binary_sensor/+/state",
        "+/sensor/+/state",
        f"guardian/{site}/+/+/frame",
        f"guardian/{site}/+/+/event",
    ]


class Scout:
    """What has been heard, and what of it is new."""

    def __init__(self, known: RosterFile | None) -> None:
        self._known: set[tuple[Any, ...]] = set()
        for home in known.homes if known else ():
            for s in home.sensors:
                self._known.add(
                    ("native", home.id, s.id) if s.dialect is None else (s.dialect, s.topic, s.attribute)
                )
        self._found: dict[tuple[Any, ...], Proposal] = {}
        self._tasmota: dict[str, TasmotaDevice] = {}
        self._tasmota_sensors: dict[str, bytes] = {}
        self.counters: Counter[str] = Counter()
        """`messages`; `not-understood`, `too-large`, `too-many`; `known`: in the roster already."""

    def hear(self, topic: str, payload: bytes) -> None:
        """Take one message, whatever it holds."""
        self.counters["messages"] += 1
        announced = self._announced(topic)
        if announced is None:
            return
        if len(payload) > (MAX_LIST if topic.endswith("/bridge/devices") else MAX_ANNOUNCEMENT):
            self.counters["too-large"] += 1
            return
        try:
            for proposal in announced(topic, payload):
                self._add(proposal)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError):
            self.counters["not-understood"] += 1

    def _announced(self, topic: str) -> Announced | None:
        levels = topic.split("/")
        match levels:
            case ["guardian", *_]:
                return said.native
            case ["tasmota", "discovery", mac, word]:
                return partial(self._of_tasmota, mac, word)
            case ["homeassistant", *_, "config"] if len(levels) in {4, 5}:
                return said.discovery
            case [_, "bridge", "devices"]:
                return said.bridge_devices
            case [_, "events", "rpc"]:
                return said.shelly_notification
            case [_, "status", _]:
                return said.shelly_component
            case [_, "binary_sensor" | "sensor", _, "state"]:
                return said.esphome_state
            case _:
                return None

    def _of_tasmota(self, mac: str, word: str, _topic: str, payload: bytes) -> Iterator[Proposal]:
        """Its device and its sensors come as two messages, in either order."""
        if mac not in self._tasmota and len(self._tasmota) >= MAX_PROPOSALS:
            self.counters["too-many"] += 1
            return
        if word == "config":
            self._tasmota[mac] = said.tasmota_device(payload)
        elif mac in self._tasmota_sensors or len(self._tasmota_sensors) < MAX_PROPOSALS:
            self._tasmota_sensors[mac] = payload
        if mac in self._tasmota and mac in self._tasmota_sensors:
            yield from said.tasmota_sensors(self._tasmota[mac], self._tasmota_sensors[mac])

    def _add(self, proposal: Proposal) -> None:
        keys = proposal.keys
        if proposal.home is not None:
            key: tuple[Any, ...] = ("native", proposal.home, proposal.sensor)
        else:
            key = (keys["dialect"], keys["topic"], keys["attribute"])
        if key in self._known:
            self.counters["known"] += 1
        elif not said.sound(proposal):
            self.counters["not-understood"] += 1
        elif len(self._found) >= MAX_PROPOSALS and key not in self._found:
            self.counters["too-many"] += 1
        else:
            key = (*key, keys["kind"]) if keys.get("on") else key
            if key not in self._found or proposal.by_bridge:
                self._found[key] = proposal

    @property
    def found(self) -> list[Proposal]:
        """What is new, in the order in which it was heard."""
        return list(self._found.values())


def to_toml(proposals: Iterable[Proposal], site: str, heard: str) -> str:
    """Write proposals as a roster that `roster import` could read once every sensor has its place."""
    homes: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        homes.setdefault(proposal.home or UNPLACED, []).append(proposal)
    lines = [
        f"# {comment(heard)}",
        "# Everything after a # is a guess or a remark. Put each sensor into its home and room.",
        "" if homes else "homes = []",
        "[site]",
        f"id = {_value(site)}",
    ]
    for home, some in homes.items():
        taken: set[str] = set()
        room = f"rooms = [{{ id = {_value(UNPLACED)} }}]"
        lines += ["", "[[homes]]", f"id = {_value(home)}", room, "sensors = ["]
        lines += [_line(proposal, taken) for proposal in some]
        lines.append("]")
    return "\n".join(lines) + "\n"


def _line(proposal: Proposal, taken: set[str]) -> str:
    kind = proposal.keys["kind"]
    name = proposal.name if proposal.name.lower().endswith(kind) else f"{proposal.name}-{kind}"
    name = slug(proposal.sensor or name, taken, proposal.keys.get("topic", ""))
    keys = {
        "id": name,
        "kind": kind,
        "room": UNPLACED,
        **{k: v for k, v in proposal.keys.items() if k != "kind"},
    }
    pairs = ", ".join(f"{key} = {_value(value)}" for key, value in keys.items())
    about = " ".join(f"{proposal.about} {proposal.name}".split())
    remark = "; ".join(comment(part) for part in (about, *proposal.notes) if part)
    return f"  {'# ' if proposal.doubtful else ''}{{ {pairs} }},  # {remark}"


def comment(text: str) -> str:
    """Give a stranger's words fit for a comment: printable, on one line, not long."""
    return "".join(c if c.isprintable() else " " for c in text[: 2 * MAX_COMMENT]).strip()[:MAX_COMMENT]


def _value(value: object) -> str:
    return tomli_w.dumps({"v": value}).removeprefix("v = ").strip()
