"""How a call goes once somebody has answered: TwiML read out, keys waited for.

Takes a document (Say, Pause, Gather with Say and Pause in it, Hangup: the verbs that Guardian uses; another
one is an error), and gives the keys of a Gather to whoever asks the webhook. Time passes as it takes to
read the words out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

ZH_CHARACTERS_S = 4.5
EN_CHARACTERS_S = 15.0
"""Read out in a second: some 270 Chinese characters or 160 English words a minute, as voices do."""
APPLICATION_ERROR = "We are sorry, an application error has occurred. Goodbye."
"""What Twilio says when a webhook gives no TwiML."""
_GATHER_TIMEOUT_S = "5"
_MOST_DIGITS = "99"


@dataclass(slots=True)
class Ear:
    """What somebody on the phone hears, and the keys that they press."""

    heard: list[str] = field(default_factory=list)
    """Words in the order in which their saying began."""
    pressed: list[str] = field(default_factory=list)
    """What each Gather has taken."""
    keys: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    """Notified with each word said, and at the end."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by whoever hangs up."""

    async def hear(self, words: str) -> float:
        """Take words in; give how long they last, in seconds."""
        async with self.news:
            self.heard.append(words)
            self.news.notify_all()
        return spoken_s(words)


def spoken_s(words: str) -> float:
    """How long it takes to read words out, in seconds."""
    chinese = sum("\u4e00" <= c <= "\u9fff" for c in words)
    return chinese / ZH_CHARACTERS_S + (len(words) - chinese) / EN_CHARACTERS_S


async def play(
    document: str | None,
    ear: Ear,
    wait: Callable[[float], Awaitable[None]],
    ask: Callable[[str, str], Awaitable[str | None]],
) -> None:
    """Read a document out, and whatever `ask` (address, digits) gives for keys, to the end."""
    while document is not None:
        try:
            root = ET.fromstring(document)  # noqa: S314  # written by the code under test
        except ET.ParseError:
            await wait(await ear.hear(APPLICATION_ERROR))
            return
        document = await _document(root, ear, wait, ask)


async def _document(
    root: ET.Element,
    ear: Ear,
    wait: Callable[[float], Awaitable[None]],
    ask: Callable[[str, str], Awaitable[str | None]],
) -> str | None:
    for verb in root:
        match verb.tag:
            case "Say":
                await wait(await ear.hear(verb.text or ""))
            case "Pause":
                await wait(float(verb.get("length", "1")))
            case "Gather":
                digits = await _gather(verb, ear, wait)
                if digits:
                    ear.pressed.append(digits)
                    return await ask(verb.attrib["action"], digits)
            case "Hangup":
                return None
            case other:
                raise NotImplementedError(f"the fake provider does not know <{other}>")
    return None


async def _gather(verb: ET.Element, ear: Ear, wait: Callable[[float], Awaitable[None]]) -> str:
    while not ear.keys.empty():  # nobody was waiting for these
        ear.keys.get_nowait()
    said_s = 0.0
    for inner in verb:
        said_s += await ear.hear(inner.text or "") if inner.tag == "Say" else float(inner.get("length", "1"))
    timeout_s = float(verb.get("timeout", _GATHER_TIMEOUT_S))
    most, last, digits = int(verb.get("numDigits", _MOST_DIGITS)), verb.get("finishOnKey", "#"), ""
    patience_s = said_s + timeout_s
    while len(digits) < most:
        key = await _key(ear, wait, patience_s)
        if key is None or key == last:
            break
        digits, patience_s = digits + key, timeout_s
    return digits


async def _key(ear: Ear, wait: Callable[[float], Awaitable[None]], patience_s: float) -> str | None:
    key, patience = asyncio.ensure_future(ear.keys.get()), asyncio.ensure_future(wait(patience_s))
    try:
        await asyncio.wait({key, patience}, return_when=asyncio.FIRST_COMPLETED)
        return key.result() if key.done() else None
    finally:
        key.cancel()
        patience.cancel()
