"""Naive twin of detectors/down.py: one sensor, one track after the other, plain ifs; for tests.

The same five steps. A track is an object here that is made when it begins, so that nothing of it can be left
to the next one. Evidence is left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from detectors.down import Stage
from detectors.fallstate import FallParams
from detectors.finding import Kind
from detectors.posture import Doing
from simulator.twins.tracks import share

Said = tuple[Kind, int]
"""What is said, and the onset in ms."""


@dataclass(frozen=True, slots=True)
class Room:
    """One sensor."""

    wall: bool
    pixels: int
    lens_known: bool
    furniture_known: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one track in one frame; names as in View and TrackState."""

    t_ms: int
    there: bool
    begun: bool
    dt_s: float
    speed_m_s: float
    belief: Sequence[float]
    fall_odds: float
    furnished: bool
    usual: bool
    slight: bool
    moved: bool
    warmth: float
    first: float
    walker: float
    """NaN: nobody has walked there."""
    x_m: float
    y_m: float
    born_ms: int
    seen_ms: int

    @property
    def up(self) -> float:
        """It stands, walks or sits."""
        return self.belief[Doing.UP] + self.belief[Doing.SITTING]

    @property
    def on_furniture(self) -> bool:
        """It is on something to lie on."""
        return self.there and (self.furnished or self.belief[Doing.RAISED] > 0.5)

    @property
    def down(self) -> float:
        """It lies on the floor or is low."""
        return self.belief[Doing.LYING] + self.belief[Doing.LOW]


@dataclass(slots=True)
class Fallen:
    """What is remembered of one track; names as in DownState."""

    event: float = 0.0
    person: float = 0.0
    was_person: bool = False
    stage: Stage = Stage.IDLE
    armed: bool = True
    quick: bool = False
    upright_ms: float = -math.inf
    onset_ms: int = 0
    latest_ms: int = 0
    suspected_ms: int = 0
    most: float = 0.0
    lie_s: float = 0.0
    low_s: float = 0.0
    up_s: float = 0.0
    place: tuple[float, float] = (0.0, 0.0)
    rest_s: float = 0.0
    spot: tuple[float, float] = (0.0, 0.0)


class NaiveDown:
    """What one sensor remembers."""

    def __init__(self, params: FallParams, room: Room) -> None:
        self.params, self.room, self.alibi_ms = params, room, -1
        self.slots = [Fallen(), Fallen()]
        self.coarse = room.pixels < params.small_pixels
        small = room.wall or self.coarse
        told = room.wall or room.lens_known
        self.suspect_odds = params.suspect_odds if told else params.suspect_unscaled_odds
        self.fast_s = params.fast_small_s if small else params.fast_large_s
        self.slow_s = params.slow_small_s if small else params.slow_large_s

    def decide(self, sights: Sequence[Sight | None], alibi_ms: int = -1) -> list[list[Said]]:
        """What there is to say of each slot; None: it has no track. alibi_ms: the latest onset that the one
        resident has an alibi for, negative = for none.
        """
        self.alibi_ms = alibi_ms
        for slot, sight in enumerate(sights):
            if sight is not None:
                self._observe(slot, sight)
        said: list[list[Said]] = []
        for slot, sight in enumerate(sights):
            other = sights[1 - slot]
            helped = other is not None and self._about(self.slots[1 - slot], other)
            later = other is not None and sight is not None and other.born_ms > sight.seen_ms
            said.append([] if sight is None else self._judge(self.slots[slot], sight, helped, later))
        return said

    def _observe(self, slot: int, sight: Sight) -> None:
        """Step 1, and whether it is a person."""
        p = self.params
        if sight.begun and sight.t_ms == sight.born_ms:
            self.slots[slot] = Fallen()
        track = self.slots[slot]
        looks = 1 - sight.belief[Doing.THING]
        if sight.begun:
            track.event = -p.event_clip
        elif sight.there:
            odds = min(max(sight.fall_odds, -p.event_clip), p.event_clip)
            track.event += share(sight.dt_s, p.event_tau_s) * (odds - track.event)
        if sight.begun and track.stage is Stage.IDLE:
            track.person = looks / 2
        elif sight.there:
            track.person += share(sight.dt_s, p.person_tau_s) * (looks - track.person)
        if track.person > p.sure_person or (sight.moved and track.person > 0.5):
            track.was_person = True
        if sight.there and sight.up > 0.5:
            track.upright_ms = sight.t_ms

    def _about(self, track: Fallen, sight: Sight) -> bool:
        """It is a person who is up."""
        return track.person > 0.5 and sight.up > 0.5 and sight.moved

    def _judge(self, track: Fallen, sight: Sight, helped: bool, later: bool) -> list[Said]:
        p = self.params
        up = sight.there and sight.up > p.up_belief
        rests = sight.there and sight.usual and track.stage is Stage.IDLE
        if up or sight.on_furniture or rests:
            track.lie_s = 0.0
        elif sight.there and sight.belief[Doing.LYING] > p.lying_belief:
            track.lie_s += sight.dt_s
        elif sight.there and not self._kneels(track, sight):
            track.lie_s = max(track.lie_s - sight.dt_s, 0.0)
        self._rest(track, sight, up or rests)

        was = track.stage
        said: list[Said] = []
        if was is Stage.IDLE:
            track.low_s = track.up_s = 0.0
            said = self._suspect(track, sight)
        else:
            if was is Stage.SUSPECTED and self._falls(track, sight):
                self._mark(track, sight)
                said.append((Kind.FALL_SUSPECTED, track.onset_ms))
            risen = self._risen(track, sight, up, helped and later)
            track.most = max(track.most, track.event)
            if was is Stage.SUSPECTED and track.event > self.suspect_odds:
                track.quick = True
                track.latest_ms = round(max(track.onset_ms, track.upright_ms, sight.t_ms - 10_000))
            if track.up_s >= p.recover_s:
                track.stage = Stage.IDLE
                track.lie_s = track.rest_s = track.up_s = 0.0
                said.append((Kind.FALL_RECOVERED, track.onset_ms))
            elif was is Stage.SUSPECTED and not risen and self._confirms(track, sight, helped):
                track.stage = Stage.CONFIRMED
                said.append((Kind.FALL_CONFIRMED, track.onset_ms))

        rested = sight.t_ms - track.suspected_ms > p.refractory_s * 1000
        if track.stage is not Stage.CONFIRMED and track.event < self.suspect_odds - p.rearm_odds and rested:
            track.armed = True  # step 5
        return said

    def _kneels(self, track: Fallen, sight: Sight) -> bool:
        """Keeps to the spot after a clear fall, and may be down in another way than lying."""
        p = self.params
        clear = track.quick and track.most > self.suspect_odds + p.strong_odds
        there = math.dist((sight.x_m, sight.y_m), track.spot) <= p.spot_m
        return track.stage is Stage.SUSPECTED and clear and there and sight.down > p.low_belief

    def _rest(self, track: Fallen, sight: Sight, fine: bool) -> None:
        """How long it has been down on one spot."""
        if not sight.there:
            return
        here = (sight.x_m, sight.y_m)
        if fine or sight.on_furniture or math.dist(here, track.spot) > self.params.spot_m:
            track.rest_s = 0.0
        elif sight.down > self.params.low_belief:
            track.rest_s += sight.dt_s
        else:
            track.rest_s = max(track.rest_s - sight.dt_s, 0.0)
        if track.rest_s == 0:
            track.spot = here

    def _ready(self, track: Fallen, sight: Sight) -> bool:
        return track.armed and sight.there and self._alive(sight) and not sight.on_furniture

    def _alive(self, sight: Sight) -> bool:
        """It has moved, or came all at once and is not much cooler than who walks there."""
        much = -math.log(self.params.tracks.alike)
        at_once = sight.warmth - sight.first <= much and not sight.walker - sight.warmth > much
        return self.coarse or (not sight.slight and (sight.moved or at_once))

    def _falls(self, track: Fallen, sight: Sight) -> bool:
        """Step 2, its first half: a fall is seen."""
        low = self._ready(track, sight) and sight.down > self.params.suspect_belief
        return low and track.event > self.suspect_odds and (track.was_person or track.person > 0.5)

    def _suspect(self, track: Fallen, sight: Sight) -> list[Said]:
        """Step 2."""
        drop = self._falls(track, sight)
        linger = self._ready(track, sight) and track.was_person
        long = track.lie_s >= self.slow_s / 2 or track.rest_s >= self.params.calm_s / 2
        linger = linger and self.room.furniture_known and long
        if not drop and not linger:
            return []
        since_s = track.lie_s if track.lie_s >= self.slow_s / 2 else track.rest_s
        onset = max(track.upright_ms, sight.t_ms - 10_000) if drop else sight.t_ms - since_s * 1000
        track.onset_ms = track.latest_ms = round(onset)
        track.stage, track.quick, track.most = Stage.SUSPECTED, drop, track.event
        self._mark(track, sight)
        return [(Kind.FALL_SUSPECTED, track.onset_ms)]

    def _mark(self, track: Fallen, sight: Sight) -> None:
        track.suspected_ms, track.place, track.armed = sight.t_ms, (sight.x_m, sight.y_m), False

    def _risen(self, track: Fallen, sight: Sight, up: bool, relieved: bool) -> bool:
        """Step 4: whether it is up or gone; how long it has been, or has been down."""
        p = self.params
        away = math.dist((sight.x_m, sight.y_m), track.place) > p.away_m
        if sight.there:
            risen = up or (sight.on_furniture and sight.belief[Doing.RAISED] > p.up_belief)
        else:
            risen = away or sight.up > p.up_belief or relieved
        if risen:
            track.up_s += sight.dt_s * (p.recover_s / p.walked_s if up and away else 1.0)
        elif not sight.there or sight.down > p.low_belief:
            track.low_s += sight.dt_s
            track.up_s = 0.0
        return risen

    def _confirms(self, track: Fallen, sight: Sight, helped: bool) -> bool:
        """Step 3."""
        p = self.params
        if self.alibi_ms >= 0 and track.latest_ms <= self.alibi_ms:
            return False
        times = p.second_person if helped else 1.0
        strong = track.quick and track.most > self.suspect_odds + p.strong_odds
        fast_s = times * self.fast_s * (1.0 if strong else p.weak)
        still = sight.speed_m_s < p.still_m_s and track.rest_s >= p.fast_rest * fast_s
        if track.quick and track.lie_s >= fast_s and still:
            return True
        if strong and track.low_s >= times * p.struggle_s:
            return True
        if track.rest_s >= times * (p.calm_fell_s if strong else p.calm_s):
            return True
        if not sight.there and track.low_s >= times * self.slow_s:
            return True
        return track.lie_s >= times * self.slow_s
