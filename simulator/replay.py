"""Play a trace over MQTT into a running daemon, at a pace. Straight to the board: evaluate.py.

Time runs in beats of 200 ms of the trace; each reading belongs to the beat in which its `t_ms` lies.
Stretches of more than IDLE_MS without any reading in any home are skipped, at every speed alike, so
that the findings do not depend on the pace.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiomqtt
import numpy as np
from numpy.typing import NDArray

from guardian.link import BrokerAddress
from guardian.roster import site_of
from guardian.trace import Trace
from guardian.watch import BEAT_MS
from guardian.wire.native import pack_event, pack_frame

IDLE_MS: Final = 2_000
IN_FLIGHT: Final = 5  # beats sent and not yet answered (DESIGN section 5)
ANSWER_S: Final = 30.0  # a daemon that answers no beat for so long is not there

Progress = Callable[[int, int], None]
"""Called with beats done and beats in all."""


class ReplayError(Exception):
    """The replay could not be played to its end."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message of a trace."""

    topic: str
    payload: bytes
    frames: int
    """How many frames it carries; 0 = it is an event."""


@dataclass(frozen=True, slots=True)
class Beat:
    """200 ms of a trace."""

    t_ms: int
    """The end of the beat, exclusive of later readings."""
    messages: tuple[Message, ...]

    @property
    def frames(self) -> int:
        """Frames in it."""
        return sum(m.frames for m in self.messages)

    @property
    def events(self) -> int:
        """Events in it."""
        return sum(m.frames == 0 for m in self.messages)


@dataclass(frozen=True, slots=True)
class Found:
    """A finding that the daemon told the replay."""

    home: str
    kind: str
    onset_ms: int
    decided_ms: int


@dataclass(frozen=True, slots=True)
class Played:
    """What a replay came to."""

    beats: int
    frames: int
    events: int
    missing: int
    """Readings that were sent and did not arrive."""
    findings: tuple[Found, ...]


def timetable(trace: Trace) -> NDArray[np.int64]:
    """Give the ends of the beats of a trace, ascending, with idle stretches left out. Shape (B,)."""
    parts = [trace.frames(s.home, s.name)[0] for s in trace.sensors if s.kind == "thermal"]
    parts += [np.array([e.t_ms for e in trace.events(h)], dtype=np.int64) for h in trace.homes]
    busy = np.unique(np.concatenate(parts) // BEAT_MS) if parts else np.empty(0, np.int64)
    if not len(busy):
        return np.empty(0, np.int64)
    steps = np.diff(busy)
    idle = IDLE_MS // BEAT_MS
    after = np.minimum(np.append(steps - 1, 0), idle)  # beats to keep behind each busy one
    keep = [busy + 1 + k for k in range(idle + 1)]
    wanted = [k <= after for k in range(idle + 1)]
    return np.unique(np.concatenate([b[w] for b, w in zip(keep, wanted, strict=True)])) * BEAT_MS


def beats(trace: Trace) -> Iterator[Beat]:
    """Give a trace beat by beat, as the messages that its devices would have sent."""
    ends = timetable(trace)
    slots: list[list[Message]] = [[] for _ in ends]
    for s in trace.sensors:
        if s.kind != "thermal":
            continue
        t_ms, centi = trace.frames(s.home, s.name)
        topic = f"guardian/{site_of(trace)}/{s.home}/{s.name}/frame"
        which = np.searchsorted(ends, t_ms, side="right")
        for slot in np.unique(which):
            of_slot = np.flatnonzero(which == slot)
            payload = b"".join(pack_frame(centi[i], seq=int(i), t_ms=int(t_ms[i])) for i in of_slot)
            slots[slot].append(Message(topic, payload, len(of_slot)))
    for home in trace.homes:
        for seq, e in enumerate(trace.events(home)):
            topic = f"guardian/{site_of(trace)}/{home}/{e.sensor}/event"
            payload = pack_event(value=e.value, t_ms=e.t_ms, boot="trace", seq=seq)
            slots[int(np.searchsorted(ends, e.t_ms, side="right"))].append(Message(topic, payload, 0))
    for end, messages in zip(ends, slots, strict=True):
        yield Beat(int(end), tuple(messages))


async def over_mqtt(
    trace: Trace,
    address: BrokerAddress,
    *,
    speed: float | None = None,
    progress: Progress = lambda _a, _b: None,
) -> Played:
    """Play a trace into a daemon that runs with `--clock replay`.

    Parameters
    ----------
    speed
        times real time; None = as fast as the daemon answers.

    Raises
    ------
    ReplayError
        no daemon answers.
    aiomqtt.MqttError
        the broker is not there.
    """
    plan = list(beats(trace))
    room = asyncio.Semaphore(IN_FLIGHT)
    answered: list[dict[str, Any]] = []
    done = asyncio.Event()
    async with aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=f"guardian-{site_of(trace)}-replay",
        protocol=aiomqtt.ProtocolVersion.V5,
    ) as client:
        await client.subscribe("guardian-out/replay/done", qos=1)

        async def listen() -> None:
            async for message in client.messages:
                answered.append(json.loads(bytes(message.payload)))
                room.release()
                progress(len(answered), len(plan))
                if len(answered) == len(plan):
                    done.set()
                    return

        listening = asyncio.create_task(listen())
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            for i, beat in enumerate(plan):
                if speed is not None:
                    await asyncio.sleep(max(0.0, start + i * BEAT_MS / 1000 / speed - loop.time()))
                try:
                    async with asyncio.timeout(ANSWER_S):
                        await room.acquire()
                except TimeoutError as e:
                    raise ReplayError(_NO_DAEMON) from e
                for m in beat.messages:
                    await client.publish(m.topic, m.payload, qos=0 if m.frames else 1)
                ask = {"t": beat.t_ms, "frames": beat.frames, "events": beat.events}
                await client.publish("guardian/replay/beat", json.dumps(ask), qos=1)
            async with asyncio.timeout(ANSWER_S):
                await done.wait()
        except TimeoutError as e:
            raise ReplayError(_NO_DAEMON) from e
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    return Played(
        beats=len(plan),
        frames=sum(b.frames for b in plan),
        events=sum(b.events for b in plan),
        missing=sum(a["missing"] for a in answered),
        findings=_findings(answered),
    )


_NO_DAEMON: Final = (
    "no daemon answers on this broker: start one with `guardian run --clock replay --roster-from TRACE`"
)


def _findings(answers: Sequence[dict[str, Any]]) -> tuple[Found, ...]:
    return tuple(
        Found(f["home"], f["kind"], f["onset"], f["decided"]) for a in answers for f in a["findings"]
    )
