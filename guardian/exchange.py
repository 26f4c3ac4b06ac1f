"""Another roster, other thresholds while Guardian runs: what watches is built beside, and follows the old.

Takes the roster or the parameters that shall hold; builds board and lookout anew in a thread while the beats
go on with the old ones, then hands them to the watch, which lets them go on from what the old ones know, by
name, in the middle of a beat. Until then, and whenever something fails, the old ones go on. Never touches the
ledger.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from detectors.params import Params
from guardian.board import Board
from guardian.desk import Answer, Refused
from guardian.lookout import Lookout
from guardian.memory import keep_built
from guardian.roster import Roster
from guardian.settings import Loaded, SettingsError, load
from guardian.watch import Watch

log = structlog.get_logger("exchange")

NEXT_START = "when Guardian is started the next time"
KEPT: frozenset[str] = frozenset({"detectors", "escalation"})
"""Of guardian.toml: names of files that may differ without the settings themselves differing."""


@dataclass(frozen=True, slots=True)
class Built:
    """What could watch, and what it was made of."""

    board: Board
    lookout: Lookout
    roster: Roster
    params: Params


def build(roster: Roster, params: Params, *, replay: bool = False) -> Built:
    """Make what watches a roster, knowing nothing yet. Raises ValueError for one that cannot be watched."""
    board = Board(roster.site, roster.sensors, replay=replay)
    lookout = Lookout(board, params, roster.furniture, timezone=roster.duty.timezone, benches=True)
    for array in lookout.snapshot(passing=True).values():
        array[...] = array.copy()  # a first touch costs several times more, and no beat waits for it here
    return Built(board, lookout, roster, params)


class Exchange:
    """What watches in a running daemon, and how it is changed."""

    def __init__(
        self,
        now: Built,
        watch: Watch,
        loaded: Loaded,
        hand_over: Callable[[Board], None],
        *,
        replay: bool = False,
    ) -> None:
        self._hand_over = hand_over
        self._roster, self._params = now.roster, now.params
        self._watch, self._loaded, self._replay = watch, loaded, replay
        self.turn = asyncio.Lock()
        """Held by whoever changes something: one after the other."""

    async def built(self, roster: Roster | None = None, params: Params | None = None) -> Built | None:
        """Build beside; None where nothing that watches would change. Raises Refused with the reason."""
        roster, params = roster or self._roster, params or self._params
        if params == self._params and _watched(roster) == _watched(self._roster):
            return None
        try:
            return await asyncio.to_thread(build, roster, params, replay=self._replay)
        except Exception as e:  # whatever it is: the old ones watch on, and whoever asked is told
            log.exception("what watches stays as it is")
            raise Refused([f"nothing has changed: {e}"]) from e

    async def take(self, other: Built | None) -> Sequence[str]:
        """Put in place what was built; give why it is not in place, one line each."""
        if other is None:
            return ()
        if not self._watch.board.homes:  # what was learnt before is in snapshots, which only a start reads
            return (f"nobody was watched: the new takes effect {NEXT_START}",)

        def hand_over(board: Board) -> None:
            self._roster, self._params = other.roster, other.params
            self._hand_over(board)

        try:
            stood_ms = await self._watch.exchange(other.board, other.lookout, hand_over)
        except Exception as e:  # whatever it is: the old ones watch on, and whoever asked is told
            log.exception("what watches stays as it is")
            return (f"what watches stays as it was, the new takes effect {NEXT_START}: {e}",)
        keep_built()
        log.info("another roster or other thresholds watch", homes=len(other.board.homes), stood_ms=stood_ms)
        return ()

    async def reload(self) -> Answer:
        """Read the detectors' thresholds again. Raises Refused with what is wrong: then nothing changes."""
        if self._loaded.file is None:
            raise Refused(["these settings were not read from a file"])
        async with self.turn:
            try:
                new = await asyncio.to_thread(load, self._loaded.file)
            except SettingsError as e:
                log.error("thresholds stay as they were", why=e.problems)  # noqa: TRY400
                raise Refused(e.problems) from e
            changes = _thresholds(self._params, new.detectors)
            if why := await self.take(await self.built(params=new.detectors)):
                raise Refused(list(why))
            old = self._loaded
            if new.policy != old.policy:
                changes.append(f"! escalation.toml has changed: it takes effect {NEXT_START}")
            if _own(new) != _own(old):
                changes.append(f"! guardian.toml has changed: it takes effect {NEXT_START}")
        for line in changes:
            log.info("reloaded", says=line)
        return {"changes": changes}

    async def run(self, asked: asyncio.Event) -> None:
        """Reload whenever somebody asks for it by a signal, for ever; mistakes are in the log."""
        while True:
            await asked.wait()
            asked.clear()
            with suppress(Refused):  # said by `reload`, with every mistake
                await self.reload()


def _watched(roster: Roster) -> tuple[object, ...]:
    return roster.sensors, dict(roster.furniture), roster.duty.timezone


def _own(loaded: Loaded) -> dict[str, object]:
    return loaded.settings.model_dump(exclude=set(KEPT))


def _thresholds(old: object, new: object, name: str = "") -> list[str]:
    """Say what differs between two sets of parameters, one line a number."""
    fields = getattr(type(old), "__dataclass_fields__", None)
    if fields is None:
        return [] if old == new else [f"~ {name}: {old} → {new}"]
    return [
        line
        for field in fields
        for line in _thresholds(getattr(old, field), getattr(new, field), f"{name}.{field}".lstrip("."))
    ]


def reload_route(exchange: Exchange) -> Route:
    """Make the desk's route; it may answer with `Refused`."""

    async def reload(_request: Request) -> JSONResponse:
        return JSONResponse(dict(await exchange.reload()))

    return Route("/reload", reload, methods=["POST"])
