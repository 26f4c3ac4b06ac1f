"""What the position filter is set to, and what it remembers of homes, rooms, sensors and cameras."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.belief import Spans
from detectors.keep import PerCamera, PerHome, PerRoom, PerSensor
from detectors.layout import NOWHERE, Layout, RoomKind, SensorKind

NEVER: Final = -1
"""A time that has not come yet."""
UNSEEN: Final = 5
"""Code of fall.Posture for a camera that does not see yet."""


@dataclass(frozen=True, slots=True)
class PositionParams:
    """Parameters of the filter; values and reasons in config/detectors.toml. Tables by RoomKind stand in its
    order: other, bedroom, bathroom, kitchen, living, hall.
    """

    stay_s: tuple[float, float, float, float, float, float]
    draw: tuple[float, float, float, float, float, float]
    hush_per_min: tuple[float, float, float, float, float, float]
    held_share: float
    shut_share: float
    least: float
    walk_share: float
    anchor_power: float
    pir_near: float
    pir_far: float
    hands_odds: float
    empty_odds: float
    way_out_odds: float
    plug_odds: float
    seen_odds: float
    seen_per_s: float
    still_per_s: float
    rival_per_s: float
    gone_odds: float
    gone_per_s: float
    steady_s: float
    warm_s: float
    arrive_s: float
    gap_s: float
    pet_s: float
    most_s: float
    fresh_s: float
    look_s: float
    leave_prior: float
    leave_uses: float
    use_s: float
    door_s: float
    door_odds: float
    stay_out: float
    went_s: float
    quiet_tau_s: float
    quiet_most: float
    life_odds: float
    missed_per_day: float
    no_door_per_day: float
    pair_s: float
    rest_s: float
    company_tau_s: float
    company_sure: float
    company_most: float
    company_over: float
    together_per_s: float
    walking_m_s: float
    moved_s: float
    asleep_s: float
    sure: float
    out_sure: float
    alone_s: float
    onset_s: float
    apart_s: float


@dataclass(slots=True)
class PositionState:
    """H homes, R rooms, E sensors, C cameras. What is not annotated follows from the layout, or is of now."""

    layout: Layout
    spans: Spans
    hub: NDArray[np.bool_]
    """(R,) a hall: sensors see into and out of it through open doors."""
    has_pir: NDArray[np.bool_]
    """(R,)"""
    has_way_out: NDArray[np.bool_]
    """(H,) an outside door tells of openings."""
    room: PerRoom[np.float64]
    """Chance of each room if the resident is at home; sums to 1 over the rooms of a home."""
    out: PerHome[np.float64]
    """Chance that nobody is at home."""
    at_ms: PerHome[np.int64]
    """Both are those of this moment."""
    noticed_ms: PerRoom[np.int64]
    """Last sign of somebody in this room."""
    inside_ms: PerHome[np.int64]
    """Last sign of somebody inside the home."""
    moved_ms: PerHome[np.int64]
    """Last time that a motion sensor fired,"""
    moved_room: PerHome[np.int64]
    """and the room's place among the rooms of the home."""
    stir_ms: PerHome[np.int64]
    """Last sign of somebody who does not lie still: an event, an upright body."""
    way_out_ms: PerHome[np.int64]
    """Last event of an outside door,"""
    use_ms: PerHome[np.int64]
    """and the first of those that belong together."""
    judged: PerHome[np.bool_]
    """It has been learnt whether somebody left by that use."""
    uses: PerHome[np.float64]
    """Uses of the outside door from within that were judged,"""
    leavings: PerHome[np.float64]
    """and those that somebody left by."""
    company: PerHome[np.float64]
    """Signs of a second person, faded by age,"""
    company_ms: PerHome[np.int64]
    """at this moment."""
    visit_ms: PerHome[np.int64]
    """Since when there seems to be a second person; NEVER: there is none."""
    doubt_ms: PerHome[np.int64]
    """Last sign that somebody else might be in: an outside door, a second person, the first event of all."""
    bed: PerRoom[np.int8]
    """What the room's bed sensor said last: 1, 0, −1 = nothing."""
    chair: PerRoom[np.int8]
    rest_ms: PerRoom[np.int64]
    """Since when somebody lies or sits there."""
    presence: PerRoom[np.int8]
    hand_ms: PerRoom[np.int64]
    """Last deed that no pet does: an appliance's door opened, a bed lain down on,"""
    hand_before_ms: PerRoom[np.int64]
    """and the one at least `apart_s` before it."""
    view: PerRoom[np.int8]
    """What its cameras say together: 2 who walks, 1 somebody alive, −1 nobody, 0 they cannot tell,"""
    view_ms: PerRoom[np.int64]
    """at this moment,"""
    sees: PerRoom[np.bool_]
    """and whether one of them sees a body that is believed to be somebody's."""
    body_ms: PerRoom[np.int64]
    """Last time that a motion sensor fired."""
    value: PerSensor[np.float64]
    """Last value of each sensor; NaN = none."""
    people: PerCamera[np.int8]
    posture: PerCamera[np.int8]
    x_m: PerCamera[np.float32]
    """Where the last body was seen; NaN = never, or unknown optics."""
    y_m: PerCamera[np.float32]
    sureness: PerCamera[np.float32]
    """Of the last posture, 0 to 1."""
    moves: PerCamera[np.bool_]
    """It walked when last seen."""
    looked_ms: PerCamera[np.int64]
    """Last frame in which the camera could see,"""
    seen_ms: PerCamera[np.int64]
    """and in which it saw somebody."""
    since_ms: PerCamera[np.int64]
    """Since when it has seen somebody without a break."""
    arrived_ms: PerCamera[np.int64]
    """The same, but for breaks shorter than `gap_s`."""
    anchor_ms: PerCamera[np.int64]
    """Where a step begins, to tell walking from swaying,"""
    anchor_x_m: PerCamera[np.float32]
    anchor_y_m: PerCamera[np.float32]
    flip_ms: PerCamera[np.int64]
    """Since when it has said the same,"""
    lively_ms: PerCamera[np.int64]
    """and last time that it saw somebody upright or walking."""
    folded_ms: PerCamera[np.int64]
    """Its views up to here have been weighed,"""
    folded: PerCamera[np.int8]
    """as this: 1 somebody, −1 nobody, 0 it cannot tell."""
    sick: PerCamera[np.bool_]
    """A body would hardly stand out."""
    fresh_look: NDArray[np.bool_]
    """(C,) has views that were not weighed yet."""
    night: bool = False


LOOKED: Final = ("sick", "people", "looked_ms", "fresh_look")
"""What position.look writes of every camera,"""
SAW: Final = (
    "posture", "x_m", "y_m", "sureness", "moves", "seen_ms", "since_ms", "arrived_ms", "anchor_ms",
    "anchor_x_m", "anchor_y_m",
)  # fmt: skip
"""and of those that see somebody."""


def fresh(params: PositionParams, layout: Layout) -> PositionState:
    """Nothing is known: the resident is at home, in a room as likely as people are in such rooms."""
    h, r, e, c = layout.homes, layout.rooms, len(layout.sensor_home), len(layout.camera_home)
    spans = Spans.of(layout)
    draw = np.array(params.draw)[layout.room_kind]
    whole = np.bincount(layout.room_home, draw, h)
    has_way_out = np.zeros(h, np.bool_)
    has_way_out[layout.sensor_home[layout.outside]] = True
    has_pir = np.zeros(r, np.bool_)
    has_pir[layout.sensor_room[layout.sensor_kind == SensorKind.PIR]] = True
    never = {"H": h, "R": r, "C": c}

    def times(axis: str) -> NDArray[np.int64]:
        return np.full(never[axis], NEVER, np.int64)

    def unknown(axis: int) -> NDArray[np.float32]:
        return np.full(axis, np.nan, np.float32)

    return PositionState(
        layout=layout,
        spans=spans,
        hub=layout.room_kind == RoomKind.HALL,
        has_pir=has_pir,
        has_way_out=has_way_out,
        room=draw / whole[layout.room_home],
        out=np.full(h, params.leave_prior / 4.0),
        at_ms=times("H"),
        noticed_ms=times("R"),
        inside_ms=times("H"),
        moved_ms=times("H"),
        moved_room=np.full(h, NOWHERE, np.int64),
        stir_ms=times("H"),
        way_out_ms=times("H"),
        use_ms=times("H"),
        judged=np.ones(h, np.bool_),
        uses=np.zeros(h),
        leavings=np.zeros(h),
        company=np.zeros(h),
        company_ms=times("H"),
        visit_ms=times("H"),
        doubt_ms=times("H"),
        bed=np.full(r, -1, np.int8),
        chair=np.full(r, -1, np.int8),
        rest_ms=times("R"),
        presence=np.full(r, -1, np.int8),
        hand_ms=times("R"),
        hand_before_ms=times("R"),
        body_ms=times("R"),
        view=np.zeros(r, np.int8),
        view_ms=times("R"),
        sees=np.zeros(r, np.bool_),
        value=np.full(e, np.nan),
        people=np.zeros(c, np.int8),
        posture=np.full(c, UNSEEN, np.int8),
        x_m=unknown(c),
        y_m=unknown(c),
        sureness=np.zeros(c, np.float32),
        moves=np.zeros(c, np.bool_),
        looked_ms=times("C"),
        seen_ms=times("C"),
        since_ms=times("C"),
        arrived_ms=times("C"),
        anchor_ms=times("C"),
        anchor_x_m=unknown(c),
        anchor_y_m=unknown(c),
        flip_ms=times("C"),
        lively_ms=times("C"),
        folded_ms=times("C"),
        folded=np.zeros(c, np.int8),
        sick=np.zeros(c, np.bool_),
        fresh_look=np.zeros(c, np.bool_),
    )
