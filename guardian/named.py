"""Staff name somebody at the desk or on the board: who takes an incident over, who goes too.

Takes wishes with the person as colleagues call them; gives answers as plain objects. What follows from a name
stands in alerting/naming.py.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from alerting import naming
from alerting.incident import Added, HandedOver, IllegalMove, Incident
from alerting.ledger import Ledger, Tx, open_incidents
from alerting.policy import Policy
from guardian.clock import Clock
from guardian.desk import Answer, Refused
from guardian.people import People

BY = "desk"
MOST_OWNER = 64


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    incident: int
    person: str
    """Name, phone number (E.164) or id of a responder."""
    what: Literal["hand-over", "add"]
    owner: str
    """Who says so: a name that colleagues know."""


def encode(wish: Wish) -> bytes:
    """Pack a wish for the desk."""
    return msgspec.json.encode(wish)


class Named:
    """Hand-overs of a running daemon."""

    def __init__(
        self,
        ledger: Ledger,
        people: Callable[[], People],
        policy: Policy,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._ledger, self._people, self._policy, self._clock = ledger, people, policy, clock
        self._on_change = on_change

    async def name(self, body: bytes) -> Answer:
        """Carry out a wish; may raise `Refused`."""
        try:
            wish = msgspec.json.decode(body, type=Wish)
        except msgspec.MsgspecError as e:
            raise Refused([str(e)]) from e
        people, now_ms = self._people(), self._clock.now_ms()
        answer = await self._ledger.transact(lambda tx: name(tx, wish, people, self._policy, now_ms))
        self._on_change()
        return answer

    async def listing(self) -> Answer:
        """Give the open incidents."""
        people = self._people()
        return await self._ledger.transact(lambda tx: listing(tx, people))


def name(tx: Tx, wish: Wish, people: People, policy: Policy, now_ms: int) -> Answer:
    """Carry out a wish and give the open incidents; raises Refused."""
    owner = wish.owner.strip()
    if not 0 < len(owner) <= MOST_OWNER:
        raise Refused([f"owner: a name of 1 to {MOST_OWNER} characters"])
    who = person(people, wish.person)
    event = HandedOver(who, owner) if wish.what == "hand-over" else Added(who, owner)
    try:
        naming.name(tx, wish.incident, event, policy, now_ms, BY)
    except LookupError as e:
        raise Refused([f"incident: there is no incident {wish.incident}"]) from e
    except IllegalMove as e:
        raise Refused([f"incident {wish.incident}: {e}"]) from e
    return listing(tx, people)


def person(people: People, called: str) -> str:
    """Find the active responder who is called so, by id, name or number; raises Refused."""
    active = [r for r in people.duty.responders.values() if r.active]
    found = [r.id for r in active if called in {r.id, r.phone, people.name(r.id)}]
    if len(found) > 1:
        raise Refused([f"person: several are called {called}: name the number", *found])
    if not found:
        raise Refused([f"person: nobody active in the roster is called {called}"])
    return found[0]


def listing(tx: Tx, people: People) -> Answer:
    """Give the open incidents with who goes, by name."""

    def row(i: Incident) -> Answer:
        return {
            "id": i.id,
            "home": i.home,
            "kind": str(i.kind),
            "state": str(i.state),
            "held_by": None if i.acceptor is None else people.name(i.acceptor),
            "named": None if i.named is None else people.name(i.named),
            "added": [people.name(r) for r in i.added],
        }

    return {"incidents": [row(i) for i in open_incidents(tx)]}
