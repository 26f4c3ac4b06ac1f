"""Commands about homes and people: the roster, absences and silences. Nothing is decided here."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from alerting.ledger import Ledger, Tx, lock_state
from guardian import away, desk, quiet, roster
from guardian.cli_parts import DEFAULT_CONFIG, ConfigOption, fail
from guardian.clock import LiveClock
from guardian.roster_file import read as read_roster
from guardian.settings import load

T = TypeVar("T")
roster_app = typer.Typer(no_args_is_help=True, help="People, homes and sensors: import and export.")
away_app = typer.Typer(no_args_is_help=True, help="Who is expected to be away, until when, and who says so.")

quiet_app = typer.Typer(no_args_is_help=True, help="Notices that nobody wants to hear of for some hours.")


@roster_app.command("import")
def roster_import(
    file: Annotated[Path, typer.Argument(help="Roster as TOML.")],
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, store nothing.")
    ] = False,
) -> None:
    """Check a roster file, show what changes, and store it as the newest version."""
    text = file.read_text("utf-8")
    parsed = read_roster(text, file.name)  # mistakes are named here, whether a daemon runs or not
    state = load(config).settings.state_directory
    if desk.runs(state):
        answer = desk.call(state, "POST", f"/roster/import?dry_run={int(dry_run)}", text.encode())
        imported = roster.Imported(tuple(answer["changes"]), answer["version"])
    else:
        imported = ledger_work(
            state, lambda tx, now_ms: roster.import_file(tx, parsed, file.name, now_ms, dry_run=dry_run)
        )
    for line in imported.changes or ("nothing changes",):
        print(line)
    if imported.version is not None:
        print(f"stored as version {imported.version}")


@roster_app.command("export")
def roster_export(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Write the newest roster as TOML to standard output."""
    state = load(config).settings.state_directory
    if desk.runs(state):
        print(desk.call(state, "GET", "/roster/export")["toml"], end="")
        return
    found = ledger_work(state, lambda tx, _now_ms: roster.export_file(tx))
    if found is None:
        fail("no roster has been imported yet")
    print(roster.to_toml(found), end="")


def ledger_work(state: Path, work: Callable[[Tx, int], T]) -> T:
    """Open the ledger ourselves: the lock proves that no daemon does.

    What root makes there is given to whoever owns the folder, or the service could not write it.
    """
    state.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def go() -> T:
        with lock_state(state):
            ledger = await Ledger.open(state / "ledger.db")
            now_ms = LiveClock().now_ms()
            try:
                return await ledger.transact(lambda tx: work(tx, now_ms))
            finally:
                await ledger.close()

    try:
        return asyncio.run(go())
    finally:
        owner = state.stat()
        for path in state.rglob("*"):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


@away_app.command("add")
def away_add(  # noqa: PLR0917  # typer fills them by name
    home: Annotated[str, typer.Argument(help="Id of the home.")],
    until: Annotated[str, typer.Option(help="End, local time: 2026-12-06T18:00.")],
    owner: Annotated[str, typer.Option(help="Who says so: a name that colleagues know.")],
    reason: Annotated[str, typer.Option(help="Why: hospital, with the daughter, ...")],
    begin: Annotated[str | None, typer.Option("--from", help="Begin, local time; now when left out.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Note that nobody is expected in a home for up to 14 days; silence is no alarm then."""
    wanted = away.Wanted(home=home, begin=begin, until=until, owner=owner, reason=reason)
    _show(
        asked(config, "POST", "/away", away.encode(wanted), lambda tx, now_ms: away.note(tx, wanted, now_ms))
    )


@away_app.command("list")
def away_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show who is expected to be away, now or later."""
    _show(asked(config, "GET", "/away", None, away.listing))


@away_app.command("end")
def away_end(
    number: Annotated[int, typer.Argument(help="Number that the list shows.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End an absence now: they are back, or it was a mistake."""
    _show(
        asked(config, "POST", f"/away/end?id={number}", None, lambda tx, now_ms: away.end(tx, number, now_ms))
    )


@quiet_app.command("add")
def quiet_add(  # noqa: PLR0917  # typer fills them by name
    home: Annotated[str, typer.Argument(help="Id of the home.")],
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(quiet.KINDS)}.")],
    until: Annotated[str, typer.Option(help="End, local time: 2026-12-06T18:00; four hours ahead at most.")],
    owner: Annotated[str, typer.Option(help="Who says so: a name that colleagues know.")],
    reason: Annotated[str, typer.Option(help="Why: painters in the flat, sensor ordered, ...")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep notices of one kind at one home back for up to four hours; what still stands is told then."""
    wanted = quiet.Wanted(home=home, kind=kind, until=until, owner=owner, reason=reason)
    body = quiet.encode(wanted)
    _show_silences(asked(config, "POST", "/quiet", body, lambda tx, now_ms: quiet.note(tx, wanted, now_ms)))


@quiet_app.command("list")
def quiet_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show what is silenced now, and how many findings wait for the end."""
    _show_silences(asked(config, "GET", "/quiet", None, quiet.listing))


@quiet_app.command("end")
def quiet_end(
    number: Annotated[int, typer.Argument(help="Number that the list shows.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a silence now; what came meanwhile is told."""
    path = f"/quiet/end?id={number}"
    _show_silences(asked(config, "POST", path, None, lambda tx, now_ms: quiet.end(tx, number, now_ms)))


def asked(
    config: Path, method: str, path: str, body: bytes | None, work: Callable[[Tx, int], desk.Answer]
) -> desk.Answer:
    """Ask the running daemon, or do it ourselves when none runs; refusals end the command."""
    state = load(config).settings.state_directory
    if desk.runs(state):
        return desk.call(state, method, path, body)
    try:
        return ledger_work(state, work)
    except desk.Refused as e:
        fail(*e.problems)


def _show(answer: desk.Answer) -> None:
    rows = answer["absences"]
    for row in rows:
        print("  ".join(str(row[name]) for name in ("id", "home", "from", "until", "owner", "reason")))
    if not rows:
        print("nobody is expected to be away")


def _show_silences(answer: desk.Answer) -> None:
    rows = answer["silences"]
    for row in rows:
        print(
            "  ".join(str(row[name]) for name in ("id", "home", "kind", "until", "owner", "reason", "held"))
        )
    if not rows:
        print("nothing is silenced")
