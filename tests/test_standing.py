"""What stands open is opened again as it was, once, in a ledger that has lost it."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest

from alerting import drill, triage
from alerting.concern import AREA, SEVERITY, Concern, Kind, Severity
from alerting.incident import Accepted, Incident
from alerting.ledger import (
    Ledger,
    Tx,
    apply,
    area_homes,
    incident,
    incident_of,
    open_incidents,
    save_roster,
)
from simulator.response.district import roster_rows
from tests.alerting_people import T0, concern
from tests.courier_world import POLICY, THREE


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    opened = await Ledger.open(None, inline=True)
    await opened.transact(lambda tx: save_roster(tx, roster_rows(THREE), "test", "0" * 64, T0))
    yield opened
    await opened.close()


AGAIN_MS = T0 + 3_600_000


def take(*concerns: Concern) -> Callable[[Tx], list[Incident]]:
    return lambda tx: triage.take(tx, concerns, THREE, POLICY, T0 + 10_000)


def as_open(tx: Tx) -> Sequence[Concern]:
    return triage.standing(tx, T0 + 20_000).concerns


def again(standing: Sequence[Concern]) -> Callable[[Tx], list[Incident]]:
    return lambda tx: triage.take_again(tx, standing, THREE, POLICY, AGAIN_MS)


@pytest.mark.parametrize(
    "kind", [k for k in Kind if k not in {"fall-recovered", "cancel", "in-sight", "drill"}]
)
async def test_each_kind_is_opened_again_as_it_was(ledger: Ledger, kind: Kind) -> None:
    (before,) = await ledger.transact(take(concern(kind)))
    standing = await ledger.transact(as_open)
    lost = await Ledger.open(None, inline=True)
    (after,) = await lost.transact(again(standing))
    assert (after.kind, after.severity, after.room) == (before.kind, before.severity, before.room)
    assert after.t0_ms == before.t0_ms
    if SEVERITY[kind] is not None:
        assert after.decided_ms == AGAIN_MS
    if SEVERITY[kind] is not None and SEVERITY[kind] is not Severity.LOW:
        assert after.deadline_ms is not None
        assert after.deadline_ms > AGAIN_MS, "there is still time for somebody"
    assert await lost.transact(again(standing)) == [], "once"
    await lost.close()


async def test_what_is_open_and_less_bad_is_raised(ledger: Ledger) -> None:
    await ledger.transact(take(concern(Kind.SOS)))
    standing = await ledger.transact(as_open)
    spare = await Ledger.open(None, inline=True)
    await spare.transact(take(concern(Kind.FALL_SUSPECTED)))
    (raised,) = await spare.transact(again(standing))
    assert (raised.kind, raised.severity) == (Kind.SOS, Severity.HIGH)
    assert len(await spare.transact(open_incidents)) == 1
    await spare.close()


async def test_homes_that_were_dark_together_are_one_list_again(ledger: Ledger) -> None:
    evidence = {"homes_dark": 7.0, "cameras_dark": 1.0, "cameras": 1.0}
    dark = [Concern(f"h{n:02d}", Kind.BLIND, T0 + n, T0 + 9000, 1.0, evidence=evidence) for n in range(7)]
    await ledger.transact(take(*dark))
    standing = await ledger.transact(as_open)
    lost = await Ledger.open(None, inline=True)
    assert len(await lost.transact(again(standing))) == 1
    one = await lost.transact(lambda tx: incident_of(tx, AREA))
    assert one is not None
    homes = await lost.transact(lambda tx: area_homes(tx, one.id))
    assert {(h.home, h.from_ms) for h in homes} == {(c.home, c.onset_ms) for c in dark}
    await lost.close()


async def test_a_drill_is_not_begun_again_and_does_not_hide_a_fall(ledger: Ledger) -> None:
    await ledger.transact(lambda tx: drill.begin(tx, "h1", THREE, POLICY, T0))
    assert await ledger.transact(as_open) == []
    (fallen,) = await ledger.transact(again([concern(Kind.FALL_CONFIRMED, home="h1")]))
    assert (fallen.kind, fallen.wants_people) == (Kind.FALL_CONFIRMED, True)


UPTO_MS = T0 + 15_000
"""What the spare holds happened before then."""


@pytest.mark.parametrize(
    ("t_ms", "told", "held", "closed"),
    [
        (UPTO_MS + 1, (), False, True),  # it has ended since
        (UPTO_MS, (), False, False),  # or had not begun yet
        (UPTO_MS + 1, (concern(Kind.SOS),), True, False),  # somebody is on the way still
        (UPTO_MS + 1, (concern(Kind.SOS),), False, False),  # nobody was, and will be asked again
        (
            UPTO_MS + 1,
            (replace(concern(Kind.SOS), evidence={"wants_people": 1.0}),),
            True,
            True,
        ),  # they gave up
        (UPTO_MS + 1, (concern(Kind.FALL_CONFIRMED, onset_ms=T0 + 16_000),), True, True),  # it is another one
        (
            UPTO_MS + 1,
            (replace(concern(Kind.SOS), evidence={"homes_dark": 7.0}),),
            False,
            True,
        ),  # of an area: not it
    ],
)
async def test_what_has_ended_in_the_lost_part_is_closed_and_what_has_not_is_left(
    ledger: Ledger, t_ms: int, told: tuple[Concern, ...], held: bool, closed: bool
) -> None:
    (one,) = await ledger.transact(take(concern(Kind.SOS)))
    if held:
        await ledger.transact(lambda tx: apply(tx, one.id, Accepted("a"), T0 + 12_000, "a"))
    then = triage.StoodOpen(t_ms, told)
    await ledger.transact(lambda tx: triage.close_lost(tx, then, UPTO_MS, AGAIN_MS))
    after = await ledger.transact(lambda tx: incident(tx, one.id))
    assert (after.outcome == "lost") == closed
    assert (after.closed_ms == AGAIN_MS) == closed
