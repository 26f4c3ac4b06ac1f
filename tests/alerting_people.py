"""People, figures and concerns that the tests of alerting share."""

import asyncio
import dataclasses
import tomllib
from pathlib import Path

from alerting.concern import Concern, Kind
from alerting.duty import Duty, Responder, Shift
from alerting.policy import Policy

ESCALATION = Path(__file__).parent.parent / "config" / "escalation.toml"
T0 = 1_790_000_000_000
"""Mon 2026-09-21 22:13:20 in Asia/Shanghai."""
EVERY_DAY = frozenset(range(7))


def shipped_policy() -> Policy:
    table = tomllib.loads(ESCALATION.read_text("utf-8"))["escalation"]
    return Policy(**{**table, "retry_s": tuple(table["retry_s"])})


def responder(name: str, *, odds: float = 0.5, active: bool = True) -> Responder:
    return Responder(
        id=name,
        phone=f"+86138000000{ord(name[0]) % 100:02d}",
        language="en",
        reply_odds=odds,
        reply_p90_s=60,
        turnout_p90_s=60,
        active=active,
    )


def duty(
    *people: Responder,
    travel_s: dict[str, float] | None = None,
    off: tuple[str, ...] = (),
    timezone: str = "Asia/Shanghai",
) -> Duty:
    """Everybody is on duty round the clock, but those in `off`; 200 s from every home unless said."""
    return Duty(
        responders={p.id: p for p in people},
        shifts=tuple(Shift(p.id, EVERY_DAY, 0, 0) for p in people if p.id not in off),
        travel_s={(who, "h01"): s for who, s in (travel_s or {}).items()},
        default_travel_s=200,
        timezone=timezone,
        cards={"h01": "17"},
    )


def concern(
    kind: Kind = Kind.FALL_CONFIRMED, *, home: str = "h01", onset_ms: int = T0, after_s: float = 10
) -> Concern:
    return Concern(home, kind, onset_ms, onset_ms + int(after_s * 1000), 0.9, room="living", sensor="t0")


def with_policy(**figures: float) -> Policy:
    return dataclasses.replace(shipped_policy(), **figures)  # type: ignore[arg-type]  # figures are numbers


class SetClock:
    """A clock that stands where a test has put it."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        raise AssertionError(f"nothing waits here until {until_ms} or {wake}: call step()")
