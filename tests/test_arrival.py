"""Doors and bodies say that somebody is there: believed for a while, never enough to close anything."""

from collections.abc import Sequence

import numpy as np

from alerting import arrival
from alerting.arrival import Awaited
from alerting.concern import Kind
from alerting.incident import Incident, State
from alerting.ledger import moves
from detectors.fall import Posture
from detectors.layout import Events
from guardian.doorstep import BOTH, DOOR, Doorstep
from tests.alerting_people import concern, duty, responder
from tests.courier_world import NOW, POLICY, Centre, centre
from tests.test_position import KIT, PARAMS, WATCHED, Home, T

HOLD_MS = int(POLICY.sensed_hold_s * 1000)


class Flat(Home):
    """A home, and who comes in: seconds since T as in `Home`."""

    def __init__(self, eyes: Sequence[str] = WATCHED) -> None:
        super().__init__(eyes=eyes, kit=KIT)
        self.doorstep = Doorstep(["h"], self.layout, PARAMS, self.state)

    def door(self, s: float, *, life: bool = True, value: float = 1) -> "Flat":
        self.hears(s, ("front", value), life=life)
        row = np.array([self.sensors.index("front")], np.intp)
        at = np.array([T + int(s * 1000)])
        self.doorstep.hear(Events(row, np.array([value]), at, np.array([life], np.bool_)))
        return self

    def arrived(
        self,
        since_s: float,
        until_s: float,
        *who: tuple[str, Posture, float],
        accepted_s: float = 0,
        door_s: float | None = 60,
    ) -> str | None:
        """Look once a second while the cameras see these; give what was seen of an arrival, and stop then."""
        alone_ms = None if door_s is None else T + int(door_s * 1000)
        waited = [Awaited(7, "h", "a", T + int(accepted_s * 1000), alone_ms)]
        for s in np.arange(since_s, until_s).tolist():
            self.sees(s, *who)
            found = self.doorstep.look(waited, POLICY, T + int(s * 1000))
            if found:
                return found[7]
        return None


LIES = ("living", Posture.LYING, 0.0)
COMES = ("living", Posture.UPRIGHT, 1.0)
ELSEWHERE = ("bedroom", Posture.UPRIGHT, 1.0)


def test_the_door_and_a_second_body_are_an_arrival_whenever_it_is() -> None:
    flat = Flat()
    assert flat.arrived(0, 20, LIES) is None
    flat.door(20)
    assert flat.arrived(21, 30, LIES) is None, "too soon for the door alone"
    assert flat.arrived(30, 40, LIES, COMES) == BOTH


def test_the_resident_who_lies_has_not_opened_the_door_so_late_enough_it_is_enough() -> None:
    flat = Flat()
    assert flat.arrived(0, 90, LIES) is None
    flat.door(90)
    assert flat.arrived(91, 92, LIES) == DOOR


def test_who_walks_may_have_opened_it_and_so_may_who_is_not_seen() -> None:
    for seen in ((COMES,), ()):
        flat = Flat()
        assert flat.arrived(0, 90, *seen) is None
        flat.door(90)
        assert flat.arrived(91, 300, *seen) is None


def test_where_nobody_was_confirmed_to_lie_the_door_alone_is_nothing() -> None:
    flat = Flat().door(90)
    assert flat.arrived(91, 200, LIES, door_s=None) is None


def test_neither_a_door_before_the_word_nor_a_closing_nor_a_repeat_is_an_arrival() -> None:
    for said in ({"value": 1.0, "life": True}, {"value": 0.0, "life": True}, {"value": 1.0, "life": False}):
        flat = Flat().door(90, life=bool(said["life"]), value=said["value"])
        accepted_s = 95 if said["value"] and said["life"] else 0
        assert flat.arrived(96, 140, LIES, COMES, accepted_s=accepted_s) is None


def test_a_visitor_who_was_there_before_proves_nothing() -> None:
    flat = Flat()
    assert flat.arrived(0, 20, LIES, ELSEWHERE) is None
    flat.door(20)
    assert flat.arrived(21, 55, LIES, ELSEWHERE) is None


def test_a_second_body_long_after_the_door_is_somebody_elses() -> None:
    flat = Flat().door(20)
    assert flat.arrived(21, 150, COMES) is None
    assert flat.arrived(150, 170, COMES, LIES) is None


def test_a_patch_that_splits_in_two_for_a_moment_is_nobody() -> None:
    flat = Flat().door(20)
    for s in range(21, 60, 3):
        assert flat.arrived(s, s + 1, LIES, COMES) is None
        assert flat.arrived(s + 1, s + 3, LIES) is None


def test_what_was_seen_while_nobody_was_waited_for_is_no_matter() -> None:
    flat = Flat()
    assert flat.arrived(0, 20, LIES, COMES) is None
    assert flat.doorstep.look([], POLICY, T + 21_000) == {}
    flat.sees(30, LIES)
    flat.door(100)
    assert flat.arrived(101, 110, LIES, COMES, accepted_s=40, door_s=None) == BOTH


def test_homes_that_the_board_does_not_know_and_none_at_all_are_no_trouble() -> None:
    flat = Flat()
    assert flat.doorstep.look([Awaited(1, "gone", "a", 0, None)], POLICY, T) == {}
    assert flat.doorstep.look([], POLICY, T) == {}


# --- what follows ----------------------------------------------------------------------------------------

AB = duty(responder("a", odds=0.96), responder("b", odds=0.96), travel_s={"a": 100, "b": 150})


async def waiting(c: Centre) -> list[Awaited]:
    return await c.ledger.transact(lambda tx: arrival.awaited(tx, AB, POLICY, c.clock.ms))


async def seen(c: Centre, one: Incident, at_ms: int) -> list[Incident]:
    c.clock.ms = at_ms
    touched = await c.ledger.transact(lambda tx: arrival.take(tx, {one.id: BOTH}, POLICY, at_ms))
    await c.step()
    return touched


async def says(c: Centre, who: str, body: str, at_ms: int) -> None:
    c.clock.ms = at_ms
    c.provider.says(c.phone(who), body)
    await c.courier.poll()
    await c.step()


def told(c: Centre, who: str) -> list[str]:
    return [t.body for t in c.provider.taken if t.phone == c.phone(who)]


async def held(c: Centre, kind: Kind = Kind.FALL_CONFIRMED, word: str = "1 6") -> Incident:
    fall = await c.notice(concern(kind))
    await c.step()
    await says(c, "a", word, NOW + 5_000)
    return fall


async def test_a_door_counts_from_a_third_of_the_way_on_and_only_after_a_fall() -> None:
    async with centre(AB) as c:
        assert await waiting(c) == []
        fall = await held(c)
        (one,) = await waiting(c)
        assert (one.incident, one.home, one.responder, one.since_ms) == (fall.id, "h01", "a", NOW + 5_000)
        assert one.door_alone_ms == NOW + 5_000 + int(0.33 * 360_000)
    async with centre(AB) as c:
        await held(c, word="1")
        (one,) = await waiting(c)
        assert one.door_alone_ms == NOW + 5_000 + int(0.33 * 160_000), "turnout 60 s and travel 100 s"
    async with centre(AB) as c:
        await held(c, Kind.INACTIVITY)
        (one,) = await waiting(c)
        assert one.door_alone_ms is None
    async with centre(AB) as c:
        await held(c, Kind.DRILL)
        assert [i.state for i in await seen(c, (await c.now(await held(c, Kind.DRILL))), NOW + 99_000)] == []


async def test_the_acceptor_is_asked_once_and_a_2_makes_it_true() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        assert [i.state for i in await seen(c, fall, NOW + 100_000)] == [State.ON_SCENE]
        assert await seen(c, fall, NOW + 101_000) == []
        assert [b for b in told(c, "a") if "the door has opened" in b] == told(c, "a")[-1:]
        assert await waiting(c) == []
        written = await c.ledger.transact(lambda tx: moves(tx, fall.id))
        assert (written[-1].event, written[-1].by, written[-1].detail) == (
            "arrived-by-sensor",
            "sensor",
            {"seen": BOTH},
        )
        await says(c, "a", "2", NOW + 150_000)
        there = await c.now(fall)
        assert (there.is_there, there.on_scene_ms) == (True, NOW + 100_000)
        await c.step(NOW + 150_000 + HOLD_MS)
        assert (await c.now(fall)).state is State.ON_SCENE


async def test_without_a_word_it_lapses_and_others_are_asked() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await seen(c, fall, NOW + 100_000)
        await c.step(NOW + 100_000 + HOLD_MS - 1)
        assert (await c.now(fall)).state is State.ON_SCENE
        await c.step(NOW + 100_000 + HOLD_MS)
        again = await c.now(fall)
        assert (again.acceptor, again.on_scene_ms) == (None, None)
        assert again.state in {State.REOPENED, State.NOTIFIED}
        assert "b" in c.paged()


async def test_nobody_is_called_off_and_nobodys_last_moment_passes_on_the_word_of_a_sensor() -> None:
    three = duty(*(responder(n, odds=0.96) for n in "abc"), travel_s={"a": 100, "b": 150, "c": 200})
    async with centre(three) as c:
        fall = await c.notice(concern())
        await c.step()
        await c.step(NOW + 61_000)
        assert sorted(c.paged()) == ["a", "b"]
        await says(c, "a", "1 4", NOW + 65_000)
        await seen(c, fall, NOW + 100_000)
        assert len(told(c, "b")) == 1, "no stand-down"
        await c.step(NOW + 199_000)
        assert told(c, "c") == []
        await c.step(NOW + 201_000)
        assert len(told(c, "c")) == 1, "asked at the last moment, as ever"
        await says(c, "c", "1", NOW + 210_000)
        assert (await c.now(fall)).helper == "c"
        await says(c, "a", "2", NOW + 270_000)
        assert ["no need to go" in told(c, who)[-1] for who in "bc"] == [True, True]


async def test_whoever_cannot_after_all_or_is_still_on_the_way_is_believed_and_not_the_door() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await seen(c, fall, NOW + 100_000)
        await says(c, "a", "1 5", NOW + 110_000)
        going = await c.now(fall)
        assert (going.state, going.on_scene_ms) == (State.EN_ROUTE, None)
        assert "on your way" in told(c, "a")[-1]
        assert await waiting(c) == []
        await says(c, "a", "3", NOW + 120_000)
        assert (await c.now(fall)).acceptor is None


async def test_help_pages_on_and_a_6_is_a_humans_word() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await seen(c, fall, NOW + 100_000)
        await says(c, "a", "5", NOW + 110_000)
        assert "b" in c.paged()
        assert (await c.now(fall)).is_there
        await says(c, "a", "6", NOW + 200_000)
        assert (await c.now(fall)).outcome == "safe"
    async with centre(AB) as c:
        fall = await held(c)
        await seen(c, fall, NOW + 100_000)
        await says(c, "b", "6", NOW + 110_000)
        assert (await c.now(fall)).state is State.ON_SCENE, "not by somebody who is not there"
        await says(c, "a", "6", NOW + 120_000)
        assert (await c.now(fall)).outcome == "safe"
