"""After a ledger was damaged: what was open is open and paged again, what was closed is not; staff hear."""

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
import pytest
import tomli_w

from alerting.concern import Kind, Severity
from alerting.courier import Courier
from alerting.incident import Accepted, Arrived, CannotGo, Closed, EnRoute, Incident, IncidentEvent, State
from alerting.ledger import (
    Ledger,
    Restored,
    apply,
    last_beat,
    messages,
    open_incidents,
    recent_incidents,
    save_roster,
)
from alerting.ledger.lost import LEFT_OUT
from guardian import desk, snapshot, spares
from guardian.board import Board
from guardian.book import open_book
from guardian.clock import LiveClock
from guardian.lookout import Lookout
from guardian.settings import SettingsError, load
from guardian.slab import SensorSpec
from guardian.watch import Watch
from guardian.wire.native import pack_event, pack_frame
from simulator.private import connected, daemon
from simulator.response.district import roster_rows
from simulator.stage import SimulatedHome, demo_homes
from tests.alerting_people import T0
from tests.courier_world import POLICY, THREE, FakeProvider
from tests.spare_world import damage
from tests.test_road import PHONE, ROSTER, centre
from tests.test_watch_disk import Broker
from tests.thermal import everything
from tests.web_people import make_site

BEAT_MS = 200


class Life:
    """One life of a watch over a home with a camera and a help button, until it is killed."""

    def __init__(self, ledger: Ledger, home: SimulatedHome, state: Path, now_ms: int) -> None:
        h = self.home = home
        self.ledger, self.state, self.now_ms = ledger, state, now_ms
        camera = SensorSpec(
            h.home, h.sensor, "thermal", h.room, h.rows, h.cols, h.rate_hz, h.mount, h.height_m, h.fov_deg
        )
        self.board = Board("demo", [camera, SensorSpec(h.home, "help", "button", h.room)])
        self.watch = Watch(
            board=self.board,
            lookout=Lookout(self.board, everything(), {(h.home, h.room): h.furniture}),
            ledger=ledger,
            duty=lambda: THREE,
            policy=POLICY,
            clock=LiveClock(now_ms),
            acks=Broker(),
            voice=Broker(),
            state_directory=state,
            on_noticed=lambda _noticed: None,
        )

    async def lives(self, until_s: float) -> None:
        """Play the home's frames up to so long after T0, and keep the snapshots that come of it."""
        while self.now_ms < T0 + until_s * 1000:
            t_ms = T0 + self.home.t_ms
            for i in np.flatnonzero((t_ms >= self.now_ms) & (t_ms < self.now_ms + BEAT_MS)):
                topic = f"guardian/demo/{self.home.home}/{self.home.sensor}/frame"
                self.board.frame(topic, pack_frame(self.home.centi[i], int(i), int(t_ms[i])), int(t_ms[i]))
            await self.beat()

    async def presses(self) -> None:
        topic = f"guardian/demo/{self.home.home}/help/event"
        self.board.event(topic, pack_event(value=1, event_id="e1"), self.now_ms)
        await self.beat()

    async def beat(self) -> None:
        self.now_ms += BEAT_MS
        await self.watch.beat(self.now_ms)
        saved: Any = self.watch.saving.queue
        while not saved.empty():
            save, held = saved.get_nowait()
            save(self.state, held)

    async def open(self) -> list[Incident]:
        return await self.ledger.transact(open_incidents)

    async def says(self, *events: IncidentEvent) -> None:
        """Let things happen to the one incident that is open, and the snapshot of the next minute be made."""
        (one,) = await self.open()
        self.now_ms += 1000
        await self.ledger.transact(lambda tx: [apply(tx, one.id, e, self.now_ms, "a") for e in events])
        self.watch.saving.due_ms = 0
        await self.beat()

    def is_spared(self) -> None:
        path = self.state / "ledger.db"
        with (
            closing(sqlite3.connect(path)) as of,
            closing(sqlite3.connect(path.with_name("ledger.db.spare"))) as to,
        ):
            of.backup(to)
        os.utime(path.with_name("ledger.db.spare"), (self.now_ms / 1000, self.now_ms / 1000))


@pytest.fixture
def fallen() -> SimulatedHome:
    return demo_homes(seed=1, n=1, fall_home=0, fall_at_s=30.0, duration_s=100.0)[0]


def forget_snapshots(state: Path) -> None:
    for file in state.glob("*.snap"):
        file.unlink()


async def ledger_of(path: Path) -> Ledger:
    return await Ledger.open(path, inline=True, stand_in=True)


async def with_people(path: Path) -> None:
    """A ledger with people in it, and a spare of it."""
    ledger = await ledger_of(path)
    await ledger.transact(lambda tx: save_roster(tx, roster_rows(THREE), "test", "0" * 64, T0))
    await ledger.close()
    shutil.copy(path, path.with_name("ledger.db.spare"))


@asynccontextmanager
async def killed_and_damaged(
    tmp_path: Path, home: SimulatedHome, story: Callable[[Life], Any]
) -> AsyncIterator[Life]:
    """A first life, as told; the ledger is damaged and only an earlier spare is left; then a second life."""
    path = tmp_path / "ledger.db"
    await with_people(path)
    ledger = await ledger_of(path)
    first = Life(ledger, home, tmp_path, T0)
    await first.watch.restore()
    await story(first)
    await ledger.close()
    damage(path)
    again = await ledger_of(path)
    assert again.restored is not None
    second = Life(again, home, tmp_path, first.now_ms)
    await second.watch.restore()
    yield second
    await again.close()
    third = await ledger_of(path)
    assert third.restored is None, "it has been followed"
    await third.close()


@pytest.mark.looptime
async def test_a_fall_that_only_the_lost_part_knew_is_open_and_paged_again(
    tmp_path: Path, fallen: SimulatedHome
) -> None:
    first: list[Incident] = []

    async def story(life: Life) -> None:
        await life.lives(60)
        first.extend(await life.open())
        assert [(i.kind, i.severity) for i in first] == [(Kind.FALL_CONFIRMED, Severity.HIGH)]

    async with killed_and_damaged(tmp_path, fallen, story) as life, asyncio.TaskGroup() as group:
        (again,) = await life.open()
        assert (again.kind, again.severity, again.t0_ms) == (
            Kind.FALL_CONFIRMED,
            Severity.HIGH,
            first[0].t0_ms,
        )
        assert again.id > LEFT_OUT, "no number is given out twice"
        clock = LiveClock(life.now_ms)
        provider = FakeProvider(clock)
        courier = Courier(life.ledger, {"fake": provider}, lambda: THREE, POLICY, clock)
        running = group.create_task(courier.run())
        await asyncio.sleep(10)
        assert {t.phone for t in provider.taken} == {r.phone for r in THREE.responders.values()}
        running.cancel()
        sent = await life.ledger.transact(lambda tx: messages(tx, again.id))
        assert {m.state for m in sent} == {"sent"}
        assert min(m.id for m in sent) > LEFT_OUT
        await life.lives(90)
        assert [i.id for i in await life.open()] == [again.id], "it is seen still, and one incident"


async def test_without_the_snapshot_nothing_would_know_of_it(tmp_path: Path, fallen: SimulatedHome) -> None:
    """The check can fail: the lookout does not say again what it has said."""

    async def story(life: Life) -> None:
        await life.lives(60)
        forget_snapshots(tmp_path)

    async with killed_and_damaged(tmp_path, fallen, story) as life:
        await life.lives(90)
        assert await life.open() == []


async def test_a_help_button_that_was_acknowledged_is_not_forgotten(
    tmp_path: Path, fallen: SimulatedHome
) -> None:
    async with killed_and_damaged(tmp_path, fallen, Life.presses) as life:
        assert [i.kind for i in await life.open()] == [Kind.SOS]
        beat = await life.ledger.transact(last_beat)
        await life.presses()
        assert await life.ledger.transact(last_beat) == beat + 1


async def test_a_snapshot_whose_list_of_what_is_open_is_of_another_version_does_not_keep_us_from_starting(
    tmp_path: Path, fallen: SimulatedHome
) -> None:
    async def story(life: Life) -> None:
        await life.presses()
        found = snapshot.newest(tmp_path)
        assert found is not None
        older = np.frombuffer(b"[]", np.uint8)
        snapshot.save(tmp_path, snapshot.Snapshot(found.beat, {**found.arrays, "standing": older}))

    async with killed_and_damaged(tmp_path, fallen, story) as life:
        assert await life.open() == []


async def test_what_somebody_has_closed_stays_closed(tmp_path: Path, fallen: SimulatedHome) -> None:
    async def story(life: Life) -> None:
        await life.presses()
        await life.says(Accepted("a"), Arrived("a"), Closed("real"))

    async with killed_and_damaged(tmp_path, fallen, story) as life:
        assert await life.open() == []


@pytest.mark.parametrize("told", [True, False])
async def test_what_was_closed_since_the_spare_calls_nobody_where_a_snapshot_tells(
    tmp_path: Path, fallen: SimulatedHome, told: bool
) -> None:
    async def story(life: Life) -> None:
        await life.presses()
        life.is_spared()
        await life.says(Accepted("a"), Arrived("a"), Closed("real"))
        if not told:
            forget_snapshots(tmp_path)

    async with killed_and_damaged(tmp_path, fallen, story) as life:
        (one,) = await life.ledger.transact(lambda tx: recent_incidents(tx, 1))
        if told:
            assert (one.state, one.outcome) == (State.CLOSED, "lost")
        else:
            assert one.wants_people, "unknown is never fine"


@pytest.mark.parametrize("at_the_door", [True, False])
async def test_who_was_there_for_an_earlier_incident_is_not_taken_to_be_there_for_a_fall(
    tmp_path: Path, fallen: SimulatedHome, at_the_door: bool
) -> None:
    async def story(life: Life) -> None:
        await life.presses()
        await life.says(Accepted("a"), *([Arrived("a")] if at_the_door else []))
        life.is_spared()
        await life.says(Arrived("a"), Closed("real"))
        await life.lives(60)

    async with killed_and_damaged(tmp_path, fallen, story) as life:
        (fall,) = await life.open()
        assert (fall.kind, fall.wants_people, fall.acceptor) == (Kind.FALL_CONFIRMED, True, None)
        await life.lives(90)
        assert [i.id for i in await life.open()] == [fall.id]


async def test_who_was_on_the_way_and_gave_up_since_the_spare_is_not_waited_for(
    tmp_path: Path, fallen: SimulatedHome
) -> None:
    async def story(life: Life) -> None:
        await life.presses()
        await life.says(Accepted("a"))
        life.is_spared()
        await life.says(CannotGo("a"))

    async with killed_and_damaged(tmp_path, fallen, story) as life:
        (one,) = await life.open()
        assert (one.kind, one.wants_people, one.acceptor) == (Kind.SOS, True, None)


async def test_who_is_on_the_way_goes_on(tmp_path: Path, fallen: SimulatedHome) -> None:
    async def story(life: Life) -> None:
        await life.presses()
        await life.says(Accepted("a"))
        life.is_spared()
        await life.says(EnRoute("a"))

    async with killed_and_damaged(tmp_path, fallen, story) as life:
        (one,) = await life.open()
        assert (one.acceptor, one.wants_people) == ("a", False)


async def test_homes_that_are_watched_no_more_are_left_out(tmp_path: Path, fallen: SimulatedHome) -> None:
    path = tmp_path / "ledger.db"
    await with_people(path)
    ledger = await ledger_of(path)
    first = Life(ledger, fallen, tmp_path, T0)
    await first.presses()
    await ledger.close()
    damage(path)
    again = await ledger_of(path)
    other = demo_homes(seed=1, n=3, fall_home=None, fall_at_s=30.0, duration_s=60.0)[2]
    second = Life(again, other, tmp_path, first.now_ms)
    await second.watch.restore()
    assert await second.open() == []
    await again.close()


# --- who hears of it -------------------------------------------------------------------------------


class Centre:
    """A siren and a way to inform, and when they were used."""

    def __init__(self, clock: LiveClock) -> None:
        self.clock, self.siren_s, self.told = clock, list[tuple[bool, int]](), list[str]()

    def siren(self, on: bool, t_ms: int) -> None:
        self.siren_s.append((on, (t_ms - T0) // 1000))

    def offer(self, _title: str, body: str) -> None:
        self.told.append(body)


@pytest.mark.looptime
@pytest.mark.parametrize("alarm", [False, True])
async def test_staff_are_told_once_and_the_siren_is_not_taken_from_an_alarm(alarm: bool) -> None:
    clock = LiveClock(T0)
    centre = Centre(clock)
    await spares.tell(Restored("malformed", T0), centre, centre, clock, lambda: alarm)
    assert centre.siren_s == [(True, 5)] + [(False, 65)] * (not alarm)
    (said,) = centre.told
    assert "malformed; it is as it was at 2026-09-21 14:13 UTC" in said
    assert "账本损坏" in said
    await spares.tell(Restored("malformed", None), centre, None, clock, lambda: alarm)
    assert len(centre.told) == 1


@pytest.mark.looptime
async def test_a_spare_is_made_soon_after_the_start_and_then_each_hour() -> None:
    clock, made_s = LiveClock(T0), list[int]()

    class Notes(Ledger):
        async def make_spare(self) -> bool:
            made_s.append((clock.now_ms() - T0) // 1000)
            return True

    making = asyncio.create_task(spares.run(Notes(None, None, stand_in=True), clock))
    await asyncio.sleep(7300)
    making.cancel()
    assert made_s == [60, 3660, 7260]


async def test_the_board_says_so_in_both_languages_and_to_programs() -> None:
    site = await make_site()
    async with site.client() as client:
        assert 'id="restored"' not in (await client.get("/")).text
        assert (await client.get("/api/incidents")).json()["ledger_restored"] is None
        site.ledger.restored = Restored("the ledger: malformed", None)
        english, chinese = (await client.get("/")).text, (await client.get("/?lang=zh")).text
        assert "The ledger was damaged and a spare is in its place" in english
        assert "it has begun anew" in english
        assert "账本曾损坏" in chinese
        said = (await client.get("/api/incidents")).json()["ledger_restored"]
        assert said == "the ledger: malformed; no spare was whole, and it has begun anew"


async def test_without_a_roster_guardian_starts_for_nobody_only_after_a_loss(tmp_path: Path) -> None:
    path, config = tmp_path / "ledger.db", tmp_path / "guardian.toml"
    table = {"site": "demo", "state_directory": str(tmp_path), "mqtt": {"host": "127.0.0.1"}}
    config.write_text(tomli_w.dumps(table), "utf-8")
    loaded = load(config)
    ledger = await ledger_of(path)
    with pytest.raises(SettingsError, match="no roster yet"):
        await open_book(ledger, loaded, T0)
    await ledger.close()
    damage(path)
    ledger = await ledger_of(path)
    book = await open_book(ledger, loaded, T0)
    assert (book.roster.site, book.roster.homes, dict(book.duty(T0).responders)) == ("demo", (), {})
    board = Board("demo", ())
    watch = Watch(
        board=board,
        lookout=Lookout(board, everything(), {}),
        ledger=ledger,
        duty=lambda: book.duty(T0),
        policy=POLICY,
        clock=LiveClock(T0),
        acks=Broker(),
        voice=Broker(),
        state_directory=None,
        on_noticed=lambda _noticed: None,
    )
    await watch.restore()
    await watch.beat(T0)
    await ledger.close()
    again = await ledger_of(path)
    assert again.restored is not None, "until somebody is known, nothing has been followed"
    await again.close()


async def test_a_daemon_with_a_damaged_ledger_starts_says_so_and_pages(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        async with daemon(c.place):
            await connected(c.place)
            await c.press("e1")
            assert await c.phones[PHONE].expects_text("", within_s=15)
        damage(c.place.state / "ledger.db")
        async with aiomqtt.Client(c.broker.host, c.broker.port) as siren:
            await siren.subscribe("guardian-out/demo/siren", qos=1)
            async with daemon(c.place):
                assert await c.phones[PHONE].expects_text("", within_s=15), "the button, of the snapshot"
                status = await asyncio.to_thread(desk.call, c.place.state, "GET", "/status")
                assert "malformed; no spare was whole" in status["ledger_restored"]
                async with asyncio.timeout(20):
                    while not json.loads((await anext(aiter(siren.messages))).payload)["on"]:
                        pass
        settings = c.place.config.read_text("utf-8").replace('roster = "roster.toml"', "")
        c.place.config.write_text(settings, "utf-8")
        for file in c.place.state.glob("ledger.db*"):
            damage(file)
        async with daemon(c.place):
            status = await asyncio.to_thread(desk.call, c.place.state, "GET", "/status")
            assert status["homes"] == 0
            done = await asyncio.to_thread(
                desk.call, c.place.state, "POST", "/roster/import", tomli_w.dumps(ROSTER).encode()
            )
            assert done["version"] == 1
        async with daemon(c.place):
            await connected(c.place)
            await c.press("e2")
            assert await c.phones[PHONE].expects_text("", within_s=15)
