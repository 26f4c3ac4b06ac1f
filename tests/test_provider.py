import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerting.channels.twilio_account import signature_ok
from alerting.channels.twilio_sms import TwilioSms
from simulator import responders
from simulator.providers import FakeTwilio
from simulator.responders import Phones

SID = "AC" + "0" * 31 + "1"
TOKEN = "secret-token"
OURS = "+14155550100"
ANN = "+4915112345678"
BOB = "+4915187654321"
START_MS = 1_763_942_400_000
CALLBACK = "https://centre.example/twilio/status"
WEBHOOK = "https://centre.example/twilio/sms"
PAGE = "URGENT A12: be there by 08:15. Reply A12 1 = I go. #1"


class Site:
    """Somebody's webhooks: remembers what came, with a good signature or not."""

    def __init__(self) -> None:
        self.told: list[dict[str, str]] = []
        self.signed: list[bool] = []
        self.app = Starlette(routes=[Route("/twilio/{what}", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        url = f"https://centre.example{request.url.path}"
        self.told.append(fields)
        self.signed.append(signature_ok([TOKEN], url, fields, request.headers.get("x-twilio-signature")))
        return Response("<Response/>", media_type="text/xml")

    def statuses(self) -> list[str]:
        return [t["MessageStatus"] for t in self.told if "MessageStatus" in t]


@asynccontextmanager
async def provider(site: Site) -> AsyncIterator[FakeTwilio]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=site.app)) as callbacks,
        FakeTwilio(
            SID,
            TOKEN,
            OURS,
            lambda: START_MS + int((loop.time() - began) * 1000),
            callbacks=callbacks,
            sms_webhook=WEBHOOK,
        ) as fake,
    ):
        yield fake


def sms(fake: FakeTwilio) -> TwilioSms:
    return TwilioSms(SID, TOKEN, OURS, status_callback=CALLBACK, transport=httpx.ASGITransport(app=fake.app))


def raw(fake: FakeTwilio, *, auth: tuple[str, str] = (SID, TOKEN)) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=fake.app),
        base_url=f"https://api.twilio.com/2010-04-01/Accounts/{SID}",
        auth=auth,
    )


@pytest.mark.looptime
async def test_a_text_is_queued_sent_delivered_and_reported_signed() -> None:
    site = Site()
    async with provider(site) as fake:
        phones = Phones(fake, [ANN, BOB])
        await sms(fake).send(ANN, PAGE, 60)
        assert fake.texts[0].status == "queued"
        assert await phones[ANN].expects_text(containing="A12") == PAGE
        await asyncio.sleep(1)
        assert fake.texts[0].status == "delivered"
        phones.nobody_else_got_a_message()
    assert site.statuses() == ["sent", "delivered"]
    assert all(site.signed)
    assert site.told[0]["MessageSid"] == fake.texts[0].sid


@pytest.mark.looptime
async def test_what_a_phone_sends_is_told_and_can_be_told_again() -> None:
    site = Site()
    async with provider(site) as fake:
        sid = await Phones(fake, [ANN])[ANN].replies("Ａ１２　1")
        await fake.tell_inbound(sid)
        assert [t.body for t in await sms(fake).received_since(START_MS)] == ["Ａ１２　1"]
    assert [t["MessageSid"] for t in site.told] == [sid, sid]
    assert site.told[0]["From"] == ANN
    assert site.told[0]["Body"] == "Ａ１２　1"
    assert all(site.signed)


@pytest.mark.looptime
async def test_callbacks_and_webhooks_can_be_lost() -> None:
    site = Site()
    async with provider(site) as fake:
        fake.knobs.lose_callbacks = fake.knobs.lose_webhooks = True
        phone = Phones(fake, [ANN])[ANN]
        await sms(fake).send(ANN, PAGE, 60)
        await phone.expects_text()
        await phone.replies("1")
        await asyncio.sleep(5)
        assert [t.body for t in await sms(fake).received_since(START_MS)] == ["1"]
    assert site.told == []


@pytest.mark.looptime
async def test_a_lie_about_delivery_rings_no_phone() -> None:
    site = Site()
    async with provider(site) as fake:
        fake.knobs.lose_texts = True
        phones = Phones(fake, [ANN])
        await sms(fake).send(ANN, PAGE, 60)
        with pytest.raises(AssertionError, match="got no text with 'A12' within 60 s; it had \\[\\]"):
            await phones[ANN].expects_text("A12", within_s=60)
    assert site.statuses() == ["sent", "delivered"]


@pytest.mark.looptime
async def test_held_texts_go_when_let_go_or_expire() -> None:
    site = Site()
    async with provider(site) as fake:
        fake.knobs.hold = True
        phones = Phones(fake, [ANN, BOB])
        await sms(fake).send(ANN, PAGE, 30)
        await asyncio.sleep(31)
        assert (fake.texts[0].status, fake.texts[0].error_code) == ("failed", 30001)
        await sms(fake).send(BOB, PAGE, 300)
        await asyncio.sleep(31)
        assert fake.texts[1].status == "queued"
        fake.release()
        await phones[BOB].expects_text(within_s=2)
        await asyncio.sleep(1)
    assert site.statuses() == ["failed", "sent", "delivered"]
    assert site.told[0]["ErrorCode"] == "30001"


@pytest.mark.looptime
async def test_young_texts_can_be_missing_from_lists() -> None:
    async with provider(Site()) as fake:
        fake.knobs.list_lag_s = 3
        sid = await sms(fake).send(ANN, PAGE, 60)
        assert await sms(fake).sent_since(ANN, START_MS) == []
        await asyncio.sleep(4)
        assert [t.sid for t in await sms(fake).sent_since(ANN, START_MS)] == [sid]


async def test_a_refusal_may_hide_that_the_text_went_out() -> None:
    async with provider(Site()) as fake, raw(fake) as http:
        fake.fail_next(1, 500, 20500, taken=True)
        fake.fail_next(1, 429, 20429)
        form = {"To": ANN, "From": OURS, "Body": PAGE}
        statuses = [(await http.post("/Messages.json", data=form)).status_code for _ in range(3)]
        assert statuses == [500, 429, 201]
        assert len(fake.texts) == 2


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"From": OURS, "Body": "x"}, 21604),
        ({"To": ANN, "Body": "x"}, 21603),
        ({"To": ANN, "From": OURS}, 21602),
        ({"To": ANN, "From": OURS, "Body": "x" * 1601}, 21617),
        ({"To": ANN, "From": BOB, "Body": "x"}, 21606),
        ({"To": ANN, "From": "+15005550001", "Body": "x"}, 21212),
        ({"To": ANN, "From": "+15005550008", "Body": "x"}, 21611),
        ({"To": "0151 23", "From": OURS, "Body": "x"}, 21211),
    ],
)
async def test_a_wrong_text_is_refused_as_twilio_does(form: Mapping[str, str], code: int) -> None:
    async with provider(Site()) as fake, raw(fake) as http:
        answer = await http.post("/Messages.json", data=dict(form))
        assert answer.status_code == 400
        told = answer.json()
        assert (told["code"], told["status"]) == (code, 400)
        assert told["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
        assert isinstance(told["message"], str)


async def test_strangers_get_nothing() -> None:
    async with provider(Site()) as fake, raw(fake, auth=(SID, "wrong")) as http:
        for answer in (
            await http.post("/Messages.json", data={"To": ANN, "From": OURS, "Body": "x"}),
            await http.get("/Messages.json"),
            await http.get("/Messages/SM1.json"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (401, 20003)
        assert fake.texts == []


async def test_somebody_who_said_stop_is_refused_until_start() -> None:
    async with provider(Site()) as fake, raw(fake) as http:
        form = {"To": ANN, "From": OURS, "Body": "x"}
        await fake.phone_sends(ANN, " stop ")
        assert (await http.post("/Messages.json", data=form)).json()["code"] == 21610
        await fake.phone_sends(ANN, "START")
        assert (await http.post("/Messages.json", data=form)).status_code == 201


@pytest.mark.looptime
async def test_lists_filter_by_side_and_date_and_have_pages() -> None:
    async with provider(Site()) as fake, raw(fake) as http:
        for n in range(5):
            await http.post("/Messages.json", data={"To": ANN, "From": OURS, "Body": str(n)})
            await asyncio.sleep(10)
        await fake.phone_sends(ANN, "answer")

        async def listed(**asked: str) -> list[str]:
            names = {k.replace("_after", ">").replace("_before", "<"): v for k, v in asked.items()}
            return [m["body"] for m in (await http.get("/Messages.json", params=names)).json()["messages"]]

        assert await listed(To=ANN) == ["4", "3", "2", "1", "0"]
        assert await listed(From=ANN) == ["answer"]
        assert await listed(To=OURS, From=ANN) == ["answer"]
        assert await listed(To=BOB) == []
        assert await listed(To=ANN, DateSent="2025-11-24") == ["4", "3", "2", "1", "0"]
        assert await listed(To=ANN, DateSent_after="2025-11-25") == []
        assert await listed(To=ANN, DateSent_before="2025-11-23") == []
        assert await listed(To=ANN, DateSent_after="2025-11-24T00:00:30Z") == ["4", "3"]

        first = (await http.get("/Messages.json", params={"To": ANN, "PageSize": "2"})).json()
        assert (first["page"], first["page_size"], first["start"], first["end"]) == (0, 2, 0, 1)
        assert first["previous_page_uri"] is None
        second = (await http.get("https://api.twilio.com" + first["next_page_uri"])).json()
        third = (await http.get("https://api.twilio.com" + second["next_page_uri"])).json()
        assert [m["body"] for page in (first, second, third) for m in page["messages"]] == list("43210")
        assert third["next_page_uri"] is None
        one = await http.get(f"/Messages/{fake.texts[0].sid}.json")
        assert one.json()["body"] == "0"
        assert (await http.get("/Messages/SM404.json")).json()["code"] == 20404


@pytest.mark.looptime
async def test_simulated_people_do_what_they_are_like() -> None:
    site = Site()
    loop = asyncio.get_running_loop()
    async with provider(site) as fake:
        numbers = [f"+49151000000{n:02}" for n in range(5)]
        phones = Phones(
            fake,
            dict(
                zip(
                    numbers,
                    (
                        responders.answers_at_once(3),
                        responders.answers_late(240),
                        responders.never_answers(),
                        responders.declines(10),
                        responders.goes(5, 20, minutes=4, care_s=60),
                    ),
                    strict=True,
                )
            ),
        )
        began = loop.time()
        for number in numbers:
            await sms(fake).send(number, f"紧急B7 卡17 请08:15前到场。回B7 1=接手 #{number[-1]}9", 600)
        await asyncio.sleep(600)
        assert [phones[n].answers for n in numbers] == [
            ["B7 1"],
            ["B7 1"],
            [],
            ["B7 3"],
            ["B7 1", "B7 1 4", "B7 2", "B7 6"],
        ]
        assert loop.time() - began == pytest.approx(600, abs=1)
    assert all(site.signed)


@pytest.mark.looptime
async def test_a_person_who_is_called_off_says_no_more() -> None:
    async with provider(Site()) as fake:
        phones = Phones(fake, {ANN: responders.goes(5, 20, minutes=4)})
        await sms(fake).send(ANN, PAGE, 600)
        await asyncio.sleep(10)
        await sms(fake).send(ANN, "A12: somebody else goes, stay for now. #2", 600)
        await asyncio.sleep(600)
        assert phones[ANN].answers == ["A12 1"]


@pytest.mark.looptime
async def test_a_text_that_no_story_expects_is_found() -> None:
    async with provider(Site()) as fake:
        phones = Phones(fake, [ANN])
        await sms(fake).send(ANN, PAGE, 60)
        await phones[ANN].expects_text("A12")
        phones.nobody_else_got_a_message()
        await sms(fake).send(BOB, PAGE, 60)
        with pytest.raises(AssertionError, match=r"nobody expected.*4915187654321"):
            phones.nobody_else_got_a_message()


@pytest.mark.looptime
async def test_a_webhook_with_nobody_there_is_tried_twice() -> None:
    class Gone(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("gone", request=request)

    async with (
        httpx.AsyncClient(transport=Gone()) as callbacks,
        FakeTwilio(SID, TOKEN, OURS, lambda: START_MS, callbacks=callbacks, sms_webhook=WEBHOOK) as fake,
    ):
        await fake.phone_sends(ANN, "1")
        assert fake.webhook_answers == [0, 0]
