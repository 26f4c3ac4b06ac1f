"""Air, fire, stoves and spoken dangers on the whole way from the board to concerns with names."""

import asyncio

import numpy as np

from alerting import triage
from alerting.concern import Concern, Kind
from alerting.ledger import Ledger, Tx, concerns, open_incidents
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.wire.native import pack_event, pack_frame
from tests.alerting_people import duty, responder, shipped_policy
from tests.thermal import everything

T = 1_767_225_600_000
SECOND = 1_000
MINUTE = 60_000
SPECS = (
    SensorSpec("h0", "t", "temperature", "hall"),
    SensorSpec("h1", "eye", "thermal", "kitchen", 24, 32, 1.0, "ceiling", 2.5, 110.0),
    SensorSpec("h1", "air", "temperature", "bedroom"),
    SensorSpec("h1", "alarm", "smoke", "hall"),
    SensorSpec("h1", "oven", "plug", "kitchen"),
    SensorSpec("h1", "lounge", "pir", "living"),
    SensorSpec("h1", "cook", "pir", "kitchen"),
)
FURNITURE = {("h1", "kitchen"): [("stove", (0.6, -1.1, 1.2, -0.5))]}


class Site:
    """One board with its lookout, in beats of a second."""

    def __init__(self) -> None:
        self.board = Board("s", SPECS)
        self.lookout = Lookout(self.board, everything(), FURNITURE)
        self.now = T
        self.seq = 0
        self.rng = np.random.default_rng(1)

    def event(self, home: str, sensor: str, value: float, event_id: str | None = None) -> None:
        payload = pack_event(value=value, t_ms=self.now, event_id=event_id)
        self.board.event(f"guardian/s/{home}/{sensor}/event", payload, self.now)

    def frame(self, celsius: float) -> None:
        picture = celsius + self.rng.normal(0, 0.2, (24, 32))
        payload = pack_frame(np.round(100 * picture).astype(np.int16), self.seq, self.now)
        self.seq += 1
        self.board.frame("guardian/s/h1/eye/frame", payload, self.now)

    def beat(self) -> list[Concern]:
        found = self.lookout.listen(self.board.fold(self.board.take_events(self.now)), self.now)
        for some in self.lookout.look(self.now):
            found += some
        self.now += SECOND
        return [c for c in found if c.kind is not Kind.BLIND]  # the cameras of most stories send nothing


def test_a_cold_room_is_a_concern_with_names_in_the_same_beat() -> None:
    site = Site()
    site.event("h1", "air", 9.0)
    (cold,) = site.beat()
    assert (cold.home, cold.kind, cold.room, cold.sensor) == ("h1", Kind.COLD, "bedroom", "air")
    assert cold.evidence["temperature_c"] == 9.0


def test_the_clock_of_a_cold_room_runs_on_between_readings_and_over_a_restart() -> None:
    site = Site()
    site.event("h0", "t", 15.0)
    assert [site.beat() for _ in range(1800)] == [[]] * 1800
    held, later = site.lookout.snapshot(), Site()
    later.lookout.restore(held)
    later.now = site.now
    found = [c for _ in range(1805) for c in later.beat()]
    assert [(c.home, c.kind, c.onset_ms) for c in found] == [("h0", Kind.COLD, T + 60 * MINUTE)]
    assert found[0].decided_ms - found[0].onset_ms <= SECOND


def test_a_kitchen_that_gets_hot_is_a_fire_also_after_a_restart_in_between() -> None:
    site = Site()
    for _ in range(200):
        site.frame(21.0)
        assert site.beat() == []
    held = site.lookout.snapshot()
    again = Site()
    again.lookout.restore(held)
    again.now, again.seq = site.now, site.seq
    for one in (site, again):
        began, said = one.now, []
        for k in range(40):
            one.frame(21.0 + 0.5 * k)
            said += one.beat()
        assert [(c.home, c.room, c.sensor, c.kind) for c in said] == [("h1", "kitchen", "eye", Kind.FIRE)]
        assert said[0].decided_ms - began <= 30 * SECOND


def test_an_oven_is_left_on_when_somebody_was_noticed_elsewhere() -> None:
    site = Site()
    site.event("h1", "cook", 1)
    site.event("h1", "oven", 2000)
    site.beat()
    site.now += 30 * SECOND
    site.event("h1", "lounge", 1)
    left = site.now
    found = [c for _ in range(1300) for c in site.beat()]
    assert [(c.kind, c.room, c.sensor, c.decided_ms - left) for c in found] == [
        (Kind.APPLIANCE_LEFT_ON, "kitchen", "oven", 20 * MINUTE)
    ]


def test_smoke_that_goes_on_is_one_incident_and_its_end_none() -> None:
    site = Site()
    said: list[list[Concern]] = []
    for k in range(5):  # the device repeats each word until it is acknowledged
        for _ in range(3):
            site.event("h1", "alarm", 1, f"e{k}")
        said.append(site.beat())
        site.now += MINUTE
    site.event("h1", "alarm", 0, "end")
    said.append(site.beat())
    assert [[c.kind for c in some] for some in said] == [[Kind.SMOKE]] * 5 + [[]]

    async def taken() -> tuple[int, int]:
        ledger = await Ledger.open(None, inline=True)
        on_duty, policy = duty(responder("a")), shipped_policy()

        def take(tx: Tx) -> None:
            for some in said:
                triage.take(tx, some, on_duty, policy, site.now)

        await ledger.transact(take)
        opened = await ledger.transact(open_incidents)
        told = await ledger.transact(lambda tx: concerns(tx, opened[0].id))
        await ledger.close()
        return len(opened), len(told)

    assert asyncio.run(taken()) == (1, 5)


def test_who_comes_and_goes_in_the_roster_keeps_its_memory() -> None:
    site = Site()
    for _ in range(10):
        site.frame(21.0)
        site.beat()
    held = site.lookout.snapshot()
    other = Board("s", [SensorSpec("h1", "new", "thermal", "bath", 24, 32), *SPECS])
    lookout = Lookout(other, everything(), FURNITURE)
    lookout.restore(held)
    after = lookout.snapshot()
    names = after["fires.24x32.names"].tolist()
    assert after["fires.24x32.level_c"][names.index("h1/eye")] == held["fires.24x32.level_c"][0]
    assert np.isnan(after["fires.24x32.level_c"][names.index("h1/new")])
