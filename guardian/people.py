"""What staff call people and places, and who lives there: names and addresses, which stay on the pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerting.duty import Duty
from alerting.ledger import RosterRows


@dataclass(frozen=True, slots=True)
class Door:
    """Who lives in a home, and how to get in; None = nobody has noted it."""

    name: str
    phone: str | None = None
    address: str | None = None
    key_at: str | None = None
    door_code: str | None = None
    animals: str | None = None
    medical: str | None = None


@dataclass(frozen=True, slots=True)
class People:
    """Who can go, and what staff call people and places. Names and addresses stay on this board."""

    duty: Duty
    names: Mapping[str, str] = field(default_factory=dict)
    """Responder id → name."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Home → address, shown only when 120 has to be called."""
    doors: Mapping[str, Door] = field(default_factory=dict)
    """Home → what somebody at the door must know."""
    phones: Mapping[str, str] = field(default_factory=dict)
    """Responder id → number."""

    @classmethod
    def of(cls, duty: Duty, rows: RosterRows | None) -> "People":
        """Take names and addresses from the roster's rows."""
        if rows is None:
            return cls(duty)
        person = {p["id"]: p for p in rows.people}  # without those who have been erased
        homes = [(h["id"], person.get(h["resident"])) for h in rows.homes]
        return cls(
            duty,
            names={r["id"]: person[r["id"]]["name"] for r in rows.responders if r["id"] in person},
            addresses={home: who["address"] for home, who in homes if who is not None and who["address"]},
            doors={
                home: Door(who["name"], *(who.get(f) for f in Door.__slots__[1:]))
                for home, who in homes
                if who is not None
            },
            phones={
                r["id"]: person[r["id"]].get("phone") or "" for r in rows.responders if r["id"] in person
            },
        )

    def name(self, responder: str) -> str:
        """Give the name, or the id of somebody who has left the roster."""
        return self.names.get(responder, responder)
