import asyncio
import logging
from xml.etree import ElementTree as ET

import httpx
import pytest

from alerting.channels import Abilities, Channel, ChannelError
from alerting.channels.twilio_account import PERMANENT
from alerting.channels.twilio_voice import (
    LONGEST_S,
    MOST_TWIML,
    TwilioVoice,
    key_address,
    language_of,
    twiml,
)
from alerting.spoken import Keys
from simulator.providers import FakeTwilio
from tests.test_twilio_sms import ANN, BOB, OURS, SID, START_MS, TOKEN, Broken, Hand, says

PUBLIC = "https://c.example/hooks"
WORDS = "Urgent. Code A 1 2: be there by 8:15. If you go, press 1. Message 1."


def channel(fake: FakeTwilio, *, public_url: str | None = PUBLIC, token: str = TOKEN) -> TwilioVoice:
    return TwilioVoice(SID, token, OURS, public_url=public_url, transport=httpx.ASGITransport(app=fake.app))


async def test_a_call_goes_out_with_its_words_its_keys_and_its_callbacks() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        voice: Channel = channel(fake)
        sid = await voice.send(ANN, WORDS, 300)
        assert fake.calls[0].sid == sid
        (post,) = fake.posts
        said = ET.fromstring(post.pop("Twiml"))
        assert post == {
            "To": ANN,
            "From": OURS,
            "Timeout": "20",
            "TimeLimit": str(LONGEST_S),
            "StatusCallback": f"{PUBLIC}/twilio/call-status",
            "StatusCallbackEvent": "initiated ringing answered completed",
        }
        assert fake.calls[0].events == ("initiated", "ringing", "answered", "completed")
        *gathers, end = said
        assert [v.tag for v in gathers] == ["Gather"] * 3
        assert end.tag == "Hangup"
        for gather in gathers:
            assert gather.attrib["numDigits"] == "1"
            assert gather.attrib["method"] == "POST"
            assert gather.attrib["action"] == f"{PUBLIC}/twilio/voice?press=1"
            assert [(v.tag, v.text, v.attrib) for v in gather] == [("Say", WORDS, {"language": "en-US"})]
        await voice.close()


@pytest.mark.parametrize(("valid_s", "rings_s"), [(-5, "5"), (0, "5"), (12, "12"), (20, "20"), (999, "20")])
async def test_it_rings_no_longer_than_is_worth_it_and_not_until_voicemail(
    valid_s: int, rings_s: str
) -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        await channel(fake).send(ANN, WORDS, valid_s)
        assert fake.posts[0]["Timeout"] == rings_s


async def test_without_a_public_address_it_speaks_and_waits_for_no_key() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        voice = channel(fake, public_url=None)
        await voice.send(ANN, WORDS, 60)
        tags = [v.tag for v in ET.fromstring(fake.posts[0]["Twiml"])]
        assert tags == ["Say", "Pause"] * 3 + ["Hangup"]
        assert not fake.posts[0].keys() & {"StatusCallback", "StatusCallbackEvent"}
        assert voice.abilities == Abilities(
            two_way=False, receipts=False, voice=True, needs_inbound=False, countries=None, spoken=True
        )


async def test_with_one_it_is_answered_and_reported_everywhere() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        assert channel(fake).abilities == Abilities(
            two_way=True, receipts=True, voice=True, needs_inbound=True, countries=None, spoken=True
        )


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("+15005550001", 21217),
        ("+15005550002", 21214),
        ("+15005550003", 21215),
        ("+15005550004", 21216),
        ("+0123", 21211),
    ],
)
async def test_a_number_that_cannot_be_called_is_a_permanent_error(to: str, code: int) -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        with pytest.raises(ChannelError) as told:
            await channel(fake).send(to, WORDS, 60)
        assert fake.calls == []
    assert told.value.permanent
    assert told.value.reason == f"twilio {code}: {PERMANENT[code]}"
    assert to not in told.value.reason


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (400, 21210, True),
        (400, 21205, True),
        (400, 32018, True),
        (400, 21999, True),
        (429, 20429, False),
        (401, 20003, False),
        (404, 20404, False),
        (500, 20500, False),
        (503, 20503, False),
    ],
)
async def test_twilios_codes_say_whether_calling_again_can_help(
    status: int, code: int, permanent: bool
) -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        fake.fail_next(1, status, code)
        with pytest.raises(ChannelError) as told:
            await channel(fake).send(ANN, WORDS, 60)
        assert told.value.permanent is permanent
        assert told.value.maybe_taken is (status >= 500)
        assert len(fake.posts) == 1, "the SDK must not try again by itself"


async def test_words_that_are_too_long_are_a_permanent_error() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        with pytest.raises(ChannelError, match="32018") as told:
            await channel(fake).send(ANN, "x" * MOST_TWIML, 60)
        assert told.value.permanent


@pytest.mark.looptime
async def test_a_call_that_hangs_may_ring_all_the_same() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        fake.hang_next(1)
        began = asyncio.get_running_loop().time()
        with pytest.raises(ChannelError, match="no answer within 10 s") as told:
            await channel(fake).send(ANN, WORDS, 60)
        assert told.value.maybe_taken
        assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=0.1)
        assert [c.sid for c in await channel(fake).sent_since(ANN, START_MS)] == [fake.calls[0].sid]


async def test_no_way_to_twilio_and_wrong_credentials_are_not_permanent() -> None:
    voice = TwilioVoice(SID, TOKEN, OURS, transport=Broken(httpx.ConnectError(f"no route to {ANN}")))
    with pytest.raises(ChannelError, match="unreachable") as told:
        await voice.send(ANN, WORDS, 60)
    assert not told.value.permanent
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        wrong = channel(fake, token="wrong")
        for call in (wrong.send(ANN, WORDS, 60), wrong.sent_since(ANN, 0)):
            with pytest.raises(ChannelError, match="401") as refused:
                await call
            assert not refused.value.permanent


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"", b"[]", b"{}"])
async def test_what_is_not_twilio_is_not_permanent(body: bytes) -> None:
    voice = TwilioVoice(SID, TOKEN, OURS, transport=httpx.ASGITransport(app=says(200, body)))
    for call in (voice.send(ANN, WORDS, 60), voice.sent_since(ANN, 0)):
        with pytest.raises(ChannelError) as told:
            await call
        assert not told.value.permanent


async def test_lists_tell_whom_we_have_called_and_not_what_was_said() -> None:
    hand = Hand()
    async with FakeTwilio(SID, TOKEN, OURS, hand.now_ms) as fake:
        voice = channel(fake)
        await voice.send(ANN, WORDS, 60)
        hand.ms += 60_000
        since = hand.ms
        first = await voice.send(ANN, WORDS, 60)
        await voice.send(BOB, WORDS, 60)
        fake.phone_calls(ANN)
        hand.ms += 1_500
        second = await voice.send(ANN, WORDS, 60)
        listed = await voice.sent_since(ANN, since)
        assert [(c.sid, c.phone, c.body, c.t_ms) for c in listed] == [
            (first, ANN, "", since),
            (second, ANN, "", since + 1_000),
        ]
        assert await voice.received_since(0) == ()


async def test_nothing_about_a_call_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        await channel(fake).send(ANN, WORDS, 60)
        await channel(fake).sent_since(ANN, 0)
    for secret in (ANN[1:], OURS[1:], "Urgent", TOKEN):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("body", "language"),
    [("紧急。代码 A 一 二", "zh"), ("Urgent. Code A 1 2", "en"), ("Urgent 急", "zh"), ("", "en")],
)
def test_the_voice_is_that_of_the_words(body: str, language: str) -> None:
    assert language_of(body) == language


def test_minutes_end_with_the_hash_key() -> None:
    action = key_address(PUBLIC + "/", press=2, keys=Keys.MINUTES)
    assert action == f"{PUBLIC}/twilio/voice?press=2&keys=minutes"
    first, second, end = ET.fromstring(twiml(["几分钟 & <more>"], action, keys=Keys.MINUTES))
    for gather in (first, second):
        assert gather.attrib["finishOnKey"] == "#"
        assert gather.attrib["numDigits"] == "3"
        assert gather.attrib["action"] == action
        assert gather[0].text == "几分钟 & <more>"
        assert gather[0].attrib == {"language": "zh-CN"}
    assert end.tag == "Hangup"
