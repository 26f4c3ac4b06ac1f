"""The vectorised health of sensors against its obvious twin, and what must not change what is found."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from detectors import camerahealth, eventhealth, keep, sensorhealth
from detectors.finding import Finding
from detectors.layout import Events, Layout, SensorKind
from detectors.sensorhealth import Arrivals, SensorHealthState
from simulator.twins.sensorhealth import Camera, Home, Sensor
from tests.thermal import everything

SHIPPED = everything().sensorhealth
PARAMS = replace(
    SHIPPED,
    eventhealth=replace(SHIPPED.eventhealth, learn_days=0.5, fault_h=3.0, same_h=4.0, quiet_least_min=40.0),
)
"""As shipped, but for a life that is five times as fast: days of habits would be hours of tests."""
MIN = 60_000
T0 = 1_700_000_000_000
KINDS = (SensorKind.PIR, SensorKind.DOOR, SensorKind.BED, SensorKind.TEMPERATURE, SensorKind.SMOKE)
RATES = {SensorKind.PIR: 0.4, SensorKind.DOOR: 0.02, SensorKind.BED: 0.05}
"""Chance of speaking in a minute; the others never do while all is well."""
CAMERAS = 2
Said = tuple[int, str, int, int, int]
"""Minute, kind, home, sensor or camera or −1, cause."""


@dataclass(frozen=True)
class Minute:
    """What one home does in one minute."""

    events: tuple[tuple[int, float, int, bool], ...]
    """(sensor, value, ms within the minute, life), in order."""
    frames: tuple[tuple[int, int, bool, bool, bool], ...]
    """(camera, ms within the minute, live, frozen, up), in order."""
    offline: tuple[bool, ...]
    battery: tuple[float, ...]
    boots: tuple[int, ...]


def life_of(seed: int, minutes: int, homes_cameras: int = CAMERAS) -> list[Minute]:
    """A home in which anything may go wrong for a while, by chance."""
    rng = np.random.default_rng(seed)
    wrong = dict.fromkeys(range(len(KINDS) + homes_cameras), (10**9, 0, ""))
    out = []
    boots = np.zeros(len(KINDS), int)
    value = np.zeros(len(KINDS))
    battery = np.full(len(KINDS), np.nan)
    all_dark = 0
    for m in range(minutes):
        if rng.random() < 0.002:
            all_dark = m + int(rng.exponential(400))
        for k in wrong:
            if m > wrong[k][1] and rng.random() < 0.0015:
                what = str(rng.choice(["silent", "stuck", "chatter", "frozen", "torn", "offline"]))
                wrong[k] = (m, m + int(rng.exponential(900)), what)
        state = {k: what if a <= m < b else "" for k, (a, b, what) in wrong.items()}
        events = []
        for s, kind in enumerate(KINDS):
            at = sorted(rng.integers(0, MIN, 60).tolist())
            if m < all_dark or state[s] in {"silent", "offline"}:
                continue
            if rng.random() < 0.0005:
                boots[s] += 1
            if state[s] == "chatter":
                n = 45
            elif kind == SensorKind.TEMPERATURE:
                n = int(m % 15 == 0)
            elif state[s] == "stuck":
                n, at = 1, [30_000]
            else:
                n = int(rng.random() < RATES.get(kind, 0.0)) * int(rng.integers(1, 3))
            for t in at[:n]:
                if kind == SensorKind.PIR:
                    new, life = 1.0, True
                elif kind == SensorKind.TEMPERATURE:
                    new = value[s] if state[s] == "stuck" else round(float(rng.normal(20, 1)), 1)
                    life = False
                else:
                    new = value[s] if state[s] == "stuck" else 1 - value[s]
                    life = new != value[s]
                value[s] = new
                events.append((s, float(new), int(t), bool(life)))
        if rng.random() < 0.001:
            battery[rng.integers(len(KINDS))] = rng.choice([5.0, 14.0, 20.0, 40.0])
        frames = []
        for c in range(homes_cameras):
            what = state[len(KINDS) + c]
            if m < all_dark or what in {"silent", "offline"}:
                continue
            for t in range(0, MIN, 10_000):
                live = what not in {"frozen", "torn"}
                up = bool(live and rng.random() < 0.02)
                frames.append((c, t + 37 * c, live, what == "frozen", up))
        events.sort(key=lambda e: e[2])
        frames.sort(key=lambda f: f[1])
        offline = tuple(state[s] == "offline" for s in range(len(KINDS)))
        out.append(Minute(tuple(events), tuple(frames), offline, tuple(battery), tuple(boots.tolist())))
    return out


def laid_out(cameras: list[int]) -> Layout:
    """Homes with the same event sensors and so many cameras each."""
    h, e = len(cameras), len(KINDS)
    eye = np.repeat(np.arange(h), cameras)
    return Layout(
        homes=h,
        room_home=np.arange(h).repeat(2),
        room_kind=np.zeros(2 * h, np.int8),
        sensor_home=np.arange(h).repeat(e),
        sensor_room=2 * np.arange(h).repeat(e) + np.tile([0, 1, 0, 1, 0], h),
        sensor_kind=np.tile(np.array(KINDS, np.int8), h),
        outside=np.zeros(h * e, np.bool_),
        camera_home=eye,
        camera_room=2 * eye,
    )


@dataclass
class Vectorised:
    """Homes played through detectors/sensorhealth.py."""

    cameras: list[int]

    def __post_init__(self) -> None:
        self.layout = laid_out(self.cameras)
        self.rate = np.full(sum(self.cameras), 0.1, np.float32)
        self.state: SensorHealthState = sensorhealth.fresh(PARAMS, self.layout, self.rate)
        self.camera_ms = np.full(sum(self.cameras), -1, np.int64)
        self.first = np.concatenate([[0], np.cumsum(self.cameras)])

    def play(self, lives: list[list[Minute]], m: int, *, beats: int = 1) -> list[Finding]:
        """One minute of all homes, events cut into so many beats."""
        e = len(KINDS)
        begin = T0 + m * MIN
        for k in range(beats):
            window = range(k * MIN // beats, (k + 1) * MIN // beats)
            some = [
                (t, h * e + s, v, life)
                for h, of in enumerate(lives)
                for s, v, t, life in of[m].events
                if t in window
            ]
            some.sort(key=lambda x: x[0])
            heard = Events(
                np.array([x[1] for x in some], np.intp),
                np.array([x[2] for x in some], np.float64),
                begin + np.array([x[0] for x in some], np.int64),
                np.array([x[3] for x in some], np.bool_),
            )
            sensorhealth.hear(PARAMS, self.state, self.layout, heard)
        for h, of in enumerate(lives):
            for c, t, live, frozen, up in of[m].frames:
                row = np.array([self.first[h] + c])
                self.camera_ms[row] = begin + t
                one = np.array([True])
                camerahealth.see(
                    PARAMS.camerahealth,
                    self.state.cameras,
                    row,
                    np.array([begin + t]),
                    one & live,
                    one,
                    one & frozen,
                    np.zeros(1, np.float32),
                    ~one,
                    np.array([up], np.int8),
                    one & up,
                )
        c = len(self.camera_ms)
        arrivals = Arrivals(
            self.camera_ms,
            np.full(c, -1, np.int64),
            np.zeros(c, np.int64),
            np.array([b for of in lives for b in of[m].boots], np.int64),
            np.zeros(c, np.bool_),
            np.array([b for of in lives for b in of[m].offline]),
            np.array([b for of in lives for b in of[m].battery], np.float32),
            np.full(c, -1, np.int64),
        )
        self.health, found = sensorhealth.minute(PARAMS, self.state, self.layout, arrivals, begin + MIN)
        return found

    def said(self, m: int, found: list[Finding]) -> list[Said]:
        out = []
        for f in found:
            of = f.sensor - f.row * len(KINDS) if f.sensor >= 0 else -1
            of = f.camera - int(self.first[f.row]) if f.camera >= 0 else of
            out.append((m, f.kind.value, f.row, of, int(f.evidence["cause"])))
        return out


def by_hand(
    lives: list[list[Minute]], cameras: list[int], minutes: int
) -> tuple[list[Said], list[list[bool]]]:
    """The same homes through the twin, one after the other; what is said, and which are deaf each minute."""
    said: list[Said] = []
    deaf: list[list[bool]] = []
    for h, of in enumerate(lives):
        p = PARAMS.eventhealth
        home = Home(
            PARAMS,
            [Sensor(int(k), gap_s=p.clock_gap_s) for k in KINDS],
            [Camera(10.0) for _ in range(cameras[h])],
        )
        camera_ms = [-1] * cameras[h]
        deaf.append([])
        for m in range(minutes):
            begin = T0 + m * MIN
            for s, v, t, life in of[m].events:
                home.hear(s, v, begin + t, life=life)
            for c, t, live, frozen, up in of[m].frames:
                camera_ms[c] = begin + t
                home.cameras[c].see(
                    PARAMS.camerahealth, begin + t, live=live, ready=True, frozen=frozen, up=up
                )
            now = of[m]
            told = home.minute(begin + MIN, camera_ms, now.offline, now.battery, now.boots)
            said += [(m, kind, h, of_, cause) for kind, of_, cause in told]
            deaf[-1].append(home.deaf)
    return sorted(said), deaf


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_it_says_what_the_twin_says(seed: int) -> None:
    minutes, cameras = 2500, [2, 1, 0]
    lives = [life_of(100 * seed + h, minutes, c) for h, c in enumerate(cameras)]
    homes = Vectorised(cameras)
    said: list[Said] = []
    deaf: list[list[bool]] = []
    for m in range(minutes):
        said += homes.said(m, homes.play(lives, m))
        deaf.append(homes.health.home_blind_to_silence.tolist())
    expected, expected_deaf = by_hand(lives, cameras, minutes)
    assert sorted(said) == expected
    assert [list(x) for x in zip(*deaf, strict=True)] == expected_deaf
    assert {kind for _, kind, *_ in said} == {"blind", "sensor-fault"}
    assert len({cause for *_, cause in said}) >= 6


def test_permuted_homes_give_permuted_findings_and_a_sick_one_changes_no_other() -> None:
    minutes, n = 400, 4
    lives = [life_of(300 + h, minutes) for h in range(n)]
    plain, turned = Vectorised([CAMERAS] * n), Vectorised([CAMERAS] * n)
    sick = Vectorised([CAMERAS] * n)
    order = [2, 0, 3, 1]
    shuffled = [lives[k] for k in order]
    nan = Minute(
        tuple((s, np.nan, t, True) for s in range(5) for t in range(0, 59_000, 50)),
        (),
        (True,) * 5,
        (-1.0,) * 5,
        (9,) * 5,
    )
    ill = [[nan] * minutes, *lives[1:]]
    for m in range(minutes):
        a = plain.said(m, plain.play(lives, m))
        b = turned.said(m, turned.play(shuffled, m))
        assert sorted(a) == sorted((x, k, order[row], s, c) for x, k, row, s, c in b)
        if m < 60:  # 5,900 events a minute are slow to make
            c = sick.said(m, sick.play(ill, m))
            assert [x for x in c if x[2]] == [x for x in a if x[2]]


def test_beats_of_any_length_and_a_restart_in_the_middle_change_nothing() -> None:
    minutes, cameras = 1200, [2, 1, 0]
    lives = [life_of(400 + h, minutes, c) for h, c in enumerate(cameras)]
    whole, cut = Vectorised(cameras), Vectorised(cameras)
    rows = {
        keep.HOME: 3,
        keep.ROOM: 6,
        keep.SENSOR: 3 * len(KINDS),
        keep.CAMERA: 3,
    }
    match = {axis: (np.arange(n), np.arange(n)) for axis, n in rows.items()}
    for m in range(minutes):
        a = whole.said(m, whole.play(lives, m))
        assert a == cut.said(m, cut.play(lives, m, beats=7 if m % 10 == 0 else 1))
        if m % 300 == 250:
            again = Vectorised(cameras)
            for old, new in (
                (cut.state, again.state),
                (cut.state.events, again.state.events),
                (cut.state.cameras, again.state.cameras),
            ):
                keep.restore(new, keep.snapshot(old), match)
            again.camera_ms = cut.camera_ms
            again.state.since_ms, again.state.minute_ms = cut.state.since_ms, cut.state.minute_ms
            again.state.sensor_since_ms = cut.state.sensor_since_ms
            again.state.camera_since_ms = cut.state.camera_since_ms
            again.state.events.boots_read = cut.state.events.boots_read
            again.state.cameras.last_ms = cut.state.cameras.last_ms
            cut = again


def test_coarse_pictures_and_their_ranks_are_what_numpy_and_scipy_say() -> None:
    rng = np.random.default_rng(5)
    for rows, cols in ((8, 8), (12, 16), (24, 32), (30, 40)):
        rooms = rng.normal(20, 1, (3, rows, cols)).astype(np.float32)
        got = camerahealth.coarse(rooms)
        for k in range(3):
            for i in range(8):
                for j in range(8):
                    part = rooms[k, i * rows // 8 : (i + 1) * rows // 8, j * cols // 8 : (j + 1) * cols // 8]
                    assert got[k, 8 * i + j] == pytest.approx(part.mean(), abs=1e-4)
    a, b = rng.normal(0, 1, (2, 4, 64)).astype(np.float32)
    got = camerahealth._rank_correlation(a, b)
    assert got == pytest.approx([spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)], abs=1e-5)


def test_readings_of_one_sensor_are_taken_one_after_the_other() -> None:
    assert eventhealth._rank(np.array([3, 1, 3, 3, 1, 0])).tolist() == [0, 0, 1, 2, 1, 0]
    assert eventhealth._rank(np.zeros(0, np.intp)).tolist() == []
