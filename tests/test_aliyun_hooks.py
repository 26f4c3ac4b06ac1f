"""What Aliyun pushes: unsigned, so believed no further than it must be."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import pytest

from alerting import ledger as ledger_of
from alerting import wording
from alerting.channels.aliyun_templates import out_id
from alerting.concern import Concern, Kind, Severity
from alerting.ledger import Ledger, LedgerError, Message, RosterRows, Tx
from alerting.recognise import recognise
from guardian.clock import LiveClock
from guardian.web.aliyun_hooks import (
    MOST_BYTES,
    MOST_ENTRIES,
    TAKEN,
    aliyun_hooks_app,
    reply_path,
    report_path,
)
from simulator.fake_aliyun import FakeAliyun, Text
from tests.alerting_people import duty, shipped_policy

TOKEN = "t" * 40
ANN, BOB = "+8613800000001", "+8613800000002"
START_MS = 1_763_942_400_000  # 2025-11-24 08:00 in Beijing
POLICY = shipped_policy()
T = TypeVar("T")


class Full:
    """A ledger on a full disk."""

    async def transact(self, work: Callable[[Tx], T]) -> T:
        _ = work
        raise LedgerError("no space left on device", permanent=False)


@dataclass
class Site:
    """The application, with Ann asked by Aliyun to go to one home."""

    ledger: Ledger
    incident: int
    text: Text
    number: int
    code: str
    woken: list[bool] = field(default_factory=list)
    full: bool = False

    @asynccontextmanager
    async def aliyun(self) -> AsyncIterator[FakeAliyun]:
        app = aliyun_hooks_app(
            Full() if self.full else self.ledger,
            token=TOKEN,
            on_change=lambda: self.woken.append(True),
            clock=LiveClock(START_MS),
            duty=duty,
            policy=POLICY,
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1"
        ) as http:
            yield FakeAliyun(
                "key",
                "secret",
                "sign",
                {},
                lambda: START_MS,
                callbacks=http,
                report_url=report_path(TOKEN),
                reply_url=reply_path(TOKEN),
            )

    async def post(self, path: str, body: object) -> httpx.Response:
        async with self.aliyun() as fake:
            assert fake.callbacks is not None
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            return await fake.callbacks.post(path, content=raw)

    async def sent(self, sid: str) -> None:
        """The courier records that the text is out."""
        await self.ledger.transact(lambda tx: ledger_of.record_sent(tx, self.number, sid, START_MS))

    async def everything(self) -> object:
        def work(tx: Tx) -> object:
            shown = ledger_of.recent_incidents(tx, 10)
            due = ledger_of.due_messages(tx, START_MS + 10**9)
            return shown, ledger_of.moves(tx, self.incident), due, ledger_of.message(tx, self.number)

        return await self.ledger.transact(work)

    async def acceptor(self) -> str | None:
        return (await self.ledger.transact(lambda tx: ledger_of.incident(tx, self.incident))).acceptor

    async def receipt(self) -> str | None:
        return (await self.ledger.transact(lambda tx: ledger_of.message(tx, self.number))).receipt


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    ledger = await Ledger.open(None, inline=True, integrity=False)

    def furnish(tx: Tx) -> tuple[int, Text, int, str]:
        figures = {"language": "zh", "reply_odds": 0.3, "reply_p90_s": 60.0, "turnout_p90_s": 60.0}
        people = [{"id": n, "name": n, "phone": p, "address": None} for n, p in (("ann", ANN), ("bob", BOB))]
        ledger_of.save_roster(
            tx,
            RosterRows(
                people=tuple(people),
                sites=(),
                homes=(),
                rooms=(),
                zones=(),
                sensors=(),
                responders=tuple({"id": n, "active": True, **figures} for n in ("ann", "bob")),
                shifts=(),
                travels=(),
            ),
            "test",
            "0",
            START_MS,
        )
        opened = ledger_of.open_new(
            tx,
            Concern("h1", Kind.SOS, START_MS, START_MS, 1.0),
            severity=Severity.HIGH,
            deadline_ms=START_MS + 600_000,
            late=False,
            now_ms=START_MS,
        )
        page = Message(
            responder="ann",
            purpose="page",
            template="high",
            incident=opened.id,
            due_ms=START_MS,
            valid_until_ms=START_MS + 600_000,
            created_ms=START_MS,
        )
        number = ledger_of.enqueue(tx, page)
        code = ledger_of.code_for(tx, opened.id, "ann", START_MS)
        body = wording.text("page", "high", language="zh", code=code, number=number)
        ledger_of.lease(tx, number, START_MS, START_MS + 30_000, channel="aliyun", body=body)
        said = recognise(body)
        assert said is not None
        text = Text("000^0", ANN.removeprefix("+86"), "", "SMS_1", out_id(said), START_MS)
        return opened.id, text, number, code

    yield Site(ledger, *await ledger.transact(furnish))
    await ledger.close()


async def test_an_answer_is_committed_then_answered(site: Site) -> None:
    async with site.aliyun() as fake:
        answer = await site.post(reply_path(TOKEN), [fake.reply_of(ANN, f"{site.code}　1　8。")])
    assert (answer.status_code, answer.json()) == (200, {"code": 0, "msg": "接收成功"})
    assert await site.acceptor() == "ann"
    assert site.woken == [True]


async def test_several_answers_come_in_one_push(site: Site) -> None:
    async with site.aliyun() as fake:
        entries = [fake.reply_of(BOB, "你好"), fake.reply_of(ANN, "1"), fake.reply_of("+8613900000000", "1")]
        await fake.push(fake.reply_url, entries)
        assert fake.push_answers == [200]
    assert await site.acceptor() == "ann"


async def test_a_push_that_comes_again_changes_nothing(site: Site) -> None:
    async with site.aliyun() as fake:
        entry = fake.reply_of(ANN, "1")
        await fake.push(fake.reply_url, [entry])
        before = await site.everything()
        await fake.push(fake.reply_url, [entry, entry])
        await fake.push(fake.reply_url, [entry | {"content": "3"}])
        assert fake.push_answers == [200, 200, 200]
    assert await site.everything() == before
    assert site.woken == [True]


async def test_an_answer_without_a_number_of_its_own_is_taken_once(site: Site) -> None:
    async with site.aliyun() as fake:
        entry = {k: v for k, v in fake.reply_of(ANN, "1").items() if k != "sequence_id"}
        await fake.push(fake.reply_url, [entry])
        before = await site.everything()
        await fake.push(fake.reply_url, [entry])
    assert await site.acceptor() == "ann"
    assert await site.everything() == before


@pytest.mark.parametrize("number", ["13800000001", "+8613800000001", "8613800000001"])
async def test_the_senders_number_may_have_its_country(site: Site, number: str) -> None:
    async with site.aliyun() as fake:
        await fake.push(fake.reply_url, [fake.reply_of(ANN, "1") | {"phone_number": number}])
    assert await site.acceptor() == "ann"


async def test_an_old_answer_is_as_old_as_aliyun_says(site: Site) -> None:
    async with site.aliyun() as fake:
        entry = fake.reply_of(ANN, "1") | {"send_time": "2025-11-24 07:00:00"}
        await fake.push(fake.reply_url, [entry])
    assert await site.acceptor() is None, "an hour before the question it cannot mean this one"


async def test_strangers_and_other_peoples_codes_get_nothing(site: Site) -> None:
    async with site.aliyun() as fake:
        before = await site.everything()
        await fake.push(fake.reply_url, [fake.reply_of("+8613900000000", f"{site.code} 1")])
        assert await site.everything() == before
        await fake.push(fake.reply_url, [fake.reply_of(BOB, f"{site.code} 1")])
    assert await site.acceptor() is None


@pytest.mark.parametrize(("ok", "word"), [(True, "delivered"), (False, "undelivered")])
async def test_the_fate_of_a_text_is_recorded(site: Site, ok: bool, word: str) -> None:
    await site.sent(site.text.id)
    async with site.aliyun() as fake:
        await fake.report(site.text, ok=ok)
        await fake.report(site.text, ok=ok)
        assert fake.push_answers == [200, 200]
    assert await site.receipt() == word
    assert site.woken == [True]
    assert await site.acceptor() is None, "a receipt is nobody's word"


async def test_a_text_found_in_the_list_after_a_crash_has_a_fate_too(site: Site) -> None:
    await site.sent(site.text.out_id)  # the list does not tell the BizId
    async with site.aliyun() as fake:
        await fake.report(site.text)
    assert await site.receipt() == "delivered"


async def test_a_report_that_is_faster_than_the_courier_is_asked_for_again(site: Site) -> None:
    async with site.aliyun() as fake:
        await fake.report(site.text)
        await site.sent(site.text.id)
        await fake.report(site.text)
        assert fake.push_answers == [503, 200]
    assert await site.receipt() == "delivered"


async def test_a_report_about_something_else_changes_nothing(site: Site) -> None:
    await site.sent(site.text.id)
    site.text.status = 3
    async with site.aliyun() as fake:
        good = fake.report_of(site.text)
        other = str(good["out_id"]).split(".", 1)[1]
        wrong: list[dict[str, object]] = [
            good | {"phone_number": BOB.removeprefix("+86")},
            good | {"biz_id": "999^0", "out_id": f"999.{other}"},
            good | {"biz_id": "999^0"} | {"out_id": f"{site.number}.{other}x"},
            good | {"out_id": "123"},
            good | {"out_id": f"{2**63}.{other}"},
            good | {"out_id": f"{'9' * 4000}.{other}"},
            good | {"out_id": f"{'9' * 5000}.{other}"},
            good | {"out_id": None},
            good | {"success": "true"},
            good | {"success": None},
            {},
        ]
        before = await site.everything()
        for entry in wrong:
            await fake.push(fake.report_url, [entry])
        assert await site.everything() == before
        assert fake.push_answers == [200] * len(wrong)
    assert site.woken == []


async def test_a_report_about_a_text_of_another_channel_changes_nothing(site: Site) -> None:
    def other(tx: Tx) -> None:
        ledger_of.release(tx, site.number, START_MS)
        body = ledger_of.message(tx, site.number).body or ""
        ledger_of.lease(tx, site.number, START_MS, START_MS + 30_000, channel="twilio", body=body)
        ledger_of.record_sent(tx, site.number, site.text.id, START_MS)

    await site.ledger.transact(other)
    async with site.aliyun() as fake:
        await fake.report(site.text)
    assert await site.receipt() is None


@pytest.mark.parametrize("make", [report_path, reply_path])
@pytest.mark.parametrize("token", ["", "t" * 39, "t" * 41, "T" * 40, "%00", "ü", "{token}"])
async def test_without_the_token_nothing_is_there(site: Site, make: Callable[[str], str], token: str) -> None:
    async with site.aliyun() as fake:
        entries = [fake.reply_of(ANN, "1") | fake.report_of(site.text)]
    before = await site.everything()
    answer = await site.post(make(token), entries)
    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert await site.everything() == before
    assert site.woken == []


@pytest.mark.parametrize("make", [report_path, reply_path])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[1]",
        b"[[]]",
        b"\xff",
        b"[" * 100_000,
        b'[{}, "x"]',
        b"phone_number=1",
        json.dumps([{}] * (MOST_ENTRIES + 1)).encode(),
    ],
)
async def test_what_aliyun_cannot_have_written_is_refused(
    site: Site, make: Callable[[str], str], body: bytes
) -> None:
    before = await site.everything()
    assert (await site.post(make(TOKEN), body or b" ")).status_code == 400
    assert await site.everything() == before


@pytest.mark.parametrize("make", [report_path, reply_path])
async def test_entries_of_any_shape_do_no_harm(site: Site, make: Callable[[str], str]) -> None:
    values: list[object] = [None, 1, True, 1.5, "", "x", [], {}, "\ud800", "\x00", 10**30]
    names = ["phone_number", "content", "send_time", "sequence_id", "out_id", "biz_id", "success"]
    entries = [dict.fromkeys(names, v) for v in values] + [{n: v} for n in names for v in values]
    before = await site.everything()
    assert (await site.post(make(TOKEN), entries)).status_code == 200
    assert await site.everything() == before


@pytest.mark.parametrize("make", [report_path, reply_path])
async def test_a_body_that_is_too_large_is_not_read(site: Site, make: Callable[[str], str]) -> None:
    assert (await site.post(make(TOKEN), b" " * (MOST_BYTES + 1))).status_code == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_post_is_taken(site: Site, method: str) -> None:
    async with site.aliyun() as fake:
        assert fake.callbacks is not None
        assert (await fake.callbacks.request(method, reply_path(TOKEN))).status_code == 405


async def test_when_the_ledger_cannot_write_aliyun_is_asked_to_come_again(site: Site) -> None:
    site.full = True
    async with site.aliyun() as fake:
        await fake.phone_sends(ANN, "1")
        await fake.report(site.text)
        assert fake.push_answers == [503, 503]
    assert site.woken == []


def test_the_answer_is_the_one_that_ends_the_pushing() -> None:
    assert TAKEN == {"code": 0, "msg": "接收成功"}
