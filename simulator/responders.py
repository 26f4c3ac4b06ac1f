"""Simulated phones: people who get Guardian's texts and calls and answer them, or do not.

Takes delivered texts and ringing calls from the fake provider, sends answers and keys back through it. A
simulated person knows only what stands in the text: the code is read out of it. Time passes through the
wait that was given, so all of it works in virtual time. For tests there is a story API:
`await phones["+86…"].expects_text(…)`, `.replies("1")`, `.expects_call(…)`, `.presses("1")`, and
`phones.nobody_else_got_a_message()`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.providers import Answer, Call, FakeTwilio, Text

_CODE = re.compile(r"[A-Z][0-9]{1,2}(?![0-9])", re.ASCII)
_BELOW = {"1": "4", "2": "5", "3": "6", "4": "7", "5": "8", "6": "9"}
_IN_WORDS = {"1": "好的，马上去", "2": "我到了", "3": "去不了", "6": "没事了"}
_CALLS = ("紧急", "重要", "提示", "URGENT", "IMPORTANT", "NOTICE")
_CALLED_OFF = ("已有人接手", "不用去", "已结束", "somebody else goes", "no need to go", "is closed")


KEY_AFTER_S = 3.0
"""How long somebody listens before pressing a key."""


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
class OnCall:
    """What a person does when the phone rings."""

    answer: Answer
    after_s: float
    """How long it rings before that, in seconds."""
    keys: tuple[str, ...] = ()
    """Pressed one after the other, each `KEY_AFTER_S` after the words that it answers; "8#" is two keys."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a person does when paged; each code is gone through on its own."""

    steps: tuple[Say, ...] = ()
    stops_when_called_off: bool = True
    on_call: OnCall | None = None
    """None: the phone rings until a story lifts it."""


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


def answers_calls(after_s: float = 6.0, keys: tuple[str, ...] = ("1",)) -> Behaviour:
    """Lift the phone and press keys; texts are not answered."""
    return Behaviour(on_call=OnCall(Answer.LIFTED, after_s, keys))


def is_busy() -> Behaviour:
    """Be on the phone all the time."""
    return Behaviour(on_call=OnCall(Answer.BUSY, 0.5))


def has_voicemail(after_s: float = 15.0) -> Behaviour:
    """Let a machine answer."""
    return Behaviour(on_call=OnCall(Answer.VOICEMAIL, after_s))


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
    calls: list[Call] = field(default_factory=list)
    """Every call that has rung here, in order."""
    last_code: str | None = None
    _lifted: dict[str, asyncio.Event] = field(default_factory=dict)
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

    async def expects_call(self, containing: str = "", *, within_s: float = 600.0, lifts: bool = True) -> str:
        """Wait for a call that no earlier one has named, and lift it; give the first words that are said.

        With `lifts` off the phone is left ringing, and "" is given.

        Raises
        ------
        AssertionError
            it did not ring within `within_s` seconds of the loop's time, or other words were said.
        """
        async with self._arrived:
            try:
                async with asyncio.timeout(within_s):
                    await self._arrived.wait_for(lambda: self._unexpected() is not None)
            except TimeoutError:
                raise AssertionError(f"{self.number} did not ring within {within_s:g} s") from None
            call = self._unexpected()
        if call is None:
            raise AssertionError("the call was taken by another story")
        self._expected.add(call.sid)
        if not lifts:
            return ""
        self._lifted[call.sid].set()
        (words, *_) = await _hears(call, 0) or [""]
        if containing not in words:
            raise AssertionError(f"{self.number} heard {words!r}, not {containing!r}")
        return words

    async def presses(self, keys: str) -> str:
        """Press keys in the newest call, as "1" or "8#"; give the words that are said next, "" for none.

        Raises
        ------
        AssertionError
            nobody is on the phone.
        """
        if not self.calls or self.calls[-1].status != "in-progress":
            raise AssertionError(f"{self.number} is not in a call")
        call = self.calls[-1]
        known = len(call.ear.heard)
        for key in keys:
            call.ear.keys.put_nowait(key)
        return next(iter(await _hears(call, known)), "")

    async def calls_us(self) -> str:
        """Call our number; give the first words that are said."""
        call = self.provider.phone_calls(self.number)
        self.calls.append(call)
        return next(iter(await _hears(call, 0)), "")

    async def hangs_up(self) -> None:
        """End the newest call."""
        call = self.calls[-1]
        call.ear.over.set()
        async with call.ear.news:
            await call.ear.news.wait_for(lambda: call.is_over)

    async def rings(self, call: Call) -> Answer:
        """Ring until this person, or a story, does something."""
        lifted = self._lifted[call.sid] = asyncio.Event()
        async with self._arrived:
            self.calls.append(call)
            self._arrived.notify_all()
        habit = self.behaviour.on_call
        if habit is None:
            await lifted.wait()
            return Answer.LIFTED
        await self.wait(habit.after_s)
        if habit.answer is Answer.LIFTED:
            self.provider.start(self._answers_call(call, habit.keys), f"keys-{self.number[-4:]}")
        return habit.answer

    async def _answers_call(self, call: Call, keys: Iterable[str]) -> None:
        await _hears(call, 0)
        for pressed in keys:
            await self.wait(KEY_AFTER_S)
            if call.ear.over.is_set():
                return
            await self.presses(pressed)

    def _unexpected(self) -> Call | None:
        ringing = (c for c in self.calls if c.direction != "inbound" and c.status == "ringing")
        return next((c for c in ringing if c.sid not in self._expected), None)

    def expected(self, sid: str) -> bool:
        """Whether a story has asked for this text or call."""
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
        provider.has_phones(self._deliver, self._ring)

    def __getitem__(self, number: str) -> Phone:
        return self._phones[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self._phones)

    def __len__(self) -> int:
        return len(self._phones)

    def nobody_else_got_a_message(self) -> None:
        """Check that every text and call which the provider has taken was expected by a story.

        Raises
        ------
        AssertionError
            names those that were not.
        """
        sent = [(t.sid, t.to, t.body) for t in self._provider.outbound()]
        rung = [(c.sid, c.to, "a call") for c in self._provider.calls if c.direction != "inbound"]
        others = [
            (to, what)
            for sid, to, what in (*sent, *rung)
            if to not in self._phones or not self._phones[to].expected(sid)
        ]
        if others:
            raise AssertionError(f"texts or calls that nobody expected: {others}")

    def _deliver(self, text: Text) -> None:
        phone = self._phones.get(text.to)
        if phone is not None:
            self._provider.start(phone.ring(text), f"phone-{text.to[-4:]}")

    async def _ring(self, call: Call) -> Answer:
        phone = self._phones.get(call.to)
        return Answer.FAILED if phone is None else await phone.rings(call)


async def _hears(call: Call, known: int) -> list[str]:
    """Wait for words beyond the first `known`, or for the end of the call; give them."""
    async with call.ear.news:
        await call.ear.news.wait_for(lambda: len(call.ear.heard) > known or call.is_over)
    return call.ear.heard[known:]
