from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import ledger as ledger_of
from alerting import replies
from alerting.concern import Concern, Kind, Severity
from alerting.incident import Incident, State
from alerting.ledger import Ledger, Message, RosterRows, Tx
from alerting.replies import Inbound, Reply, Taken, Unclear
from tests.alerting_people import duty, responder, shipped_policy

START_MS = 1_763_942_400_000
PHONES = {"ann": "+4915100000001", "bob": "+4915100000002", "cy": "+4915100000003"}
PEOPLE = duty(*(responder(who) for who in PHONES))
POLICY = shipped_policy()


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("1", Reply(None, 1, None)),
        ("1 8", Reply(None, 1, 8)),
        ("A12 1", Reply("A12", 1, None)),
        ("a12 1 8", Reply("A12", 1, 8)),
        ("A1 2", Reply("A1", 2, None)),
        ("Ａ１２　１　８", Reply("A12", 1, 8)),
        ("１", Reply(None, 1, None)),
        ("  b7\t3 \n", Reply("B7", 3, None)),
        ("A12\u00a01", Reply("A12", 1, None)),
        ("A121", Reply("A12", 1, None)),
        ("A121 15", Reply("A12", 1, 15)),
        ("A12:1", Reply("A12", 1, None)),
        ("A12,1,8", Reply("A12", 1, 8)),
        ("A12，1，8。", Reply("A12", 1, 8)),
        ("1.", Reply(None, 1, None)),
        ("1!!", Reply(None, 1, None)),
        ("6。", Reply(None, 6, None)),
        ("「2」", Reply(None, 2, None)),
        ("1\ufe0f\u20e3", Reply(None, 1, None)),
        ("①", Reply(None, 1, None)),
        ("\ufeff1", Reply(None, 1, None)),
        ("\u200e1\u200f", Reply(None, 1, None)),
        ("1 8分钟", Reply(None, 1, 8)),
        ("1 8 min", Reply(None, 1, 8)),
        ("1 08", Reply(None, 1, 8)),
        ("1 120", Reply(None, 1, 120)),
        ("A12 6 👍", Reply("A12", 6, None)),
    ],
)
def test_what_people_type_is_understood(text: str, reply: Reply) -> None:
    assert replies.parse(text) == reply


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \u3000。", "empty"),
        ("👍", "empty"),
        ("0", "nonsense"),
        ("7", "nonsense"),
        ("18", "nonsense"),  # "1 8"? or eighteen minutes? asked back
        ("A11", "nonsense"),  # A1 with 1, or A11 without a digit? asked back
        ("A12", "nonsense"),
        ("A123 1", "minutes"),  # A12, 3 and a minute that belongs to nothing
        ("AB1 1", "nonsense"),
        ("12 1", "nonsense"),
        ("1 A12", "nonsense"),
        ("ok", "nonsense"),
        ("好的马上去", "nonsense"),
        ("1 2 3", "nonsense"),
        ("I am driving and will answer at 6", "nonsense"),
        ("1 0", "minutes"),
        ("1 121", "minutes"),
        ("1 999", "minutes"),
        ("2 5", "minutes"),  # arrived, and needs help? asked back
        ("STOP", "stop"),
        ("stop.", "stop"),
        ("退订", "stop"),
        ("Ｔ", "stop"),
        ("1" + "x" * 400, "too-long"),
        ("١", "nonsense"),
    ],
)
def test_what_is_not_an_answer_is_unclear(text: str, reason: str) -> None:
    assert replies.parse(text) == Unclear(reason)


@given(st.text(max_size=400))
def test_nothing_breaks_the_parser(text: str) -> None:
    reply = replies.parse(text)
    if isinstance(reply, Reply):
        assert reply.digit in range(1, 7)
        assert reply.minutes is None or (reply.digit == 1 and 1 <= reply.minutes <= 120)


_BLANKS = st.text(" \t\u3000\u00a0,，.。!", min_size=1, max_size=3)


@given(
    code=st.none() | st.from_regex(r"[A-HJ-NP-Z][0-9]{1,2}", fullmatch=True),
    digit=st.integers(1, 6),
    minutes=st.none() | st.integers(1, 120),
    gap=_BLANKS,
    wide=st.booleans(),
    low=st.booleans(),
)
def test_every_wellmeant_form_gives_the_same_reply(  # noqa: PLR0917  # one for each way to type it
    code: str | None, digit: int, minutes: int | None, gap: str, wide: bool, low: bool
) -> None:
    said = [code, str(digit), None if digit != 1 or minutes is None else str(minutes)]
    text = gap.join(s for s in said if s is not None) + gap
    text = text.lower() if low else text
    if wide:
        text = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    assert replies.parse(text) == Reply(code, digit, minutes if digit == 1 else None)


# --- what becomes of an answer ---------------------------------------------------------------------


class Desk:
    """A ledger with three responders, and what they text to it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.now_ms = START_MS
        self._sids = 0

    async def opens(self, home: str, *people: str) -> tuple[int, dict[str, str]]:
        """Open a HIGH incident of that home and page people; gives its number and their codes."""

        def work(tx: Tx) -> tuple[int, dict[str, str]]:
            concern = Concern(home, Kind.FALL_CONFIRMED, self.now_ms - 5000, self.now_ms, 0.9)
            opened = ledger_of.open_new(
                tx,
                concern,
                severity=Severity.HIGH,
                deadline_ms=self.now_ms + 600_000,
                late=False,
                now_ms=self.now_ms,
            )
            for person in people:
                ledger_of.enqueue(
                    tx,
                    Message(
                        responder=person,
                        purpose="page",
                        template="high",
                        incident=opened.id,
                        due_ms=self.now_ms,
                        valid_until_ms=self.now_ms + 600_000,
                        created_ms=self.now_ms,
                    ),
                )
            return opened.id, {p: ledger_of.code_for(tx, opened.id, p, self.now_ms) for p in people}

        return await self.ledger.transact(work)

    async def hears(
        self, person: str, body: str, *, sid: str | None = None, t_ms: int | None = None, after_s: float = 10
    ) -> Taken:
        """Take a text from somebody, ten seconds after the last one."""
        self.now_ms += int(after_s * 1000)
        self._sids += 1
        inbound = Inbound(
            sid or f"SM{self._sids:032x}",
            PHONES.get(person, person),
            body,
            self.now_ms if t_ms is None else t_ms,
            "webhook" if t_ms is None else "poll",
        )
        return await self.ledger.transact(lambda tx: replies.take(tx, inbound, PEOPLE, POLICY, self.now_ms))

    async def shows(self, number: int) -> Incident:
        return await self.ledger.transact(lambda tx: ledger_of.incident(tx, number))

    async def says(self, person: str) -> list[str | None]:
        """Give the templates of all answers to somebody, in order."""

        def work(tx: Tx) -> list[str | None]:
            due = ledger_of.due_messages(tx, self.now_ms)
            return [m.template for m in due if m.responder == person and m.purpose == "answer"]

        return await self.ledger.transact(work)

    async def everything(self) -> object:
        def work(tx: Tx) -> object:
            shown = ledger_of.recent_incidents(tx, 100)
            return (
                shown,
                [ledger_of.moves(tx, i.id) for i in shown],
                [ledger_of.messages(tx, i.id) for i in shown],
                ledger_of.due_messages(tx, self.now_ms + 10**9),
            )

        return await self.ledger.transact(work)


@asynccontextmanager
async def furnished() -> AsyncIterator[Desk]:
    ledger = await Ledger.open(None, inline=True, integrity=False)
    people = tuple({"id": p, "name": p, "phone": n, "address": None} for p, n in PHONES.items())
    figures = {
        "language": "zh",
        "reply_odds": 0.3,
        "reply_p90_s": 60.0,
        "turnout_p90_s": 60.0,
        "active": True,
    }
    rows = RosterRows(
        people=people,
        sites=(),
        homes=(),
        rooms=(),
        zones=(),
        sensors=(),
        responders=tuple({"id": p, **figures} for p in PHONES),
        shifts=(),
        travels=(),
    )
    await ledger.transact(lambda tx: ledger_of.save_roster(tx, rows, "test", "0", START_MS))
    try:
        yield Desk(ledger)
    finally:
        await ledger.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with furnished() as table:
        yield table


async def test_accept_leave_arrive_safe(desk: Desk) -> None:
    number, codes = await desk.opens("h1", "ann", "bob")
    assert await desk.hears("ann", f"{codes['ann']} 1") == Taken("accepted", number, changed=True)
    assert ((await desk.shows(number)).state, (await desk.shows(number)).acceptor) == (State.ACCEPTED, "ann")
    await desk.hears("ann", f"{codes['ann'].lower()}　1　8")
    shown = await desk.shows(number)
    assert (shown.state, shown.eta_ms) == (State.EN_ROUTE, desk.now_ms + 480_000)
    await desk.hears("ann", "2")
    assert (await desk.shows(number)).state is State.ON_SCENE
    await desk.hears("ann", "６。")
    shown = await desk.shows(number)
    assert (shown.state, shown.outcome) == (State.CLOSED, "safe")
    assert await desk.says("ann") == ["accepted", "on-the-way", "arrived", "closed"]
    assert await desk.says("bob") == []


async def test_accept_with_minutes_is_on_the_way_at_once(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann")
    await desk.hears("ann", "1 8")
    assert (await desk.shows(number)).state is State.EN_ROUTE
    assert await desk.says("ann") == ["on-the-way"]
    await desk.hears("ann", "1")
    assert await desk.says("ann") == ["on-the-way", "on-the-way"]


async def test_the_first_to_accept_keeps_it_and_the_second_is_told(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann", "bob")
    await desk.hears("ann", "1")
    await desk.hears("bob", "1 3")
    assert (await desk.shows(number)).acceptor == "ann"
    assert await desk.says("bob") == ["already-taken"]
    await desk.hears("ann", "3")
    assert (await desk.shows(number)).state is State.REOPENED
    await desk.hears("bob", "1 3")
    assert (await desk.shows(number)).acceptor == "bob"
    assert await desk.says("bob") == ["already-taken", "on-the-way"]
    assert await desk.says("ann") == ["accepted", "declined"]


async def test_a_repeated_text_changes_nothing(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann")
    await desk.hears("ann", "1", sid="SM-same")
    before = await desk.everything()
    again = await desk.hears("ann", "1", sid="SM-same", t_ms=desk.now_ms)
    assert again == Taken("repeated", number, changed=False)
    assert await desk.everything() == before


async def test_safe_before_arrival_closes_nothing(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann", "bob")
    await desk.hears("ann", "6")
    await desk.hears("ann", "1")
    await desk.hears("ann", "6")
    await desk.hears("ann", "2")
    await desk.hears("bob", "6")
    assert (await desk.shows(number)).state is State.ON_SCENE
    assert await desk.says("ann") == ["arrive-first", "accepted", "arrive-first", "arrived"]
    assert await desk.says("bob") == ["arrive-first"]
    await desk.hears("bob", "2")
    await desk.hears("bob", "6")
    assert (await desk.shows(number)).outcome == "safe"


async def test_reported_false_stops_nothing_before_arrival(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann", "bob")
    await desk.hears("ann", "4")
    shown = await desk.shows(number)
    assert (shown.state, shown.reported_false) == (State.OPEN, True)
    await desk.hears("ann", "2")
    await desk.hears("bob", "4")
    assert (await desk.shows(number)).state is State.ON_SCENE
    await desk.hears("ann", "4")
    assert (await desk.shows(number)).outcome == "false:reported"
    assert await desk.says("ann") == ["false-noted", "arrived", "closed"]
    assert await desk.says("bob") == ["false-noted"]


async def test_the_second_person_there_can_report_false_too(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann", "bob")
    await desk.hears("ann", "2")
    await desk.hears("bob", "2")
    await desk.hears("bob", "4")
    shown = await desk.shows(number)
    assert (shown.outcome, shown.reported_false) == ("false:reported", True)


async def test_help_is_asked_for_and_a_helper_is_accepted(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann", "bob", "cy")
    await desk.hears("ann", "2")
    await desk.hears("ann", "5")
    assert (await desk.shows(number)).wants_help
    await desk.hears("bob", "1 4")
    await desk.hears("cy", "1")
    shown = await desk.shows(number)
    assert (shown.acceptor, shown.helper) == ("ann", "bob")
    assert await desk.says("ann") == ["arrived", "help-coming"]
    assert await desk.says("bob") == ["on-the-way"]
    assert await desk.says("cy") == ["already-taken"]


async def test_without_a_code_several_open_ones_are_asked_back(desk: Desk) -> None:
    one, codes = await desk.opens("h1", "ann")
    two, others = await desk.opens("h2", "ann")
    assert (await desk.hears("ann", "1")).kind == "which-code"
    assert {(await desk.shows(n)).state for n in (one, two)} == {State.OPEN}
    await desk.hears("ann", f"{others['ann']} 1")
    assert (await desk.shows(two)).acceptor == "ann"
    assert (await desk.shows(one)).acceptor is None
    assert codes["ann"] != others["ann"]
    assert await desk.says("ann") == ["which-code", "accepted"]


async def test_a_code_of_somebody_else_never_works(desk: Desk) -> None:
    number, codes = await desk.opens("h1", "ann")
    await desk.opens("h2", "bob")
    assert (await desk.hears("bob", f"{codes['ann']} 1")).kind == "which-code"
    assert (await desk.hears("cy", f"{codes['ann']} 1")).kind == "nothing-open"
    assert (await desk.shows(number)).acceptor is None


async def test_late_answers_are_told_that_it_is_over(desk: Desk) -> None:
    number, codes = await desk.opens("h1", "ann", "bob")
    await desk.hears("ann", "2")
    await desk.hears("ann", "6")
    for body in (f"{codes['bob']} 1", "1 5", "3", "2"):
        assert await desk.hears("bob", body) == Taken("already-closed", number, changed=True)
    assert (await desk.shows(number)).state is State.CLOSED
    later, _ = await desk.opens("h1", "bob")
    assert (await desk.hears("bob", f"{codes['bob']} 1")).kind == "already-closed"
    assert (await desk.shows(later)).acceptor is None
    assert (await desk.hears("bob", "1")).incident_id == later


async def test_needing_help_after_closing_brings_it_back(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann")
    await desk.hears("ann", "2")
    await desk.hears("ann", "6")
    await desk.hears("ann", "5")
    assert (await desk.shows(number)).state is State.REOPENED
    assert await desk.says("ann") == ["arrived", "closed", "help-coming"]


async def test_needing_help_after_closing_goes_to_the_homes_open_incident(desk: Desk) -> None:
    first, codes = await desk.opens("h1", "ann")
    await desk.hears("ann", "2")
    await desk.hears("ann", "6")
    second, _ = await desk.opens("h1", "bob")
    await desk.hears("bob", "2")
    assert (await desk.hears("ann", f"{codes['ann']} 5")).incident_id == second
    assert (await desk.shows(second)).wants_help
    assert (await desk.shows(first)).state is State.CLOSED


async def test_unknown_numbers_get_nothing_and_leave_no_words(desk: Desk) -> None:
    await desk.opens("h1", "ann")
    before = await desk.everything()
    assert await desk.hears("+4900000000", "A12 1", sid="SM-x") == Taken("unknown-phone", None, changed=False)
    assert (await desk.hears("+4900000000", "A12 1", sid="SM-x")).kind == "repeated"
    assert await desk.everything() == before


@pytest.mark.parametrize("word", ["STOP", "退订", "unsubscribe"])
async def test_stop_is_recorded_without_an_answer(desk: Desk, word: str) -> None:
    await desk.opens("h1", "ann")
    before = await desk.everything()
    assert await desk.hears("ann", word) == Taken("stop", None, changed=False)
    assert await desk.everything() == before


async def test_nonsense_is_told_how_to_answer_but_not_for_ever(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann")
    for _ in range(10):
        await desk.hears("ann", "I am driving, will answer later")
    assert await desk.says("ann") == ["not-understood"] * replies.MOST_HINTS
    assert (await desk.shows(number)).state is State.OPEN
    await desk.opens("h2", "ann")
    assert (await desk.hears("ann", "yes?")).changed
    assert (await desk.says("ann"))[-1] == "which-code"


async def test_nonsense_while_nothing_is_open_gets_nothing(desk: Desk) -> None:
    assert await desk.hears("ann", "thank you") == Taken("unclear", None, changed=False)
    assert (await desk.hears("ann", "1")).kind == "nothing-open"


async def test_half_a_character_does_not_stop_the_ledger(desk: Desk) -> None:
    await desk.opens("h1", "ann")
    assert (await desk.hears("ann", "1 \ud83d")).kind in {"accepted", "unclear"}
    assert (await desk.hears("ann", "\x00" * 5000)).kind == "unclear"


async def test_an_answer_from_before_the_question_is_asked_back(desk: Desk) -> None:
    early_ms = desk.now_ms
    desk.now_ms += 300_000
    number, codes = await desk.opens("h2", "ann")
    assert (await desk.hears("ann", "1", t_ms=early_ms)).kind == "which-code"
    assert (await desk.shows(number)).acceptor is None
    assert (await desk.hears("ann", f"{codes['ann']} 1")).kind == "accepted"


async def test_an_old_acceptance_does_not_undo_a_later_refusal(desk: Desk) -> None:
    number, codes = await desk.opens("h1", "ann")
    early_ms = desk.now_ms
    await desk.hears("ann", "3", after_s=60)
    assert (await desk.hears("ann", f"{codes['ann']} 1", t_ms=early_ms)).kind == "overtaken"
    assert (await desk.shows(number)).acceptor is None
    assert (await desk.hears("ann", "1", t_ms=desk.now_ms)).kind == "accepted"


async def test_whoever_is_there_and_says_yes_once_more_is_told_that_they_are_there(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann")
    await desk.hears("ann", "2")
    await desk.hears("ann", "1")
    assert (await desk.shows(number)).state is State.ON_SCENE
    assert await desk.says("ann") == ["arrived", "arrived"]


@settings(max_examples=40, deadline=None)
@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(["ann", "bob", "cy", "+49000"]),
            st.sampled_from(["", "first ", "second "]),
            st.sampled_from(["1", "1 8", "2", "3", "4", "5", "6", "7", "ok", "STOP"]),
        ),
        max_size=25,
    )
)
async def test_whatever_is_said_only_somebody_there_closes(said: list[tuple[str, str, str]]) -> None:
    async with furnished() as table:
        first, one = await table.opens("h1", "ann", "bob", "cy")
        second, two = await table.opens("h2", "ann", "bob")
        there: set[tuple[str, int]] = set()
        for person, which, digit in said:
            codes = {"": {}, "first ": one, "second ": two}[which]
            before = {n: (await table.shows(n)).state for n in (first, second)}
            taken = await table.hears(person, f"{codes.get(person, which and 'Z99')} {digit}")
            if taken.kind == "arrived" and digit == "2" and taken.incident_id is not None:
                there.add((person, taken.incident_id))
            for n in (first, second):
                if before[n] is not State.CLOSED and (await table.shows(n)).state is State.CLOSED:
                    assert (person, n) in there
                    assert digit in {"4", "6"}
            assert person != "+49000" or taken.kind == "unknown-phone"
