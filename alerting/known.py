"""What is known of the people whom one incident concerns: who was asked, what they said, who goes.

Pure: takes the pages of this round and the words since the decision; gives what the planner needs of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from alerting import planner
from alerting.ledger import Message, Move
from alerting.paths import NOT_REACHED
from alerting.record import Incident


@dataclass(slots=True)
class Known:
    """People of one incident."""

    paged: dict[str, int] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)
    lapsed: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    """Those with a page of this round that has not been sent yet."""
    pages: list[Message] = field(default_factory=list)
    """Those of this round."""
    going: dict[str, planner.Going] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)
    """Those who have accepted and were told to stay → when."""
    released: dict[str, int] = field(default_factory=dict)
    """Those who held it until somebody named by staff took over → when."""
    heard: dict[str, int] = field(default_factory=dict)
    """Everybody's last word → when."""

    def told(self) -> planner.Asked:
        """Give what the planner needs of it."""
        volunteers = {r: ms for r, ms in self.said.items() if ms >= self.paged.get(r, 0)}
        return planner.Asked(self.paged, self.declined, self.unreachable, self.going, self.lapsed, volunteers)


def known_of(incident: Incident, pages: Iterable[Message], words: Iterable[Move]) -> Known:
    """Go through pages and words in order."""
    asked = Known()
    for word in words:
        if word.event == "lease-lapsed":
            asked.lapsed.add(word.detail["released"])
            asked.going.pop(word.detail["released"], None)
            continue
        if word.event != "cannot-go" and "released" in word.detail:
            asked.going.pop(word.detail["released"], None)
            asked.released[word.detail["released"]] = word.t_ms
        _note(asked, word, word.detail.get("responder", word.by))
    asked.paged = dict.fromkeys(asked.lapsed, 0)
    asked.pages = [p for p in pages if p.created_ms >= incident.round_ms]
    reached, lost = set[str](), set[str]()
    first: dict[tuple[str, int], int] = {}
    for page in asked.pages:
        who = page.responder
        if page.state == "failed" or page.receipt in NOT_REACHED:
            lost.add(who)
            continue
        if page.state in {"due", "leased"}:
            asked.waiting.add(who)
        if page.state != "withdrawn" or page.copies:
            reached.add(who)  # by the same page on another path the window does not begin anew
            asked.paged[who] = first.setdefault((who, page.wave), page.created_ms)
    asked.unreachable = lost - reached
    return asked


def _note(asked: Known, word: Move, who: str) -> None:
    """Note somebody's word; the last one counts."""
    asked.heard[who] = word.t_ms
    if word.event == "cannot-go":
        asked.declined.add(who)
        asked.going.pop(who, None)
        asked.said.pop(who, None)
        return
    asked.declined.discard(who)
    if not word.detail.get("goes"):
        asked.said[who] = word.t_ms
        return
    asked.said.pop(who, None)
    asked.released.pop(who, None)
    minutes = word.detail.get("minutes")
    if minutes is not None or who not in asked.going:  # a time said before holds on
        asked.going[who] = planner.Going(word.t_ms, minutes)
