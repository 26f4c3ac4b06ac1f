"""Walk tests: who walks and lies down is seen, sensor by sensor; what passed is kept; who is due; a page."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from alerting import ledger as records
from alerting.ledger import Ledger, LedgerError
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.settings import CONFIG, load
from guardian.walk import FRESH_MS, LASTS_MS, MOST, Sign, Step, TooMany, WalkTests, due
from guardian.watch import BEAT_MS, Watch
from guardian.web.access import Role
from guardian.wire.native import pack_event, pack_frame
from simulator.stage import SimulatedHome, demo_homes
from tests.alerting_people import T0, SetClock, duty, responder, shipped_policy
from tests.logged_in import account, logged_in
from tests.test_watch_disk import Broker
from tests.web_people import make_site

FILM = demo_homes(seed=1, n=1, fall_home=0, fall_at_s=30.0, duration_s=60.0)[0]
HOME = FILM.home
DOORS = (
    SensorSpec(HOME, "front", "door", "hall", outside=True),
    SensorSpec(HOME, "move", "pir", FILM.room),
    SensorSpec(HOME, "warmth", "temperature", FILM.room),
    SensorSpec(HOME, "help", "button", FILM.room),
)


def camera(film: SimulatedHome, home: str = HOME) -> SensorSpec:
    f = film
    return SensorSpec(
        home, f.sensor, "thermal", f.room, f.rows, f.cols, f.rate_hz, f.mount, f.height_m, f.fov_deg
    )


class Flat:
    """One home whose daemon beats, and in which somebody tests; a neighbour with the same camera."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.clock = ledger, SetClock(T0)
        specs = [
            camera(FILM),
            *DOORS,
            camera(FILM, "neighbour"),
            SensorSpec("neighbour", "move", "pir", "hall"),
        ]
        self.board = Board("s", specs)
        loaded = load(CONFIG / "guardian.toml")
        self.walks = WalkTests(lambda: self.board, ledger, self.clock)
        self.watch = Watch(
            board=self.board,
            lookout=Lookout(self.board, loaded.detectors, {(HOME, FILM.room): FILM.furniture}),
            ledger=ledger,
            duty=lambda: duty(responder("a")),
            policy=shipped_policy(),
            clock=self.clock,
            acks=Broker(),
            voice=Broker(),
            state_directory=None,
            on_noticed=lambda _noticed: None,
            on_heard=self.walks.hear,
        )

    def event(self, sensor: str, value: float, home: str = HOME, event_id: str | None = None) -> None:
        topic = f"guardian/s/{home}/{sensor}/event"
        self.board.event(topic, pack_event(value=value, event_id=event_id), self.clock.ms)

    async def beat(self) -> None:
        self.clock.ms += BEAT_MS
        await self.watch.beat(self.clock.ms)
        self.walks.look()

    async def plays(self, from_s: float, to_s: float) -> None:
        for at in range(int(from_s * 1000), int(to_s * 1000), BEAT_MS):
            for i in np.flatnonzero((FILM.t_ms >= at) & (FILM.t_ms < at + BEAT_MS)):
                t_ms = T0 + int(FILM.t_ms[i])
                for home in (HOME, "neighbour"):
                    topic = f"guardian/s/{home}/{FILM.sensor}/frame"
                    self.board.frame(topic, pack_frame(FILM.centi[i], int(i), t_ms), t_ms)
            self.clock.ms = T0 + at
            await self.beat()

    async def shown(self) -> dict[str, set[Sign]]:
        return {s.spec.name: set(s.shown) for s in await self.walks.steps(HOME) if s.shown}


@pytest.fixture
async def flat() -> AsyncIterator[Flat]:
    ledger = await Ledger.open(None, inline=True)
    yield Flat(ledger)
    await ledger.close()


def passed(steps: list[Step]) -> set[str]:
    return {s.spec.name for s in steps if s.passed}


async def test_who_walks_and_lies_down_is_seen_by_the_array_and_by_nobody_else(flat: Flat) -> None:
    await flat.plays(0, 20)
    assert await flat.shown() == {}, "no test runs"
    flat.walks.begin(HOME, "id-li")
    flat.walks.look()
    assert await flat.shown() == {}, "what was seen before the test does not count"
    await flat.plays(20, 29)
    assert await flat.shown() == {FILM.sensor: {Sign.UPRIGHT}}
    await flat.plays(29, 45)
    assert await flat.shown() == {FILM.sensor: {Sign.UPRIGHT, Sign.LYING}}
    assert passed(await flat.walks.end(HOME)) == {FILM.sensor}
    assert await flat.ledger.transact(lambda tx: records.walked(tx, "neighbour")) == {}
    (fall,) = [i for i in await flat.ledger.transact(records.open_incidents) if i.home == HOME]
    assert fall.severity is not None, "who stays down is a fall, test or not"


async def test_a_door_has_to_open_and_close_a_motion_sensor_to_fire_a_button_is_not_asked(flat: Flat) -> None:
    flat.walks.begin(HOME, "id-li")
    flat.event("front", 1, event_id="a")
    flat.event("move", 0)
    flat.event("warmth", 21.5)
    flat.event("move", 1, home="neighbour")
    await flat.beat()
    assert await flat.shown() == {
        "front": {Sign.HEARD, Sign.ON},
        "move": {Sign.HEARD, Sign.OFF},
        "warmth": {Sign.HEARD, Sign.ON},
    }
    assert passed(await flat.walks.steps(HOME)) == {"warmth"}
    flat.event("front", 0)
    flat.event("move", 1)
    await flat.beat()
    asked = {s.spec.name: s.asked for s in await flat.walks.steps(HOME)}
    assert asked["help"] == ()
    flat.clock.ms += 9_000
    assert passed(await flat.walks.end(HOME)) == {"front", "move", "warmth"}
    assert passed(await flat.walks.end(HOME)) == set(), "it has ended"
    when = await flat.ledger.transact(lambda tx: records.walked(tx, HOME))
    assert set(when) == {"front", "move", "warmth"}
    assert max(when.values()) < flat.clock.ms, "when it was seen, not when the test ended"
    (deed,) = await flat.ledger.transact(records.deeds)
    assert (deed.action, deed.subject, deed.account) == ("walk-test", HOME, "id-li")


async def test_a_second_test_adds_to_the_first(flat: Flat) -> None:
    for sensor in ("move", "warmth"):
        flat.walks.begin(HOME, "id-li")
        flat.event(sensor, 1)
        await flat.beat()
        await flat.walks.end(HOME)
    assert set(await flat.ledger.transact(lambda tx: records.walked(tx, HOME))) == {"move", "warmth"}


async def test_a_forgotten_test_ends_by_itself_and_keeps_what_passed(flat: Flat) -> None:
    waits = list[int]()

    async def wait(wake: asyncio.Event, until_ms: int | None) -> None:
        assert not wake.is_set()
        assert until_ms is not None
        waits.append(until_ms)
        if flat.walks.running(HOME) is None:
            raise EOFError  # the story is over
        flat.clock.ms = T0 + LASTS_MS - 1 if len(waits) == 1 else T0 + LASTS_MS

    flat.clock.wait = wait  # type: ignore[method-assign]
    flat.walks.begin(HOME, "id-li")
    flat.event("move", 1)
    flat.walks.hear(flat.board.take_events(flat.clock.ms))
    with pytest.raises(EOFError):
        await flat.walks.run()
    assert len(waits) == 3
    assert set(await flat.ledger.transact(lambda tx: records.walked(tx, HOME))) == {"move"}


async def test_a_ledger_that_fails_ends_neither_the_daemon_nor_the_test(
    flat: Flat, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat.walks.begin(HOME, "id-li")
    flat.event("move", 1)
    await flat.beat()
    flat.clock.ms += LASTS_MS

    async def fails(_work: object) -> None:
        raise LedgerError("the disk is gone", permanent=False)

    async def wait(_wake: asyncio.Event, _until_ms: int | None) -> None:
        raise EOFError  # the look is over

    monkeypatch.setattr(flat.clock, "wait", wait)
    with monkeypatch.context() as broken:
        broken.setattr(flat.ledger, "transact", fails)
        with pytest.raises(EOFError):
            await flat.walks.run()
    assert flat.walks.running(HOME) is not None
    with pytest.raises(EOFError):
        await flat.walks.run()
    assert flat.walks.running(HOME) is None
    assert set(await flat.ledger.transact(lambda tx: records.walked(tx, HOME))) == {"move"}


def test_so_many_at_a_time_and_the_one_that_runs_goes_on() -> None:
    walks = WalkTests(lambda: Board("s", []), None, SetClock(T0))  # type: ignore[arg-type]
    first = walks.begin("h0", "a")
    for n in range(1, MOST):
        walks.begin(f"h{n}", "a")
    assert walks.begin("h0", "b") is first
    with pytest.raises(TooMany):
        walks.begin("one-more", "a")


async def test_a_home_is_due_until_each_sensor_has_passed_within_a_month(flat: Flat) -> None:
    assert [(d.home, d.sensors, d.last_ms) for d in await flat.walks.due()] == [
        (HOME, 4, None),
        ("neighbour", 2, None),
    ]
    old, new = T0 - FRESH_MS - 1, T0 - FRESH_MS
    both = {"front": new, "move": old, "warmth": new, FILM.sensor: old - 5}
    await flat.ledger.transact(lambda tx: records.note_walked(tx, HOME, both))
    fresh = {"move": new, FILM.sensor: new}
    await flat.ledger.transact(lambda tx: records.note_walked(tx, "neighbour", fresh))
    await flat.ledger.transact(lambda tx: records.note_walked(tx, "gone", fresh))
    assert [(d.home, d.sensors, d.last_ms) for d in await flat.walks.due()] == [(HOME, 2, old - 5)]


def test_ten_thousand_homes_are_all_looked_at_a_page_of_the_ledger_at_a_time() -> None:
    specs = [replace(camera(FILM), home=f"h{n:05d}") for n in range(10_000)]
    rows = [(f"h{n:05d}", f'{{"{FILM.sensor}":{T0}}}') for n in range(0, 10_000, 2)]
    found = due(specs, rows, T0)
    assert len(found) == 5_000
    assert found[0].home == "h00001"


# --- the page -----------------------------------------------------------------------------------------------


async def test_on_the_page_a_responder_begins_sees_and_ends_it(flat: Flat) -> None:
    site = await make_site(login=True, walks=flat.walks, ledger=flat.ledger)
    site.rows[0] = replace(site.rows[0], home=HOME)
    row = await account(site.ledger, T0, "li", Role.RESPONDER)
    b = await logged_in(site, row)
    assert "never passed" in (await b.get(f"/homes/{HOME}/walk")).text
    assert (await b.get(f"/homes/{HOME}/walk/state")).status_code == 410, "none runs: the page looks again"
    begun = await b.press(f"/homes/{HOME}/walk")
    assert begun.status_code == 303
    state = await b.get(f"/homes/{HOME}/walk/state")
    assert (state.status_code, "✓" in state.text) == (200, False)
    flat.event("move", 1)
    await flat.beat()
    assert (await b.get(f"/homes/{HOME}/walk/state")).text.count("✓") == 1
    page = (await b.get(f"/homes/{HOME}/walk")).text
    assert "who stays down counts as fallen" in page
    assert "tested by a drill" in page
    assert "1 of 4 sensors have passed." in (await b.press(f"/homes/{HOME}/walk/end")).text
    assert (await b.get("/homes/none/walk")).status_code == 404
    for n in range(MOST):
        flat.walks.begin(f"other-{n}", "x")
    full = await b.press(f"/homes/{HOME}/walk")
    assert (full.status_code, "Too many walk tests" in full.text) == (409, True)
    viewer = await logged_in(site, await account(site.ledger, T0, "wu", Role.VIEWER))
    assert (await viewer.get(f"/homes/{HOME}/walk")).status_code == 403
