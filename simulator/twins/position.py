"""The obvious way to follow one home's resident from room to room: one event, one room after the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from detectors.layout import RoomKind, SensorKind
from detectors.positionstate import PositionParams

STATES = {SensorKind.BED, SensorKind.CHAIR, SensorKind.PRESENCE}
SIGNS = {
    SensorKind.DOOR,
    SensorKind.APPLIANCE_DOOR,
    SensorKind.BUTTON,
    SensorKind.CANCEL,
    SensorKind.PIR,
    SensorKind.PLUG,
} | STATES


@dataclass(slots=True)
class Room:
    """One room, and what was heard of it last."""

    kind: RoomKind
    chance: float = 0.0
    has_pir: bool = False
    says: dict[SensorKind, bool] = field(default_factory=dict)
    rest_ms: int = -1
    hands_ms: list[int] = field(default_factory=lambda: [-1, -1])
    body_ms: int = -1
    view: int = 0
    view_ms: int = -1
    sees: bool = False


@dataclass(slots=True)
class Camera:
    """One camera; `people`, `posture` and `moves` are of its last look."""

    room: int
    people: int = 0
    posture: int = 5
    sureness: float = 0.0
    moves: bool = False
    looked_ms: int = -1
    seen_ms: int = -1
    since_ms: int = -1
    arrived_ms: int = -1
    flip_ms: int = -1
    lively_ms: int = -1
    anchor: tuple[int, float, float] = (-1, math.nan, math.nan)
    folded: int = 0
    folded_ms: int = -1
    sick: bool = False
    new: bool = False


class Home:
    """One home."""

    def __init__(
        self,
        params: PositionParams,
        rooms: Sequence[Room],
        cameras: Sequence[Camera],
        *,
        has_way_out: bool,
    ) -> None:
        self.p, self.rooms, self.cameras, self.has_way_out = params, list(rooms), list(cameras), has_way_out
        whole = sum(params.draw[r.kind] for r in rooms)
        for r in self.rooms:
            r.chance = params.draw[r.kind] / whole
        self.out, self.at_ms = params.leave_prior / 4.0, -1
        self.way_out_ms = self.inside_ms = self.moved_ms = self.company_ms = self.visit_ms = -1
        self.moved_room = self.doubt_ms = -1
        self.judged, self.uses, self.leavings, self.company = True, 0.0, 0.0, 0.0

    # --- time ------------------------------------------------------------------------------------------

    def ahead(self, now_ms: int) -> tuple[list[float], float]:
        """Chances of the rooms and of being out."""
        p = self.p
        dt_s = 0.0 if self.at_ms < 0 else max(now_ms - self.at_ms, 0) / 1000.0
        looks = [r.view_ms >= 0 and now_ms - r.view_ms <= p.fresh_s * 1000 for r in self.rooms]
        held = [
            (on and r.view > 0) or any(r.says.get(k) for k in STATES)
            for r, on in zip(self.rooms, looks, strict=True)
        ]
        left = draws = 0.0
        stays, pulls = [], []
        for r, on, here in zip(self.rooms, looks, held, strict=True):
            share = -math.expm1(-dt_s * (p.held_share if here else 1.0) / p.stay_s[r.kind])
            empty = not here and ((on and r.view == -1) or r.says.get(SensorKind.PRESENCE) is False)
            pulls.append(p.draw[r.kind] * (p.shut_share if empty else 1.0))
            stays.append(r.chance * (1.0 - share))
            left += r.chance * share
            draws += pulls[-1]
        now = [s + left * d / draws for s, d in zip(stays, pulls, strict=True)]
        like = [
            math.exp(-min(p.hush_per_min[r.kind] * dt_s / 60.0, 30.0)) if r.has_pir and not here else 1.0
            for r, here in zip(self.rooms, held, strict=True)
        ]
        days = p.missed_per_day if self.has_way_out else p.no_door_per_day
        out = self.out + (1.0 - self.out) * -math.expm1(-dt_s * days / 86_400.0)
        quiet = 0.0 if any(held) else self._quiet(now_ms) - self._quiet(self.at_ms)
        return self._weighed(now, like), min(_shifted(out, max(quiet, 0.0)), 0.999)

    def _quiet(self, at_ms: int) -> float:
        p = self.p
        if self.way_out_ms < 0 or self.inside_ms > self.way_out_ms + int(p.door_s * 1000):
            return 0.0
        since = max(self.way_out_ms, self.inside_ms)
        return min(max((at_ms - since) / 1000.0 / p.quiet_tau_s, 0.0), p.quiet_most)

    def _weighed(self, chance: Sequence[float], like: Sequence[float]) -> list[float]:
        both = [c * k for c, k in zip(chance, like, strict=True)]
        floored = [max(b / max(sum(both), 1e-300), self.p.least) for b in both]
        return [f / sum(floored) for f in floored]

    def _move(self, now_ms: int) -> None:
        chance, self.out = self.ahead(now_ms)
        self._set(chance)
        self.at_ms = max(self.at_ms, now_ms)

    def _set(self, chance: Sequence[float]) -> None:
        for r, c in zip(self.rooms, chance, strict=True):
            r.chance = c

    # --- events ----------------------------------------------------------------------------------------

    def hear(
        self,
        kind: SensorKind,
        room: int,
        value: float,
        before: float,
        t_ms: int,
        *,
        life: bool,
        way_out: bool,
    ) -> None:
        """Take one event of a sensor whose last value was `before`."""
        p = self.p
        if kind not in SIGNS or math.isnan(value):
            return
        switched = kind is SensorKind.PLUG and abs(value - before) > 5.0
        first = kind in STATES and value == 1 and not life and before != 1
        tells = life or switched or first
        if tells:
            self._move(t_ms)
        self.moved_to = [r.chance for r in self.rooms]
        if self.doubt_ms < 0 or (way_out and (value > 0 or life)):
            self.doubt_ms = t_ms
        if kind in STATES:
            self.rooms[room].says[kind] = value > 0
        if kind in {SensorKind.BED, SensorKind.CHAIR} and value > 0 and before != value:
            self.rooms[room].rest_ms = t_ms
        if not tells:
            return
        if kind is SensorKind.PIR:
            self.rooms[room].body_ms = t_ms
        weight = kind in {SensorKind.APPLIANCE_DOOR, SensorKind.BED, SensorKind.DOOR} and not way_out
        if weight and life and value == 1:
            last, before = self.rooms[room].hands_ms
            self.rooms[room].hands_ms = [t_ms, last if t_ms - last >= p.apart_s * 1000 else before]
        empty = kind is SensorKind.PRESENCE and value == 0 and life
        carried = kind in {SensorKind.BUTTON, SensorKind.CANCEL}
        if way_out:
            self._door(t_ms)
        elif not empty and not switched:
            if not carried:
                self._accompany(t_ms, self._second(room, t_ms, moved=kind is SensorKind.PIR))
            self._inside(t_ms)
        power = 1.0 if kind is SensorKind.BED and value > 0 else self._power(room, t_ms)
        walks = 0.0 if empty or switched or carried else p.walk_share * power
        whole = sum(p.draw[r.kind] for r in self.rooms)
        chance = [r.chance * (1.0 - walks) + walks * p.draw[r.kind] / whole for r in self.rooms]
        like = []
        for k, r in enumerate(self.rooms):
            near = RoomKind.HALL in {r.kind, self.rooms[room].kind}
            if empty:
                like.append(1.0 / p.empty_odds if k == room else 1.0)
            elif k == room or carried:
                like.append(1.0)
            elif kind is SensorKind.PIR:
                like.append(p.pir_near if near else p.pir_far)
            else:
                like.append(1.0 / (p.plug_odds if switched else p.way_out_odds if way_out else p.hands_odds))
        self._set(self._weighed(chance, [k**power for k in like]))

    def _rests(self, r: Room, t_ms: int) -> bool:
        on = r.says.get(SensorKind.BED) or r.says.get(SensorKind.CHAIR)
        return bool(on) and t_ms - r.rest_ms >= self.p.rest_s * 1000

    def _guested(self, t_ms: int) -> bool:
        lately = self.way_out_ms >= 0 and t_ms - self.way_out_ms <= self.p.alone_s * 1000
        return self.has_way_out and (lately or self.visit_ms >= 0)

    def _power(self, room: int, t_ms: int) -> float:
        p, seen = self.p, 0.0
        for k, (r, chance) in enumerate(zip(self.rooms, self.moved_to, strict=True)):
            seen += chance if k != room and r.sees and t_ms - r.view_ms <= p.fresh_s * 1000 else 0.0
        power = self._anchored(self.moved_to, t_ms, room)
        return min(power, p.anchor_power) if seen >= 0.5 and self._guested(t_ms) else power

    def _anchored(self, chances: Sequence[float], t_ms: int, but: int) -> float:
        rests = firmly = 0.0
        doubt = self.has_way_out and t_ms - self.doubt_ms <= self.p.alone_s * 1000
        for k, (r, chance) in enumerate(zip(self.rooms, chances, strict=True)):
            if k != but and self._rests(r, t_ms):
                rests += chance
                before = r.rest_ms < self.way_out_ms and self._guested(t_ms)
                firmly += chance if before or (doubt and r.says.get(SensorKind.BED)) else 0.0
        if firmly >= 0.5:
            return 0.0
        return self.p.anchor_power if rests >= 0.5 else 1.0

    def _door(self, t_ms: int) -> None:
        p = self.p
        if self.way_out_ms < 0 or t_ms - self.way_out_ms > p.use_s * 1000:
            if not self.judged:
                self.uses += 1.0
                self.leavings += 1.0
            self.judged = self.out > 0.5
            goes = (self.leavings + p.leave_prior * p.leave_uses) / (self.uses + p.leave_uses)
            self.out = self.out * p.stay_out + (1.0 - self.out) * goes
        self.way_out_ms = t_ms

    def _inside(self, t_ms: int) -> None:
        p = self.p
        going = self.way_out_ms >= 0 and t_ms - self.way_out_ms <= p.door_s * 1000
        self.out = _shifted(self.out, -math.log(p.door_odds if going else p.life_odds))
        if not self.judged and not going:
            self.uses += 1.0
            self.leavings += t_ms - self.way_out_ms > p.went_s * 1000
            self.judged = True
        self.inside_ms = max(self.inside_ms, t_ms)

    def _second(self, room: int, t_ms: int, *, moved: bool) -> float:
        soon, hall = self.p.pair_s * 1000, RoomKind.HALL
        kinds = [r.kind for r in self.rooms]
        two = self.moved_ms >= 0 and self.moved_room != room and t_ms - self.moved_ms <= soon
        two = moved and two and hall not in {kinds[self.moved_room], kinds[room]}
        for k, r in enumerate(self.rooms):
            sees = r.view == 2 and t_ms - r.view_ms <= soon
            sees = sees or self._rests(r, t_ms)
            two = two or (sees and k != room and hall not in {r.kind, kinds[room]})
        if moved:
            self.moved_ms, self.moved_room = t_ms, room
        return float(two)

    def _accompany(self, t_ms: int, more: float) -> None:
        age_s = 0.0 if self.company_ms < 0 else max(t_ms - self.company_ms, 0) / 1000.0
        faded = self.company * math.exp(-age_s / self.p.company_tau_s)
        self.company = min(faded + more, self.p.company_most)
        self.company_ms = t_ms
        if more > 0:
            self.doubt_ms = t_ms
        if self.visit_ms < 0 and self.company >= self.p.company_sure:
            self.visit_ms = t_ms
        if self.company < self.p.company_over:
            self.visit_ms = -1

    def alibi_ms(self, room: int, now_ms: int) -> int:
        """The latest onset of a fall in this room that the one resident has an alibi for, −1 = for none."""
        p, here, acted = self.p, self.rooms[room], -1
        alone = self.visit_ms < 0 <= self.doubt_ms <= now_ms - p.alone_s * 1000
        if not (self.has_way_out and alone and here.has_pir):
            return -1
        for k, r in enumerate(self.rooms):
            last, before = r.hands_ms
            if k != room:
                acted = max(acted, before)
                if min(last, r.body_ms) >= 0 and abs(last - r.body_ms) >= p.apart_s * 1000:
                    acted = max(acted, min(last, r.body_ms))
        back = max(here.body_ms, here.rest_ms, *here.hands_ms)
        return acted - int(p.onset_s * 1000) if acted > back else -1

    # --- views -----------------------------------------------------------------------------------------

    def look(  # noqa: PLR0917  (one argument for each thing that a camera tells)
        self, camera: int, people: int, posture: int, x_m: float, y_m: float, sureness: float, now_ms: int
    ) -> None:
        """Take one view of one camera."""
        c = self.cameras[camera]
        c.people, c.new, c.sick = people, True, False
        if posture == 5:
            return
        c.looked_ms = now_ms
        if people <= 0:
            return
        if c.seen_ms < 0 or now_ms - c.seen_ms > self.p.gap_s * 1000:
            c.arrived_ms = now_ms
        at, ax, ay = c.anchor
        if c.seen_ms < 0 or now_ms - c.seen_ms > 2000:
            c.since_ms, c.moves, c.anchor = now_ms, False, (now_ms, x_m, y_m)
        elif now_ms - at >= 900:
            c.moves = math.hypot(x_m - ax, y_m - ay) / (now_ms - at) * 1000.0 >= self.p.walking_m_s
            c.anchor = now_ms, x_m, y_m
        c.posture, c.sureness, c.seen_ms = posture, sureness, now_ms

    def see(self, now_ms: int) -> None:
        """Weigh what the cameras see."""
        p = self.p
        says = [self._says(c, now_ms) for c in self.cameras]
        if not any(
            c.new and (s != c.folded or now_ms - c.folded_ms >= p.look_s * 1000)
            for c, s in zip(self.cameras, says, strict=True)
        ):
            return
        self._move(now_ms)
        for c, s in zip(self.cameras, says, strict=True):
            if s != c.folded:
                c.flip_ms = now_ms
        weight, inside, spent = [0.0] * len(self.rooms), 0.0, 0.0
        loud = [self._anchored([r.chance for r in self.rooms], now_ms, k) for k in range(len(self.rooms))]
        bodies = [0] * len(self.rooms)
        for r in {c.room for c in self.cameras}:
            views = [self._view(c, s, now_ms) for c, s in zip(self.cameras, says, strict=True) if c.room == r]
            self.rooms[r].view = max(views) if max(views) > 0 else 0 if 0 in views else -1
            self.rooms[r].view_ms = now_ms
            self.rooms[r].sees = any(
                c.room == r and k > 0 and not self._belied(c, now_ms)
                for c, k in zip(self.cameras, says, strict=True)
            )
        sound = [s > 0 and not self._belied(c, now_ms) for c, s in zip(self.cameras, says, strict=True)]
        rivals = len({c.room for c, ok in zip(self.cameras, sound, strict=True) if ok}) > 1
        visited = rivals and self.visit_ms >= 0
        for c, s, ok in zip(self.cameras, says, sound, strict=True):
            dt_s = 0.0 if c.folded_ms < 0 else min(max(now_ms - c.folded_ms, 0) / 1000.0, p.most_s)
            flip = float(s != c.folded)
            fade = math.exp((c.flip_ms - now_ms) / 1000.0 / p.steady_s)
            steady = p.still_per_s * fade
            if c.moves:
                steady = p.seen_per_s if not rivals else steady if visited else steady + p.rival_per_s
            if ok:
                comes = 0.0 if visited else flip * math.log(p.seen_odds)
                weight[c.room] += (steady * dt_s + comes) * c.sureness * loud[c.room]
                inside += steady * dt_s + flip
                if c.moves or c.posture == 1:
                    self.inside_ms = max(self.inside_ms, c.seen_ms)
                if now_ms - c.since_ms >= 2000 and (c.posture == 1 or c.people > 1):
                    bodies[c.room] = max(bodies[c.room], c.people)
            if s < 0:
                weight[c.room] -= p.gone_per_s * fade * dt_s + flip * math.log(p.gone_odds)
            spent = max(spent, dt_s)
            c.folded, c.folded_ms, c.new = s, now_ms, False
        like = [math.exp(min(max(w, -30.0), 30.0)) for w in weight]
        self._set(self._weighed([r.chance for r in self.rooms], like))
        self.out = _shifted(self.out, -inside)
        self._accompany(now_ms, spent * p.together_per_s if sum(bodies) >= 2 else 0.0)

    def _view(self, c: Camera, says: int, now_ms: int) -> int:
        if says <= 0:
            return says
        if self._belied(c, now_ms):
            return 0
        if c.moves or c.posture == 1:
            c.lively_ms = c.seen_ms
        if c.moves:
            return 2
        return int(c.lively_ms >= 0 and now_ms - c.lively_ms <= self.p.warm_s * 1000)

    def _belied(self, c: Camera, now_ms: int) -> bool:
        r = self.rooms[c.room]
        settled = now_ms - c.arrived_ms > self.p.arrive_s * 1000
        unmoved = r.has_pir and (r.body_ms < 0 or now_ms - r.body_ms > self.p.pet_s * 1000)
        radar_empty = r.says.get(SensorKind.PRESENCE) is False
        unmoved = unmoved and (settled or not c.moves or radar_empty)
        unmoved = unmoved and not any(r.says.get(k) for k in STATES)
        warm = c.posture == 4 and r.says.get(SensorKind.BED) is False
        return unmoved or warm or (settled and radar_empty)

    def _says(self, c: Camera, now_ms: int) -> int:
        if self._sees(c, now_ms):
            return 1
        elsewhere = any(self._sees(o, now_ms) and not self._belied(o, now_ms) for o in self.cameras)
        still = c.posture in {2, 3, 4} or not (c.moves or elsewhere)
        hidden = still and c.seen_ms >= 0 and self.rooms[c.room].chance >= 0.5
        hidden = hidden or any(self.rooms[c.room].says.get(k) for k in STATES)
        return -1 if self._looks(c, now_ms) and not c.sick and not hidden else 0

    def _looks(self, c: Camera, now_ms: int) -> bool:
        return c.looked_ms >= 0 and now_ms - c.looked_ms <= self.p.fresh_s * 1000

    def _sees(self, c: Camera, now_ms: int) -> bool:
        return self._looks(c, now_ms) and c.people > 0 and c.seen_ms == c.looked_ms


def _shifted(chance: float, log_odds: float) -> float:
    odds = math.log(chance) - math.log1p(-chance) + log_odds
    return 1.0 / (1.0 + math.exp(-min(max(odds, -30.0), 30.0)))
