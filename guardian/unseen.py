"""Which homes were not protected lately, and how far programmes reach: for desk, command and page.

Takes the protection that the lookout keeps (guardian/protection.py) and the roster; gives lists. Gaps are
known from the second minute on after a start, those of the time before it too. Decides nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from zoneinfo import ZoneInfo

from guardian.desk import Answer
from guardian.foresight import check_hours, local
from guardian.homes import Activity
from guardian.protection import Gap, Protection, Reach, coverage, gap_list
from guardian.roster import Roster

HOURS = 24
"""How far back the page looks, and the command unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """What was not protected within some hours."""

    homes: int
    """That are watched."""
    blind: int
    """Of these, not protected now."""
    gaps: Sequence[Gap]
    """The last one of each home that had one, in order of risk."""
    reach: Mapping[str, Reach]
    """By programme."""


def look(homes: Sequence[str], protection: Protection, roster: Roster, since_ms: int) -> Unseen:
    """Take what the minute's look has left. `homes`: of the rows of `protection`."""
    state = protection.state
    reach = coverage(roster.programmes, roster.enrolled, homes, protection.equipped, state.blind)
    return Unseen(len(homes), int(state.blind.sum()), gap_list(homes, state, since_ms), reach)


def did(gap: Gap) -> str:
    """Name what the resident did when last seen, as the board's words do."""
    return Activity(gap.activity).name.lower().replace("_", "-")


def why(gap: Gap) -> str:
    """Name why the home was not protected, as the board's words do."""
    return gap.reason.name.lower().replace("_", "-")


def answer(hours: int, look_back: Callable[[int], Unseen], now_ms: int, timezone: str) -> Answer:
    """Give the list for the desk, with local times. `look_back`: takes since when, ms. Raises Refused."""
    check_hours(hours)
    zone, since_ms = ZoneInfo(timezone), now_ms - hours * 3_600_000
    found = look_back(since_ms)
    return {
        "from": local(since_ms, zone),
        "until": local(now_ms, zone),
        "homes": found.homes,
        "blind": found.blind,
        "gaps": [
            {
                "home": g.home,
                "from": local(g.from_ms, zone),
                "until": None if g.to_ms is None else local(g.to_ms, zone),
                "did": did(g),
                "why": why(g),
            }
            for g in found.gaps
        ],
        "programmes": {name: asdict(reach) for name, reach in found.reach.items()},
    }
