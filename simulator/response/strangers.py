"""What comes in by the provider's webhook and is not what it should be: forged, repeated, of strangers.

Takes a centre, posts to the real webhook application in this process (signed as Twilio signs, or not), and
remembers how each was answered. Nothing of what a stranger posts may change anything.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import httpx
import numpy as np

from guardian.web.hooks import SMS_PATH, hooks_app
from simulator.providers.account import signature
from simulator.response.centre import Centre
from simulator.response.district import Case

ACCOUNT: Final = "AC" + "0" * 32
TOKEN: Final = "a-token-of-nobody"  # there is no account behind it
PUBLIC: Final = "https://centre.example/hooks"
WORDS: Final = ("OK", "？", "1 1 1", "Z9 1", "A1 6", "好的", "STOP please", "\u200b", "6", "９９")


@dataclass(slots=True)
class Door:
    """The webhook application, with whoever knocks at it."""

    centre: Centre
    wrong: list[str] = field(default_factory=list)
    """What was answered in another way than it should have been."""
    posted: list[tuple[dict[str, str], str]] = field(default_factory=list)
    """Fields and signatures of what people have really sent."""
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        app = hooks_app(
            self.centre.ledger,
            account_sid=ACCOUNT,
            tokens=[TOKEN],
            public_url=PUBLIC,
            on_change=self.centre.wake,
            clock=self.centre.clock,
            duty=lambda: self.centre.duty,
            policy=self.centre.policy,
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=PUBLIC.removesuffix("/hooks")
        )

    async def told(self, sid: str, phone: str, body: str) -> None:
        """Post what somebody has really sent."""
        fields = {"MessageSid": sid, "AccountSid": ACCOUNT, "From": phone, "To": "+10", "Body": body}
        signed = signature(TOKEN, PUBLIC + SMS_PATH, fields)
        self.posted.append((fields, signed))
        await self.post(fields, signed, 200)

    async def post(self, fields: dict[str, str], signed: str | None, expected: int) -> None:
        """Post anything and note whether it was answered as it should be."""
        headers = {} if signed is None else {"x-twilio-signature": signed}
        answer = await self.client.post(SMS_PATH, data=fields, headers=headers)
        if answer.status_code != expected:
            self.wrong.append(f"a webhook that should get {expected} got {answer.status_code}")


async def forges(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """F54: unsigned, wrongly signed and changed webhooks in the names of our people; old ones once more."""
    _ = case
    door = Door(centre)
    centre.door = door
    phones = [r.phone for r in centre.duty.responders.values()]
    for turn in range(60):
        await asyncio.sleep(float(rng.exponential(5.0)))
        body = str(rng.choice(["1", "1 5", "2", "6", "3", "A1 1"]))
        fields = {"MessageSid": f"SM{turn:032d}", "AccountSid": ACCOUNT, "Body": body}
        fields["From"] = str(rng.choice(phones))
        kind = int(rng.integers(4))
        if kind == 0:
            await door.post(fields, None, 403)
        elif kind == 1:
            await door.post(fields, signature("guessed", PUBLIC + SMS_PATH, fields), 403)
        elif door.posted:
            real, signed = door.posted[int(rng.integers(len(door.posted)))]
            changed = {**real, "Body": body} if kind == 2 and real["Body"] != body else real
            await door.post(changed, signed, 200 if changed is real else 403)


async def babble(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """F55: unknown numbers, nonsense, wrong codes and old ones, all the time."""
    _ = case
    numbers = [r.phone for r in centre.duty.responders.values()]
    for _turn in range(40):
        await asyncio.sleep(float(rng.exponential(8.0)))
        who = "+8613900999999" if rng.random() < 0.3 else str(rng.choice(numbers))
        await centre.hear(who, str(rng.choice(WORDS)))


async def old_codes(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """F56: people answer with codes of incidents that are over, or with somebody else's."""
    _ = case
    for _turn in range(20):
        await asyncio.sleep(float(rng.exponential(15.0)))
        if not centre.codes:
            continue
        phones = sorted(centre.codes)
        who, other = (phones[int(k)] for k in rng.integers(len(phones), size=2))
        strange = [c for c in (*centre.codes[who][:-1], *centre.codes[other]) if c != centre.codes[who][-1]]
        if strange:
            words = rng.choice(["1", "1 5", "2", "3", "4", "6"])
            await centre.hear(who, f"{strange[int(rng.integers(len(strange)))]} {words}")
