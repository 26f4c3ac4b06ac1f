"""The webhooks of calls as such: signatures, odd requests, keys that mean nothing, fates."""

import pytest

from tests.call_centre import OURS, PHONES, SID, centre


def key(digits: str = "1", call: str = "CA1", **more: str) -> dict[str, str]:
    return {
        "CallSid": call,
        "AccountSid": SID,
        "From": OURS,
        "To": PHONES["ann"],
        "CallStatus": "in-progress",
        "Direction": "outbound-api",
        "Digits": digits,
    } | more


@pytest.mark.parametrize("path", ["/twilio/voice?press=1", "/twilio/call-status"])
@pytest.mark.parametrize(
    ("fields", "signed_path"),
    [
        (key(), "/twilio/voice"),  # the query is signed with the rest
        (key(), "/twilio/voice?press=2"),
        (key(), "/twilio/sms"),
        (key(AccountSid="AC" + "9" * 32), None),
        (key(call=""), None),
        ({}, None),
    ],
)
@pytest.mark.looptime
async def test_a_forged_webhook_of_a_call_is_refused_and_changes_nothing(
    path: str, fields: dict[str, str], signed_path: str | None
) -> None:
    async with centre() as c:
        number = await c.opens("h1")
        await c.calls("ann", number)
        answer = await c.post(path, fields, signed_path=signed_path)
        assert (answer.status_code, answer.text) == (403, "forbidden")
        assert (await c.shows(number)).acceptor is None
        assert c.woken == 0


LONG = f"?press={'9' * 5000}"
"""int() refuses so many digits."""


@pytest.mark.looptime
@pytest.mark.parametrize(
    "query", ["", "?press=", "?press=x", "?press=-1", "?press=%C2%B2", "?keys=all", LONG]
)
async def test_a_signed_address_with_an_odd_query_still_takes_the_key(query: str) -> None:
    async with centre() as c:
        number = await c.opens("h1")
        await c.calls("ann", number)
        assert (await c.post(f"/twilio/voice{query}", key())).status_code == 200
        assert (await c.shows(number)).acceptor == "ann"


@pytest.mark.looptime
async def test_somebody_elses_call_gives_no_right_to_its_incident() -> None:
    async with centre() as c:
        number = await c.opens("h1")
        sid = await c.calls("bob", number)
        answer = await c.post("/twilio/voice?press=1", key(call=sid))  # Ann's phone, Bob's call
        assert "您现在没有待处理的呼叫" in answer.text
        assert (await c.shows(number)).acceptor is None


@pytest.mark.looptime
@pytest.mark.parametrize("digits", ["*", "0", "7", "9", "#", "11", "STOP"])
async def test_a_key_that_means_nothing_is_asked_back(digits: str) -> None:
    async with centre() as c:
        number = await c.opens("h1")
        sid = await c.calls("ann", number)
        answer = await c.post("/twilio/voice?press=1", key(digits, call=sid))
        assert answer.status_code == 200
        assert "请按1" in answer.text
        assert (await c.shows(number)).acceptor is None


@pytest.mark.looptime
async def test_the_fate_of_a_call_moves_forward_only() -> None:
    async with centre() as c:
        sid = await c.calls("ann", await c.opens("h1"))
        for told, shown in [
            ("initiated", "initiated"),
            ("in-progress", "in-progress"),
            ("ringing", "in-progress"),
            ("completed", "completed"),
            ("in-progress", "completed"),
            ("busy", "completed"),
            ("?", "completed"),
        ]:
            fields = key(call=sid, CallStatus=told)
            assert (await c.post("/twilio/call-status", fields)).status_code == 200
            assert await c.receipt(sid) == shown


@pytest.mark.looptime
async def test_when_the_ledger_cannot_write_a_fate_twilio_is_asked_to_come_again() -> None:
    async with centre() as c:
        c.disk.full = True
        assert (await c.post("/twilio/call-status", key(CallStatus="busy"))).status_code == 503
        assert c.woken == 0
