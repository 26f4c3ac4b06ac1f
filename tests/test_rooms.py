"""Flats: real sizes, doors that agree, a way to everything, and floor to fall on below the camera."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import floor
from simulator.rooms import (
    FLAT,
    beside,
    clearance,
    flat,
    free_spot,
    free_strip,
    obstacles,
    offsets,
    one_room,
    way,
)
from simulator.world import NOWHERE, Plan, Room, Zone

SEEDS = range(60)
SEED = st.integers(0, 2**31)


def boxes_overlap(a: Zone, b: Zone) -> bool:
    slack = 1e-6
    return (
        a.x0_m < b.x1_m - slack
        and b.x0_m < a.x1_m - slack
        and a.y0_m < b.y1_m - slack
        and b.y0_m < a.y1_m - slack
    )


def keep_apart(room: Room) -> None:
    for k, a in enumerate(room.zones):
        for b in room.zones[k + 1 :]:
            if "door" in {a.kind, b.kind} or a.kind == b.kind == "window":
                continue
            assert not boxes_overlap(a, b), (room.name, a, b)


def walked(room: Room, start: floor.Point, end: floor.Point) -> np.ndarray:
    corners = np.array([start, *way(room, start, end)])
    pieces = [np.linspace(a, b, 60) for a, b in pairwise(corners)]
    return np.concatenate(pieces)


@settings(max_examples=25, deadline=None)
@given(SEED)
def test_same_seed_same_flat_and_all_of_it_is_possible(seed: int) -> None:
    plan = flat(seed)
    assert plan == flat(seed)
    assert tuple(r.kind for r in plan.rooms) == FLAT
    for room in plan.rooms:
        keep_apart(room)
        assert re.fullmatch("[a-z0-9-]{1,32}", room.name)
        for zone in room.zones:
            assert abs(zone.x0_m) <= room.width_m / 2 + 1e-9
            assert abs(zone.x1_m) <= room.width_m / 2 + 1e-9
            assert abs(zone.y0_m) <= room.depth_m / 2 + 1e-9
            assert abs(zone.y1_m) <= room.depth_m / 2 + 1e-9
            assert zone.x0_m < zone.x1_m
            assert zone.y0_m < zone.y1_m


def test_flats_are_as_large_as_those_of_older_people() -> None:
    areas = np.array([[r.width_m * r.depth_m for r in flat(s).rooms] for s in SEEDS])
    whole = areas.sum(1)
    assert whole.min() >= 34  # 37-39 m² is the standard for one person, walls included
    assert whole.max() <= 60
    assert 42 <= whole.mean() <= 52  # 46 m² on average (RIBA)
    bedrooms = areas[:, FLAT.index("bedroom")]
    assert bedrooms.min() >= 7.5  # the standard's least


def test_rooms_have_what_is_used_in_them() -> None:
    wanted = {
        "living": {"sofa", "chair", "table", "window", "radiator", "door"},
        "bedroom": {"bed", "window", "radiator", "door"},
        "bathroom": {"bath", "chair", "door"},
        "kitchen": {"stove", "table", "chair", "window", "door"},
        "hall": {"door"},
    }
    for seed in SEEDS:
        for room in flat(seed).rooms:
            assert wanted[room.kind] <= {z.kind for z in room.zones}, (seed, room.name)
            assert len({z.name for z in room.zones}) == len(room.zones)


def test_doors_agree_on_both_sides_and_rooms_do_not_lie_in_each_other() -> None:
    for seed in SEEDS:
        plan = flat(seed)
        assert [d.to for r in plan.rooms for d in r.doors].count(NOWHERE) == 1
        assert NOWHERE in {d.to for d in plan.rooms[plan.index("hall")].doors}
        at = offsets(plan)
        for here, room in enumerate(plan.rooms):
            for door in room.doors:
                on_wall = max(abs(door.x_m) - room.width_m / 2, abs(door.y_m) - room.depth_m / 2)
                assert abs(on_wall) < 1e-9
                if door.to == NOWHERE:
                    continue
                back = [d for d in plan.rooms[door.to].doors if d.to == here]
                assert len(back) == 1
                there = at[door.to] + [back[0].x_m, back[0].y_m]
                assert np.allclose(at[here] + [door.x_m, door.y_m], there)
        for a in range(len(plan.rooms)):
            for b in range(a):
                gap = np.abs(at[a] - at[b]) - [
                    (plan.rooms[a].width_m + plan.rooms[b].width_m) / 2,
                    (plan.rooms[a].depth_m + plan.rooms[b].depth_m) / 2,
                ]
                assert gap.max() > -1e-6, (seed, a, b)


@pytest.mark.parametrize("plans", ["flat", "one_room"])
def test_one_can_walk_from_every_door_to_everything_without_stepping_on_furniture(plans: str) -> None:
    for seed in range(25):
        plan = flat(seed) if plans == "flat" else one_room(seed)
        for room in plan.rooms:
            for door in room.doors:
                for zone in room.zones:
                    if zone.kind in {"door", "window"}:
                        continue
                    spot = beside(room, zone)
                    reach = max(
                        zone.x0_m - spot[0], spot[0] - zone.x1_m, zone.y0_m - spot[1], spot[1] - zone.y1_m
                    )
                    assert reach < 0.75, (seed, room.name, zone.name)
                    path = walked(room, (door.x_m, door.y_m), spot)
                    furniture = replace(room, width_m=99.0, depth_m=99.0)  # walls: doors are in them
                    free = clearance(furniture, path[:, 0], path[:, 1])
                    assert free.min() > 0.1, (seed, room.name, zone.name)


def test_somebody_can_fall_below_the_narrowest_camera_in_every_room() -> None:
    rng = np.random.default_rng(7)
    for seed in range(25):
        for room in (*flat(seed).rooms, *one_room(seed).rooms):
            x, y, heading = free_strip(rng, room, within_m=1.0)
            along = np.linspace(-0.6, 0.6, 9)
            assert clearance(room, x + along * np.cos(heading), y + along * np.sin(heading)).min() >= 0.2
            assert max(abs(x), abs(y)) <= 1.0


@settings(max_examples=25, deadline=None)
@given(SEED, st.floats(0.05, 0.5))
def test_free_spots_are_as_free_as_asked_and_vary(seed: int, clear_m: float) -> None:
    room = one_room(seed % 50).rooms[0]
    rng = np.random.default_rng(seed)
    spots = np.array([free_spot(rng, room, clear_m) for _ in range(20)])
    assert clearance(room, spots[:, 0], spots[:, 1]).min() >= clear_m - 1e-9
    for x0, y0, x1, y1 in obstacles(room):
        hits = (spots[:, 0] > x0) & (spots[:, 0] < x1) & (spots[:, 1] > y0) & (spots[:, 1] < y1)
        assert not hits.any()
    assert len(np.unique(spots, axis=0)) > 3


def test_a_studio_has_all_that_falls_need_and_other_kinds_their_own() -> None:
    for seed in range(20):
        room = one_room(seed).rooms[0]
        assert {"bed", "sofa", "chair", "window", "radiator"} <= {z.kind for z in room.zones}
        assert [d.to for d in room.doors] == [NOWHERE]
        for kind in FLAT:
            assert one_room(seed, kind).rooms[0].kind == kind


def test_what_cannot_be_is_refused_by_name() -> None:
    room = one_room(3).rooms[0]
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"no floor 3\.0 m from everything .* in living"):
        free_spot(rng, room, 3.0)
    with pytest.raises(ValueError, match=r"no free strip of 9\.0 x 0\.5 m"):
        free_strip(rng, room, 9.0)
    with pytest.raises(ValueError, match="rooms without a way"):
        offsets(Plan((room, one_room(4).rooms[0])))
