"""Payloads that cannot be used, counted by reason and device; what they held is never stored or logged."""
# ruff: noqa: SLF001  (`follow` reads another object of the same class)

import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

import structlog

from guardian.wire import Reason, Reject

MAX_STRANGERS: Final = 1000
"""Devices outside the roster that are counted by name; the rest share one line, so memory stays flat."""

_ID: Final = re.compile(r"[a-z0-9-]{1,32}")

log = structlog.get_logger("board")


class Refusals:
    """The counts of one site."""

    def __init__(self, site: str, sensors: Collection[tuple[str, str]], home: Callable[[str], bool]) -> None:
        """Count nothing yet. sensors: (home, sensor) of the roster. home: whether the roster has it."""
        self._site = site
        self._sensors = sensors
        self._has_home = home
        self._strangers: set[str] = set()
        self.counts: Counter[tuple[Reason, str]] = Counter()
        """(reason, `home/sensor`) → payloads; devices beyond MAX_STRANGERS are counted as `others`."""

    def follow(self, old: "Refusals") -> None:
        """Go on from those of another roster."""
        self.counts.update(old.counts)
        self._strangers |= old._strangers

    def count(self, topic: str, reason: Reason) -> None:
        """Count one rejected payload; the first of its kind from a device is logged, without content."""
        levels = topic.split("/", 5)
        sound = len(levels) == 5 and all(_ID.fullmatch(level) for level in levels[1:4])
        device = "/".join(levels[2:4]) if sound else "others"
        if sound and tuple(levels[2:4]) not in self._sensors and device not in self._strangers:
            if len(self._strangers) < MAX_STRANGERS:
                self._strangers.add(device)
            else:
                device = "others"
        key = (reason, device)
        if key not in self.counts:
            log.warning("payload rejected", reason=reason.value, device=device)
        self.counts[key] += 1

    def stranger(self, topic: str) -> Reject:
        """Say why nothing on this topic can be used."""
        try:
            root, site, home, sensor, word = levels_of(topic)
        except Reject as reject:
            return reject
        if (root, site) != ("guardian", self._site) or word not in {"frame", "event", "status"}:
            return Reject(Reason.UNKNOWN_TOPIC)
        if not self._has_home(home):
            return Reject(Reason.UNKNOWN_HOME)
        known = (home, sensor) in self._sensors
        return Reject(Reason.WRONG_KIND if known else Reason.UNKNOWN_SENSOR)


def levels_of(topic: str) -> list[str]:
    """Give the five levels of a native topic. Raises Reject: unknown-topic."""
    levels = topic.split("/", 5)
    if len(levels) != 5 or not all(_ID.fullmatch(level) for level in levels):
        raise Reject(Reason.UNKNOWN_TOPIC)
    return levels
