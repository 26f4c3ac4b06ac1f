"""The demo: a dozen simulated homes, the real daemon, a fake provider, phones that answer.

Takes a seed (or a recorded trace), prints the timeline of one fall as staff would live it, and gives
the seconds of each stage. Everything between the frames and the texts is what a centre runs.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiomqtt
import httpx
import numpy as np
from numpy.typing import NDArray

from detectors.zones import Box
from guardian.broker import mosquitto
from guardian.clock import LiveClock
from guardian.link import BrokerAddress
from guardian.roster import from_trace
from guardian.trace import Trace
from guardian.wire.native import pack_frame
from simulator.private import Configuration, Place, connected, daemon, free_port, prepare
from simulator.providers import FakeTwilio
from simulator.responders import Behaviour, Phones, Say, never_answers
from simulator.stage import SimulatedHome, demo_homes

HOMES: Final = 12
EMPTY_S: Final = (3.0, 5.0)  # before anybody is in view: the sensors are getting ready
FALL_AT_S: Final = 16.0  # after the start: somebody comes in, stands there, and falls
STORY_S: Final = 95.0  # simulated; a fall is closed about 30 s after it
PATIENCE_S: Final = 150.0  # a stage that has not come by then will not
ACCOUNT: Final = "AC" + "0" * 32
NUMBER: Final = "+14155550100"
STAFF: Final[Mapping[str, tuple[str, Behaviour]]] = {
    # three people on duty: one leaves the phone lying, one goes, one would
    "+8613800000001": ("zh", never_answers()),
    "+8613800000002": ("zh", Behaviour((Say(3.0, "1"), Say(2.0, "1 1"), Say(6.0, "2"), Say(4.0, "6")))),
    "+8613800000003": ("en", Behaviour((Say(9.0, "1"),))),
}
STAGES: Final = {  # figure → what we say
    "suspected": "suspected",
    "confirmed": "confirmed",
    "provider_accepted": "accepted by the provider",
    "accepted": "accepted by a person",
    "on_scene": "on scene",
    "closed": "closed",
}
_SEGMENTS: Final = {"confirmed": "decided", "provider_accepted": "provider"}
"""Figure → the board's name of the segment, where they differ."""

HANGS: Final = ("mount", "height_m", "fov_deg", "tilt_deg", "yaw_deg", "x_m", "y_m")

Say_ = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stream:
    """What one sensor sends: frames and when, in ms since the start."""

    home: str
    sensor: str
    rows: int
    cols: int
    rate_hz: float
    hangs: Mapping[str, str | float | None]
    """What the roster says of it besides, None = unknown; names as in SensorSpec."""
    t_ms: NDArray[np.int64]
    centi: NDArray[np.int16]
    furniture: Sequence[tuple[str, Box]] = ()
    fall_ms: int | None = None


@dataclass(slots=True)
class Result:
    """How far the fall got; seconds since its onset."""

    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        """Whether it went the whole way."""
        return set(STAGES) <= set(self.seconds)

    @property
    def failed_stage(self) -> str:
        """The first stage that did not come."""
        return next((said for key, said in STAGES.items() if key not in self.seconds), "")


async def run(*, once: bool, trace: Path | None, seed: int, say: Say_) -> Result:
    """Play the demo until one fall is closed (`once`) or until interrupted.

    Raises
    ------
    BrokerError, DaemonError, TraceError
        a part could not be started.
    """
    sensors = _recorded(Trace.open(trace)) if trace else _simulated(seed)
    clock = LiveClock()
    say(f"{len(sensors)} homes, {sum(s.centi.nbytes for s in sensors) / 1e6:.0f} MB of frames drawn")
    with tempfile.TemporaryDirectory(prefix="guardian-demo-") as name:
        directory = Path(name)
        hooks_port, board_port = free_port(), free_port()
        async with (
            mosquitto(directory / "broker") as broker,
            httpx.AsyncClient() as callbacks,
            FakeTwilio(
                ACCOUNT,
                "demo-token",
                NUMBER,
                clock.now_ms,
                callbacks=callbacks,
                sms_webhook=f"http://127.0.0.1:{hooks_port}/twilio/sms",
            ) as provider,
            provider.serve() as provider_url,
        ):
            Phones(provider, {phone: behaviour for phone, (_language, behaviour) in STAFF.items()})
            place = prepare(
                directory,
                Configuration(
                    broker,
                    roster=roster(sensors),
                    provider={
                        "account_sid": ACCOUNT,
                        "from_number": NUMBER,
                        "base_url": provider_url,
                        "public_url": f"http://127.0.0.1:{hooks_port}",
                    },
                    auth_token="demo-token",
                    web={"board_port": board_port, "hooks_port": hooks_port},
                ),
            )
            async with daemon(place):
                await connected(place)
                say(f"board: http://127.0.0.1:{board_port}/")
                return await _show(sensors, broker, place, board_port, clock, once=once, say=say)


async def _show(
    sensors: Sequence[Stream],
    broker: BrokerAddress,
    place: Place,
    board_port: int,
    clock: LiveClock,
    *,
    once: bool,
    say: Say_,
) -> Result:
    """Send the frames and tell what becomes of the fall."""
    start_ms = clock.now_ms()
    sending = asyncio.create_task(send(sensors, broker, clock, start_ms, for_ever=not once))
    telling = asyncio.create_task(_tell(sensors, board_port, clock, start_ms, say))
    try:
        await asyncio.wait({sending, telling}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and not telling.done():
            sending.result()
        result = await telling
        if result.closed and not once:
            say("the board goes on; Ctrl-C ends the demo")
            await sending
        if not result.closed:
            say(place.tail())
        return result
    finally:
        for task in (sending, telling):
            task.cancel()
        await asyncio.gather(sending, telling, return_exceptions=True)


async def send(
    sensors: Sequence[Stream], broker: BrokerAddress, clock: LiveClock, start_ms: int, *, for_ever: bool
) -> None:
    """Publish every frame when it is due. `for_ever`: at the end the last ten seconds come again."""
    order = sorted((int(t), k, i) for k, s in enumerate(sensors) for i, t in enumerate(s.t_ms))
    end = order[-1][0]
    async with aiomqtt.Client(broker.host, broker.port, identifier="guardian-demo-homes") as client:
        shift = 0
        while True:
            for t, k, i in order:
                due = start_ms + shift + t
                await asyncio.sleep(max(0, due - clock.now_ms()) / 1000)
                s = sensors[k]
                payload = pack_frame(s.centi[i], seq=i, t_ms=due)
                await client.publish(f"guardian/demo/{s.home}/{s.sensor}/frame", payload, qos=0)
            if not for_ever:
                return
            order = [x for x in order if x[0] >= end - 10_000]
            shift += end - order[0][0] + 1


async def _tell(
    sensors: Sequence[Stream], board_port: int, clock: LiveClock, start_ms: int, say: Say_
) -> Result:
    """Watch the board's own figures and print each stage of the first fall as it comes."""
    result = Result()
    falls = {s.home: start_ms + s.fall_ms for s in sensors if s.fall_ms is not None}
    onset_ms, home = min((t, h) for h, t in falls.items()) if falls else (start_ms, "")
    if falls:
        await asyncio.sleep(max(0, onset_ms - clock.now_ms()) / 1000)
        say(f"{'onset':<26}{0.0:7.1f} s   somebody falls in {home}")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{board_port}") as client:
        last_ms = clock.now_ms()
        while not result.closed and clock.now_ms() - last_ms < PATIENCE_S * 1000:
            board = (await client.get("/api/incidents")).json()
            for incident in [*board["incidents"], *board["recent"]]:
                if incident["home"] != home:
                    continue
                for key, said in STAGES.items():
                    at_ms = incident["segments_ms"][_SEGMENTS.get(key, key)]
                    if at_ms is not None and key not in result.seconds:
                        result.seconds[key] = round((at_ms - onset_ms) / 1000, 1)
                        say(f"{said:<26}{result.seconds[key]:7.1f} s   {_detail(key, incident)}")
                        last_ms = clock.now_ms()
            await asyncio.sleep(0.2)
    return result


def _detail(key: str, incident: Mapping[str, Any]) -> str:
    if key == "confirmed" and incident["deadline_ms"] is not None:
        left = (incident["deadline_ms"] - incident["segments_ms"]["decided"]) / 1000
        return f"{incident['kind']} in {incident['room']}; {left:.0f} s left of the ten minutes"
    return {"suspected": "checking; the home is asked", "closed": str(incident["outcome"])}.get(key, "")


def _simulated(seed: int) -> list[Stream]:
    return streams(
        demo_homes(seed, HOMES, fall_home=0, fall_at_s=FALL_AT_S, duration_s=STORY_S, empty_s=EMPTY_S)
    )


def streams(homes: Sequence[SimulatedHome]) -> list[Stream]:
    """Give simulated homes as what their sensors send."""
    return [
        Stream(
            h.home,
            h.sensor,
            h.rows,
            h.cols,
            h.rate_hz,
            {"mount": h.mount, "height_m": h.height_m, "fov_deg": h.fov_deg},
            h.t_ms,
            h.centi,
            h.furniture,
            next((int(t.start_s * 1000) for t in h.truth if t.label.startswith("fall")), None),
        )
        for h in homes
    ]


def _recorded(trace: Trace) -> list[Stream]:
    """Homes of a recording, each begun at its own first frame."""
    out = []
    furniture = from_trace(trace).furniture
    for s in trace.sensors:
        if s.kind != "thermal" or s.rows is None or s.cols is None:
            continue
        t_ms, centi = trace.frames(s.home, s.name)
        falls = [r.start_ms - int(t_ms[0]) for r in trace.truth(s.home) if r.label.split(":")[0] == "fall"]
        out.append(
            Stream(
                s.home,
                s.name,
                s.rows,
                s.cols,
                s.rate_hz or 4.0,
                {name: getattr(s, name) for name in HANGS},
                t_ms - t_ms[0],
                centi,
                furniture.get((s.home, s.room), ()),
                fall_ms=min(falls, default=None),
            )
        )
    return out


def _zone(number: int, kind: str, box: Box) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return {"id": f"z{number}", "kind": kind, "x0_m": x0, "y0_m": y0, "x1_m": x1, "y1_m": y1}


def roster(sensors: Sequence[Stream]) -> dict[str, Any]:
    """Give the roster of these homes, with the demo's staff always on duty."""
    homes = [
        {
            "id": s.home,
            "card": str(k + 1),
            "rooms": [{"id": "living", "zones": [_zone(i, *z) for i, z in enumerate(s.furniture)]}],
            "sensors": [
                {
                    "id": s.sensor,
                    "kind": "thermal",
                    "room": "living",
                    "rows": s.rows,
                    "cols": s.cols,
                    "rate_hz": s.rate_hz,
                    **{name: value for name, value in s.hangs.items() if value is not None},
                }
            ],
        }
        for k, s in enumerate(sensors)
    ]
    responders = [
        {
            "name": f"responder {k + 1}",
            "phone": phone,
            "language": language,
            "reply_odds": 0.6,
            "reply_p90_s": 45,
            "turnout_p90_s": 60,
            "shifts": [{"from": "00:00", "to": "00:00"}],
        }
        for k, (phone, (language, _behaviour)) in enumerate(STAFF.items())
    ]
    return {"site": {"id": "demo", "default_travel_s": 180}, "homes": homes, "responders": responders}


@asynccontextmanager
async def replay_daemon(trace: Path) -> AsyncIterator[BrokerAddress]:
    """Run a private broker and a daemon that takes its time and its roster from the trace."""
    with tempfile.TemporaryDirectory(prefix="guardian-replay-") as name:
        async with mosquitto(Path(name) / "broker") as broker:
            place = prepare(Path(name), Configuration(broker))
            async with daemon(place, "--clock", "replay", "--roster-from", str(trace)):
                await connected(place)
                yield broker
