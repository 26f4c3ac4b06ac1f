"""Where the resident of each home is, what they do, and who else is there, from all sensors at once.

Takes events and what cameras see; gives, for every home at any moment, room and place with their age and how
sure that is, people, visitors, the chance of being out, the activity. Finds nothing wrong: other detectors
do. A filter over the rooms of each home: in time the resident may have moved on, unnoticed (`belief`); each
sign weighs the rooms by how reliable such sensors are (`signs`, `views`). Unknown is said where no room is
likely.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import belief, signs, views
from detectors.belief import F64
from detectors.fall import Posture
from detectors.layout import NOWHERE, Events, RoomKind, Rows
from detectors.positionstate import NEVER, PositionParams, PositionState, fresh
from detectors.views import LYING_ON_FURNITURE, UPRIGHT

__all__ = [
    "NEVER",
    "Activity",
    "PositionParams",
    "PositionState",
    "Where",
    "alibis",
    "answer",
    "fresh",
    "gone",
    "in_bathroom",
    "look",
    "step",
    "visited",
]

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
LYING: Final = int(Posture.LYING)
UNKNOWN: Final = int(Posture.UNKNOWN)
BEDROOM: Final = int(RoomKind.BEDROOM)
BATHROOM: Final = int(RoomKind.BATHROOM)
"""Codes as plain numbers: looking up an enum costs as much as a step on a small array."""
EVEN: Final = 0.5
STEP_MS: Final = 900
"""A walk is told from swaying by steps at least so long; shorter ones are the noise of the place."""
NIGHT: Final = (21 * 60, 8 * 60)
"""Minutes of the local day: stillness in bed is sleep then (routine of older people, research 6)."""


class Activity(IntEnum):
    """What a resident is doing."""

    UNKNOWN = 0
    ABSENT = 1
    WALKING = 2
    STANDING = 3
    SITTING = 4
    LYING_IN_BED = 5
    LYING_ON_FLOOR = 6
    BATHROOM = 7
    ASLEEP = 8
    OUT = 9


ACTIVITY_OF: Final = np.zeros(len(Posture), np.int8)
"""`Activity` by `Posture`; upright is walking where the steps are long enough."""
ACTIVITY_OF[[Posture.UPRIGHT, Posture.SITTING, Posture.LYING, Posture.LYING_ON_FURNITURE]] = (
    Activity.STANDING,
    Activity.SITTING,
    Activity.LYING_ON_FLOOR,
    Activity.LYING_IN_BED,
)


@dataclass(frozen=True, slots=True)
class Where:
    """The answer for every home; times are ms since 1970, −1 = never."""

    room: Rows
    """(H,) row of the room, −1 = unknown, or out."""
    room_ms: NDArray[np.int64]
    """(H,) when somebody was last noticed there."""
    confidence: F32
    """(H,) chance that the resident is in that room; NaN = unknown."""
    x_m: F32
    """(H,) in the room's coordinates; NaN = unknown. Who is hidden keeps the last place."""
    y_m: F32
    place_ms: NDArray[np.int64]
    """(H,) of the place."""
    out: F32
    """(H,) chance that nobody is at home."""
    people: NDArray[np.int8]
    """(H,) bodies seen now, in each room the most that one camera sees; −1 where none has looked lately."""
    visit_ms: NDArray[np.int64]
    """(H,) since when there seems to be a second person, −1 = there is none."""
    company: F32
    """(H,) how sure that is, 0 to 1."""
    activity: NDArray[np.int8]
    """(H,) `Activity`."""
    degraded: Bools
    """(H,) in a room that is looked at, a body would hardly stand out: a fall could be missed."""

    @classmethod
    def nothing(cls, homes: int) -> "Where":
        """Nothing is known of any home."""
        never, nowhere = np.full(homes, NEVER, np.int64), np.full(homes, np.nan, np.float32)
        zero, code = np.zeros(homes, np.float32), np.zeros(homes, np.int8)
        return cls(
            room=np.full(homes, NOWHERE, np.intp),
            room_ms=never,
            confidence=nowhere,
            x_m=nowhere,
            y_m=nowhere,
            place_ms=never,
            out=zero,
            people=np.full(homes, -1, np.int8),
            visit_ms=never,
            company=zero,
            activity=code,
            degraded=np.zeros(homes, np.bool_),
        )


def look(  # noqa: PLR0917  (one argument an array of the fall detector's)
    params: PositionParams,
    state: PositionState,
    camera: Rows,
    people: NDArray[np.int8],
    posture: NDArray[np.int8],
    x_m: F32,
    y_m: F32,
    sureness: F32,
    now_ms: int,
    sick: Bools | bool = False,
) -> None:
    """Take what cameras see in one batch, arrays (N,), at most one row a camera; `step` weighs it."""
    s = state
    sick = np.broadcast_to(sick, people.shape)
    s.sick[camera], s.people[camera] = sick, people
    able = posture != UNKNOWN
    s.looked_ms[camera[able]] = now_ms
    s.fresh_look[camera] = True
    seen = able & (people > 0)
    cam, x, y = camera[seen], x_m[seen], y_m[seen]
    anew = (s.seen_ms[cam] == NEVER) | (now_ms - s.seen_ms[cam] > 2000)
    s.since_ms[cam[anew]] = now_ms
    s.arrived_ms[cam[(s.seen_ms[cam] == NEVER) | (now_ms - s.seen_ms[cam] > params.gap_s * 1000)]] = now_ms
    wait_ms = now_ms - s.anchor_ms[cam]
    step_m = np.hypot(x - s.anchor_x_m[cam], y - s.anchor_y_m[cam])
    measured = ~anew & (wait_ms >= STEP_MS)
    s.moves[cam[measured]] = (step_m / np.maximum(wait_ms, 1) * 1000.0 >= params.walking_m_s)[measured]
    s.moves[cam[anew]] = False
    mark = anew | measured
    s.anchor_ms[cam[mark]], s.anchor_x_m[cam[mark]], s.anchor_y_m[cam[mark]] = now_ms, x[mark], y[mark]
    s.posture[cam], s.sureness[cam], s.seen_ms[cam] = posture[seen], sureness[seen], now_ms
    s.x_m[cam], s.y_m[cam] = x, y


def step(params: PositionParams, state: PositionState, heard: Events, now_ms: int, minute: int) -> None:
    """Weigh what was heard up to `now_ms` and what cameras see; `minute` of the local day."""
    state.night = minute >= NIGHT[0] or minute < NIGHT[1]
    if len(heard.sensor):
        signs.hear(params, state, heard)
    views.see(params, state, now_ms)


def answer(params: PositionParams, state: PositionState, now_ms: int) -> Where:
    """Give what is believed of every home at `now_ms`; changes nothing."""
    s, homes = state, state.layout.homes
    then = signs.ahead(params, s, s.spans.every, np.arange(homes), np.full(homes, now_ms, np.int64))
    out, shut, looks = then.out, then.shut, _looks(params, s, now_ms)
    room = belief.weighed(s.spans.every, then.room, np.where(shut, params.shut_share, 1.0), 0.0)
    which, most = s.spans.every.most(room)
    known = (which >= 0) & (most >= params.sure) & (out < params.out_sure)
    known[known] &= (s.inside_ms[known] != NEVER) | (s.noticed_ms[which[known]] != NEVER)
    known[known] = ~shut[which[known]]
    best = np.where(known, which, NOWHERE)  # rooms of all homes: M = R
    noticed = np.full(homes, NEVER, np.int64)
    noticed[known] = s.noticed_ms[best[known]]
    x_m, y_m, place_ms = _places(params, s, best)
    company = signs.company(params, s, np.arange(homes), now_ms)
    visit_ms = np.where(company < params.company_over, NEVER, s.visit_ms)
    return Where(
        room=best,
        room_ms=noticed,
        confidence=np.where(known, most * (1.0 - out), np.nan).astype(np.float32),
        x_m=x_m,
        y_m=y_m,
        place_ms=place_ms,
        out=out.astype(np.float32),
        people=_people(s, looks),
        visit_ms=visit_ms,
        company=(1.0 - np.exp2(-company / params.company_sure)).astype(np.float32),
        activity=_activity(params, s, looks, best, out, now_ms),
        degraded=_degraded(s, looks),
    )


def _places(params: PositionParams, s: PositionState, best: Rows) -> tuple[F32, F32, NDArray[np.int64]]:
    """The last place that a camera of the believed room gave; the latest of several, then the surest."""
    n = s.layout.homes
    x_m, y_m = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
    place_ms = np.full(n, NEVER, np.int64)
    cam = np.flatnonzero((best[s.layout.camera_home] == s.layout.camera_room) & (s.seen_ms != NEVER))
    recent = s.seen_ms[cam] // int(params.look_s * 1000)
    order = np.lexsort((s.sureness[cam], recent))
    for field, of in ((x_m, s.x_m), (y_m, s.y_m), (place_ms, s.seen_ms)):
        field[s.layout.camera_home[cam[order]]] = of[cam[order]]  # the last one written is the best
    return x_m, y_m, place_ms


def _people(s: PositionState, looks: Bools) -> NDArray[np.int8]:
    cam = np.flatnonzero(looks)
    in_room = np.zeros(s.layout.rooms, np.int8)
    np.maximum.at(in_room, s.layout.camera_room[cam], s.people[cam])  # of one room: the same people
    people = np.bincount(s.layout.room_home, in_room, s.layout.homes).astype(np.int8)
    looking = np.zeros(s.layout.homes, np.bool_)
    looking[s.layout.camera_home[cam]] = True
    return np.where(looking, people, np.int8(-1))


def _degraded(s: PositionState, looks: Bools) -> Bools:
    degraded = np.zeros(s.layout.homes, np.bool_)
    degraded[s.layout.camera_home[s.sick & looks]] = True
    return degraded


def _looks(params: PositionParams, s: PositionState, now_ms: int) -> Bools:
    """(C,) cameras that look."""
    return np.asarray((s.looked_ms != NEVER) & (now_ms - s.looked_ms <= params.fresh_s * 1000))


def _activity(  # noqa: PLR0917  (what `answer` has found out)
    params: PositionParams, s: PositionState, looks: Bools, best: Rows, out: F64, now_ms: int
) -> NDArray[np.int8]:
    """The first that holds: seen lying where they are, or nobody knows where, and no bed says otherwise; out;
    in the bathroom; in bed, asleep after `asleep_s` without a stir; seen (its posture); in a chair; moved
    within `moved_s`: walking; every camera looks, sees nobody and no room is likely: absent; unknown.
    """
    lay, n = s.layout, s.layout.homes
    known = best >= 0
    there = np.maximum(best, 0)

    def of_room(value: NDArray[np.bool_]) -> Bools:
        return np.asarray(known & value[there]) if lay.rooms else np.zeros(n, np.bool_)

    sees = looks & (s.people > 0)
    mine = best[lay.camera_home] == lay.camera_room
    lying = sees & (mine | ~known[lay.camera_home])
    lying &= (s.posture == LYING) & (s.bed[lay.camera_room] != 1)
    cam = np.flatnonzero(sees & mine)
    cam = cam[np.argsort(s.sureness[cam], kind="stable")]
    seen = np.zeros(n, np.int8)
    walks = s.moves[cam] & (s.posture[cam] == UPRIGHT)
    seen[lay.camera_home[cam]] = np.where(walks, np.int8(Activity.WALKING), ACTIVITY_OF[s.posture[cam]])
    lain = np.zeros(lay.rooms, np.bool_)  # by a camera that lost them under the blanket
    lain[lay.camera_room[looks & (s.posture == LYING_ON_FURNITURE)]] = True
    abed = s.bed == 1
    in_bed = of_room(abed | (lain & (lay.room_kind == BEDROOM) & (s.bed == -1)))
    still = (s.stir_ms == NEVER) | (now_ms - s.stir_ms >= params.asleep_s * 1000)
    moved = known & (s.moved_ms != NEVER) & (now_ms - s.moved_ms <= params.moved_s * 1000)
    empty = np.zeros(n, np.bool_)
    empty[lay.camera_home] = True
    empty[lay.camera_home[sees | ~looks]] = False
    picked = np.full(n, Activity.UNKNOWN, np.int8)  # from the last one to the first
    picked[empty & ~known] = Activity.ABSENT
    picked[moved] = Activity.WALKING
    picked[of_room(s.chair == 1)] = Activity.SITTING
    picked = np.where(seen > 0, seen, picked)
    picked[in_bed] = Activity.LYING_IN_BED
    picked[in_bed & still & (of_room(abed) | s.night)] = Activity.ASLEEP
    picked[of_room(lay.room_kind == BATHROOM)] = Activity.BATHROOM
    picked[out >= params.out_sure] = Activity.OUT
    picked[lay.camera_home[lying]] = Activity.LYING_ON_FLOOR
    return picked


@dataclass(frozen=True, slots=True)
class Bodies:
    """What is seen of bodies in some homes, first axis N."""

    people: NDArray[np.int8]
    """(N,) as `Where.people`."""
    lying: Bools
    """(N,) a camera that looks sees somebody lie, not on furniture and in no bed."""
    visit_ms: NDArray[np.int64]
    """(N,) as `Where.visit_ms`."""


def bodies(params: PositionParams, state: PositionState, home: Rows, now_ms: int) -> Bodies:
    """Give what is seen of bodies in these homes (N,) at `now_ms`; changes nothing."""
    s, looks = state, _looks(params, state, now_ms)
    low = np.zeros(s.layout.homes, np.bool_)
    lies = looks & (s.people > 0) & (s.posture == LYING) & (s.bed[s.layout.camera_room] != 1)
    low[s.layout.camera_home[lies]] = True
    still = signs.company(params, s, home, now_ms) >= params.company_over
    return Bodies(_people(s, looks)[home], low[home], np.where(still, s.visit_ms[home], NEVER))


def alibis(params: PositionParams, state: PositionState, camera: Rows, now_ms: int) -> NDArray[np.int64]:
    """Give, for these cameras (N,), the latest onset of a fall in the room of each that the one resident has
    an alibi for: since then they have acted in another room. ms since 1970; NEVER = for none at all.

    Proved by two signs in one other room, both `onset_s` after the onset and `apart_s` apart: a deed of
    hands or weight (an appliance's or inner door opened, a bed lain down on: no pet opens a fridge), and
    another one or a movement there. A motion sensor alone never proves it: it sees through doors. Nor does
    anything within `alone_s` of an outside door or of a sign of a second person, nor anything in a home
    whose way out has no contact. It ends when anything but the camera notices somebody in that room: they may
    be back; so a room without a motion sensor has none. A wrong alibi costs a life, a missing one a call.
    """
    s, lay = state, state.layout
    home = lay.camera_home[camera]
    alone = s.has_way_out[home] & (s.visit_ms[home] == NEVER) & (s.doubt_ms[home] != NEVER)
    alone &= now_ms - s.doubt_ms[home] >= params.alone_s * 1000
    ask = np.flatnonzero(alone & s.has_pir[lay.camera_room[camera]])
    here = lay.camera_room[camera[ask]]
    rooms = s.spans.rooms(home[ask])
    row = rooms.row
    hand, body = s.hand_ms[row], s.body_ms[row]
    apart = (hand != NEVER) & (body != NEVER) & (np.abs(body - hand) >= params.apart_s * 1000)
    acted = np.maximum(s.hand_before_ms[row], np.where(apart, np.minimum(hand, body), NEVER))
    acted[row == here[rooms.of]] = NEVER
    latest = np.full(len(ask), NEVER, np.int64)
    np.maximum.at(latest, rooms.of, acted)
    back = np.maximum(np.maximum(s.body_ms[here], s.hand_ms[here]), s.rest_ms[here])
    out = np.full(len(camera), NEVER, np.int64)
    out[ask] = np.where(latest > back, latest - int(params.onset_s * 1000), NEVER)
    return out


def in_bathroom(state: PositionState) -> Bools:
    """(H,) by the last sign of them, the resident is more likely in a bathroom than not."""
    s, lay = state, state.layout
    rooms = np.flatnonzero(lay.room_kind == BATHROOM)
    return np.asarray(np.bincount(lay.room_home[rooms], s.room[rooms], lay.homes) * (1.0 - s.out) > EVEN)


def gone(params: PositionParams, state: PositionState, home: Rows, now_ms: int) -> Bools:
    """(N,) by now more likely than not nobody is in these homes: silence after an outside door adds to it."""
    now = np.full(len(home), now_ms, np.int64)
    return np.asarray(signs.ahead(params, state, state.spans.rooms(home), home, now).out >= EVEN)


def visited(params: PositionParams, state: PositionState, now_ms: int) -> Bools:
    """(H,) there still seems to be a second person."""
    company = signs.company(params, state, np.arange(state.layout.homes), now_ms)
    return np.asarray((state.visit_ms != NEVER) & (company >= params.company_over))
