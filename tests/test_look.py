"""A look goes through what has changed, not through everything that is open; and misses nothing of it."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from alerting import dispatch, known, ledger, triage
from alerting.dispatch import Before, Look
from alerting.duty import Duty
from alerting.incident import Accepted, CannotGo, Incident, LastResort
from alerting.ledger import Ledger, Message, Tx, apply
from alerting.paths import Way
from tests.alerting_people import T0, concern, duty, responder, shipped_policy

POLICY = shipped_policy()
HOMES = 12
PEOPLE = duty(responder("a"), responder("b"), responder("c", odds=0.4), responder("d", odds=0.4))
WAYS: Mapping[str, Sequence[Way]] = {r: [Way("sms", voice=False)] for r in PEOPLE.responders}


@dataclass(slots=True)
class Street:
    """Falls in twelve homes, with the looks that follow."""

    ledger: Ledger
    now_ms: int = T0 + 10_000
    before: Before | None = None
    gone_through: list[int] = field(default_factory=list)
    last_resort: frozenset[int] = frozenset()
    more: bool = False
    opened: list[Incident] = field(default_factory=list)

    async def does(self, work: Callable[[Tx], object]) -> None:
        """Write something a second later."""
        self.now_ms += 1000
        await self.ledger.transact(work)

    async def looks(self, *, people: Duty = PEOPLE, ways: Mapping[str, Sequence[Way]] = WAYS) -> list[int]:
        """Look and give the numbers of the incidents that were gone through."""
        self.gone_through.clear()

        def work(tx: Tx) -> Look:
            return dispatch.look(tx, people, POLICY, ways, self.now_ms, self.before)

        found = await self.ledger.transact(work)
        self.before, self.last_resort = found.before, frozenset(i.id for i in found.last_resort)
        self.more = found.more
        return list(self.gone_through)

    async def pages(self, number: int) -> list[Message]:
        """Give all pages of an incident."""
        return [
            m
            for m in await self.ledger.transact(lambda tx: ledger.messages(tx, number))
            if m.purpose == "page"
        ]


@pytest.fixture
async def street(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Street]:
    it = Street(await Ledger.open(None, inline=True, integrity=False))

    def counted(incident: Incident, *args: object) -> known.Known:
        it.gone_through.append(incident.id)
        return known.known_of(incident, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(dispatch, "known_of", counted)
    falls = [concern(home=f"h{n:02d}") for n in range(HOMES)]
    it.opened = [
        *await it.ledger.transact(lambda tx: triage.take(tx, falls, PEOPLE, POLICY, it.now_ms)),
    ]
    assert sorted(await it.looks()) == sorted(i.id for i in it.opened)
    await it.looks()  # the first one has written pages
    yield it
    await it.ledger.close()


async def test_where_nothing_is_written_nothing_is_gone_through(street: Street) -> None:
    assert await street.looks() == []
    street.now_ms += 5000
    assert await street.looks() == []


async def test_whatever_is_written_about_an_incident_is_seen_and_only_there(street: Street) -> None:
    one = street.opened[3].id
    (page, *_) = await street.pages(one)
    until_ms = street.now_ms + 60_000

    def leased(tx: Tx) -> object:
        return ledger.lease(tx, page.id, street.now_ms, until_ms, channel="sms", body="x")

    for work in (
        leased,
        lambda tx: ledger.record_sent(tx, page.id, "SM1", street.now_ms),
        lambda tx: ledger.record_receipt(tx, "SM1", "delivered"),
        lambda tx: ledger.enqueue(tx, dispatch.page(street.opened[3], "d", 2, POLICY, street.now_ms)),
        lambda tx: apply(tx, one, Accepted("d"), street.now_ms, "d"),
        lambda tx: apply(
            tx, one, CannotGo("c"), street.now_ms, "c"
        ),  # changes nothing of the incident itself
    ):
        await street.does(work)
        assert await street.looks() == [one]
        while await street.looks():
            pass


async def test_a_refused_page_goes_by_another_way_as_soon_as_there_is_one(street: Street) -> None:
    one = street.opened[0].id
    (page, *_) = await street.pages(one)
    await street.does(
        lambda tx: ledger.lease(tx, page.id, street.now_ms, T0 + 60_000, channel="sms", body="x")
    )
    await street.does(lambda tx: ledger.record_failed(tx, page.id, "refused", permanent=True, retry_ms=None))
    await street.looks()
    count = len(await street.pages(one))
    assert await street.looks() == []
    both = {r: [*ways, Way("modem", voice=False)] for r, ways in WAYS.items()}
    assert len(await street.looks(ways=both)) == HOMES, "everything is different now"
    assert [p.channel for p in (await street.pages(one))[count:]] == ["modem"]


@pytest.mark.timed
async def test_a_look_takes_time_for_what_has_changed_and_not_for_what_is_open(street: Street) -> None:
    """Two hundred falls asked about for long, of which nothing is new: a tenth of a look at everything."""
    many = [concern(home=f"m{n:03d}") for n in range(200)]

    def asked_for_long(tx: Tx) -> None:
        for one in triage.take(tx, many, PEOPLE, POLICY, street.now_ms):
            for wave in range(1, 21):
                ledger.enqueue(tx, dispatch.page(one, "c", wave, POLICY, street.now_ms))

    await street.does(asked_for_long)
    while await street.looks():
        pass
    settled, took_s = street.before, dict[bool, float]()
    for all_of_it in (True, False):
        rounds = []
        for _ in range(5):
            street.before = None if all_of_it else settled
            begun_s = time.process_time()
            gone_through = await street.looks()
            while street.more:
                gone_through += await street.looks()
            rounds.append(time.process_time() - begun_s)
            assert len(gone_through) == (HOMES + len(many) if all_of_it else 0)
        took_s[all_of_it] = min(rounds)
    assert took_s[False] < took_s[True] / 10


async def test_of_a_thousand_falls_at_once_a_look_takes_up_some_and_a_new_one_does_not_wait(
    street: Street,
) -> None:
    """Each look is one transaction, which nobody waits long for; the looks together miss nobody."""
    many = [concern(home=f"m{n:04d}") for n in range(1000)]
    await street.does(lambda tx: triage.take(tx, many, PEOPLE, POLICY, street.now_ms))
    rows = dict[int, int]()
    first = await street.looks()
    assert 0 < len(first) <= dispatch.AT_ONCE
    assert [street.more] == [True]
    late = await street.ledger.transact(
        lambda tx: triage.take(tx, [concern(home="late")], PEOPLE, POLICY, street.now_ms)
    )
    pages_of_late = 0
    for _ in range(1000 // 20):
        written = await street.ledger.transact(lambda tx: len(ledger.pages_of_open(tx, [late[0].id])))
        pages_of_late = max(pages_of_late, written)
        gone_through = await street.looks()
        for number in gone_through:
            rows[number] = rows.get(number, 0) + 1
        if not street.more:
            break
    assert pages_of_late
    asked = await street.ledger.transact(lambda tx: ledger.pages_of_open(tx, [*rows]))
    assert len({n for n, pages in asked.items() if pages}) == len(rows)
    assert len({*rows, *first}) >= 1001


async def test_when_its_time_comes_it_is_gone_through_though_nothing_was_written(street: Street) -> None:
    street.now_ms += int(POLICY.wave_window_s * 1000) + 1
    assert len(await street.looks()) == HOMES


async def test_who_is_called_for_as_a_last_resort_is_again_when_it_is_time_whatever_was_looked_at_between(
    street: Street,
) -> None:
    one = street.opened[0].id
    called_ms, repeat_ms = street.now_ms, int(POLICY.last_resort_repeat_s * 1000)

    async def called() -> bool:
        while one in await street.looks(ways={}):
            if one in street.last_resort:
                return True
        return False

    assert await called()
    await street.ledger.transact(lambda tx: apply(tx, one, LastResort(), called_ms, "guardian"))
    assert not await called()
    street.now_ms = called_ms + repeat_ms // 2
    await street.does(lambda tx: apply(tx, one, CannotGo("c"), street.now_ms, "c"))
    assert not await called()
    street.now_ms = called_ms + repeat_ms - 1
    assert not await called()
    street.now_ms += 1
    assert await called()


async def test_other_people_make_everything_different(street: Street) -> None:
    assert len(await street.looks(people=duty(*PEOPLE.responders.values()))) == HOMES


async def test_who_goes_beside_and_falls_silent_is_not_counted_on_for_ever(street: Street) -> None:
    """b goes too, is expected, and says nothing more: after a lease's length the next volunteer is wanted."""
    one = street.opened[0].id
    await street.does(lambda tx: apply(tx, one, Accepted("a", 9), street.now_ms, "a"))
    street.now_ms = T0 + 250_000
    await street.looks()
    await street.does(lambda tx: apply(tx, one, Accepted("b", 2), street.now_ms, "b"))
    while one in await street.looks():  # the others are in their last resort
        pass
    assert street.before is not None
    silent_ms = street.now_ms + (2 * 60 + 60) * 1000 + int(POLICY.lease_s * 1000)
    until_ms = street.before.settled[one].until_ms
    assert until_ms is not None
    assert until_ms <= silent_ms + 1
