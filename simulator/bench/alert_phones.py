"""The other end of the alerts bench: the fake Twilio and everybody's phones, in a process of their own.

`python -m simulator.bench.alert_phones SEED`: prints its address, serves until standard input ends, then
prints what it has taken, in order: one JSON list of [sid, number, body, ms since 1970]. Whoever is paged says
yes with the chance that the planner reckons with, after seconds instead of minutes, so that as many incidents
stand open at once as on a bad day and not thousands; otherwise the phone stays silent.
"""

import asyncio
import json
import re
import sys
from typing import Final

import numpy as np

from guardian.clock import LiveClock
from simulator.bench.alert_district import ODDS
from simulator.providers import Answer, FakeTwilio, Text
from simulator.responders import called_off

SID: Final = "AC" + "a1" * 16
TOKEN: Final = "b2" * 16
OURS: Final = "+447700900999"
ANSWER_S: Final = (1.0, 4.0)
"""From the phone ringing to the answer."""
WAY_S: Final = 4.0
CARE_S: Final = 4.0
URGENT: Final = ("URGENT", "紧急")
_CODE: Final = re.compile(r"[A-Z][0-9]{1,2}(?![0-9])", re.ASCII)


def urgent_codes(body: str) -> list[str]:
    """Give the codes that a HIGH text names, each once; none for any other text."""
    return list(dict.fromkeys(_CODE.findall(body))) if body.startswith(URGENT) else []


class Phones:
    """Everybody's phones."""

    def __init__(self, fake: FakeTwilio, seed: int) -> None:
        self._fake = fake
        self._rng = np.random.default_rng([seed, 0x9407])
        self._seen: set[tuple[str, str]] = set()
        self._off: set[tuple[str, str]] = set()

    def take(self, text: Text) -> None:
        """Read a text that was delivered."""
        if called_off(text.body):
            self._off |= {(text.to, code) for code in _CODE.findall(text.body)}
            return
        for code in urgent_codes(text.body):
            if (text.to, code) in self._seen:
                continue
            self._seen.add((text.to, code))
            if self._rng.random() < ODDS:
                self._fake.start(self._go(text.to, code, float(self._rng.uniform(*ANSWER_S))), code)

    async def _go(self, phone: str, code: str, answer_s: float) -> None:
        for after_s, words in ((answer_s, "1 4"), (WAY_S, "2"), (CARE_S, "6")):
            await asyncio.sleep(after_s)
            if (phone, code) in self._off:
                return
            await self._fake.phone_sends(phone, f"{code} {words}")


async def serve(seed: int) -> None:
    """Be the provider until standard input ends."""
    async with FakeTwilio(SID, TOKEN, OURS, LiveClock().now_ms) as fake, fake.serve() as url:
        fake.has_phones(Phones(fake, seed).take, _rings_unheard)
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps([[t.sid, t.to, t.body, t.created_ms] for t in fake.outbound()]), flush=True)


async def _rings_unheard(_call: object) -> Answer:
    return Answer.FAILED


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
