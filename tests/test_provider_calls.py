"""The fake provider's own manners: calls, phones that ring, and what goes wrong on request."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from alerting.channels import ChannelError
from alerting.channels.twilio_voice import TwilioVoice
from simulator import responders
from simulator.providers import FakeTwilio, Trouble
from simulator.responders import Phones
from tests.test_provider import ANN, BOB, OURS, PAGE, SID, START_MS, TOKEN, Site, provider, raw, sms

CALL_STATUS = "https://centre.example/twilio/call-status"
KEYS = "https://centre.example/twilio/voice?press=1"
TWIML = f'<Response><Gather action="{KEYS}" numDigits="1"><Say>Press</Say></Gather><Say>Bye</Say></Response>'
FORM = {"To": ANN, "From": OURS, "Twiml": TWIML, "StatusCallback": CALL_STATUS}
EVERY = {"StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"]}


async def rings(fake: FakeTwilio, **more: object) -> None:
    async with raw(fake) as http:
        assert (await http.post("/Calls.json", data=FORM | EVERY | more)).status_code == 201


@pytest.mark.looptime
async def test_a_call_rings_is_answered_hears_and_ends_and_all_is_told_signed() -> None:
    site = Site()
    async with provider(site) as fake:
        phones = Phones(fake, [ANN])
        await rings(fake)
        assert await phones[ANN].expects_call("Press") == "Press"
        await asyncio.sleep(60)
        (call,) = fake.calls
        assert call.ear.heard == ["Press", "Bye"]
        phones.nobody_else_got_a_message()
    told = [t["CallStatus"] for t in site.told]
    assert told == ["initiated", "ringing", "in-progress", "completed"]
    assert [t["SequenceNumber"] for t in site.told] == ["0", "1", "2", "3"]
    assert site.told[-1]["CallDuration"] == "5", "as long as the words and the wait for a key"
    assert all(site.signed)


@pytest.mark.looptime
async def test_only_the_events_that_were_asked_for_are_told() -> None:
    site = Site()
    async with provider(site) as fake:
        Phones(fake, {ANN: responders.answers_calls(1, keys=())})
        async with raw(fake) as http:
            await http.post("/Calls.json", data=FORM)
        await asyncio.sleep(60)
    assert [t["CallStatus"] for t in site.told] == ["completed"]


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("behaviour", "fate", "heard"),
    [
        (responders.is_busy(), "busy", 0),
        (responders.never_answers(), "no-answer", 0),
        (responders.has_voicemail(10), "completed", 2),
        (responders.has_voicemail(31), "no-answer", 0),
        (responders.answers_calls(5, keys=()), "completed", 2),
    ],
)
async def test_phones_do_what_they_are_like(behaviour: responders.Behaviour, fate: str, heard: int) -> None:
    site = Site()
    async with provider(site) as fake:
        Phones(fake, {ANN: behaviour})
        await rings(fake, Timeout="30")
        await asyncio.sleep(120)
        assert fake.calls[0].status == fate
        assert len(fake.calls[0].ear.heard) == heard
    assert site.told[-1]["CallStatus"] == fate


@pytest.mark.looptime
async def test_a_phone_that_does_not_exist_fails() -> None:
    async with provider(Site()) as fake:
        Phones(fake, [BOB])
        await rings(fake)
        await asyncio.sleep(5)
        assert fake.calls[0].status == "failed"


@pytest.mark.looptime
async def test_a_key_is_posted_with_its_digits_and_the_answer_is_read_out() -> None:
    site = Site()
    async with provider(site) as fake:
        phone = Phones(fake, [ANN])[ANN]
        await rings(fake)
        await phone.expects_call()
        assert await phone.presses("1") == "", "an empty answer ends the call"
        (key,) = [t for t in site.told if "Digits" in t]
        assert (key["Digits"], key["CallSid"], key["To"]) == ("1", fake.calls[0].sid, ANN)
        with pytest.raises(AssertionError, match="is not in a call"):
            await phone.presses("1")


@pytest.mark.looptime
async def test_keys_that_nobody_waits_for_are_lost_and_hash_alone_is_no_key() -> None:
    site = Site()
    async with provider(site) as fake:
        phone = Phones(fake, [ANN])[ANN]
        await rings(fake)
        await phone.expects_call()
        assert await phone.presses("#") == "Bye"
        await phone.presses("1")
        await asyncio.sleep(60)
        assert not any("Digits" in t for t in site.told)


@pytest.mark.looptime
async def test_who_hangs_up_hears_no_more() -> None:
    async with provider(Site()) as fake:
        phone = Phones(fake, [ANN])[ANN]
        await rings(fake)
        await phone.expects_call()
        await phone.hangs_up()
        await asyncio.sleep(60)
        assert fake.calls[0].ear.heard == ["Press"]
        assert fake.calls[0].status == "completed"


@pytest.mark.looptime
async def test_a_call_is_cut_off_at_its_limit() -> None:
    async with provider(Site()) as fake:
        phone = Phones(fake, [ANN])[ANN]
        await rings(fake, TimeLimit="3")
        await phone.expects_call()
        await asyncio.sleep(4)
        assert fake.calls[0].status == "completed"
        assert fake.calls[0].ear.heard == ["Press"]


@pytest.mark.looptime
async def test_a_webhook_that_answers_nonsense_is_heard_as_an_error() -> None:
    async with provider(Site()) as fake:
        phone = Phones(fake, [ANN])[ANN]
        await rings(fake, Twiml=TWIML.replace("twilio/voice", "nowhere/at/all"))
        await phone.expects_call()
        assert "application error" in await phone.presses("1")
        await rings(fake, Twiml="Press 1")
        assert "application error" in await phone.expects_call()


@pytest.mark.looptime
async def test_a_call_that_no_story_expects_is_found() -> None:
    async with provider(Site()) as fake:
        phones = Phones(fake, [ANN, BOB])
        await rings(fake)
        await phones[ANN].expects_call(lifts=False)
        await asyncio.sleep(90)
        assert fake.calls[0].status == "no-answer"
        phones.nobody_else_got_a_message()
        await rings(fake, To=BOB)
        with pytest.raises(AssertionError, match=r"nobody expected.*4915187654321', 'a call'"):
            phones.nobody_else_got_a_message()
        with pytest.raises(AssertionError, match="did not ring within 5 s"):
            await phones[ANN].expects_call(within_s=5)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"From": OURS, "Twiml": TWIML}, 21201),
        ({"To": ANN, "Twiml": TWIML}, 21213),
        ({"To": ANN, "From": OURS}, 21205),
        ({"To": ANN, "From": OURS, "Url": "centre.example"}, 21205),
        ({"To": ANN, "From": OURS, "Twiml": "x" * 4001}, 32018),
        ({"To": ANN, "From": BOB, "Twiml": TWIML}, 21210),
        ({"To": ANN, "From": "+15005550001", "Twiml": TWIML}, 21212),
        ({"To": "+15005550003", "From": OURS, "Twiml": TWIML}, 21215),
        ({"To": "0151 23", "From": OURS, "Twiml": TWIML}, 21211),
    ],
)
async def test_a_wrong_call_is_refused_as_twilio_does(form: Mapping[str, str], code: int) -> None:
    async with provider(Site()) as fake, raw(fake) as http:
        answer = await http.post("/Calls.json", data=dict(form))
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert fake.calls == []


async def test_strangers_get_no_calls() -> None:
    async with provider(Site()) as fake, raw(fake, auth=(SID, "wrong")) as http:
        for answer in (
            await http.post("/Calls.json", data=FORM),
            await http.get("/Calls.json"),
            await http.get("/Calls/CA1.json"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (401, 20003)
        assert fake.calls == []


@pytest.mark.looptime
async def test_lists_of_calls_filter_have_pages_and_lag() -> None:
    async with provider(Site()) as fake, raw(fake) as http:
        for to in (ANN, BOB, ANN):
            await rings(fake, To=to)
            await asyncio.sleep(90)
        fake.phone_calls(ANN)

        async def listed(**asked: str) -> list[tuple[str, str]]:
            answer = await http.get("/Calls.json", params=asked)
            return [(c["direction"], c["to"]) for c in answer.json()["calls"]]

        ours, theirs = "outbound-api", ("inbound", OURS)
        assert await listed() == [theirs, (ours, ANN), (ours, BOB), (ours, ANN)]
        assert await listed(To=ANN) == [(ours, ANN), (ours, ANN)]
        assert await listed(From=ANN) == [theirs]
        assert await listed(Status="no-answer", To=BOB) == [(ours, BOB)]
        first = (await http.get("/Calls.json", params={"PageSize": "3"})).json()
        second = (await http.get("https://api.twilio.com" + first["next_page_uri"])).json()
        assert [c["to"] for c in second["calls"]] == [ANN]
        fake.knobs.list_lag_s = 60
        assert await listed() == [(ours, ANN), (ours, BOB), (ours, ANN)]
        assert (await http.get("/Calls/CA404.json")).json()["code"] == 20404


# --- what goes wrong on request, for texts ---------------------------------------------------------


@pytest.mark.looptime
async def test_a_script_of_troubles_is_met_one_after_the_other() -> None:
    async with provider(Site()) as fake:
        fake.knobs.script = [Trouble(429, 20429), Trouble(503, 20503, taken=True)]
        fake.hang_next(1)
        fake.hang_next(1, 4.0, taken=False)
        loop, met = asyncio.get_running_loop(), []
        for _ in range(5):
            began = loop.time()
            try:
                await sms(fake).send(ANN, PAGE, 60)
            except ChannelError as e:
                met.append((e.maybe_taken, round(loop.time() - began), len(fake.texts)))
        assert met == [(False, 0, 0), (True, 0, 1), (True, 10, 2), (True, 4, 2)]
        assert len(fake.texts) == 3


@pytest.mark.looptime
async def test_what_is_accepted_may_never_arrive() -> None:
    site = Site()
    async with provider(site) as fake:
        fake.knobs.never_deliver = True
        phones = Phones(fake, [ANN])
        await sms(fake).send(ANN, PAGE, 60)
        await asyncio.sleep(600)
        assert phones[ANN].texts == []
        assert fake.texts[0].status == "sent"
    assert site.statuses() == ["sent"]


@pytest.mark.looptime
async def test_callbacks_come_in_another_order_twice_or_never() -> None:
    site = Site()
    async with provider(site) as fake:
        fake.knobs.retell = lambda held: [held[1], held[0], held[1]]
        await sms(fake).send(ANN, PAGE, 60)
        await asyncio.sleep(5)
        fake.knobs.retell = lambda held: held[:1]
        await sms(fake).send(BOB, PAGE, 60)
        await asyncio.sleep(5)
    assert site.statuses() == ["delivered", "sent", "delivered", "sent"]
    assert all(site.signed)


async def test_troubles_meet_calls_as_well() -> None:
    async with provider(Site()) as fake:
        voice = TwilioVoice(SID, TOKEN, OURS, transport=httpx.ASGITransport(app=fake.app))
        fake.fail_next(1, 429, 20429)
        with pytest.raises(ChannelError, match="429"):
            await voice.send(ANN, "Press 1", 60)
        assert await voice.sent_since(ANN, START_MS) == []
