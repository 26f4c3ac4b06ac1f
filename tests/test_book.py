"""The book: what people did lately reaches the planner, piece by piece, and an import keeps it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from alerting.concern import Severity
from alerting.duty import Duty
from alerting.incident import Accepted, Closed
from alerting.learning import Past, PastPage
from alerting.ledger import Ledger, Message, Tx, apply, enqueue, open_new, record_sent
from guardian.book import LEARN_S, LOOK_BACK_MS, Book
from guardian.people import People
from guardian.roster import Roster
from tests.alerting_people import T0, concern, duty, responder, shipped_policy

DAY = 86_400_000
PEOPLE = duty(responder("a", odds=0.5), responder("b", odds=0.5))


def book(people: Duty = PEOPLE) -> Book:
    roster = Roster("demo", ("h01",), (), {}, people)
    return Book(roster, People(people), shipped_policy())


class Turns:
    """A clock that lets the book look a few times and then ends it."""

    def __init__(self, now_ms: int, looks: int) -> None:
        self.ms, self.looks = now_ms, looks

    def now_ms(self) -> int:
        return self.ms

    async def wait(self, _wake: asyncio.Event, until_ms: int | None) -> None:
        self.looks -= 1
        if not self.looks:
            raise asyncio.CancelledError
        self.ms = until_ms or self.ms


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    opened = await Ledger.open(None, inline=True, integrity=False)
    yield opened
    await opened.close()


def answered(tx: Tx, t_ms: int, who: str = "a") -> None:
    """One incident, one page, one yes."""
    found = concern(onset_ms=t_ms)
    one = open_new(tx, found, severity=Severity.HIGH, deadline_ms=None, late=False, now_ms=t_ms)
    page = Message(who, "page", t_ms, t_ms + 600_000, t_ms, incident=one.id, wave=1)
    record_sent(tx, enqueue(tx, page), f"SM{t_ms}", t_ms)
    apply(tx, one.id, Accepted(who), t_ms + 20_000, who)
    apply(tx, one.id, Closed("real"), t_ms + 400_000, "board")


async def test_answers_of_the_last_weeks_raise_the_odds_and_each_counts_once(ledger: Ledger) -> None:
    days = [T0 - n * DAY for n in (1, 2, 30, 60, 89, 120)]
    for t_ms in sorted(days):
        await ledger.transact(lambda tx, t_ms=t_ms: answered(tx, t_ms))  # type: ignore[misc]
    here = book()
    assert here.duty(T0).responders["a"].reply_odds == 0.5
    with pytest.raises(asyncio.CancelledError):
        await here.learn(ledger, Turns(T0, 3))
    assert len(here.past.pages) == 5
    learnt = here.duty(T0).responders
    assert learnt["a"].reply_odds > 0.6
    assert learnt["b"].reply_odds == 0.5


async def test_what_ends_later_is_learnt_at_the_next_look(ledger: Ledger) -> None:
    here, clock = book(), Turns(T0, 1)
    with pytest.raises(asyncio.CancelledError):
        await here.learn(ledger, clock)
    assert here.past == Past()

    class Between(Turns):
        async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
            if self.looks == 2:
                await ledger.transact(lambda tx: answered(tx, T0))
            await super().wait(wake, until_ms)

    with pytest.raises(asyncio.CancelledError):
        await here.learn(ledger, Between(T0 + 1, 2))
    assert int(LEARN_S * 1000) > 400_000
    assert [p.responder for p in here.past.pages] == ["a"]


def test_an_import_keeps_the_past_and_another_hour_is_looked_at_anew() -> None:
    here = book()
    pages = tuple(PastPage("a", T0 - 12 * 3_600_000, None, None) for _ in range(20))
    here.take(past=Past(pages))
    then, now = (here.duty(t).responders["a"].reply_odds for t in (T0 - 12 * 3_600_000, T0))
    assert then < now < 0.5
    here.take(replace(here.roster, duty=duty(responder("a", odds=0.9))))
    assert here.duty(T0).responders["a"].reply_odds == pytest.approx(0.3)  # 10 of the roster, 20 of the past


def test_what_is_too_old_is_forgotten() -> None:
    old, young = PastPage("a", T0, None, None), PastPage("a", T0 + DAY, None, None)
    kept = Past((old,)).followed_by(Past((young,)), T0 + 1)
    assert kept.pages == (young,)
    assert LOOK_BACK_MS == 90 * DAY
