"""Another roster and other thresholds while Guardian runs: nobody who is watched notices."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from alerting.concern import Concern, Kind
from alerting.ledger import Ledger, beats_since, newest_roster, open_incidents
from guardian import desk, snapshot
from guardian.board import Board, decode_events
from guardian.book import Book, import_roster, open_book
from guardian.exchange import Exchange, build
from guardian.link import AckMark
from guardian.lookout import Lookout
from guardian.roster import import_file
from guardian.roster_file import read as read_roster
from guardian.settings import CONFIG, Loaded, load
from guardian.watch import Noticed, Watch
from guardian.wire import Reject
from guardian.wire.native import pack_event, pack_frame
from simulator.stage import SimulatedHome, demo_homes

T0 = 1_790_000_000_000
BEAT_MS = 200
FILMS = demo_homes(seed=1, n=2, fall_home=0, fall_at_s=30.0, duration_s=60.0)
LIES, NEIGHBOUR = (h.home for h in FILMS)


def home(film: SimulatedHome, *more: dict[str, Any], **camera: Any) -> dict[str, Any]:
    """A film's home as a roster file has it, with a help button."""
    zones = [
        {"id": f"z{n}", "kind": kind, **dict(zip(("x0_m", "y0_m", "x1_m", "y1_m"), box, strict=True))}
        for n, (kind, box) in enumerate(film.furniture)
    ]
    eye = {
        "id": film.sensor, "kind": "thermal", "room": film.room, "rows": film.rows, "cols": film.cols,
        "rate_hz": film.rate_hz, "mount": film.mount, "height_m": film.height_m, "fov_deg": film.fov_deg,
    }  # fmt: skip
    help_ = {"id": "help", "kind": "button", "room": film.room}
    return {
        "id": film.home,
        "rooms": [{"id": film.room, "zones": zones}, {"id": "hall"}],
        "sensors": [eye | camera, help_, *more],
    }


def simple(name: str) -> dict[str, Any]:
    """A home with a help button and a motion sensor."""
    sensors = [{"id": "help", "kind": "button", "room": "hall"}, {"id": "pir", "kind": "pir", "room": "hall"}]
    return {"id": name, "rooms": [{"id": "hall"}], "sensors": sensors}


def text_of(*homes: dict[str, Any], responders: Sequence[dict[str, Any]] = ()) -> str:
    return tomli_w.dumps({"site": {"id": "s"}, "homes": list(homes), "responders": list(responders)})


@dataclass
class Spoken:
    """Stands for the connections to the broker."""

    handed: int = 0
    acknowledged: int = 0
    acks: list[tuple[str, str, str]] = field(default_factory=list)

    def unacked(self) -> AckMark:
        return AckMark(1, self.handed)

    def acknowledge(self, mark: AckMark) -> None:
        self.acknowledged = mark.count

    def ack(self, home: str, sensor: str, event_id: str) -> None:
        self.acks.append((home, sensor, event_id))

    def prompt(self, home: str, kind: str, incident_id: int, t_ms: int) -> None:
        pass

    def replay_done(self, _payload: bytes) -> None:
        raise AssertionError("no replay here")


class Hand:
    """A clock that the story sets."""

    def __init__(self) -> None:
        self.ms = T0

    def now_ms(self) -> int:
        return self.ms

    async def wait(self, _wake: asyncio.Event, _until_ms: int | None) -> None:
        raise AssertionError("nobody waits here")


class Centre:
    """What `guardian/app.py` builds around the beat, without sockets; time goes as the story wants."""

    def __init__(self, ledger: Ledger, book: Book, loaded: Loaded, clock: Hand, state: Path | None) -> None:
        self.ledger, self.book, self.clock, self.spoken = ledger, book, clock, Spoken()
        self.loaded = loaded
        self.said: list[Concern] = []
        first = build(book.roster, loaded.detectors)
        self.inlet = first.board
        """Where the link hands what comes."""
        self.watch = Watch(
            board=first.board,
            lookout=first.lookout,
            ledger=ledger,
            duty=lambda: book.duty(clock.now_ms()),
            policy=loaded.policy,
            clock=clock,
            acks=self.spoken,
            voice=self.spoken,
            state_directory=state,
            on_noticed=self._noticed,
        )
        self.exchange = Exchange(first, self.watch, loaded, self._hand_over)

    def _noticed(self, what: Noticed) -> None:
        self.said += what.concerns

    def _hand_over(self, board: Board) -> None:
        self.inlet = board

    def films(self, from_ms: int, to_ms: int, films: Sequence[SimulatedHome] = FILMS) -> None:
        for film in films:
            topic = f"guardian/s/{film.home}/{film.sensor}/frame"
            for i in np.flatnonzero((film.t_ms >= from_ms) & (film.t_ms < to_ms)):
                t_ms = T0 + int(film.t_ms[i])
                try:
                    self.inlet.frame(topic, pack_frame(film.centi[i], int(i), t_ms), t_ms)
                except Reject:
                    continue

    def presses(self, home: str, event_id: str, sensor: str = "help") -> None:
        self.spoken.handed += 1
        topic = f"guardian/s/{home}/{sensor}/event"
        self.inlet.event(topic, pack_event(value=1, event_id=event_id), self.clock.ms)

    async def plays(self, from_s: float, to_s: float) -> None:
        for at in range(int(from_s * 1000), int(to_s * 1000), BEAT_MS):
            self.films(at, at + BEAT_MS)
            self.clock.ms = T0 + at + BEAT_MS
            await self.watch.beat(self.clock.ms)

    async def beats_until(self, asked: "asyncio.Task[Any]") -> Any:
        """Beats go on at this moment until the command has its answer."""
        while not asked.done():
            await self.watch.beat(self.clock.ms)
            await asyncio.sleep(0)
        return await asked

    async def imports(
        self, *homes: dict[str, Any], responders: Sequence[dict[str, Any]] = ()
    ) -> Sequence[str]:
        text = text_of(*homes, responders=responders)
        work = import_roster(self.ledger, self.book, self.clock, self.exchange, text, False)
        answer = await self.beats_until(asyncio.create_task(work))
        return list(answer["changes"])


@asynccontextmanager
async def centre(
    tmp_path: Path, *homes: dict[str, Any], loaded: Loaded | None = None, state: Path | None = None
) -> AsyncIterator[Centre]:
    loaded = loaded or load(CONFIG / "guardian.toml")
    file = tmp_path / "roster.toml"
    file.write_text(text_of(*homes), "utf-8")
    ledger = await Ledger.open(None, inline=True)
    own = loaded.settings.model_copy(update={"site": "s", "roster": file})
    clock = Hand()
    book = await open_book(ledger, replace(loaded, settings=own), clock.now_ms())
    yield Centre(ledger, book, loaded, clock, state)
    await ledger.close()


async def restarted(c: Centre, state: Path) -> Centre:
    """Another process over the same ledger and state."""
    own = c.loaded.settings.model_copy(update={"site": "s"})
    book = await open_book(c.ledger, replace(c.loaded, settings=own), c.clock.ms)
    again = Centre(c.ledger, book, c.loaded, c.clock, state)
    await again.watch.restore()
    return again


def told(said: Sequence[Concern]) -> list[tuple[str, str, int, int]]:
    return [(c.home, c.kind.value, c.onset_ms, c.decided_ms) for c in said]


BOTH = [home(f) for f in FILMS]
UNDISTURBED: list[tuple[str, str, int, int]] = []
"""What is said of who falls where nothing is changed; played once."""


@pytest.mark.parametrize(
    "then",
    [
        [*BOTH, simple("new")],  # a neighbour more
        [BOTH[0]],  # one less
        [home(FILMS[0], {"id": "front", "kind": "door", "room": "hall"}), home(FILMS[1], height_m=2.9)],
        [simple("a"), *BOTH],  # all rows are others
    ],
)
async def test_who_lies_on_the_floor_is_found_at_the_same_moment(
    tmp_path: Path, then: list[dict[str, Any]]
) -> None:
    if not UNDISTURBED:
        async with centre(tmp_path, *BOTH) as other:
            await other.plays(0, 60)
            UNDISTURBED.extend(t for t in told(other.said) if t[0] == LIES)
    expected = UNDISTURBED
    assert [t[1] for t in expected] == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    at_s = (expected[0][3] - T0) / 1000 + 4
    assert at_s < (expected[1][3] - T0) / 1000 - 1, "in the dwell"
    async with centre(tmp_path, *BOTH) as c:
        await c.plays(0, at_s)
        assert await c.imports(*then)
        await c.plays(at_s, 60)
        assert [t for t in told(c.said) if t[0] == LIES] == expected
        dropped = int(c.watch.board.frames_dropped.sum())
        assert dropped == 0


async def test_a_home_that_was_added_is_watched_and_one_that_was_removed_is_a_stranger(
    tmp_path: Path,
) -> None:
    async with centre(tmp_path, BOTH[0], simple("goes")) as c:
        with pytest.raises(Reject, match="unknown-home"):
            c.presses("comes", "e0")
        await c.plays(0, 1)
        c.presses("goes", "e1")
        await c.plays(1, 2)
        (one,) = await c.ledger.transact(open_incidents)
        changes = await c.imports(BOTH[0], simple("comes"))
        assert any(f"incident {one.id} (sos) stays open" in line for line in changes)
        await c.plays(2, 3)
        assert await c.ledger.transact(open_incidents) == [one], "until a human closes it"
        with pytest.raises(Reject, match="unknown-home"):
            c.presses("goes", "e2")
        c.presses("comes", "e3")
        await c.plays(3, 4)
        assert [(i.home, i.kind) for i in await c.ledger.transact(open_incidents)] == [
            ("goes", Kind.SOS),
            ("comes", Kind.SOS),
        ]


async def test_a_change_of_people_alone_changes_nothing_of_what_watches(tmp_path: Path) -> None:
    """In whatever order homes, rooms, sensors and furniture stand in the file."""
    turned = [{k: v[::-1] if isinstance(v, list) else v for k, v in h.items()} for h in reversed(BOTH)]
    for h in turned:
        h["rooms"] = [r | {"zones": r["zones"][::-1]} if "zones" in r else r for r in h["rooms"]]
    async with centre(tmp_path, *turned) as c:
        await c.plays(0, 1)
        board = c.watch.board
        zhang = {"name": "Zhang", "phone": "+8613800000001"}
        changes = await c.imports(*turned, responders=[zhang])
        assert all(line.split()[1] in {"responder", "person"} for line in changes)
        assert await c.imports(*BOTH, responders=[zhang]) == []
        assert c.watch.board is board
        assert await c.imports(*BOTH, simple("x"), responders=[zhang])
        assert c.watch.board is not board


async def test_events_around_the_change_are_committed_once_and_acknowledged_once(tmp_path: Path) -> None:
    """Handed over before the beat of the change, while it looks, while it commits; one comes twice."""
    async with centre(tmp_path, simple("a"), simple("goes")) as c:
        await c.plays(0, 1)
        c.presses("a", "e1")
        c.presses("goes", "e2")
        work = import_roster(c.ledger, c.book, c.clock, c.exchange, text_of(simple("a"), simple("0")), False)
        asked = asyncio.create_task(work)
        while c.watch._next is None:  # noqa: ASYNC110  (there is nothing to wait for but the build)
            await asyncio.sleep(0)
        transact, pressed = c.ledger.transact, False

        async def meanwhile(work: Callable[..., Any]) -> Any:
            nonlocal pressed
            if not pressed and c.inlet.homes == ("0", "a"):
                pressed = True
                c.presses("a", "e3", "pir")
                c.presses("a", "e1")  # its ack is not out yet, so the device says it again
            return await transact(work)

        c.ledger.transact = meanwhile  # type: ignore[method-assign]

        async def link() -> None:
            c.presses("a", "e0", "pir")

        c.clock.ms += BEAT_MS
        reads = asyncio.create_task(link())
        await c.watch.beat(c.clock.ms)
        assert pressed
        assert reads.done()
        assert c.spoken.acknowledged == 2, "what has come since is not committed yet"
        await c.beats_until(asked)
        assert c.spoken.acknowledged == c.spoken.handed == 5
        c.ledger.transact = transact  # type: ignore[method-assign]
        rows: Sequence[Any] = await transact(lambda tx: beats_since(tx, 0))
        stored = [r.id for _, _, blob in rows for r in decode_events(blob)]
        assert stored == ["e1", "e2", "e0", "e3", "e1"]
        assert c.watch.board.duplicates == 1
        assert [(h, e) for h, _, e in c.spoken.acks] == [
            ("a", "e1"),
            ("goes", "e2"),
            ("a", "e0"),
            ("a", "e3"),
            ("a", "e1"),
        ]
        found: Sequence[Any] = await transact(open_incidents)
        assert sorted(i.home for i in found) == ["a", "goes"]


async def test_a_roster_that_cannot_be_watched_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with centre(tmp_path, *BOTH) as c:
        await c.plays(0, 1)
        board, before = c.watch.board, await c.ledger.transact(newest_roster)
        with pytest.raises(desk.Refused):
            await c.imports({**simple("x"), "rooms": []})

        def broken(*_args: object, **_named: object) -> None:
            raise ValueError("h9/cam: no such shape")

        monkeypatch.setattr("guardian.exchange.build", broken)
        with pytest.raises(desk.Refused, match="nothing has changed: h9/cam: no such shape"):
            await c.imports(simple("x"))
        assert c.watch.board is board
        assert c.book.roster.homes == (LIES, NEIGHBOUR)
        assert await c.ledger.transact(newest_roster) == before


async def test_what_does_not_fit_leaves_the_old_ones_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with centre(tmp_path, *BOTH) as c:
        await c.plays(0, 1)

        def follow(_self: Lookout, _old: Lookout) -> None:
            raise ValueError("24x32: snapshot does not fit")

        monkeypatch.setattr(Lookout, "follow", follow)
        board = c.watch.board
        changes = await c.imports(*BOTH, simple("x"))
        assert changes[-1].startswith("! what watches stays as it was")
        assert changes[-1].endswith(": 24x32: snapshot does not fit")
        assert c.watch.board is board
        c.presses(LIES, "e1")
        await c.plays(1, 2)
        assert [i.home for i in await c.ledger.transact(open_incidents)] == [LIES]


async def test_a_home_that_was_removed_begins_anew_though_guardian_was_killed_meanwhile(
    tmp_path: Path,
) -> None:
    """Its state stands in a snapshot from before; the roster has it again when Guardian starts."""
    homes, state = (simple("a"), simple("goes")), tmp_path / "state"
    state.mkdir()
    async with centre(tmp_path, *homes, state=state) as c:
        saving = asyncio.create_task(c.watch.saving.run(state))
        await c.watch.restore()
        await c.plays(0, 1)
        for home_ in ("a", "goes"):
            c.presses(home_, f"{home_}-1")
            c.presses(home_, f"{home_}-2", "pir")

        async def saved(homes: int) -> None:
            while (found := snapshot.newest(state)) is None or len(found.arrays["board.homes"]) != homes:
                await c.watch.beat(c.clock.ms)
                await asyncio.sleep(0)

        await c.plays(1, 2)
        await saved(2)
        await c.imports(simple("a"))
        await saved(1)
        saving.cancel()  # killed

        file = read_roster(text_of(*homes))
        await c.ledger.transact(lambda tx: import_file(tx, file, "desk", c.clock.ms))
        again = await restarted(c, state)
        assert list(again.watch.board.homes) == ["a", "goes"]
        assert [again.watch.board.value_of(s) for s in again.watch.board.specs] == [1, 1] + 2 * [
            pytest.approx(np.nan, nan_ok=True)
        ]
        assert again.watch.board.state().last_life_ms[0] > 0
        assert again.watch.board.state().last_life_ms[1] == -1
        again.presses("goes", "goes-2", "pir")
        again.presses("a", "a-2", "pir")
        await again.watch.beat(again.clock.ms)
        assert again.watch.board.duplicates == 1, "which events it sent is forgotten, too"


async def test_the_old_board_is_let_go(tmp_path: Path) -> None:
    async with centre(tmp_path, *BOTH) as c:
        await c.plays(0, 1)
        old = weakref.ref(c.watch.board), weakref.ref(c.watch.lookout)
        gc.collect()
        gc.disable()
        try:
            await c.imports(*BOTH, simple("x"))
            assert [o() for o in old] == [None, None], "without the collector, which does not look at it"
        finally:
            gc.enable()


def installed(at: Path) -> Loaded:
    """A centre's own files, as shipped."""
    for name in ("detectors.toml", "escalation.toml"):
        (at / name).write_text((CONFIG / name).read_text("utf-8"), "utf-8")
    (at / "guardian.toml").write_text(
        'site = "s"\nstate_directory = "state"\n'
        'detectors = "detectors.toml"\nescalation = "escalation.toml"\n[mqtt]\nhost = "localhost"\n',
        "utf-8",
    )
    return load(at / "guardian.toml")


def edited(file: Path, key: str, value: str) -> None:
    """Another value in a file of settings."""
    text = file.read_text("utf-8")
    line = next(x for x in text.splitlines() if x.startswith(f"{key} = "))
    file.write_text(text.replace(line, f"{key} = {value}"), "utf-8")


async def test_a_reload_says_what_waits_for_a_start(tmp_path: Path) -> None:
    loaded = installed(tmp_path)
    async with centre(tmp_path, *BOTH, loaded=loaded) as c:
        board = c.watch.board

        async def says() -> Sequence[str]:
            return list((await c.beats_until(asyncio.create_task(c.exchange.reload())))["changes"])

        assert await says() == []
        edited(tmp_path / "escalation.toml", "stay_at_least_s", "77.0")
        escalation = "! escalation.toml has changed: it takes effect when Guardian is started the next time"
        assert await says() == [escalation]
        assert await says() == [escalation], "until it is"
        edited(tmp_path / "guardian.toml", "host", '"elsewhere"')
        (tmp_path / "detectors.toml").rename(tmp_path / "other.toml")
        edited(tmp_path / "guardian.toml", "detectors", '"other.toml"')
        assert await says() == [escalation, escalation.replace("escalation", "guardian")]
        edited(tmp_path / "guardian.toml", "host", '"localhost"')
        assert await says() == [escalation], "another name of a file that is the same is no change"
        assert c.watch.board is board


async def test_a_reload_that_fails_says_so_and_nothing_of_new_thresholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = installed(tmp_path)
    async with centre(tmp_path, *BOTH, loaded=loaded) as c:
        edited(tmp_path / "detectors.toml", "fast_large_s", "3600.0")
        asked = asyncio.Event()
        signals = asyncio.create_task(c.exchange.run(asked))
        with monkeypatch.context() as patch:

            def broken(*_args: object, **_named: object) -> None:
                raise IndexError("index 3 is out of bounds")

            patch.setattr("guardian.exchange.build", broken)
            with pytest.raises(desk.Refused, match="nothing has changed: index 3 is out of bounds"):
                await c.exchange.reload()
            asked.set()
            while asked.is_set() or c.exchange.turn.locked():  # noqa: ASYNC110  (there is nothing to wait for)
                await asyncio.sleep(0)
            assert not signals.done(), "who asks by a signal is not ended by it"
        with monkeypatch.context() as patch:
            patch.setattr(Lookout, "follow", broken)
            with pytest.raises(desk.Refused) as refused:
                await c.beats_until(asyncio.create_task(c.exchange.reload()))
            assert [p.partition(",")[0] for p in refused.value.problems] == ["what watches stays as it was"]
        (line,) = (await c.beats_until(asyncio.create_task(c.exchange.reload())))["changes"]
        assert line.startswith("~ fall.fast_large_s")
        signals.cancel()


async def test_whoever_does_not_wait_any_more_changes_nothing(tmp_path: Path) -> None:
    loaded = installed(tmp_path)
    async with centre(tmp_path, *BOTH, loaded=loaded) as c:
        edited(tmp_path / "detectors.toml", "fast_large_s", "3600.0")
        board = c.watch.board
        asked = asyncio.create_task(c.exchange.reload())
        while c.watch._next is None:  # noqa: ASYNC110  (there is nothing to wait for but the build)
            await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await c.plays(0, 1)
        assert c.watch.board is board
        assert await c.beats_until(asyncio.create_task(c.exchange.reload()))
        assert c.watch.board is not board
        asked = asyncio.create_task(c.exchange.reload())
        assert (await c.beats_until(asked))["changes"] == []


async def test_whoever_leaves_while_it_happens_has_changed_it(tmp_path: Path) -> None:
    """What holds and what is said to hold are the same."""
    loaded = installed(tmp_path)
    async with centre(tmp_path, *BOTH, loaded=loaded) as c:
        edited(tmp_path / "detectors.toml", "fast_large_s", "3600.0")
        board = c.watch.board
        asked = asyncio.create_task(c.exchange.reload())
        while c.watch._next is None:  # noqa: ASYNC110  (there is nothing to wait for but the build)
            await asyncio.sleep(0)
        c.watch._exchange()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert c.watch.board is not board
        again = await c.beats_until(asyncio.create_task(c.exchange.reload()))
        assert again["changes"] == []


async def test_thresholds_are_read_again_and_mistakes_change_nothing(tmp_path: Path) -> None:
    shipped = (CONFIG / "detectors.toml").read_text("utf-8")
    loaded = installed(tmp_path)
    fast = loaded.detectors.fall.fast_large_s
    async with centre(tmp_path, *BOTH, loaded=loaded) as c:
        await c.plays(0, 36)
        assert [s[1] for s in told(c.said)] == [Kind.FALL_SUSPECTED]
        for wrong in (shipped.replace("fast_large_s", "fast_lorge_s"), "["):
            (tmp_path / "detectors.toml").write_text(wrong, "utf-8")
            with pytest.raises(desk.Refused) as refused:
                await c.exchange.reload()
            assert all("detectors.toml" in line for line in refused.value.problems)
            assert c.watch._next is None
        line = next(x for x in shipped.splitlines() if x.startswith("fast_large_s"))
        patient = shipped.replace(line, "fast_large_s = 3600.0")
        (tmp_path / "detectors.toml").write_text(patient, "utf-8")
        answer = await c.beats_until(asyncio.create_task(c.exchange.reload()))
        assert answer["changes"] == [f"~ fall.fast_large_s: {fast} → 3600.0"]
        assert (await c.beats_until(asyncio.create_task(c.exchange.reload())))["changes"] == []
        await c.plays(36, 60)
        assert Kind.FALL_CONFIRMED not in {s.kind for s in c.said}, "the new dwell holds for who lies there"
