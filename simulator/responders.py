"""Simulated phones: people who get Guardian's texts and answer them, or do not.

Takes delivered texts from the fake provider, sends answers back through it. A simulated person knows only
what stands in the text: the code is read out of it. Time passes through the wait that was given, so all of
it works in virtual time. For tests there is a story API: `await phones["+86…"].expects_text(…)`,
`await phones["+86…"].replies("1")`, `phones.nobody_else_got_a_message()`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.providers import FakeTwilio, Text

_CODE = re.compile(r"[A-Z][0-9]{1,2}(?![0-9])", re.ASCII)
_BELOW = {"1": "4", "2": "5", "3": "6", "4": "7", "5": "8", "6": "9"}
_IN_WORDS = {"1": "好的，马上去", "2": "我到了", "3": "去不了", "6": "没事了"}
_CALLS = ("紧急", "重要", "提示", "URGENT", "IMPORTANT", "NOTICE")
_CALLED_OFF = ("已有人接手", "不用去", "已结束", "somebody else goes", "no need to go", "is closed")


class Slip(StrEnum):
    """How an answer is typed."""

    NONE = "none"
    FULL_WIDTH = "full-width"
    BLANKS = "blanks"
    LOWER = "lower"
    PUNCTUATED = "punctuated"
    NO_CODE = "no-code"
    WRONG_CODE = "wrong-code"
    WRONG_DIGIT = "wrong-digit"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Say:
    """One answer: `words` (the code is put before them), `after_s` seconds after the step before."""

    after_s: float
    words: str
    slip: Slip = Slip.NONE


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a person does when paged; each code is gone through on its own."""

    steps: tuple[Say, ...] = ()
    stops_when_called_off: bool = True


def answers_at_once(after_s: float = 3.0) -> Behaviour:
    """Accept, and say nothing more."""
    return Behaviour((Say(after_s, "1"),))


def answers_late(after_s: float = 240.0) -> Behaviour:
    """Accept when it may be too late."""
    return Behaviour((Say(after_s, "1"),))


def never_answers() -> Behaviour:
    """Leave the phone in the other room."""
    return Behaviour()


def declines(after_s: float = 10.0) -> Behaviour:
    """Say that one cannot go."""
    return Behaviour((Say(after_s, "3"),))


def goes(
    accept_after_s: float = 5.0, leave_after_s: float = 20.0, minutes: int = 4, care_s: float = 120.0
) -> Behaviour:
    """Accept, leave, arrive when said, and report the resident safe."""
    return Behaviour(
        (
            Say(accept_after_s, "1"),
            Say(leave_after_s, f"1 {minutes}"),
            Say(minutes * 60.0, "2"),
            Say(care_s, "6"),
        )
    )


def typed(code: str, words: str, slip: Slip = Slip.NONE) -> str:
    """Give what stands in the text of somebody who wants to answer `words` about `code`."""
    match slip:
        case Slip.FULL_WIDTH:  # an input method left in Chinese mode
            return "".join("\u3000" if c == " " else chr(ord(c) + 0xFEE0) for c in f"{code} {words}")
        case Slip.BLANKS:
            return f" {code}   {words} \n"
        case Slip.LOWER:
            return f"{code} {words}".lower()
        case Slip.PUNCTUATED:
            return f"{code}，{words}。"
        case Slip.NO_CODE:
            return words
        case Slip.WRONG_CODE:  # the last digit is the key beside the right one
            return f"{code[:-1]}{(int(code[-1]) + 1) % 10} {words}"
        case Slip.WRONG_DIGIT:  # the key below on a telephone's pad
            return f"{code} {_BELOW.get(words[:1], '7')}{words[1:]}"
        case Slip.WORDS:
            return _IN_WORDS.get(words, "好")
        case _:
            return f"{code} {words}"


def read_code(body: str) -> str | None:
    """Find the code in a text as a person would: the first letter with one or two digits behind it."""
    found = _CODE.search(body)
    return None if found is None else found.group()


def is_page(body: str) -> bool:
    """Whether a text asks somebody to go or to look."""
    return body.startswith(_CALLS)


def called_off(body: str) -> bool:
    """Whether a text says that this person need not go."""
    return any(words in body for words in _CALLED_OFF)


@dataclass(slots=True)
class Phone:
    """One person's phone."""

    number: str
    behaviour: Behaviour
    provider: FakeTwilio
    wait: Callable[[float], Awaitable[None]]
    texts: list[Text] = field(default_factory=list)
    """Everything that has arrived, in order."""
    answers: list[str] = field(default_factory=list)
    """Everything that this person has sent."""
    last_code: str | None = None
    _expected: set[str] = field(default_factory=set)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _begun: set[str] = field(default_factory=set)
    _called_off: set[str] = field(default_factory=set)

    async def expects_text(self, containing: str = "", *, within_s: float = 600.0) -> str:
        """Wait for a text that no earlier call has named; give its body.

        Raises
        ------
        AssertionError
            none came within `within_s` seconds of the loop's time.
        """
        async with self._arrived:
            try:
                async with asyncio.timeout(within_s):
                    await self._arrived.wait_for(lambda: self._unread(containing) is not None)
            except TimeoutError:
                had = [t.body for t in self.texts]
                raise AssertionError(
                    f"{self.number} got no text with {containing!r} within {within_s:g} s; it had {had}"
                ) from None
            found = self._unread(containing)
        if found is None:
            raise AssertionError("the text was taken by another story")
        self._expected.add(found.sid)
        return found.body

    async def replies(self, words: str) -> str:
        """Send exactly these words; gives the sid."""
        self.answers.append(words)
        return await self.provider.phone_sends(self.number, words)

    async def replies_with_code(self, words: str) -> str:
        """Send the words behind the last code that arrived; gives the sid."""
        return await self.replies(f"{self.last_code} {words}" if self.last_code else words)

    def expected(self, sid: str) -> bool:
        """Whether a story has asked for this text."""
        return sid in self._expected

    async def ring(self, text: Text) -> None:
        """Take a delivered text, and do what this person does."""
        async with self._arrived:
            self.texts.append(text)
            self._arrived.notify_all()
        code = read_code(text.body)
        if code is None:
            return
        self.last_code = code
        if called_off(text.body):
            self._called_off.add(code)
            return
        if not is_page(text.body) or code in self._begun:
            return
        self._begun.add(code)
        for step in self.behaviour.steps:
            await self.wait(step.after_s)
            if code in self._called_off and self.behaviour.stops_when_called_off:
                return
            await self.replies(typed(code, step.words, step.slip))

    def _unread(self, containing: str) -> Text | None:
        return next((t for t in self.texts if containing in t.body and t.sid not in self._expected), None)


class Phones(Mapping[str, Phone]):
    """All phones there are, by number; takes over the provider's deliveries."""

    def __init__(
        self,
        provider: FakeTwilio,
        people: Mapping[str, Behaviour] | Iterable[str],
    ) -> None:
        """Give each number its behaviour; numbers alone are phones that only a story moves."""
        given = people if isinstance(people, Mapping) else dict.fromkeys(people, never_answers())
        self._provider = provider
        self._phones = {n: Phone(n, b, provider, provider.wait) for n, b in given.items()}
        provider.on_delivered = self._deliver

    def __getitem__(self, number: str) -> Phone:
        return self._phones[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self._phones)

    def __len__(self) -> int:
        return len(self._phones)

    def nobody_else_got_a_message(self) -> None:
        """Check that every text which the provider has taken was expected by a story.

        Raises
        ------
        AssertionError
            names the texts that were not.
        """
        others = [
            (t.to, t.body)
            for t in self._provider.outbound()
            if t.to not in self._phones or not self._phones[t.to].expected(t.sid)
        ]
        if others:
            raise AssertionError(f"texts that nobody expected: {others}")

    def _deliver(self, text: Text) -> None:
        phone = self._phones.get(text.to)
        if phone is not None:
            self._provider.start(phone.ring(text), f"phone-{text.to[-4:]}")
