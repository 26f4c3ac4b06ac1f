"""The courier with the real Aliyun and modem channels: a crash between sending and recording."""

from pathlib import Path

import pytest

from alerting import triage
from alerting.channels import Channel
from alerting.channels.aliyun import AliyunSms
from alerting.channels.aliyun_templates import Template
from alerting.channels.modem import Modem
from alerting.courier import Courier
from alerting.ledger import Ledger, Message, Tx, incident, messages, save_roster
from simulator.fake_aliyun import FakeAliyun
from simulator.response.district import roster_rows
from tests.alerting_people import T0, SetClock, concern, duty, responder, shipped_policy

POLICY = shipped_policy()
PEOPLE = duty(responder("a", odds=0.97))


class Killed(BaseException):
    """The process dies here."""


class Centre:
    """A ledger with one fall in it, and couriers that come and go."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = SetClock(T0 + 10_000)

    async def fall(self) -> int:
        def work(tx: Tx) -> int:
            save_roster(tx, roster_rows(PEOPLE), "test", "0" * 64, self.clock.ms)
            touched = triage.take(tx, (concern(),), PEOPLE, POLICY, self.clock.ms)
            return touched[0].id

        return await self.ledger.transact(work)

    def courier(self, channel: Channel, *, dies_at: str | None = None) -> Courier:
        def crash_point(name: str) -> None:
            if name == dies_at:
                raise Killed

        return Courier(
            self.ledger, {channel.name: channel}, lambda: PEOPLE, POLICY, self.clock, crash_point=crash_point
        )

    async def texts(self, number: int) -> list[Message]:
        return await self.ledger.transact(lambda tx: messages(tx, number))


@pytest.mark.parametrize("dies_at", ["sending", "sent"])
async def test_after_a_crash_aliyuns_list_says_what_was_sent(dies_at: str) -> None:
    ledger = await Ledger.open(None, inline=True)
    centre = Centre(ledger)
    fake = FakeAliyun(
        "LTAI", "secret", "乐龄中心", {"SMS_1": "${code} ${by} #${number}"}, centre.clock.now_ms
    )
    templates = {"page": Template("SMS_1", ("code", "by", "number"))}
    async with fake.serve() as url:

        def channel() -> AliyunSms:
            return AliyunSms("LTAI", "secret", "乐龄中心", templates, centre.clock.now_ms, base_url=url)

        fall = await centre.fall()
        with pytest.raises(BaseExceptionGroup) as dead:
            await centre.courier(channel(), dies_at=dies_at).step()
        assert dead.group_contains(Killed)
        assert len(fake.texts) == (dies_at == "sent")
        centre.clock.ms += 3_000
        courier = centre.courier(channel())
        await courier.recover()
        await courier.step()
        assert len(fake.texts) == 1, "one text, whether it had left before the crash or not"
        (text,) = await centre.texts(fall)
        assert (text.state, text.channel) == ("sent", "aliyun")
        assert text.sid in {fake.texts[0].id, fake.texts[0].out_id}
        after = await ledger.transact(lambda tx: incident(tx, fall))
        assert after.provider_ms == centre.clock.ms
    await ledger.close()


async def test_after_a_crash_the_modem_sends_again_rather_than_not_at_all(tmp_path: Path) -> None:
    ledger = await Ledger.open(None, inline=True)
    centre = Centre(ledger)

    def channel() -> Modem:
        return Modem(str(tmp_path), centre.clock.now_ms, connection="none", model="dummy")

    fall = await centre.fall()
    before, after = channel(), channel()
    with pytest.raises(BaseExceptionGroup):
        await centre.courier(before, dies_at="sent").step()
    centre.clock.ms += 3_000
    courier = centre.courier(after)
    await courier.recover()
    await courier.step()
    (text,) = await centre.texts(fall)
    assert (text.state, text.channel, text.copies) == ("sent", "modem", 2)
    for modem in (before, after):
        assert [t.body for t in await modem.sent_since(PEOPLE.responders["a"].phone, T0)] == [text.body]
        await modem.close()
    await ledger.close()
