"""The obvious twin of detectors/inactivity.py: one home, one minute after the other, plain numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from detectors.inactivitystate import KINDS, Clock, InactivityParams, Tail, Usual

HOURS = 24
LONG = 2
"""First bucket of longer silences."""


@dataclass(slots=True)
class Told:
    """What one minute brought to this home."""

    life: bool
    door: bool = False
    bathroom: bool = False
    bed: int = -1
    quiet: bool = False
    """We are blind, or nobody is expected."""
    guest: bool = False


@dataclass(slots=True)
class Running:
    """One clock of the present silence."""

    age: float = -1.0
    sum: float = 0.0
    start: int = -1
    said: bool = False


@dataclass(slots=True)
class Now:
    """What this minute came to so far."""

    odds: float
    buckets: Mapping[Clock, int]
    surprise: Mapping[Clock, float]
    learns: Mapping[Clock, bool]
    tails: Mapping[Clock, Tail]


@dataclass(slots=True)
class Home:
    """The detector of one home; minutes are whole numbers from 0 on, the first one at midnight."""

    params: InactivityParams
    usual: Usual
    has_door: bool
    has_bed: bool = False
    clocks: dict[Clock, Running] = field(default_factory=lambda: {c: Running() for c in Clock})
    events: dict[tuple[Clock, int, int], float] = field(default_factory=dict)
    exposure: dict[tuple[Clock, int, int], float] = field(default_factory=dict)
    week: dict[tuple[Clock, int], list[float]] = field(default_factory=dict)
    """Longer silences of a day of the week that ended, and how many would have by the rates of all days."""
    busy: dict[Clock, float] = field(default_factory=lambda: dict.fromkeys(Clock, 1.0))
    outings: list[float] = field(default_factory=lambda: [0.0, 0.0])
    silences: list[float] = field(default_factory=lambda: [0.0, 0.0])
    passed: dict[Tail, float] = field(default_factory=lambda: dict.fromkeys(Tail, 0.0))
    excess: dict[Tail, float] = field(default_factory=lambda: dict.fromkeys(Tail, 0.0))
    days: float = 0.0
    hour: int = -1
    by_door: bool = False
    slept: bool = False
    censored: bool = False
    prompted: bool = False
    rates: dict[tuple[Clock, int], float] = field(default_factory=dict)
    needs: Mapping[Tail, float] = field(default_factory=dict)
    asks: Mapping[Tail, float] = field(default_factory=dict)
    lively: list[float] = field(default_factory=list)

    def step(self, minute: int, told: Told) -> tuple[list[tuple[str, int]], bool]:
        """One minute: (kind, minute of the onset) of each finding, and whether an asked home has moved."""
        p = self.params
        hour = minute // 60 % HOURS
        weekday = minute // (60 * HOURS) % 7
        if hour != self.hour:
            self._turn(hour, weekday)
        silence, away = self.clocks[Clock.SILENCE], self.clocks[Clock.AWAY]
        if told.quiet and silence.age >= 0:
            self.censored = True
        if not told.quiet:
            self.days += 1 / 1440
        buckets = {c: self._bucket(c, max(k.age, 0.0)) for c, k in self.clocks.items()}
        runs = {c: k.age >= 0 and not told.quiet for c, k in self.clocks.items()}
        for c, k in self.clocks.items():
            if runs[c]:
                k.sum += self.rates[c, buckets[c]]
        asleep = self.lively[hour] < p.sleep_share * sum(self.lively) / HOURS
        if asleep and silence.age > 0:
            self.slept = True

        begun = 1 if self.by_door else 0
        prior, known = ((p.missed_out, p.missed_known), (p.door_out, p.door_known))[begun]
        odds = (self.outings[begun] + prior * known) / (self.silences[begun] + known)
        home, gone = (1 - odds) * math.exp(-min(silence.sum, 60)), odds * math.exp(-min(away.sum, 60))
        out = gone / (home + gone)
        surprise = {c: k.sum for c, k in self.clocks.items()}
        surprise[Clock.SILENCE] = -math.log(home + gone)

        tails = {
            Clock.SILENCE: Tail.SLEEP if self.slept else Tail.DAY,
            Clock.AWAY: Tail.AWAY,
            Clock.BATHROOM: Tail.BATHROOM,
            Clock.NIGHT: Tail.NIGHT,
            Clock.BED: Tail.BED,
        }
        found: list[tuple[str, int]] = []
        over = {}
        for c, k in self.clocks.items():
            due = surprise[c] > self.needs[tails[c]] and k.age >= p.least_min[c]
            believed_gone = self.by_door and odds > 0.9 * (odds + home)
            if c in {Clock.SILENCE, Clock.AWAY} and k.age >= p.most_min:
                due = True
            if c is Clock.AWAY and not believed_gone:
                due = False
            over[c] = due and runs[c]
        ask = surprise[Clock.SILENCE] > self.asks[tails[Clock.SILENCE]] and silence.age >= p.prompt_least_min
        if not told.life:
            was_said = silence.said
            for c, k in self.clocks.items():
                if over[c] and not k.said:
                    k.said = True
                    found.append((KINDS[c].value, k.start))
            if ask and runs[Clock.SILENCE] and not self.prompted and not was_said and not silence.said:
                self.prompted = True
                found.append(("inactivity-prompt", silence.start))

        learns = {
            c: runs[c] and not k.said and not over[c] and not told.guest and not self.censored
            for c, k in self.clocks.items()
        }
        learns[Clock.AWAY] = learns[Clock.SILENCE]
        if learns[Clock.SILENCE]:
            for c, share in ((Clock.SILENCE, 1 - out), (Clock.AWAY, out)):
                key = (c, hour, buckets[c])
                self.exposure[key] = self.exposure.get(key, 0.0) + share
                if buckets[c] >= LONG:
                    self._week(c, weekday)[1] += share * self.rates[c, buckets[c]] / self.busy[c]
        moved = told.life and self.prompted and not silence.said
        rises = self.clocks[Clock.BED].age >= 0 and told.bed == 0
        calm = min(self.lively[hour], self.lively[(hour + 1) % HOURS])
        night = calm < p.night_share * sum(self.lively) / HOURS
        night = night and told.bed == 0 and not (told.door and told.life)
        up = night and (rises or self.clocks[Clock.NIGHT].age >= 0)
        if self.clocks[Clock.NIGHT].age >= 0 and not night and told.bed != 1:
            if learns[Clock.NIGHT]:
                self._past(Clock.NIGHT, minute, 1.0)
            self.clocks[Clock.NIGHT] = Running()
        self._end(minute, told, Now(odds, buckets, surprise, learns, tails))
        for c, k in self.clocks.items():
            if k.age >= 0 and runs[c]:
                k.age += 1
        self._start(minute, told, up)
        return found, moved

    def _week(self, clock: Clock, weekday: int) -> list[float]:
        return self.week.setdefault((clock, weekday), [0.0, 0.0])

    def _bucket(self, clock: Clock, age: float) -> int:
        edges: list[float] = self.params.edges()[clock].tolist()
        return sum(age >= edge for edge in edges) - 1

    def _turn(self, hour: int, weekday: int) -> None:
        p, first = self.params, self.hour < 0
        self.hour = hour
        keep = math.exp(-1 / p.forget_days)
        if not first:
            for table in (self.events, self.exposure):
                for key in table:
                    if key[1] == hour:
                        table[key] *= keep
            if hour == 0:
                self.outings = [x * keep for x in self.outings]
                self.silences = [x * keep for x in self.silences]
                self.week = {key: [x * keep for x in both] for key, both in self.week.items()}
        if not self.lively:
            self.lively = self.usual.lively.tolist()
        usual = self.usual.rate[int(self.has_bed)]
        ages = usual.shape[-1]
        for c in Clock:
            factor = 1.0
            for b in range(ages):
                own = sum(v for (k, _, a), v in self.events.items() if (k, a) == (c, b))
                expected = sum(
                    v * float(usual[k, h, a]) for (k, h, a), v in self.exposure.items() if (k, a) == (c, b)
                )
                factor = (own + p.least_events * factor) / (expected + p.least_events)
                seen = hoped = 0.0
                for h, weight in ((hour, 1.0), ((hour - 1) % HOURS, 0.5), ((hour + 1) % HOURS, 0.5)):
                    seen += weight * self.events.get((c, h, b), 0.0)
                    hoped += weight * self.exposure.get((c, h, b), 0.0) * float(usual[c, h, b]) * factor
                prior = float(usual[c, hour, b]) * factor
                self.rates[c, b] = prior * (seen + p.least_expected) / (hoped + p.least_expected)
        for c in (Clock.SILENCE, Clock.AWAY):
            own, expected = self._week(c, weekday)
            self.busy[c] = (own + p.weekday_known) / (expected + p.weekday_known)
            for b in range(LONG, ages):
                self.rates[c, b] *= self.busy[c]
        ended = sum(self.events.get((Clock.SILENCE, hour, b), 0.0) for b in range(ages))
        minutes = sum(self.exposure.get((Clock.SILENCE, hour, b), 0.0) for b in range(ages))
        m = p.sleep_minutes
        self.lively[hour] = (ended + m * float(self.usual.lively[hour])) / (minutes + m)
        young = p.new_nats * min(max(1 - self.days / p.new_days, 0.0), 1.0)
        self.needs = {t: self._threshold(t, p.false_every_days) + young for t in Tail}
        self.asks = {t: self._threshold(t, p.prompt_every_days) + young for t in Tail}

    def _threshold(self, which: Tail, every_days: float) -> float:
        p = self.params.tail
        often = (self.passed[which] + p.known) / (
            self.days + p.known / float(self.usual.often[int(self.has_bed), which])
        )
        mean = (self.excess[which] + p.known * p.excess) / (self.passed[which] + p.known)
        cannot = {*([] if self.has_door else [Tail.AWAY]), *([] if self.has_bed else [Tail.NIGHT, Tail.BED])}
        whole = sum(share for t, share in zip(Tail, self.params.shares, strict=True) if t not in cannot)
        rate = 1e-30 if which in cannot else self.params.shares[which] / whole / every_days
        return float(p.level + mean * max(((rate / often) ** -p.shape - 1) / p.shape, 0.0))

    def _end(self, minute: int, told: Told, now: "Now") -> None:
        p, hour = self.params, minute // 60 % HOURS
        odds, buckets, surprise, learns, tails = now.odds, now.buckets, now.surprise, now.learns, now.tails
        running = {c: k.age >= 0 for c, k in self.clocks.items()}
        ended = {c: running[c] and told.life for c in Clock}
        ended[Clock.BATHROOM] = ended[Clock.BATHROOM] and not told.bathroom
        ended[Clock.BED] = running[Clock.BED] and told.bed == 0
        ended[Clock.NIGHT] |= running[Clock.NIGHT] and told.bed == 1
        if not any(ended.values()):
            return
        silence, away = self.clocks[Clock.SILENCE], self.clocks[Clock.AWAY]
        told_by_door = 1.0
        if self.has_door:
            told_by_door = 0.9 / 0.05 if told.door else 0.1 / 0.95
        gone = (
            odds * math.exp(-min(away.sum, 60)) * self.rates[Clock.AWAY, buckets[Clock.AWAY]] * told_by_door
        )
        home = (
            (1 - odds) * math.exp(-min(silence.sum, 60)) * self.rates[Clock.SILENCE, buckets[Clock.SILENCE]]
        )
        was_out = gone / max(gone + home, 1e-30) if silence.age >= p.looked_at_min else 0.0
        silent = ended[Clock.SILENCE] and not self.censored and not told.guest
        for c in Clock:
            if not ended[c]:
                continue
            share = {Clock.SILENCE: 1 - was_out, Clock.AWAY: was_out}.get(c, 1.0)
            key = (c, hour, buckets[c])
            self.events[key] = self.events.get(key, 0.0) + share * learns[c]
            if c in {Clock.SILENCE, Clock.AWAY} and buckets[c] >= LONG:
                self._week(c, minute // (60 * HOURS) % 7)[0] += share * learns[c]
            age = self.clocks[c].age
            if c not in {Clock.SILENCE, Clock.AWAY} and learns[c] and not self.censored:
                self._past(c, minute, share)
            counts = silent and p.least_min[c] <= age < p.longest_days * 1440
            if c is Clock.BED:
                counts = age >= p.least_min[c] and not self.censored
            if c is Clock.AWAY and was_out <= 0.5:
                counts = False
            if counts and surprise[c] > p.tail.level:
                self.passed[tails[c]] += 1
                self.excess[tails[c]] += surprise[c] - p.tail.level
        if silent:
            self.outings[int(self.by_door)] += was_out
            self.silences[int(self.by_door)] += 1
        if ended[Clock.SILENCE]:
            self.prompted = self.censored = self.slept = False
        for c in Clock:
            if ended[c]:
                self.clocks[c] = Running()

    def _past(self, clock: Clock, minute: int, share: float) -> None:
        age = self.clocks[clock].age
        for m in range(int(age) + 1):
            cell = (clock, (minute - int(age) + m) // 60 % HOURS, self._bucket(clock, m))
            self.exposure[cell] = self.exposure.get(cell, 0.0) + share

    def _start(self, minute: int, told: Told, up: bool) -> None:
        enters = told.life and told.bathroom and self.clocks[Clock.BATHROOM].age < 0
        begins: Sequence[Clock] = [
            *([Clock.SILENCE, Clock.AWAY] if told.life else []),
            *([Clock.BATHROOM] if enters else []),
            *([Clock.NIGHT] if up and (told.life or self.clocks[Clock.NIGHT].age < 0) else []),
            *([Clock.BED] if told.bed == 1 and self.clocks[Clock.BED].age < 0 else []),
        ]
        for c in begins:
            self.clocks[c] = Running(age=0.0, start=minute)
        if told.life:
            self.by_door = told.door
        if told.bed != 1:
            self.clocks[Clock.BED].age = -1
