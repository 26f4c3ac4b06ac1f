"""Kills courier and ledger thousands of times, and counts what is lost: `python -m tests.kills.run`.

A single-threaded process whose imports are done forks each life (a kill costs some 0.1 s) and kills it with
SIGKILL at an instant drawn evenly from a little more than the length of such a life (`--kills N`), or lets it
kill itself at a named point (`--at-each-point M`). Ten kills or so make a story: one ledger file, two homes
more in each life, in half of the stories a provider whose list is empty. Then one life is let go to its
end, and the story is judged.

Prints one JSON object; ends with status 1 when anything is wrong.
"""

import argparse
import gc
import json
import logging
import os
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from alerting.courier import CRASH_POINTS
from tests.courier_child import PEOPLE
from tests.kills import provider
from tests.kills.forks import fork
from tests.kills.life import PLANTS, Life, live, noticed
from tests.kills.statements import shared_statements
from tests.kills.told import names

KILLS_A_STORY = 10
GIVE_UP_S = 300.0
"""A life that is not over by then hangs; a second is usual, but other work may leave it hardly any CPU."""
LONGER, SHORTER = 1.05, 0.85
"""What a kill, and a life that saw its end before it, does to the time from which instants are drawn: about
one life in four is to see its end, however loaded the machine is."""
MAX_COPIES = 3
OF_THE_WAVE = ("planning", "planned")
"""Passed once for a wave; the others once for each of its texts."""
ENOUGH_WRONG = 10


@dataclass(slots=True)
class Tally:
    """What has come out so far."""

    kills: int = 0
    lives: int = 0
    stories: int = 0
    alerts: int = 0
    lost: int = 0
    texts: int = 0
    most_copies: int = 0
    extra_copies: int = 0
    wrong: list[str] = field(default_factory=list)
    """In words; empty when all is well."""
    after: Counter[str] = field(default_factory=Counter)
    """Kills by the last point that was passed."""


class Nursery:
    """Forks lives, and kills them."""

    def __init__(self, directory: Path, rng: np.random.Generator, plant: str = "") -> None:
        self.tally = Tally()
        self._rng = rng
        self._plant = plant
        self._directory = directory
        self._socket = directory / "provider"
        self._within_s = {True: 0.1, False: 0.05}
        """Of what length a life's instants are drawn; a story's first one makes the ledger."""
        self._provider = fork(
            lambda: provider.serve(self._socket, int(rng.integers(2**32))), directory / "trouble"
        )
        self._line = provider.Line(self._socket)

    def close(self) -> None:
        self._line.close()
        os.kill(self._provider, signal.SIGKILL)
        os.waitpid(self._provider, 0)

    def story(self, kills: int, point: str = "") -> None:
        """Tell one story with that many kills, all at `point` or each at any instant; judge it."""
        place = self._directory / "story"
        place.mkdir()
        lags = bool(self._rng.integers(2))
        self._line.ask("begin", lags=lags)
        killed = set[int]()
        number = 0
        while len(killed) < kills and number < 2 * kills:
            nth = 1 if point in OF_THE_WAVE else int(self._rng.integers(1, 4))
            life = Life(number, place, self._socket, point, nth, plant=self._plant)
            if self._lived(life, at_random=not point):
                killed.add(number)
                self.tally.after[self._last_point(place, number)] += 1
            number += 1
        self.tally.lives += number + 1
        self._lived(Life(number, place, self._socket, last=True, plant=self._plant), at_random=False)
        self.tally.kills += len(killed)
        self.tally.stories += 1
        self._judge(place, killed, lags=lags)
        shutil.rmtree(place)

    def _lived(self, life: Life, *, at_random: bool) -> bool:
        """Whether it was killed."""
        new = life.number == 0
        after_s = self._rng.uniform(0, self._within_s[new]) if at_random else GIVE_UP_S
        pid = fork(lambda: live(life), life.directory / "trouble")
        watched = os.pidfd_open(pid)
        over, _, _ = select.select([watched], [], [], after_s)
        os.close(watched)
        if not over:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if at_random:
            self._within_s[new] *= SHORTER if over else LONGER
        elif not over:
            self.tally.wrong.append(f"life {life.number} hangs")
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return True
        if status != 0:
            said = (life.directory / "trouble").read_text()
            self.tally.wrong.append(f"life {life.number} ended with {status}: {said}")
        return False

    @staticmethod
    def _last_point(place: Path, number: int) -> str:
        lines = [line.split() for line in _diary(place).splitlines()]
        return next((w[2] for w in reversed(lines) if w[:2] == [str(number), "point"]), "opening")

    def _judge(self, place: Path, killed: set[int], *, lags: bool) -> None:
        tally, diary = self.tally, _diary(place)
        recorded = {w[2]: int(w[0]) for w in map(str.split, diary.splitlines()) if w[1] == "recorded"}
        with sqlite3.connect(place / "ledger.db") as db:
            db.row_factory = sqlite3.Row
            (integrity,) = db.execute("PRAGMA integrity_check").fetchone()
            incidents = {r["home"]: r for r in db.execute("SELECT * FROM incident")}
            rows = db.execute("SELECT * FROM message").fetchall()
            codes = {(r["incident"], r["responder"]): r["code"] for r in db.execute("SELECT * FROM code")}
        db.close()
        said = [] if integrity == "ok" else [f"integrity: {integrity}"]
        copies: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for text in self._line.ask("books"):
            copies[text["phone"], text["body"]].append(text)
        homes = noticed(diary)
        tally.alerts += len(homes)
        for home in homes:
            why = _lost(incidents.get(home), rows, copies, codes)
            if why:
                tally.lost += 1
                said.append(f"{home} is lost: {why}")
        tally.texts += len(copies)
        for found in copies.values():
            said += _too_many(found, killed, recorded, most=MAX_COPIES if lags else 1)
            tally.most_copies = max(tally.most_copies, len(found))
            tally.extra_copies += len(found) - 1
        known = {(PEOPLE.responders[r["responder"]].phone, r["body"]) for r in rows if r["body"]}
        said += [f"a text that the ledger does not know: {text}" for text in copies.keys() - known]
        sids = {t["sid"] for found in copies.values() for t in found}
        said += [
            f"{r['sid']} is recorded and was not sent" for r in rows if r["sid"] and r["sid"] not in sids
        ]
        tally.wrong += [f"story {tally.stories}, list {'lags' if lags else 'is true'}: {s}" for s in said]


def _lost(
    incident: sqlite3.Row | None,
    rows: list[sqlite3.Row],
    copies: dict[tuple[str, str], list[dict[str, Any]]],
    codes: dict[tuple[int, str], str],
) -> str:
    """Why an alert is lost; "" = it is not.

    Each person of its wave has a text that names their code and whose sid is recorded.
    """
    said = {t["sid"]: body for (_, body), found in copies.items() for t in found}
    if incident is None:
        return "no incident"
    if incident["state"] != "notified":
        return f"its incident is {incident['state']}"
    for who, person in PEOPLE.responders.items():
        mine = [r for r in rows if r["incident"] == incident["id"] and r["responder"] == who]
        sids = {t["sid"] for (phone, _), found in copies.items() for t in found if phone == person.phone}
        code = codes.get((incident["id"], who), "none")
        if not any(
            r["state"] in {"sent", "grouped"} and r["sid"] in sids and names(said[r["sid"]], code)
            for r in mine
        ):
            return f"{who} has no text: {[(r['state'], r['copies'], r['error']) for r in mine]}"
    return ""


def _too_many(
    found: list[dict[str, Any]], killed: set[int], recorded: dict[str, int], *, most: int
) -> list[str]:
    """What is wrong with the copies of one text: each but the last was in flight at a kill of its own."""
    said = [] if len(found) <= most else [f"{len(found)} copies of {found[0]['body']!r}"]
    lives = [t["life"] for t in found]
    if len(set(lives)) < len(lives):
        said.append(f"twice in one life: {found[0]['body']!r}")
    for text in found[:-1]:
        if text["life"] not in killed:
            said.append(f"sent again without a crash: {text['body']!r}")
        if text["sid"] in recorded:
            said.append(f"sent again though recorded: {text['body']!r}")
    return said


def _diary(place: Path) -> str:
    diary = place / "diary"
    return diary.read_text() if diary.exists() else ""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10_000, help="at any instant")
    parser.add_argument("--at-each-point", type=int, default=100, help="at each named crash point")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", default="", choices=("", *PLANTS), help="break the courier first")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    wanted = {"": asked.kills, **dict.fromkeys(CRASH_POINTS, asked.at_each_point)}
    figures: dict[str, object] = {"seed": asked.seed}
    wrong = False
    with tempfile.TemporaryDirectory() as directory, shared_statements():
        gc.freeze()
        nursery = Nursery(Path(directory), np.random.default_rng(asked.seed), asked.plant)
        try:
            for point, kills in ((p, n) for p, n in wanted.items() if n):
                nursery.tally = Tally()
                began, cpu = time.perf_counter(), sum(os.times()[:4])
                while nursery.tally.kills < kills and len(nursery.tally.wrong) < ENOUGH_WRONG:
                    nursery.story(min(KILLS_A_STORY, kills - nursery.tally.kills), point)
                found = {f.name: getattr(nursery.tally, f.name) for f in fields(Tally)}
                found["wall_s"] = round(time.perf_counter() - began, 1)
                found["cpu_s"] = round(sum(os.times()[:4]) - cpu, 1)
                figures[point or "anywhere"] = found
                wrong |= bool(nursery.tally.wrong)
        finally:
            nursery.close()
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
