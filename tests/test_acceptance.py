"""The whole road in virtual time: from a thermal frame's bytes to a closed incident, ten minutes in a blink.

Real: frame format, board, detector, triage, ledger (inline), planner, courier, Twilio's SDK, signed
webhooks, replies. Simulated: the home, the provider, the phones. No socket, no thread, no sleep that
takes time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from alerting.channels.twilio_sms import TwilioSms
from alerting.concern import Kind
from alerting.courier import Courier
from alerting.incident import Incident, State
from alerting.ledger import Ledger, recent_incidents
from detectors.zones import Box
from guardian import roster
from guardian.board import Board
from guardian.clock import LiveClock
from guardian.link import AckMark
from guardian.lookout import Lookout
from guardian.roster_file import RosterFile
from guardian.settings import CONFIG, load
from guardian.watch import Watch
from guardian.web.hooks import hooks_app
from guardian.wire.native import pack_event, pack_frame
from simulator.providers import FakeTwilio
from simulator.responders import Behaviour, Phones, Say, never_answers
from simulator.stage import SimulatedHome, demo_homes

START_MS = 1_790_000_000_000
ACCOUNT, TOKEN, NUMBER = "AC" + "1" * 32, "token", "+14155550100"
HOOKS = "https://guardian.example"
LI, WANG, CHEN = "+8613800000001", "+8613800000002", "+8613800000003"


class Spoken:
    """Stands for the two connections to the broker: counts what is acknowledged and said."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.acks: list[tuple[str, str, str]] = []
        self.prompts: list[str] = []

    def unacked(self) -> AckMark:
        return AckMark(1, 0)

    def acknowledge(self, _mark: AckMark) -> None:
        self.acknowledged += 1

    def ack(self, home: str, sensor: str, event_id: str) -> None:
        self.acks.append((home, sensor, event_id))

    def prompt(self, home: str, _kind: str, _incident_id: int, _t_ms: int) -> None:
        self.prompts.append(home)

    def replay_done(self, _payload: bytes) -> None:
        raise AssertionError("no replay here")


@dataclass
class Road:
    clock: LiveClock
    board: Board
    ledger: Ledger
    provider: FakeTwilio
    phones: Phones
    spoken: Spoken
    homes: list[SimulatedHome]
    courier: Courier

    async def incidents(self) -> list[Incident]:
        """All but those of cameras whose film has ended: rightly told to be blind two minutes later."""
        found = await self.ledger.transact(lambda tx: list(recent_incidents(tx, 100)))
        return [i for i in found if i.kind is not Kind.BLIND]

    async def plays(self, until_s: float) -> None:
        """Let the homes send until then."""
        order = sorted(
            (int(t), k, i)
            for k, h in enumerate(self.homes)
            for i, t in enumerate(h.t_ms)
            if t < until_s * 1000
        )
        for t, k, i in order:
            wait_ms = START_MS + t - self.clock.now_ms()
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000)
            h = self.homes[k]
            payload = pack_frame(h.centi[i], seq=i, t_ms=START_MS + t)
            self.board.frame(f"guardian/demo/{h.home}/{h.sensor}/frame", payload, self.clock.now_ms())

    def presses(self, home: str, event_id: str) -> None:
        self.board.event(
            f"guardian/demo/{home}/help/event",
            pack_event(value=1, event_id=event_id),
            self.clock.now_ms(),
        )

    def door(self, home: str, value: int) -> None:
        self.board.event(f"guardian/demo/{home}/front/event", pack_event(value=value), self.clock.now_ms())

    async def until(self, state: State, within_s: float) -> Incident:
        """Wait until the newest incident is in this state."""
        end_ms = self.clock.now_ms() + within_s * 1000
        found: list[Incident] = []
        while self.clock.now_ms() < end_ms:
            found = await self.incidents()
            if found and found[0].state is state:
                return found[0]
            await asyncio.sleep(0.1)
        raise AssertionError(f"not {state} within {within_s} s: {found}")


@asynccontextmanager
async def road(behaviours: dict[str, Behaviour], homes: list[SimulatedHome]) -> AsyncIterator[Road]:
    """Build what `guardian/app.py` builds, without sockets."""
    loaded = load(CONFIG / "guardian.toml")
    clock = LiveClock(START_MS)
    ledger = await Ledger.open(None, inline=True)
    file = _file(behaviours, homes)
    await ledger.transact(lambda tx: roster.import_file(tx, file, "test", START_MS))
    people = await ledger.transact(roster.newest)
    assert people is not None
    duty = people.duty
    board = Board("demo", people.sensors)
    spoken = Spoken()
    reach: dict[str, httpx.ASGITransport] = {}
    async with (
        httpx.AsyncClient(transport=_Late(reach, "hooks")) as callbacks,
        FakeTwilio(
            ACCOUNT, TOKEN, NUMBER, clock.now_ms, callbacks=callbacks, sms_webhook=f"{HOOKS}/twilio/sms"
        ) as provider,
    ):
        phones = Phones(provider, behaviours)
        channel = TwilioSms(
            ACCOUNT,
            TOKEN,
            NUMBER,
            status_callback=f"{HOOKS}/twilio/status",
            timeout_s=loaded.policy.send_timeout_s,
            transport=httpx.ASGITransport(provider.app),
        )
        courier = Courier(ledger, {channel.name: channel}, lambda: duty, loaded.policy, clock)
        reach["hooks"] = httpx.ASGITransport(
            hooks_app(
                ledger,
                account_sid=ACCOUNT,
                tokens=[TOKEN],
                public_url=HOOKS,
                on_change=courier.wake.set,
                clock=clock,
                duty=lambda: duty,
                policy=loaded.policy,
            )
        )
        watch = Watch(
            board=board,
            lookout=Lookout(board, loaded.detectors, people.furniture),
            ledger=ledger,
            duty=lambda: duty,
            policy=loaded.policy,
            clock=clock,
            acks=spoken,
            voice=spoken,
            state_directory=None,
            on_noticed=lambda _noticed: courier.wake.set(),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(watch.run()), group.create_task(courier.run())]
            yield Road(clock, board, ledger, provider, phones, spoken, homes, courier)
            for task in tasks:
                task.cancel()
        await channel.close()
    await ledger.close()


class _Late(httpx.AsyncBaseTransport):
    """Hands requests to a transport that is built later."""

    def __init__(self, reach: dict[str, httpx.ASGITransport], name: str) -> None:
        self._reach, self._name = reach, name

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._reach[self._name].handle_async_request(request)


def _file(phones: dict[str, Behaviour], homes: list[SimulatedHome]) -> RosterFile:
    """A roster in which everybody is always on duty, two minutes away."""
    return RosterFile.model_validate(
        {
            "site": {"id": "demo", "default_travel_s": 120},
            "homes": [
                {
                    "id": h.home,
                    "rooms": [{"id": h.room, "zones": [_zone(n, *z) for n, z in enumerate(h.furniture)]}],
                    "sensors": [
                        {
                            "id": h.sensor,
                            "kind": "thermal",
                            "room": h.room,
                            "rows": h.rows,
                            "cols": h.cols,
                            "rate_hz": h.rate_hz,
                            "mount": h.mount,
                            "height_m": h.height_m,
                            "fov_deg": h.fov_deg,
                        },
                        {"id": "help", "kind": "button", "room": h.room},
                        {"id": "front", "kind": "door", "room": h.room, "outside": True},
                    ],
                }
                for h in homes
            ],
            "responders": [
                {
                    "name": f"responder {n}",
                    "phone": phone,
                    "language": "zh" if n else "en",
                    "reply_odds": 0.7,
                    "reply_p90_s": 30,
                    "turnout_p90_s": 30,
                    "shifts": [{"from": "00:00", "to": "00:00"}],
                }
                for n, phone in enumerate(phones)
            ],
        }
    )


def _zone(number: int, kind: str, box: Box) -> dict[str, object]:
    x0, y0, x1, y1 = box
    return {"id": f"z{number}", "kind": kind, "x0_m": x0, "y0_m": y0, "x1_m": x1, "y1_m": y1}


GOES = Behaviour((Say(5.0, "1"), Say(5.0, "1 2"), Say(110.0, "2"), Say(60.0, "6")))


@pytest.mark.looptime
async def test_a_fall_goes_the_whole_way() -> None:
    homes = demo_homes(seed=3, n=4, fall_home=1, fall_at_s=40.0, duration_s=80.0)
    fall = next(t for t in homes[1].truth if t.label.startswith("fall"))
    async with road({LI: never_answers(), WANG: GOES, CHEN: never_answers()}, homes) as r:
        await r.plays(until_s=80.0)
        closed = await r.until(State.CLOSED, within_s=600)
        assert closed.home == homes[1].home
        assert closed.outcome == "safe"
        assert r.spoken.prompts == [homes[1].home]
        others = [
            i for i in await r.incidents() if i.kind is not Kind.BLIND
        ]  # the films end, cameras go dark
        assert len(others) == 1, "no other home said anything"
        onset_ms = START_MS + int(fall.start_s * 1000)
        stages = [
            onset_ms,
            closed.suspected_ms,
            closed.decided_ms,
            closed.provider_ms,
            closed.accepted_ms,
            closed.en_route_ms,
            closed.on_scene_ms,
            closed.closed_ms,
        ]
        assert all(s is not None for s in stages), stages
        assert stages == sorted(stages, key=lambda s: s or 0)
        assert abs(closed.t0_ms - onset_ms) < 5_000
        assert closed.on_scene_ms is not None
        assert closed.on_scene_ms - onset_ms < 600_000
        text = await r.phones[WANG].expects_text("")
        for private in (homes[1].home, "living", "fall", "跌"):
            assert private not in text


@pytest.mark.looptime
async def test_who_comes_in_and_does_not_text_is_seen_by_door_and_camera() -> None:
    homes = demo_homes(seed=3, n=2, fall_home=1, fall_at_s=40.0, duration_s=150.0)
    busy = Behaviour((Say(5.0, "1"), Say(5.0, "1 2"), Say(130.0, "6")))
    async with road({LI: busy}, homes) as r:
        for h in homes:
            r.door(h.home, 0)
        await r.plays(until_s=85.0)
        assert [i.state for i in await r.incidents()] == [State.EN_ROUTE]
        r.door(homes[1].home, 1)
        r.door(homes[1].home, 0)
        await r.plays(until_s=88.0)
        assert [i.state for i in await r.incidents()] == [State.EN_ROUTE], "nobody can be there so soon"
        await r.plays(until_s=140.0)
        r.door(homes[0].home, 1)
        await r.plays(until_s=142.0)
        assert [i.state for i in await r.incidents()] == [State.EN_ROUTE], "another home's door"
        r.door(homes[1].home, 1)
        there = await r.until(State.ON_SCENE, within_s=5)
        assert there.is_sensed
        assert there.on_scene_ms is not None
        assert there.on_scene_ms - START_MS < 145_000
        closed = await r.until(State.CLOSED, within_s=200)
        assert (closed.outcome, closed.on_scene_ms) == ("safe", there.on_scene_ms)
        assert await r.phones[LI].expects_text("the door has opened")


@pytest.mark.looptime
async def test_a_camera_that_goes_dark_in_the_dwell_does_not_make_the_fall_undone() -> None:
    homes = demo_homes(seed=3, n=1, fall_home=0, fall_at_s=40.0, duration_s=60.0)
    async with road({LI: GOES}, homes) as r:
        await r.plays(until_s=48.0)
        (suspected,) = await r.incidents()
        assert suspected.severity is None
        closed = await r.until(State.CLOSED, within_s=600)
        assert closed.decided_ms is not None
        assert closed.suspected_ms is not None
        assert 90_000 < closed.decided_ms - closed.suspected_ms < 110_000
        assert closed.on_scene_ms is not None
        assert closed.on_scene_ms - closed.t0_ms < 600_000


@pytest.mark.looptime
async def test_a_button_pages_on_until_somebody_answers() -> None:
    homes = demo_homes(seed=4, n=1, fall_home=None, fall_at_s=40.0, duration_s=30.0)
    late = Behaviour((Say(200.0, "1 2"), Say(100.0, "2"), Say(30.0, "6")))
    async with road({LI: never_answers(), WANG: never_answers(), CHEN: late}, homes) as r:
        await r.plays(until_s=10.0)
        r.presses(homes[0].home, "e1")
        closed = await r.until(State.CLOSED, within_s=900)
        assert closed.on_scene_ms is not None
        assert closed.deadline_ms is not None
        assert closed.on_scene_ms < closed.deadline_ms
        for phone in (LI, WANG, CHEN):
            assert await r.phones[phone].expects_text("")
        assert (homes[0].home, "help", "e1") in r.spoken.acks
        assert r.spoken.acknowledged > 0


@pytest.mark.looptime
async def test_a_repeated_press_is_one_incident_and_every_copy_is_acknowledged() -> None:
    homes = demo_homes(seed=4, n=1, fall_home=None, fall_at_s=40.0, duration_s=30.0)
    async with road({LI: GOES}, homes) as r:
        for _ in range(5):
            r.presses(homes[0].home, "e1")
            await asyncio.sleep(1.0)
        await r.until(State.CLOSED, within_s=600)
        assert len(await r.incidents()) == 1
        assert len(r.spoken.acks) == 5


@pytest.mark.looptime
async def test_nothing_happens_and_nobody_gets_a_text() -> None:
    homes = demo_homes(seed=5, n=6, fall_home=None, fall_at_s=40.0, duration_s=90.0)
    async with road({LI: GOES, WANG: GOES}, homes) as r:
        await r.plays(until_s=90.0)
        assert await r.incidents() == []
        r.phones.nobody_else_got_a_message()
