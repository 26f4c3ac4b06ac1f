"""Protection: what could be detected in every home right now, and why not where it could not.

Takes the health of sensors each minute; gives for each room whether a fall there, and for each home whether
silence, cold and heat, fire and the help button could be noticed, else the reason; protected minutes a day;
the list of gaps after an outage; and how far a programme reaches. Decides nothing and pages nobody: that a
home has become blind is a finding of detectors/sensorhealth.py. Loops over the homes of a list, no others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.camerahealth import CameraState
from detectors.fault import Cause
from detectors.keep import PerHome, PerRoom
from detectors.layout import Layout, Moment, SensorKind
from detectors.sensorhealth import Health
from guardian.bench import Bench, Part
from guardian.homes import Activity, StateOfHomes

Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]

NEVER: Final = -1
DAYS: Final = 32
"""Days of which the minutes are kept: a month for reports, and the one that runs."""
PAUSE_MS: Final = 150_000
"""Not looked for longer than this: Guardian itself was down (the look is once a minute)."""


class Reason(IntEnum):
    """Why something cannot be detected. Numbers stand in snapshots; which one counts, _BEST_LAST says."""

    DETECTABLE = 0
    TOO_WARM = 1
    """A body would hardly stand out of the room."""
    LEARNING = 2
    MOVED = 3
    """The picture is of another place, or faded: moved, turned, covered, fogged."""
    FAULTY = 4
    FROZEN = 5
    DARK = 6
    """The sensor is silent."""
    GATEWAY = 7
    """Nothing of the home is heard."""
    BROKER = 8
    """Nothing of any home is heard."""
    OURSELVES = 9
    """Guardian was not running."""
    NO_SENSOR = 10
    AWAY = 11
    """The resident is out."""
    PAUSED = 12
    """By the staff."""
    BENCHED = 13
    """Guardian itself failed at what the sensor sends, or in the part of it that would notice (bench.py)."""


FIT: Final = (Reason.DETECTABLE, Reason.TOO_WARM, Reason.AWAY)
"""With these a home is not blind."""
_FITS: Final = np.isin(np.arange(len(Reason)), FIT)
"""By code: a look in this table takes a tenth of the time of np.isin."""
_OF_CAUSE: Final = np.full(len(Cause), Reason.FAULTY, np.int8)
_OF_CAUSE[[Cause.NONE, Cause.BATTERY, Cause.BOOTS, Cause.DRIFT]] = Reason.LEARNING
_OF_CAUSE[[Cause.MOVED, Cause.FAINT]] = Reason.MOVED
_OF_CAUSE[Cause.FROZEN] = Reason.FROZEN
_OF_CAUSE[[Cause.OFFLINE, Cause.SILENT, Cause.POWER]] = Reason.DARK
_OF_CAUSE[[Cause.GATEWAY, Cause.STREET]] = Reason.GATEWAY
_OF_CAUSE[Cause.BROKER] = Reason.BROKER
_OF_CAUSE[Cause.BENCHED] = Reason.BENCHED
_BEST_LAST: Final = (
    Reason.OURSELVES, Reason.BROKER, Reason.GATEWAY, Reason.DARK, Reason.BENCHED, Reason.FROZEN,
    Reason.FAULTY, Reason.MOVED, Reason.LEARNING, Reason.TOO_WARM, Reason.DETECTABLE,
)  # fmt: skip
"""What of several sensors counts: the last of these."""


@dataclass(slots=True)
class ProtectionState:
    """What is known of R rooms and H homes, codes of Reason; and what is kept of the days."""

    fall: PerRoom[np.int8]
    silence: PerHome[np.int8]
    climate: PerHome[np.int8]
    """Cold and heat."""
    fire: PerHome[np.int8]
    help: PerHome[np.int8]
    blind: PerHome[np.bool_]
    """It has eyes and none sees a fall anywhere, or silence would not be noticed."""
    degraded: PerHome[np.bool_]
    """A room that is looked at is too warm."""
    minutes: PerHome[np.uint16]
    """(H, DAYS) protected minutes of each day, by its number modulo DAYS."""
    day: PerHome[np.int64]
    """Newest day in `minutes`."""
    looked_ms: PerHome[np.int64]
    activity: PerHome[np.int8]
    """What the resident did when the home was last protected,"""
    bathroom: PerHome[np.bool_]
    """and whether in the bathroom."""
    gap_from_ms: PerHome[np.int64]
    """The last time without protection: when it began, −1 = never;"""
    gap_to_ms: PerHome[np.int64]
    """when it ended, −1 = it has not;"""
    gap_reason: PerHome[np.int8]
    gap_activity: PerHome[np.int8]
    gap_bathroom: PerHome[np.bool_]


def fresh(layout: Layout) -> ProtectionState:
    """Nothing is protected before the first look: unknown is never fine."""
    h = layout.homes

    def learning(n: int) -> Codes:
        return np.full(n, Reason.LEARNING, np.int8)

    def never() -> NDArray[np.int64]:
        return np.full(h, NEVER, np.int64)

    return ProtectionState(
        fall=learning(layout.rooms),
        silence=learning(h),
        climate=learning(h),
        fire=learning(h),
        help=learning(h),
        blind=np.ones(h, np.bool_),
        degraded=np.zeros(h, np.bool_),
        minutes=np.zeros((h, DAYS), np.uint16),
        day=never(),
        looked_ms=never(),
        activity=np.zeros(h, np.int8),
        bathroom=np.zeros(h, np.bool_),
        gap_from_ms=never(),
        gap_to_ms=never(),
        gap_reason=np.zeros(h, np.int8),
        gap_activity=np.zeros(h, np.int8),
        gap_bathroom=np.zeros(h, np.bool_),
    )


class Protection:
    """Protection of the homes of one layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.state = fresh(layout)
        kind = layout.sensor_kind
        self._radar = np.flatnonzero(kind == SensorKind.RADAR_FALL)
        self._climate = np.flatnonzero(kind == SensorKind.TEMPERATURE)
        self._fire = np.flatnonzero(np.isin(kind, (SensorKind.TEMPERATURE, SensorKind.SMOKE)))
        self._help = np.flatnonzero(kind == SensorKind.BUTTON)
        eye = np.bincount(layout.camera_home, minlength=layout.homes) > 0
        self.sees_falls: Bools = eye | (
            np.bincount(layout.sensor_home[self._radar], minlength=layout.homes) > 0
        )
        """(H,) equipped with something that sees a fall."""
        pir = np.bincount(layout.sensor_home[kind == SensorKind.PIR], minlength=layout.homes) > 0
        self.equipped: Bools = eye | pir
        """(H,) with a camera or a motion sensor at least."""

    def minute(  # noqa: PLR0917  (one array for each thing that is known)
        self,
        health: Health,
        cameras: CameraState,
        known: StateOfHomes,
        bathroom: Bools,
        moment: Moment,
        paused: Bools | None = None,
        off: Bench | None = None,
    ) -> None:
        """Take one minute: what can be detected now; count it; open and close gaps.

        bathroom: (H,) the resident was last noticed there. paused: (H,) homes whose watching the staff has
        suspended; the help button works anyway. off: whose parts are out of action.
        """
        layout, s = self._layout, self.state
        eyes, ears = _of_cameras(health, cameras, layout), _of_sensors(health, layout)
        away = known.activity == Activity.OUT
        room_home, sensor_home, camera_home = layout.room_home, layout.sensor_home, layout.camera_home
        fall = _best(
            layout.rooms, (layout.camera_room, eyes), (layout.sensor_room[self._radar], ears[self._radar])
        )
        s.fall = np.where((fall == Reason.DETECTABLE) & away[room_home], Reason.AWAY, fall).astype(np.int8)
        warm = np.where(eyes == Reason.TOO_WARM, Reason.DETECTABLE, eyes)  # no body stands out, but fire does

        def of_home(rows: NDArray[np.intp]) -> Codes:
            return _best(layout.homes, (camera_home, warm), (sensor_home[rows], ears[rows]))

        s.climate, s.fire = of_home(self._climate), of_home(self._fire)
        s.help = _best(layout.homes, (sensor_home[self._help], ears[self._help]))
        s.silence = self._of_silence(health, away)
        if off is not None:
            if off.off(Part.SILENCE):
                s.silence[:] = Reason.BENCHED
            if off.off(Part.CLIMATE):
                s.climate[:] = s.fire[:] = Reason.BENCHED
        if paused is not None:
            s.fall[paused[room_home]] = Reason.PAUSED
            for codes in (s.silence, s.climate, s.fire):
                codes[paused] = Reason.PAUSED
        fit = np.bincount(room_home[_FITS[s.fall]], minlength=layout.homes) > 0
        s.blind = (self.sees_falls & ~fit) | ~_FITS[s.silence]
        s.degraded = np.bincount(room_home[s.fall == Reason.TOO_WARM], minlength=layout.homes) > 0
        self._gaps(known, bathroom, moment.now_ms)
        self._count(moment)

    def lost(self, now_ms: int) -> None:
        """Say that nothing can be detected anywhere, for sensors cannot be judged: unknown is never fine."""
        s = self.state
        for codes in (s.fall, s.silence, s.climate, s.fire, s.help):
            codes[:] = Reason.BENCHED
        s.blind[:] = True
        was = s.looked_ms != NEVER
        self._open_gaps(was, np.full(len(was), Reason.BENCHED))
        s.looked_ms = np.where(was, np.int64(now_ms), s.looked_ms)

    def _of_silence(self, health: Health, away: Bools) -> Codes:
        layout = self._layout
        out = np.where(health.home_blind_to_silence, Reason.DARK, Reason.DETECTABLE).astype(np.int8)
        out[~self.equipped & (out == Reason.DARK)] = Reason.NO_SENSOR
        learning = np.bincount(
            layout.camera_home[
                health.camera_live & ~health.camera_sees & (health.camera_cause == Cause.NONE)
            ],
            minlength=layout.homes,
        )
        out[(out == Reason.DARK) & (learning > 0)] = Reason.LEARNING
        benched = layout.camera_home[health.camera_cause == Cause.BENCHED]
        out[benched] = np.where(out[benched] == Reason.DARK, Reason.BENCHED, out[benched])
        out[health.home_dark] = Reason.BROKER if health.broker_dark else Reason.GATEWAY
        out[away & (out == Reason.DETECTABLE)] = Reason.AWAY
        return out

    def _gaps(self, known: StateOfHomes, bathroom: Bools, now_ms: int) -> None:
        """A gap begins at the last protected look, and ends at the first one after it."""
        s = self.state
        was = s.looked_ms != NEVER
        asleep = was & (now_ms - s.looked_ms > PAUSE_MS)
        why = np.where(_FITS[s.silence], self._worst_fall(), s.silence)
        self._open_gaps(was & (s.blind | asleep), np.where(asleep, Reason.OURSELVES, why))
        open_ = (s.gap_from_ms != NEVER) & (s.gap_to_ms == NEVER)
        s.gap_to_ms = np.where(open_ & ~s.blind, now_ms, s.gap_to_ms)
        seen = ~s.blind & (known.activity != Activity.UNKNOWN)
        s.activity = np.where(seen, known.activity, s.activity).astype(np.int8)
        s.bathroom = np.where(~s.blind, bathroom, s.bathroom)
        first = ~was & s.blind  # nothing was protected yet: no gap, and no look that one could begin at
        s.looked_ms = np.where(first, np.int64(NEVER), np.int64(now_ms))

    def _open_gaps(self, blind: Bools, why: NDArray[np.integer]) -> None:
        s = self.state
        begins = blind & ~((s.gap_from_ms != NEVER) & (s.gap_to_ms == NEVER))
        s.gap_from_ms = np.where(begins, s.looked_ms, s.gap_from_ms)
        s.gap_to_ms = np.where(begins, np.int64(NEVER), s.gap_to_ms)
        s.gap_activity = np.where(begins, s.activity, s.gap_activity)
        s.gap_bathroom = np.where(begins, s.bathroom, s.gap_bathroom)
        s.gap_reason = np.where(begins, why, s.gap_reason).astype(np.int8)

    def _worst_fall(self) -> Codes:
        """(H,) why no fall is seen: the reason of the room that comes nearest to it."""
        rooms = np.where(self.state.fall == Reason.AWAY, Reason.DETECTABLE, self.state.fall)
        return _best(self._layout.homes, (self._layout.room_home, rooms.astype(np.int8)))

    def _count(self, moment: Moment) -> None:
        s, day = self.state, moment.day
        behind = np.where(s.day == NEVER, DAYS, np.minimum(day - s.day, DAYS))
        for back in range(int(behind.max(initial=0))):
            s.minutes[behind > back, (day - back) % DAYS] = 0
        s.day[:] = day
        s.minutes[~s.blind, day % DAYS] += 1

    def minutes_of(self, day: int) -> NDArray[np.uint16]:
        """(H,) protected minutes of a local day (Moment.day); of the last DAYS days, 0 for others."""
        s = self.state
        kept = (s.day >= day) & (s.day - day < DAYS)
        return np.where(kept, s.minutes[:, day % DAYS], np.uint16(0))


def _of_cameras(health: Health, cameras: CameraState, layout: Layout) -> Codes:
    out = np.where(health.camera_sees, Reason.DETECTABLE, _OF_CAUSE[health.camera_cause]).astype(np.int8)
    out[health.camera_sees & cameras.degraded] = Reason.TOO_WARM
    return _homes_dark(out, health, layout.camera_home)


def _of_sensors(health: Health, layout: Layout) -> Codes:
    cause = np.where(health.sensor_cause > Cause.DRIFT, health.sensor_cause, Cause.SILENT)
    out = np.where(health.sensor_live, Reason.DETECTABLE, _OF_CAUSE[cause]).astype(np.int8)
    return _homes_dark(out, health, layout.sensor_home)


def _homes_dark(out: Codes, health: Health, home: NDArray[np.intp]) -> Codes:
    out[health.home_dark[home]] = Reason.BROKER if health.broker_dark else Reason.GATEWAY
    return out


def _best(n: int, *parts: tuple[NDArray[np.intp], Codes]) -> Codes:
    """(n,) the best reason of all sensors of each row, NO_SENSOR where there is none."""
    out = np.full(n, Reason.NO_SENSOR, np.int8)
    for code in _BEST_LAST:  # minimum.at takes ten times as long
        for row, codes in parts:
            out[row[codes == code]] = code
    return out


# --- lists ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a home was not protected."""

    home: str
    from_ms: int
    to_ms: int | None
    """None: it still is not."""
    activity: Activity
    """What the resident was last known to do before it."""
    reason: Reason


RISK: Final = {Activity.LYING_ON_FLOOR: 0, Activity.BATHROOM: 1, Activity.LYING_IN_BED: 2, Activity.ASLEEP: 2}
"""Who is looked after first: on the floor, in the bathroom, in bed; then who lives alone and fell lately."""
FELL_LATELY, ALL_OTHERS = 3, 4


def gap_list(
    homes: Sequence[str],
    state: ProtectionState,
    since_ms: int,
    alone_and_fell: Bools | None = None,
    least_ms: int = 60_000,
) -> list[Gap]:
    """Gaps that ended at `since_ms` or later, or last, of at least `least_ms`, in order of risk; equals: the
    longest first, then by home.

    alone_and_fell: (H,) lives alone and has fallen lately.
    """
    last = np.where(state.gap_to_ms == NEVER, np.iinfo(np.int64).max, state.gap_to_ms)
    open_ = state.gap_to_ms == NEVER
    long = open_ | (state.gap_to_ms - state.gap_from_ms >= least_ms)
    rows = np.flatnonzero((state.gap_from_ms != NEVER) & (last >= since_ms) & long)
    fell = np.zeros(len(homes), np.bool_) if alone_and_fell is None else alone_and_fell

    def order(row: int) -> tuple[int, bool, int, str]:
        did = Activity.BATHROOM if state.gap_bathroom[row] else Activity(state.gap_activity[row])
        if state.gap_activity[row] == Activity.LYING_ON_FLOOR:
            did = Activity.LYING_ON_FLOOR
        risk = RISK.get(did, FELL_LATELY if fell[row] else ALL_OTHERS)
        lasted = 0 if open_[row] else int(state.gap_to_ms[row] - state.gap_from_ms[row])
        return risk, not open_[row], int(state.gap_from_ms[row]) if open_[row] else -lasted, homes[row]

    return [
        Gap(
            homes[row],
            int(state.gap_from_ms[row]),
            None if open_[row] else int(state.gap_to_ms[row]),
            Activity(state.gap_activity[row]),
            Reason(state.gap_reason[row]),
        )
        for row in sorted(rows.tolist(), key=order)
    ]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a programme reaches, in homes."""

    eligible: int
    """In the roster with that programme."""
    enrolled: int
    equipped: int
    """Enrolled, with a camera or a motion sensor at least."""
    protected: int
    """Equipped, and not blind now."""


def coverage(
    programmes: Mapping[str, Sequence[str]],
    enrolled: frozenset[str],
    homes: Sequence[str],
    equipped: Bools,
    blind: Bools,
) -> dict[str, Reach]:
    """Reach of each programme, sorted by its id.

    programmes: home → its programmes; enrolled: homes that take part; homes: of the rows of `equipped` and
    `blind` (H,). Homes without sensors have no row: they are neither equipped nor protected.
    """
    row = {home: i for i, home in enumerate(homes)}
    members: dict[str, list[str]] = {}
    for home, own in programmes.items():
        for programme in own:
            members.setdefault(programme, []).append(home)
    out = {}
    for programme, of in sorted(members.items()):
        some = [home for home in of if home in enrolled]
        rows = np.array([row[home] for home in some if home in row], np.intp)
        fitted = rows[equipped[rows]]
        out[programme] = Reach(len(of), len(some), len(fitted), int((~blind[fitted]).sum()))
    return out
