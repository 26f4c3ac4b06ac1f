"""The Aliyun channels: the official SDKs over loopback HTTP against a fake that checks their signature."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from alerting import wording
from alerting.channels import Channel, ChannelError
from alerting.channels.aliyun import PERMANENT, AliyunSms, AliyunVoice
from alerting.channels.aliyun_templates import Template, out_id, said_by, template_for, time_ms
from alerting.duty import Language
from alerting.recognise import recognise
from simulator.fake_aliyun import FakeAliyun

KEY, SECRET, SIGN = "LTAI-test", "secret-key", "乐龄中心"
ANN = "+8613800000001"
BOB = "+8613800000002"
NOW_MS = 1_763_942_400_000  # 2025-11-24 08:00 in Beijing
WORDS = {
    "SMS_1": "紧急${code} 请${by}到场。回${code} 1=接手 #${number}",
    "SMS_2": "${code}消息 #${number}",
    "SMS_3": "已不用去了 ${code} ${card} ${eta} #${number}",
    "TTS_1": "紧急,代码${code},请${by}到场",
}
TEMPLATES = {
    "page": Template("SMS_1", ("code", "by", "number")),
    "answer": Template("SMS_2", ("code", "number")),
    "answer-on-the-way": Template("SMS_3", ("code", "card", "eta", "number")),
}
CALLS = {"page": Template("TTS_1", ("code", "by"))}


def page(number: int = 123, *, deadline: str | None = "08:15", language: Language = "zh") -> str:
    return wording.text("page", "high", language=language, code="A12", number=number, deadline=deadline)


def answer(template: str, number: int = 7) -> str:
    return wording.text("answer", template, language="zh", code="A12", number=number, eta="08:09")


@dataclass
class Aliyun:
    """The fake, its address, and channels to it."""

    fake: FakeAliyun
    url: str

    def sms(
        self, *, secret: str = SECRET, key: str = KEY, sign: str = SIGN, timeout_s: float = 5
    ) -> AliyunSms:
        return AliyunSms(
            key, secret, sign, TEMPLATES, self.fake.now_ms, base_url=self.url, timeout_s=timeout_s
        )

    def voice(self) -> AliyunVoice:
        return AliyunVoice(KEY, SECRET, CALLS, self.fake.now_ms, base_url=self.url, timeout_s=5)


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms


@asynccontextmanager
async def aliyun(hand: Hand | None = None) -> AsyncIterator[Aliyun]:
    fake = FakeAliyun(KEY, SECRET, SIGN, WORDS, (hand or Hand()).now_ms)
    async with fake.serve() as url:
        yield Aliyun(fake, url)


async def test_a_page_fills_the_approved_template() -> None:
    async with aliyun() as it:
        channel: Channel = it.sms()
        biz_id = await channel.send(ANN, page(), 300)
        (text,) = it.fake.texts
        assert text.id == biz_id
        assert text.content == "【乐龄中心】紧急A12 请08:15到场。回A12 1=接手 #123"
        assert it.fake.asked[0]["PhoneNumbers"] == "13800000001"
        assert json.loads(it.fake.asked[0]["TemplateParam"]) == {
            "code": "A12",
            "by": "08:15",
            "number": "123",
        }
        assert text.out_id.split(".")[0] == "123", "OutId begins with the number of our message"
        await channel.close()


@pytest.mark.parametrize(
    ("body", "template", "values"),
    [
        (page(deadline=None), "SMS_1", {"code": "A12", "by": "尽快", "number": "123"}),
        (
            page(deadline=None, language="en"),
            "SMS_1",
            {"code": "A12", "by": "soon", "number": "123"},
        ),
        (answer("accepted"), "SMS_2", {"code": "A12", "number": "7"}),
        (answer("on-the-way"), "SMS_3", {"code": "A12", "card": "无", "eta": "08:09", "number": "7"}),
        (
            wording.text("answer", "which-code", language="zh", code="A1 B2", number=7),
            "SMS_2",
            {"code": "A1 B2", "number": "7"},
        ),
        (
            wording.text("answer", "nothing-open", language="zh", code="", number=7),
            "SMS_2",
            {"code": "代码", "number": "7"},
        ),
    ],
)
async def test_each_text_has_the_template_of_its_purpose(
    body: str, template: str, values: dict[str, str]
) -> None:
    async with aliyun() as it:
        await it.sms().send(ANN, body, 60)
        assert it.fake.asked[0]["TemplateCode"] == template
        assert json.loads(it.fake.asked[0]["TemplateParam"]) == values


@pytest.mark.parametrize(
    ("phone", "body", "why"),
    [
        (ANN, "hello", "not one of our texts"),
        (
            ANN,
            wording.text("stand-down", None, language="zh", code="A1", number=1),
            "no template for stand-down",
        ),
        ("+4915112345678", page(), "not a number in mainland China"),
    ],
)
async def test_what_no_template_says_never_works(phone: str, body: str, why: str) -> None:
    async with aliyun() as it:
        with pytest.raises(ChannelError, match=why) as told:
            await it.sms().send(phone, body, 60)
        assert told.value.permanent
        assert it.fake.asked == []


async def test_the_list_gives_back_the_body_of_every_text() -> None:
    hand = Hand()
    async with aliyun(hand) as it:
        old = page(1)
        await it.sms().send(ANN, old, 60)
        hand.ms += 90_000
        since_ms = hand.ms
        bodies = [page(2), answer("on-the-way", 3), page(4, deadline=None, language="en")]
        for body in bodies:
            await it.sms().send(ANN, body, 60)
            hand.ms += 1_000
        await it.sms().send(BOB, page(9), 60)
        after = it.sms()  # as after a restart: it knows nothing of what the other has sent
        listed = await after.sent_since(ANN, since_ms)
        assert [(t.body, t.t_ms, t.phone) for t in listed] == [
            (body, since_ms + n * 1_000, ANN) for n, body in enumerate(bodies)
        ]
        await it.fake.report(it.fake.texts[1], ok=False)
        await it.fake.report(it.fake.texts[2])
        assert [t.status for t in await after.sent_since(ANN, since_ms)] == [
            "undelivered",
            "delivered",
            "sent",
        ]
        assert await after.received_since(0) == ()


async def test_the_list_goes_over_midnight_in_beijing_and_over_pages() -> None:
    hand = Hand()
    async with aliyun(hand) as it:
        it.fake.knobs.per_day = 1000
        hand.ms += int(15.9 * 3_600_000)  # six minutes to midnight there
        sms, since_ms = it.sms(), hand.ms
        for n in range(1, 61):
            await sms.send(ANN, page(n), 60)
            hand.ms += 1_000
        hand.ms += 600_000
        await sms.send(ANN, page(61), 60)
        assert [t.body for t in await sms.sent_since(ANN, since_ms)] == [page(n) for n in range(1, 62)]


async def test_the_list_is_asked_for_thirty_days_at_most() -> None:
    async with aliyun() as it:
        assert await it.sms().sent_since(ANN, 0) == []
        assert len(it.fake.asked) == 30


@pytest.mark.parametrize("code", sorted(PERMANENT))
async def test_a_refusal_that_stays_is_permanent(code: str) -> None:
    async with aliyun() as it:
        it.fake.fail_next(1, code)
        with pytest.raises(ChannelError) as told:
            await it.sms().send(ANN, page(), 60)
        assert told.value.permanent
        assert told.value.reason == f"aliyun {code}: {PERMANENT[code]}"


@pytest.mark.parametrize(
    ("status", "code", "maybe_taken"),
    [
        (200, "isv.BUSINESS_LIMIT_CONTROL", False),  # flow control: another minute, hour or day
        (200, "isv.DAY_LIMIT_CONTROL", False),
        (200, "isv.OUT_OF_SERVICE", False),  # our balance
        (200, "isv.AMOUNT_NOT_ENOUGH", False),
        (200, "isv.PRODUCT_UN_SUBSCRIPT", False),
        (200, "isp.RAM_PERMISSION_DENY", False),
        (200, "isv.SOMETHING_NEW", False),
        (200, "isp.SYSTEM_ERROR", True),
        (400, "Throttling.User", False),
        (403, "Forbidden.RAM", False),
        (404, "InvalidAccessKeyId.NotFound", False),
        (500, "InternalError", True),
        (503, "ServiceUnavailable", True),
    ],
)
async def test_what_says_nothing_about_the_person_is_not_permanent(
    status: int, code: str, maybe_taken: bool
) -> None:
    async with aliyun() as it:
        it.fake.fail_next(1, code, status=status)
        with pytest.raises(ChannelError) as told:
            await it.sms().send(ANN, page(), 60)
        assert not told.value.permanent
        assert told.value.maybe_taken is maybe_taken
        assert told.value.reason == f"aliyun: HTTP {status}, code {code}"
        assert len(it.fake.asked) == 1, "the SDK must not try again by itself"


async def test_the_fake_refuses_as_aliyun_does() -> None:
    async with aliyun() as it:
        with pytest.raises(ChannelError, match="MOBILE_NUMBER_ILLEGAL") as told:
            await it.sms().send("+862112345678", page(), 60)
        assert told.value.permanent
        with pytest.raises(ChannelError, match="SMS_SIGNATURE_ILLEGAL"):
            await it.sms(sign="别家").send(ANN, page(), 60)
        it.fake.templates.clear()
        with pytest.raises(ChannelError, match="SMS_TEMPLATE_ILLEGAL"):
            await it.sms().send(ANN, page(), 60)
        it.fake.templates["SMS_1"] = "${name} ${code}"
        with pytest.raises(ChannelError, match="TEMPLATE_MISSING_PARAMETERS"):
            await it.sms().send(ANN, page(), 60)
        it.fake.templates["SMS_1"] = "${code}"
        for n in range(50):
            await it.sms().send(ANN, page(n + 1), 60)
        with pytest.raises(ChannelError, match="BUSINESS_LIMIT_CONTROL") as told:
            await it.sms().send(ANN, page(51), 60)
        assert not told.value.permanent
        assert len(it.fake.texts) == 50


async def test_wrong_credentials_are_no_fault_of_the_responder() -> None:
    async with aliyun() as it:
        for channel in (it.sms(secret="wrong"), it.sms(key="LTAI-other")):
            for call in (channel.send(ANN, page(), 60), channel.sent_since(ANN, NOW_MS)):
                with pytest.raises(ChannelError, match=r"SignatureDoesNotMatch|InvalidAccessKeyId") as told:
                    await call
                assert not told.value.permanent
                assert not told.value.maybe_taken
        assert it.fake.asked == []


async def test_a_failure_may_hide_that_the_text_went_out() -> None:
    async with aliyun() as it:
        it.fake.fail_next(1, "isp.SYSTEM_ERROR", taken=True)
        with pytest.raises(ChannelError) as told:
            await it.sms().send(ANN, page(), 60)
        assert told.value.maybe_taken
        assert [t.body for t in await it.sms().sent_since(ANN, NOW_MS)] == [page()]


async def test_a_hung_server_costs_the_timeout_and_no_more() -> None:
    async with aliyun() as it:
        it.fake.knobs.answer_s = 1
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(ChannelError, match=r"no answer within 0\.2 s") as told:
            await it.sms(timeout_s=0.2).send(ANN, page(), 60)
        assert loop.time() - began < 1
        assert not told.value.permanent
        assert told.value.maybe_taken
        assert len(it.fake.texts) == 1, "the text may have gone out all the same"


async def test_nobody_there_means_that_nothing_has_left() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    sms = AliyunSms(KEY, SECRET, SIGN, TEMPLATES, lambda: NOW_MS, base_url=url, timeout_s=5)
    with pytest.raises(ChannelError, match="unreachable") as told:
        await sms.send(ANN, page(), 60)
    assert not told.value.permanent
    assert not told.value.maybe_taken


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"nonsense\r\n\r\n"]
)
async def test_a_connection_that_breaks_may_have_carried_the_text(reply: bytes) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sms = AliyunSms(KEY, SECRET, SIGN, TEMPLATES, lambda: NOW_MS, base_url=url, timeout_s=5)
        with pytest.raises(ChannelError) as told:
            await sms.send(ANN, page(), 60)
    assert not told.value.permanent
    assert told.value.maybe_taken


@pytest.mark.parametrize("status", [b"200 OK", b"302 Found", b"403 Forbidden", b"502 Bad Gateway"])
@pytest.mark.parametrize("body", [b"<html>log in</html>", b"", b"[]", b'"x"', b"null", b"{}", b"\xff\xfe"])
async def test_what_is_not_aliyun_is_not_permanent(status: bytes, body: bytes) -> None:
    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)))
        writer.write(body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(says, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sms = AliyunSms(KEY, SECRET, SIGN, TEMPLATES, lambda: NOW_MS, base_url=url, timeout_s=5)
        for call in (sms.send(ANN, page(), 60), sms.sent_since(ANN, NOW_MS)):
            with pytest.raises(ChannelError) as told:
                await call
            assert not told.value.permanent


async def test_a_call_reads_the_page_aloud() -> None:
    async with aliyun() as it:
        voice: Channel = it.voice()
        call_id = await voice.send(ANN, page(), 60)
        (call,) = it.fake.calls
        assert (call.id, call.phone, call.content) == (call_id, "13800000001", "紧急,代码A12,请08:15到场")
        assert call.out_id == "123"
        assert "CalledShowNumber" not in it.fake.asked[0]
        assert [(t.sid, t.body) for t in await voice.sent_since(ANN, NOW_MS)] == [(call_id, page())]
        assert await voice.sent_since(BOB, NOW_MS) == []
        assert await it.voice().sent_since(ANN, NOW_MS) == [], "Aliyun has no list of calls"
        with pytest.raises(ChannelError, match="no template") as told:
            await voice.send(ANN, answer("accepted"), 60)
        assert told.value.permanent
        it.fake.fail_next(1, "isv.BUSINESS_LIMIT_CONTROL")
        with pytest.raises(ChannelError, match="BUSINESS_LIMIT_CONTROL") as told:
            await voice.send(ANN, page(), 60)
        assert not told.value.permanent
        assert not voice.abilities.two_way
        assert voice.abilities.voice


async def test_it_says_what_it_can_do() -> None:
    async with aliyun() as it:
        able = it.sms().abilities
    assert able.two_way
    assert able.receipts
    assert able.needs_inbound
    assert able.countries == frozenset({"+86"})


async def test_nothing_about_a_text_is_logged_or_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with aliyun() as it:
        await it.sms().send(ANN, page(), 60)
        with pytest.raises(ChannelError) as told:
            await it.sms().send("+86110", page(), 60)
    for secret in (ANN[3:], "+86110", "A12", SECRET):
        assert secret not in caplog.text + told.value.reason


async def test_the_environment_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI-other")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "other")
    async with aliyun() as it:
        await it.sms().send(ANN, page(), 60)
        assert len(it.fake.texts) == 1


def test_a_drill_never_goes_out_in_words_that_do_not_say_so() -> None:
    def text(purpose: str, template: str) -> str:
        return wording.text(purpose, template, language="zh", code="A12", number=7)

    in_earnest = {**TEMPLATES, "stand-down": TEMPLATES["page"]}
    for purpose, template in (("page", "drill"), ("answer", "drill-accepted"), ("stand-down", "drill")):
        with pytest.raises(ChannelError, match="no template") as refused:
            template_for(text(purpose, template), in_earnest)
        assert refused.value.permanent
    own = {"page-drill": Template("SMS_8", ()), "answer-drill": Template("SMS_9", ())}
    for purpose, template, code in (("page", "drill", "SMS_8"), ("answer", "drill-arrived", "SMS_9")):
        assert template_for(text(purpose, template), {**TEMPLATES, **own})[1].code == code


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("purpose", "template"), sorted(wording.TEMPLATES, key=str))
def test_an_out_id_holds_every_text(language: Language, purpose: str, template: str | None) -> None:
    body = wording.text(
        purpose,
        template,
        language=language,
        code="A12 B3" if template in wording.LISTS else "A12",
        number=999_999_999,
        deadline="08:15",
        card="QX-98765",
        eta="08:05",
    )
    said = recognise(body)
    assert said is not None
    text = out_id(said)
    assert len(text) < 256
    assert text.isascii()
    assert said_by(text) == said


@pytest.mark.parametrize(
    "text",
    ["", "123", "a.zh.page.high.A1...", "1.de.page.high.A1...", "1.zh.page.high.A1....", "１.zh......"],
)
def test_another_out_id_is_nobodys(text: str) -> None:
    assert said_by(text) is None


@pytest.mark.parametrize(
    ("text", "t_ms"),
    [
        ("2025-11-24 08:00:00", NOW_MS),
        ("2025-11-24", None),
        ("", None),
        (None, None),
        ("24/11/2025 8:00", None),
    ],
)
def test_times_are_beijings(text: str | None, t_ms: int | None) -> None:
    assert time_ms(text) == t_ms
