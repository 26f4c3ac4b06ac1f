"""Commands about open incidents: what is open, who takes over, who goes too. Nothing is decided here."""

from typing import Annotated, Literal

import typer

from alerting.ledger import Tx, newest_roster
from guardian import desk, named, roster
from guardian.cli_homes import asked
from guardian.cli_parts import DEFAULT_CONFIG, ConfigOption
from guardian.people import People
from guardian.settings import load

incidents_app = typer.Typer(no_args_is_help=True, help="Open incidents: who takes over, who goes too.")

Number = Annotated[int, typer.Argument(help="Number of the incident, as the board shows it.")]
Person = Annotated[str, typer.Argument(help="Name, phone number or id of a responder, on duty or not.")]
Owner = Annotated[str, typer.Option(help="Who says so: a name that colleagues know.")]


@incidents_app.command("list")
def incidents_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show what is open and who goes."""
    _show(asked(config, "GET", "/incidents", None, lambda tx, _now_ms: named.listing(tx, _people(tx))))


@incidents_app.command("hand-over")
def incidents_hand_over(
    number: Number, person: Person, owner: Owner, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Page somebody who is to take over; whoever holds it keeps it until that person says 1."""
    _name(number, person, "hand-over", owner, config)


@incidents_app.command("add")
def incidents_add(
    number: Number, person: Person, owner: Owner, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Page somebody who is to go too, whoever goes."""
    _name(number, person, "add", owner, config)


def _name(
    number: int,
    person: str,
    what: Literal["hand-over", "add"],
    owner: str,
    config: ConfigOption,
) -> None:
    wish = named.Wish(incident=number, person=person, what=what, owner=owner)

    def work(tx: Tx, now_ms: int) -> desk.Answer:
        return named.name(tx, wish, _people(tx), load(config).policy, now_ms)

    _show(asked(config, "POST", "/incidents/name", named.encode(wish), work))


def _people(tx: Tx) -> People:
    found = roster.newest(tx)
    if found is None:
        raise desk.Refused(["no roster has been imported yet"])
    return People.of(found.duty, newest_roster(tx))


def _show(answer: desk.Answer) -> None:
    for row in answer["incidents"]:
        going = f"held by {row['held_by']}" if row["held_by"] else "held by nobody"
        waited = [f"handed over to {row['named']}"] if row["named"] else []
        waited += [f"sent for {name}" for name in row["added"]]
        print("  ".join([str(row["id"]), row["home"], row["kind"], row["state"], going, *waited]))
    if not answer["incidents"]:
        print("nothing is open")
