"""A simulated home as its devices tell of it: frames, idle stretches, truth, readings on their way."""

from dataclasses import replace

import numpy as np
import pytest

from guardian.trace import TraceEvent
from simulator import feed
from simulator.bodies import resident
from simulator.cameras import PRESETS
from simulator.faults import Duplicates
from simulator.home import AFTER_S, IDLE_S, LEAD_S, Eye, Home, View
from simulator.people import Script
from simulator.rooms import one_room
from simulator.world import Actor, Air, Events, EventSensor, Motion, Truth

START_MS = 1_700_000_000_000
PLAN = one_room(3)


def visit(come_s: float, go_s: float) -> Motion:
    play = Script(np.random.default_rng(1), PLAN, start_s=come_s)
    play.come_home()
    play.potter(0, go_s - play.t)
    play.leave_home()
    return play.motion()


def home(*, come_s: float = 60.0, go_s: float = 90.0, array: str = "amg8833") -> Home:
    who = Actor("resident", resident(1), visit(come_s, go_s))
    eye = Eye("eye", 0, PRESETS[array](1, "ceiling", room=PLAN.rooms[0]))
    return Home("h", PLAN, START_MS, 300.0, Air.still(1), (who,), (eye,))


def test_an_empty_room_is_drawn_every_five_seconds_and_a_visit_at_the_full_rate() -> None:
    here = home()
    view = View(here, here.eyes[0])
    t_s, centi = view.block(0.0, 300.0)
    rate = here.eyes[0].camera.rate_hz
    gone_s = float(here.actors[0].motion.t_s[-1])
    empty = (t_s > AFTER_S + 1) & (t_s < 60.0 - LEAD_S)
    assert np.allclose(np.diff(t_s[empty]), IDLE_S)
    there = (t_s > 61.0) & (t_s < gone_s + AFTER_S)
    assert np.allclose(np.diff(t_s[there]), 1 / rate)
    after = t_s > gone_s + AFTER_S + 2 * IDLE_S
    assert np.allclose(np.diff(t_s[after]), IDLE_S)
    assert view.frames == pytest.approx(300.0 * rate, abs=2)
    assert view.drawn == len(centi) < view.frames / 2


def test_in_full_an_empty_room_is_drawn_like_any_other() -> None:
    here = replace(home(), thinned=False)
    view = View(here, here.eyes[0])
    t_s, _ = view.block(0.0, 300.0)
    assert view.drawn == view.frames == len(t_s)
    assert np.allclose(np.diff(t_s), 1 / here.eyes[0].camera.rate_hz)


def test_blocks_are_pieces_of_one_recording() -> None:
    here = home()
    whole = View(here, here.eyes[0]).block(0.0, 300.0)
    pieces = View(here, here.eyes[0])
    cut = [pieces.block(a, b) for a, b in ((0.0, 7.3), (7.3, 61.0), (61.0, 61.05), (61.05, 300.0))]
    assert np.array_equal(np.concatenate([t for t, _ in cut]), whole[0])
    assert np.array_equal(np.concatenate([c for _, c in cut]), whole[1])


def test_what_is_true_of_the_home_is_said_once() -> None:
    rows = (
        Truth(10.0, 50.0, "cold"),
        Truth(40.0, 80.0, "cold"),  # another room
        Truth(200.0, 210.0, "cold"),
        Truth(40.0, 45.0, "fall:trip"),
    )
    told = replace(home(), truth=rows, actors=()).truth_rows()
    spans = [((r.start_ms - START_MS) / 1000, (r.end_ms - START_MS) / 1000, r.label) for r in told]
    assert spans == [(10.0, 80.0, "cold"), (40.0, 45.0, "fall:trip"), (200.0, 210.0, "cold")]


def test_where_somebody_is_follows_the_motion() -> None:
    here = home()
    told = list(here.positions())
    assert {p.room for p in told} == {"", PLAN.rooms[0].name}
    assert all(np.isnan(p.x_m) == (p.room == "") for p in told)
    inside = [p for p in told if p.room]
    assert inside[0].t_ms >= START_MS + 60_000
    assert max(abs(p.x_m) for p in inside) <= PLAN.rooms[0].width_m / 2


def heard(*faults: Duplicates) -> Home:
    sensors = (EventSensor("pir", "pir", PLAN.rooms[0].name),)
    times = np.arange(5.0, 295.0, 10.0)
    events = Events(times, np.zeros(len(times), np.int32), np.ones(len(times)), sensors)
    return replace(home(), events=events, faults=faults)


def test_a_feed_brings_every_reading_once_and_in_order() -> None:
    told = heard()
    blocks = list(feed.of_homes([told]).blocks())
    messages = [m for b in blocks for m in b.messages]
    assert [m[0] for m in messages] == sorted(m[0] for m in messages)
    assert all(m[0] < b.until_ms for b in blocks for m in b.messages)
    assert sum(not is_frame for *_, is_frame in messages) == len(told.trace_events())
    assert sum(is_frame for *_, is_frame in messages) == len(View(told, told.eyes[0]).block(0.0, 300.0)[0])


def test_what_is_late_comes_in_a_later_block_and_copies_come_too() -> None:
    told = heard(Duplicates(0.0, 300.0, share=1.0, most=1, within_s=70.0))
    blocks = list(feed.of_homes([told]).blocks())
    spoken = [(b.until_ms, m) for b in blocks for m in b.messages if "/pir/" in m[1]]
    assert len(spoken) > len(told.trace_events())
    step_ms = 1000 * feed.block_s([e.camera for e in told.eyes])
    assert all(until_ms - step_ms <= m[0] < until_ms for until_ms, m in spoken)


def test_frames_do_not_depend_on_the_block_they_are_drawn_in() -> None:
    told = heard()
    whole = View(told, told.eyes[0]).block(0.0, 300.0)[1]
    view = View(told, told.eyes[0])
    parts = [view.block(t, t + 20.0)[1] for t in np.arange(0.0, 300.0, 20.0)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_finer_arrays_come_in_shorter_blocks() -> None:
    coarse, fine = (PRESETS[name](0, "ceiling") for name in ("amg8833", "lepton"))
    assert feed.block_s([coarse] * 48) == feed.BLOCK_S[1]
    assert feed.BLOCK_S[0] <= feed.block_s([fine] * 160) < feed.BLOCK_S[1]
    assert feed.block_s([]) == feed.BLOCK_S[1]


def test_homes_that_do_not_begin_together_share_no_clock() -> None:
    with pytest.raises(ValueError, match="start together"):
        feed.of_homes([home(), replace(home(), start_ms=0)])


def test_events_of_a_home_are_those_of_its_trace() -> None:
    assert heard().trace_events()[:2] == [
        TraceEvent(START_MS + 5_000, "pir", 1.0),
        TraceEvent(START_MS + 15_000, "pir", 1.0),
    ]


def test_what_begins_after_the_end_is_not_asked_for() -> None:
    rows = (Truth(10.0, 400.0, "cold"), Truth(310.0, 320.0, "sos"))
    told = replace(home(), truth=rows, actors=()).truth_rows()
    assert [r.label for r in told] == ["cold"]
