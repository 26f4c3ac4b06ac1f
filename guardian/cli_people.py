"""Commands about people: who could come, who was protected, who is tested, who can be reached.

Nothing is decided here.
"""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerting.coverage import HOURS, forecast
from alerting.learning import learnt
from alerting.ledger import Tx, newest_roster, past
from guardian import desk, drills, foresight, roster, unseen
from guardian.book import LOOK_BACK_MS
from guardian.cli_homes import asked
from guardian.cli_parts import DEFAULT_CONFIG, ConfigOption, fail
from guardian.people import People
from guardian.settings import load
from guardian.shifts import listing

WIDE = 120
"""Columns of tables that go into a file."""


def coverage(
    hours: Annotated[int, typer.Option(help="How far to look ahead.")] = HOURS,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show the homes to which fewer than two people could come in time, when, and how many could."""
    policy = load(config).policy

    def work(tx: Tx, now_ms: int) -> desk.Answer:
        foresight.check_hours(hours)
        found = _newest(tx)
        duty = learnt(found.duty, past(tx, now_ms - LOOK_BACK_MS, now_ms), policy, now_ms)
        return foresight.listing(forecast(found.homes, duty, policy, now_ms, hours), duty.timezone)

    answer = asked(config, "GET", f"/coverage?hours={hours}", None, work)
    for gap in answer["gaps"]:
        print("  ".join(str(gap[name]) for name in ("home", "from", "until", "could_come")))
    few, homes = answer["homes_with_gap"], answer["homes"]
    print(f"{few} of {homes} homes have a gap from {answer['from']} to {answer['until']}")


def protection(
    hours: Annotated[int, typer.Option(help="How far to look back.")] = unseen.HOURS,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show the homes that were not protected lately, who matters most first; and how far programmes reach."""
    answer = desk.call(load(config).settings.state_directory, "GET", f"/protection?hours={hours}")
    for gap in answer["gaps"]:
        until = gap["until"] or "now"
        print(f"{gap['home']}  {gap['from']}  {until}  {gap['why']}  last seen: {gap['did']}")
    for name, reach in answer["programmes"].items():
        print(
            f"{name}: {reach['eligible']} eligible, {reach['enrolled']} enrolled, "
            f"{reach['equipped']} equipped, {reach['protected']} protected now"
        )
    seen = answer["homes"] - answer["blind"]
    print(
        f"{seen} of {answer['homes']} homes are protected now; {len(answer['gaps'])} were not at some time "
        f"from {answer['from']} to {answer['until']}"
    )


def drill(
    home: Annotated[str | None, typer.Argument(help="Id of the home.")] = None,
    all_homes: Annotated[
        bool, typer.Option("--all", help="Homes that are due, one for each person on shift at a time.")
    ] = False,
    due: Annotated[
        bool, typer.Option("--due", help="Show who has had none for a month, begin none.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Test the road to the door: people on shift get a text marked TEST and answer as always."""
    if (home is not None) + all_homes + due != 1:
        fail("name one home, or --all, or --due")
    if due:
        answer = asked(config, "GET", "/drill/due", None, _due)
        for row in answer["homes"]:
            print(f"home  {row['home']}  {row['last'] or 'never'}")
        for row in answer["people"]:
            print(f"person  {row['name']}  {row['last'] or 'never'}")
        if not answer["homes"] and not answer["people"]:
            print("everybody has had a drill within 30 days")
        return
    state = load(config).settings.state_directory
    answer = desk.call(state, "POST", "/drill", drills.encode(drills.Wish(home=home)))
    for row in answer["begun"]:
        print(f"drill at {row['home']}: incident {row['incident']}")
    if all_homes:
        print(f"{len(answer['begun'])} begun, {answer['left']} still due: ask again when these are over")


def ready(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show who is on shift within a day, what reaches them, the last answer; and how quotas stand."""
    answer = desk.call(load(config).settings.state_directory, "GET", "/ready")
    table = Table(
        "name", "on shift from", "number", "reached by", "answers come back", "last answer", "ready"
    )
    for row in answer["people"]:
        table.add_row(
            escape(row["name"]),
            row["from"],
            "valid" if row["number_valid"] else "NOT VALID",
            ", ".join(row["channels"]) or "NOTHING",
            "yes" if row["answers"] else "NO",
            row["last_answer"] or "never",
            "yes" if row["ready"] else "NO",
        )
    page = Console()
    (page if page.is_terminal else Console(width=WIDE)).print(table)
    for row in answer["quotas"]:
        print(
            f"{row['channel']}: {row['used']} of {row['cap']} texts in 24 hours to "
            f"{row['to'] or 'all together'}, {row['kept']} kept for what is urgent; "
            + (f"used up about {row['reached']}" if row["reached"] else "enough for a day")
        )
    if not answer["people"]:
        fail("nobody is on shift within 24 hours")


def shifts(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show who is on duty now, who comes within a day, and what is open between them."""
    answer = asked(config, "GET", "/shifts", None, _shifts)
    for row in answer["now"]:
        print(f"now  {row['name']}  until {row['until'] or 'tomorrow and on'}")
    for row in answer["next"]:
        print(f"next  {row['name']}  from {row['from']}")
    for row in answer["open"]:
        told = ", ".join(row["handed_over_to"]) or "nobody yet"
        print(
            f"open  {row['incident']}  {row['home']}  {row['kind']}  {row['state']}  since {row['since']}  "
            f"held by {row['holder'] or 'nobody'}  handed over to {told}"
        )
    if not answer["now"]:
        print("nobody is on duty now")
    if not answer["open"]:
        print("nothing is open")


def _newest(tx: Tx) -> roster.Roster:
    found = roster.newest(tx)
    if found is None:
        raise desk.Refused(["no roster has been imported yet"])
    return found


def _shifts(tx: Tx, now_ms: int) -> desk.Answer:
    found = _newest(tx)
    return listing(tx, found, People.of(found.duty, newest_roster(tx)), now_ms)


def _due(tx: Tx, now_ms: int) -> desk.Answer:
    found = _newest(tx)
    return drills.due(tx, found, People.of(found.duty, newest_roster(tx)), now_ms)
