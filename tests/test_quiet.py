"""Silences: LOW findings of one kind at one home, for four hours at most; and quiet hours."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alerting import triage
from alerting.concern import SEVERITY, Concern, Kind, Severity
from alerting.ledger import (
    Ledger,
    Silence,
    concerns,
    end_silence,
    held_concerns,
    note_silence,
    open_incidents,
    silences,
)
from alerting.planner import quiet_until_ms
from guardian import desk, quiet, roster
from guardian.away import Calendar
from guardian.clock import ReplayClock
from guardian.quiet import Silences, Wanted
from guardian.roster_file import read
from guardian.web.serve import serve
from tests.alerting_people import T0, concern, duty, responder, shipped_policy, with_policy
from tests.courier_world import centre
from tests.test_away import TOML

S, HOUR = 1000, 3_600_000
POLICY = shipped_policy()
DUTY = duty(responder("a"))
NOW = T0 + 10 * S  # 22:13:30 in Shanghai


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    opened = await Ledger.open(None, inline=True)
    await opened.transact(lambda tx: roster.import_file(tx, read(TOML, "t"), "t", T0))
    yield opened
    await opened.close()


async def silence(ledger: Ledger, kind: Kind, until_ms: int = NOW + HOUR) -> int:
    new = Silence("h01", kind, until_ms, "李娜", "换传感器")
    return await ledger.transact(lambda tx: note_silence(tx, new, NOW))


async def take(ledger: Ledger, *found: Concern, now_ms: int = NOW) -> list[tuple[str, Kind]]:
    touched = await ledger.transact(lambda tx: triage.take(tx, found, DUTY, POLICY, now_ms))
    return [(i.home, i.kind) for i in touched]


async def comes(ledger: Ledger, now_ms: int) -> list[tuple[str, Kind]]:
    found = await ledger.transact(lambda tx: triage.overdue(tx, DUTY, POLICY, now_ms))
    return [(i.home, i.kind) for i in found]


async def test_what_is_silenced_is_kept_and_comes_when_the_silence_ends(ledger: Ledger) -> None:
    await silence(ledger, Kind.SENSOR_FAULT)
    for _ in range(3):
        assert await take(ledger, concern(Kind.SENSOR_FAULT)) == []
    assert await ledger.transact(open_incidents) == []
    (holds,) = await ledger.transact(lambda tx: silences(tx, NOW))
    assert (holds.owner, holds.reason, holds.held) == ("李娜", "换传感器", 1)
    assert await comes(ledger, NOW + HOUR - 1) == []
    assert await comes(ledger, NOW + HOUR) == [("h01", Kind.SENSOR_FAULT)]
    assert await comes(ledger, NOW + HOUR) == [], "once"
    (late,) = await ledger.transact(open_incidents)
    assert (late.t0_ms, late.round_ms, late.severity) == (T0, NOW + HOUR, Severity.LOW)
    (evidence,) = await ledger.transact(lambda tx: concerns(tx, late.id))
    assert evidence.evidence["silenced_s"] == 3600


async def test_it_touches_one_kind_at_one_home_and_nothing_above_low(ledger: Ledger) -> None:
    for kind in quiet.KINDS:
        await silence(ledger, kind)
    loud = [k for k in Kind if SEVERITY[k] in (Severity.MEDIUM, Severity.HIGH)]
    assert Kind.SOS in loud
    for n, kind in enumerate(loud):  # as if it could be noted: triage itself holds back nothing of these
        home = f"k{n}"
        await ledger.transact(
            partial(note_silence, new=Silence(home, kind, NOW + HOUR, "x", "y"), now_ms=NOW)
        )
        assert await take(ledger, concern(kind, home=home)) == [(home, kind)]
    assert await take(ledger, concern(Kind.BLIND, home="h02")) == [("h02", Kind.BLIND)]
    assert await take(ledger, concern(Kind.FALL_SUSPECTED)) == [("h01", Kind.FALL_SUSPECTED)]
    assert await take(ledger, concern(Kind.FALL_CONFIRMED)) == [("h01", Kind.FALL_CONFIRMED)]
    assert await take(ledger, concern(Kind.BLIND)) == [("h01", Kind.FALL_CONFIRMED)], "evidence of the fall"
    assert await ledger.transact(held_concerns) == []


async def test_what_is_over_by_then_does_not_come(ledger: Ledger) -> None:
    for kind in (Kind.BLIND, Kind.APPLIANCE_LEFT_ON):
        await silence(ledger, kind)
        await take(ledger, concern(kind))
    assert await ledger.transact(triage.awaited) == {"h01": T0}
    assert await take(ledger, Concern("h01", Kind.IN_SIGHT, NOW, NOW, 1.0), concern(Kind.CANCEL)) == []
    assert await ledger.transact(triage.awaited) == {}
    assert await comes(ledger, NOW + HOUR) == [("h01", Kind.APPLIANCE_LEFT_ON)]


async def test_ending_it_early_tells_at_once(ledger: Ledger) -> None:
    number = await silence(ledger, Kind.BLIND)
    await take(ledger, concern(Kind.BLIND))
    assert await ledger.transact(lambda tx: end_silence(tx, number, NOW + S))
    assert await comes(ledger, NOW + S) == [("h01", Kind.BLIND)]
    assert not await ledger.transact(lambda tx: end_silence(tx, number, NOW + 2 * S))


# --- what staff may note ---------------------------------------------------------------------------------


def wish(**other: str) -> Wanted:
    plain = {
        "home": "h1",
        "kind": "blind",
        "until": "2026-09-21T23:30",
        "owner": "李娜",
        "reason": "停电检修",
    }
    return Wanted(**{**plain, **other})


async def test_every_mistake_is_named_and_nothing_is_stored(ledger: Ledger) -> None:
    wrong = wish(home="h9", kind="fall-confirmed", until="soon", owner="", reason=" ")
    with pytest.raises(desk.Refused) as refused:
        await ledger.transact(lambda tx: quiet.note(tx, wrong, NOW))
    names = [line.split(":")[0] for line in refused.value.problems]
    assert names == ["home", "kind", "until", "owner", "reason"]
    for other, why in (
        ({"until": "2026-09-22T02:14"}, "more than 4 hours"),
        ({"until": "2026-09-21T22:00"}, "until: past"),
        ({"kind": "sos"}, "nothing else can be silenced"),
        ({"kind": "cold"}, "nothing else can be silenced"),
    ):
        with pytest.raises(desk.Refused, match=why):
            await ledger.transact(partial(quiet.note, wanted=wish(**other), now_ms=NOW))
    assert await ledger.transact(lambda tx: silences(tx, NOW)) == []
    await ledger.transact(lambda tx: quiet.note(tx, wish(), NOW))
    with pytest.raises(desk.Refused, match="cannot be lengthened"):
        await ledger.transact(lambda tx: quiet.note(tx, wish(until="2026-09-22T00:30"), NOW + S))


async def test_staff_note_it_at_the_desk_of_the_running_daemon(ledger: Ledger, tmp_path: Path) -> None:
    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    clock, changed = ReplayClock(), list[int]()
    await clock.move(NOW)
    app = desk.desk_app(
        status=dict,
        import_roster=nothing,
        export_roster=nothing,
        calendar=Calendar(ledger, clock, lambda _homes: None),
        silences=Silences(ledger, clock, lambda: changed.append(1)),
    )

    def ask(method: str, path: str, body: bytes | None = None) -> Any:
        return asyncio.to_thread(desk.call, tmp_path, method, path, body)

    async with serve(app, desk.socket_path(tmp_path)):
        noted = await ask("POST", "/quiet", quiet.encode(wish()))
        assert noted["silences"] == [
            {
                "id": 1,
                "home": "h1",
                "kind": "blind",
                "until": "2026-09-21T23:30",
                "owner": "李娜",
                "reason": "停电检修",
                "held": 0,
            }
        ]
        assert (await ask("GET", "/quiet"))["silences"] == noted["silences"]
        with pytest.raises(desk.DeskError, match="Object missing required field"):
            await ask("POST", "/quiet", json.dumps({"home": "h1"}).encode())
        with pytest.raises(desk.DeskError, match="id: the number of a silence"):
            await ask("POST", "/quiet/end?id=one")
        assert (await ask("POST", "/quiet/end?id=1"))["silences"] == []
        with pytest.raises(desk.DeskError, match="no silence 1 that could end"):
            await ask("POST", "/quiet/end?id=1")
    assert changed == [1, 1]


# --- quiet hours -----------------------------------------------------------------------------------------


def local(hour: int, minute: int = 0, day: int = 0) -> int:
    """That time of the day of T0 (22:13:20 on it) in Shanghai."""
    return T0 - (22 * 3600 + 13 * 60 + 20) * S + ((24 * day + hour) * 60 + minute) * 60 * S


@pytest.mark.parametrize(
    ("hours", "now_ms", "until_ms"),
    [
        ((0, 0), local(3), None),
        ((22, 7), local(21, 59), None),
        ((22, 7), local(22), local(7, day=1)),
        ((22, 7), local(6, 59), local(7)),
        ((22, 7), local(7), None),
        ((22.5, 7.25), local(22, 29), None),
        ((22.5, 7.25), local(23), local(7, 15, day=1)),
        ((13, 14), local(13, 30), local(14)),
        ((22, 24), local(23), local(24)),
    ],
)
def test_quiet_hours_go_by_the_clock_of_the_site(
    hours: tuple[float, float], now_ms: int, until_ms: int | None
) -> None:
    policy = with_policy(quiet_from_h=hours[0], quiet_to_h=hours[1])
    assert quiet_until_ms(DUTY, policy, now_ms) == until_ms


def test_they_are_off_as_shipped_and_no_clock_shows_25() -> None:
    assert all(quiet_until_ms(DUTY, POLICY, local(hour)) is None for hour in range(24))
    with pytest.raises(ValueError, match="quiet_to_h: an hour from 0 to 24"):
        with_policy(quiet_to_h=25)


async def test_at_night_low_texts_wait_until_morning_and_only_those() -> None:
    policy = with_policy(quiet_from_h=22, quiet_to_h=7)
    async with centre(duty(responder("a", odds=0.99))) as c:
        c.courier._policy = policy
        for n in range(60):
            await c.notice(concern(Kind.SENSOR_FAULT, home=f"k{n}"))
        morning_ms = local(7, day=1)
        assert await c.step(NOW) == morning_ms
        assert c.paged() == []
        told = {"homes_dark": 9.0, "cameras": 1.0, "cameras_dark": 1.0}
        await c.notice(
            *(Concern(f"h{n}", Kind.BLIND, T0, NOW, 0.9, evidence=told) for n in range(9)),
        )
        await c.notice(concern(home="h77"))
        await c.notice(concern(Kind.COLD, home="h78"))
        await c.step(NOW + S)
        bodies = sorted(t.body.split()[0] for t in c.provider.taken)
        assert bodies == ["IMPORTANT", "NOTICE", "URGENT"], "the notice is about an area"
        c.provider.taken.clear()
        await c.step(morning_ms)
        await c.step(morning_ms + 31 * S)
        low = [t for t in c.provider.taken if t.body.startswith("NOTICE")]
        assert len(low) == 1, "one stands for all of the night"


async def test_the_question_to_the_resident_cannot_be_silenced(ledger: Ledger) -> None:
    assert Kind.INACTIVITY_PROMPT not in quiet.KINDS
    assert quiet.KINDS
