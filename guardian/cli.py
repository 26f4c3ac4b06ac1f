"""The command `guardian`: arguments → settings → run. Nothing is decided here."""

import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from math import isnan
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from alerting.ledger import LedgerError
from guardian import cli_backup, cli_devices, cli_install, cli_people, desk, logs
from guardian.broker import BrokerError
from guardian.cli_accounts import accounts_app, make_certificate
from guardian.cli_homes import away_app, quiet_app, roster_app
from guardian.cli_incidents import incidents_app
from guardian.cli_parts import DEFAULT_CONFIG, err, fail
from guardian.cli_subject import subject_app
from guardian.link import BrokerAddress
from guardian.memory import keep_freed
from guardian.roster_file import read as read_roster
from guardian.settings import CONFIG, Loaded, SettingsError, load, state_directory_of
from guardian.trace import Trace, TraceError
from guardian.web.serve import ServeError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
bench_app = typer.Typer(no_args_is_help=True, help="Measure, beside the alternatives, in one run.")
app.add_typer(roster_app, name="roster")
app.add_typer(away_app, name="away")
_TOP = (
    cli_people.coverage,
    cli_people.protection,
    cli_people.drill,
    cli_people.ready,
    cli_people.shifts,
    cli_devices.devices,
    cli_install.install,
    cli_install.doctor,
    cli_backup.backup,
    cli_backup.restore,
)
for _command in _TOP:
    app.command()(_command)
app.add_typer(quiet_app, name="quiet")
app.add_typer(incidents_app, name="incidents")
app.add_typer(accounts_app, name="account")
app.add_typer(subject_app, name="subject")
app.command("certificate")(make_certificate)
train_app = typer.Typer(no_args_is_help=True, help="Make the shipped weights anew, from simulated frames.")
app.add_typer(bench_app, name="bench")
app.add_typer(train_app, name="train")
study_app = typer.Typer(no_args_is_help=True, help="Set what was promised beside what comes, over months.")
app.add_typer(study_app, name="study")

ConfigFile = Annotated[Path, typer.Argument(help="guardian.toml", show_default=True)]


def _writable(file: Path | None) -> Path | None:
    """Refuse a file that cannot be written before hours of work go into it."""
    if file is not None and (file.is_dir() or not os.access(file.parent, os.W_OK)):
        raise typer.BadParameter(f"{file} cannot be written")
    return file


JsonFile = Annotated[
    Path | None, typer.Option("--json", callback=_writable, help="Write the figures to this file.")
]
WIDE = 160
"""Columns of tables that go into a file."""


def main() -> None:
    """Run the command; expected errors become one line each and exit status 1."""
    try:
        app()
    except SettingsError as e:
        fail(*e.problems)
    except (LedgerError, TraceError, BrokerError, ServeError, desk.DeskError) as e:
        fail(str(e))
    except ExceptionGroup as group:  # what ended the daemon's tasks
        ledger_errors, others = group.split(LedgerError)
        if others is not None or ledger_errors is None:
            raise
        fail(*dict.fromkeys(_leaves(ledger_errors)))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[str]:
    for e in group.exceptions:
        if isinstance(e, ExceptionGroup):
            yield from _leaves(e)
        else:
            yield str(e)


def _write(file: Path | None, figures: Mapping[str, Any], seed: int | None = None) -> None:
    if file is None:
        return
    names = ("numpy", "scipy", "mqtt5", "aiomqtt", "paho-mqtt", "sqlalchemy", "twilio")
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    machine = {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": len(cpu),
        "python": platform.python_version(),
        "libraries": {n: version(n) for n in names},
    }
    file.write_text(json.dumps({**figures, "machine": machine, "seed": seed}, indent=2) + "\n", "utf-8")


@app.command()
def run(
    config: ConfigFile = DEFAULT_CONFIG,
    clock: Annotated[
        str, typer.Option(help="live, or replay: take the time from a replayed trace.")
    ] = "live",
    roster_from: Annotated[
        Path | None, typer.Option(help="Make the roster from the sensors of this trace.")
    ] = None,
) -> None:
    """Run the daemon until it is told to stop."""
    from guardian import app as daemon

    if clock not in {"live", "replay"}:
        raise typer.BadParameter("live or replay", param_hint="--clock")
    logs.configure(os.environ, sys.stderr)
    keep_freed()
    asyncio.run(daemon.run(load(config), replay=clock == "replay", trace=roster_from))


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Name every mistake in the settings, the parameters and the roster file; exit 1 if there is one."""
    loaded = load(config)
    if loaded.settings.roster is not None:
        path = loaded.settings.roster
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as e:
            raise SettingsError([f"{path}: cannot be read: {e}"]) from e
        read_roster(text, path.name)
    print(f"{config}: good")


@app.command()
def reload(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Let a running Guardian read the detectors' thresholds again; with a mistake nothing changes."""
    state = state_directory_of(config)  # systemd gives the secrets to the daemon, not to ExecReload=
    for line in desk.call(state, "POST", "/reload")["changes"] or ("nothing changes",):
        print(line)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after one fall has gone the whole way.")] = False,
    trace: Annotated[
        Path | None, typer.Option(help="Play this recorded trace instead of simulated homes.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated homes.")] = 1,
    json_file: JsonFile = None,
) -> None:
    """Show the whole road on this machine: a fall, a text, somebody at the door."""
    from simulator import demo as show

    result = asyncio.run(
        show.run(
            once=once,
            trace=trace,
            seed=seed,
            say=partial(Console().print, soft_wrap=True, highlight=False, markup=False),
        )
    )
    _write(json_file, {"closed": result.closed, "seconds": result.seconds}, seed)
    if once and not result.closed:
        fail(f"the demo ended before: {result.failed_stage}")


@app.command()
def replay(  # noqa: PLR0917  # typer fills them by name
    trace: Annotated[Path, typer.Argument(help="Folder of a trace.")],
    config: Annotated[Path | None, typer.Option(help="Take the broker from this guardian.toml.")] = None,
    host: Annotated[str, typer.Option(help="Broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Broker's port.")] = 1883,
    speed: Annotated[
        float | None, typer.Option(help="Times real time; without it, as fast as it goes.")
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Start a private broker and daemon for this replay.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Play a trace over MQTT into a daemon that runs with `--clock replay`."""
    import aiomqtt

    from simulator import demo as show
    from simulator import replay as player

    opened = Trace.open(trace)

    async def play() -> player.Played:
        with Progress(console=err) as bar:
            task = bar.add_task(opened.name, total=None)

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            if alone:
                async with show.replay_daemon(trace) as address:
                    return await player.over_mqtt(opened, address, speed=speed, progress=progress)
            address = BrokerAddress(host, port) if config is None else _address(load(config))
            return await player.over_mqtt(opened, address, speed=speed, progress=progress)

    try:
        played = asyncio.run(play())
    except player.ReplayError as e:
        fail(str(e))
    except aiomqtt.MqttError as e:
        fail(f"broker: {e}")
    kinds: dict[str, int] = {}
    for f in played.findings:
        kinds[f.kind] = kinds.get(f.kind, 0) + 1
    print(f"{played.frames} frames, {played.events} events, {played.missing} missing")
    for kind, n in sorted(kinds.items()):
        print(f"{n:6d} {kind}")
    findings = [
        {"home": f.home, "kind": f.kind, "onset_ms": f.onset_ms, "decided_ms": f.decided_ms}
        for f in played.findings
    ]
    figures = {"trace": opened.name, "frames": played.frames, "events": played.events}
    _write(json_file, {**figures, "missing": played.missing, "kinds": kinds, "findings": findings})


def _address(loaded: Loaded) -> BrokerAddress:
    from guardian.app import broker_address

    return broker_address(loaded.settings.mqtt)


Suite = Annotated[str | None, typer.Option(help="falls, negatives, days, collapses, climate, fever, storm.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")]
Homes = Annotated[int | None, typer.Option(help="Homes in each cell of the suite.")]
Days = Annotated[float | None, typer.Option(help="Days, of the suites that run for days.")]
Sensors = Annotated[str | None, typer.Option(help="Thermal arrays, by name, with commas between.")]
Full = Annotated[bool, typer.Option("--full", help="Draw idle stretches at the full rate too.")]
Kinds = Annotated[str | None, typer.Option(help="Only these kinds of the suite, with commas between.")]


@app.command()
def simulate(  # noqa: PLR0917  # typer fills them by name
    out: Annotated[Path, typer.Option(help="Folder of the trace that is written.")],
    suite: Suite = "days",
    seed: Seed = 1,
    homes: Homes = None,
    days: Days = None,
    sensors: Sensors = None,
    kinds: Kinds = None,
    full: Full = False,
    json_file: JsonFile = None,
) -> None:
    """Write simulated homes as a trace; an interrupted run goes on when it is started again."""
    from simulator import simulate as writer
    from simulator.cores import WorkerLost

    started = time.monotonic()
    suite = suite or "days"
    options = _options(suite, homes, days, sensors, kinds, full=full)
    try:
        with _bar(f"{suite} {seed}") as say:
            written = writer.write(out, suite, seed, options, say)
    except (OSError, writer.SimulationError, WorkerLost) as e:
        fail(str(e))
    wall_s = time.monotonic() - started
    sensor_h, drawn = written.sensor_s / 3600, written.drawn / max(written.frames, 1)
    what = f"{written.frames} frames ({drawn:.0%} drawn)"
    print(f"{out}: {written.homes} homes, {sensor_h:.1f} sensor-hours, {what}")
    speed = {"wall_s": wall_s, "sensor_hours_per_hour": sensor_h / wall_s * 3600}
    figures = asdict(written) | speed
    _write(json_file, figures, seed)


@app.command()
def evaluate(  # noqa: PLR0917  # typer fills them by name
    traces: Annotated[list[Path] | None, typer.Argument(help="Folders of traces.")] = None,
    suite: Suite = None,
    seed: Seed = 1,
    homes: Homes = None,
    days: Days = None,
    sensors: Sensors = None,
    kinds: Kinds = None,
    full: Full = False,
    config: Annotated[Path | None, typer.Option(help="Take the parameters from this guardian.toml.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Run the detectors over recorded traces or a simulated suite, and score them by event."""
    from simulator import show, study
    from simulator.cores import WorkerLost
    from simulator.kept import StudyError

    if bool(traces) == bool(suite):
        raise typer.BadParameter("either folders of traces or --suite")
    if traces and any(given is not None for given in (homes, days, sensors, kinds)):
        raise typer.BadParameter("--homes, --days, --sensors and --kinds belong to a suite, not to traces")
    params = load(config or CONFIG / "guardian.toml").detectors
    options = _options(suite, homes, days, sensors, kinds, full=full)
    try:
        with _bar(suite or "traces") as say:
            if suite:
                result = study.run_suite(suite, seed, options, params, kept=_kept(), say=say)
            else:
                result = study.run_traces(traces or (), params, say)
    except (OSError, StudyError, WorkerLost) as e:
        fail(str(e))
    _write(json_file, result, seed if suite else None)
    out = Console()
    (out if out.is_terminal else Console(width=WIDE)).print(show.table(result))


@app.command("simulate-response")
def simulate_response(  # noqa: PLR0917  # typer fills them by name
    incidents: Annotated[int, typer.Option(min=1, help="Incidents at each of the reply odds.")] = 1000,
    seed: Seed = 1,
    faults: Annotated[str | None, typer.Option(help="Only these faults, with commas between.")] = None,
    odds: Annotated[
        list[float] | None, typer.Option(help="Only these chances of a yes; again for more.")
    ] = None,
    on_disk: Annotated[
        bool, typer.Option("--on-disk", help="The ledger is a real file, whose commits wait for the disk.")
    ] = False,
    bugs: Annotated[
        bool, typer.Option("--planted", help="Plant known bugs in a copy of the source; all must be found.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Play falls in a simulated district through the real courier, and count who was there in ten minutes."""
    from simulator.cores import WorkerLost

    try:
        from simulator.response import planted
        from simulator.response import run as response
        from simulator.response.district import ODDS
        from simulator.response.table import found_table, table
    except ModuleNotFoundError as e:
        fail(f"simulate-response needs {e.name}: pip install 'guardian-care[lab]'")
    if bugs:
        try:
            with _bar("bugs") as say:
                found = list(planted.hunt(seed, say=say))
        except LookupError as e:
            fail(str(e))
        _write(json_file, {"bugs": [asdict(f) for f in found]}, seed)
        Console().print(found_table(found))
        raise SystemExit(any(f.seen is None for f in found))
    policy = load(CONFIG / "guardian.toml").policy
    try:
        with _bar("incidents") as say:
            only = faults.split(",") if faults else ()
            figures = response.run(incidents, seed, policy, only, say, odds or ODDS, on_disk=on_disk)
    except (LookupError, WorkerLost) as e:
        fail(str(e))
    _write(json_file, figures, seed)
    out = Console()
    (out if out.is_terminal else Console(width=WIDE)).print(table(figures))


@app.command()
def stress(
    trace: Annotated[Path, typer.Argument(help="Folder of a trace of square ceiling arrays.")],
    fit: Annotated[
        bool, typer.Option("--fit", help="Also fit on some of its people and test on the others.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="Take the parameters from this guardian.toml.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure suspicions of falls on a recorded trace, as recorded and with its frames changed."""
    from simulator import leave_out
    from simulator import stress as changes

    params = load(config or CONFIG / "guardian.toml").detectors.fall
    recordings = changes.read(Trace.open(trace))
    folds: list[dict[str, Any]] = []
    try:
        turns = leave_out.folds(recordings) if fit else []
        with _bar("stress") as say:
            measured = {"shipped": changes.measured(params, recordings, say)}
            if fit:
                measured["fitted"], folds = leave_out.measured(params, recordings, turns, say)
    except ValueError as e:
        fail(f"{trace}: {e}")
    figures = {weights: changes.as_json(some) for weights, some in measured.items()}
    _write(json_file, {"trace": trace.name, **figures, "folds": folds}, leave_out.SEED)
    page = Console()
    (page if page.is_terminal else Console(width=WIDE)).print(changes.table(measured))


@app.command()
def fuzz(
    entry: Annotated[str | None, typer.Argument(help="One entry point; none = all.")] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Damaged inputs for each, and a tenth as many invented; none = the whole."),
    ] = None,
    seed: Seed = 1,
    found: Annotated[Path, typer.Option("--failures", help="Directory for inputs that fail, in hex.")] = Path(
        "fuzz-failures"
    ),
    json_file: JsonFile = None,
) -> None:
    """Damaged and invented inputs for every entry point: only documented errors, quickly, in flat memory."""
    from simulator.fuzz import command

    figures = command.fuzz(entry, count, seed, found)
    _write(json_file, {"entries": figures}, seed)
    print(command.table(figures))
    command.failed(figures)


@app.command()
def report(
    results: Annotated[list[Path], typer.Argument(help="Files that `guardian evaluate --json` has written.")],
    out: Annotated[Path, typer.Option(help="The page; .md gives the tables alone.")] = Path("report.html"),
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
) -> None:
    """Make one page with tables, curves and the worst cases."""
    from simulator import report as pages
    from simulator import show
    from simulator.plots import MissingMatplotlibError

    try:
        read = [json.loads(r.read_text("utf-8")) for r in results]
        text = show.markdown(read) if out.suffix == ".md" else pages.page(read, language)
        out.write_text(text, "utf-8")
    except (OSError, ValueError, KeyError, MissingMatplotlibError) as e:
        fail(str(e))
    print(out)


@app.command()
def compare(
    traces: Annotated[list[Path], typer.Argument(help="Recorded traces.")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path(),
    seed: Seed = 1,
) -> None:
    """Put recorded homes and simulated ones side by side: a table and pictures of their figures."""
    from simulator import likeness
    from simulator.plots import MissingMatplotlibError

    try:
        print(likeness.compare(traces, out, seed))
    except (ValueError, MissingMatplotlibError) as e:
        fail(str(e))


@app.command()
def picture(
    suite: Annotated[str, typer.Argument(help="falls, negatives, days, collapses, climate, fever, storm.")],
    out: Annotated[Path, typer.Option(help="The picture, PNG.")],
    seed: Seed = 1,
) -> None:
    """Draw what a suite is made of."""
    from simulator import pictures
    from simulator.plots import MissingMatplotlibError

    try:
        pictures.draw(suite, seed, out)
    except (ValueError, MissingMatplotlibError) as e:
        fail(str(e))


def _kept() -> Path:
    """Where the finished parts of long work are."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guardian-care" / "evaluate"


def _options(
    suite: str | None,
    homes: int | None,
    days: float | None,
    sensors: str | None,
    kinds: str | None,
    *,
    full: bool,
) -> Any:
    from simulator.suites import Options, cells

    def listed(text: str | None) -> tuple[str, ...] | None:
        return None if text is None else tuple(word.strip() for word in text.split(",") if word.strip())

    options = Options(homes, days, listed(sensors), listed(kinds), full)
    try:
        if suite:
            cells(suite, options)
    except ValueError as e:
        raise typer.BadParameter(str(e)) from e
    return options


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show progress on standard error."""
    with Progress(console=err) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole, name: bar.update(
            task, completed=done, total=whole, description=name or what
        )


@bench_app.command("ingest")
def bench_ingest(
    messages: Annotated[int, typer.Option(help="Messages for each client.")] = 50_000,
    with_dialects: Annotated[
        bool, typer.Option("--dialects", help="Also a message of each dialect, beside the native ones.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """CPU per MQTT message of our link and of other clients, against one blasting server."""
    from simulator.bench import dialects, ingest

    figures = ingest.run_ingest(messages=messages, say=err.print)
    tables = [ingest.table(figures)]
    if with_dialects:
        figures |= dialects.run_dialects(messages=messages, say=err.print)
        tables.append(dialects.table(figures))
    _write(json_file, figures)
    print(*tables, sep="\n")


@bench_app.command("alerts")
def bench_alerts(
    alerts: Annotated[int, typer.Option(min=20, help="Falls; 10,000 take some 25 minutes.")] = 10_000,
    per_s: Annotated[float, typer.Option(min=0.1, help="Falls a second in the last, hardest stage.")] = 8.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the district, the falls and the answers.")] = 1,
    json_file: JsonFile = None,
) -> None:
    """From a decision to a text that the provider has: falls in a district, in a blackout, and too many."""
    from simulator.bench import alerts as bench

    policy = load(CONFIG / "guardian.toml").policy  # as shipped
    try:
        figures = bench.run_alerts(bench.stages(alerts, per_s), policy, seed, say=err.print)
    except bench.BenchError as e:
        fail(str(e))
    _write(json_file, figures, seed)
    print(bench.table(figures))


@bench_app.command("road")
def bench_road(  # noqa: PLR0917  # typer fills them by name
    homes: Annotated[
        list[int] | None,
        typer.Option(min=1, help="May be repeated; without it 100, 1,000, 5,000 and 10,000."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1.0, help="Measured, for each number of homes.")] = 60.0,
    burst: Annotated[float, typer.Option(min=0.1, help="So many times the usual load, all the time.")] = 1.0,
    array: Annotated[str, typer.Option(help="What hangs in each home: mlx90640, amg8833, …")] = "mlx90640",
    ambient: Annotated[int, typer.Option(min=0, help="Event sensors in each home.")] = 6,
    connections: Annotated[int, typer.Option(min=1, help="Over which the frames of all homes come.")] = 16,
    seed: Seed = 1,
    json_file: JsonFile = None,
) -> None:
    """From a device to a finding: whole districts through a real broker, in real time."""
    from simulator.bench import road, road_figures
    from simulator.cameras import PRESETS

    if array not in PRESETS:
        raise typer.BadParameter(f"one of {', '.join(PRESETS)}", param_hint="--array")
    options = road.Options(array, ambient, seconds, burst, connections, seed)
    try:
        figures = road.run_road(homes or road.SIZES, options, err.print)
    except (road.BenchError, ValueError) as e:
        fail(str(e))
    _write(json_file, figures, seed)
    print(road_figures.table(figures))


@bench_app.command("board")
def bench_board(
    homes: Annotated[int, typer.Option(min=300, help="Of the site.")] = 10_000,
    browsers: Annotated[int, typer.Option(min=1, max=500)] = 50,
    seconds: Annotated[float, typer.Option(min=1.0)] = 60.0,
    changes: Annotated[float, typer.Option(min=0.0, help="Homes that become others, each second.")] = 5.0,
    json_file: JsonFile = None,
) -> None:
    """What the staff's board costs with many homes and many browsers, over real HTTP."""
    from simulator.bench import board

    options = board.Options(homes=homes, browsers=browsers, seconds=seconds, changes_per_s=changes)
    err.print(f"{browsers} browsers, {homes} homes, {seconds:g} s")
    figures = board.run(options)
    _write(json_file, figures)
    for name, value in figures.items():
        print(f"{name}: {value}")


@bench_app.command("outage")
def bench_outage(
    homes: Annotated[int, typer.Option(min=1, max=9999, help="A tenth of them with a camera.")] = 1000,
    per_s: Annotated[float, typer.Option(min=1.0, help="Events a second.")] = 100.0,
    breaks: Annotated[
        str | None, typer.Option("--breaks", help="Only these, with commas between; none = all.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Broker and daemon are killed, frozen and emptied under load: what is lost, and how soon it goes on."""
    from simulator.bench import outage
    from simulator.private import DaemonError

    chosen = list(outage.BREAKS) if breaks is None else breaks.split(",")
    if strange := sorted(set(chosen) - outage.BREAKS.keys()):
        raise typer.BadParameter(f"{', '.join(strange)}: there are {', '.join(outage.BREAKS)}")
    try:
        figures = outage.run_outage(homes, per_s, chosen, err.print)
    except (outage.BenchError, DaemonError) as e:
        fail(str(e))
    _write(json_file, figures)
    print(outage.table(figures))


@train_app.command("posture")
def train_posture(  # noqa: PLR0917  # typer fills them by name
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same weights on one machine.")],
    lessons: Annotated[int | None, typer.Option(min=1, help="For each network (2000 to 4000).")] = None,
    tiers: Annotated[
        str, typer.Option(help="Sizes of arrays, with commas between.")
    ] = "coarse,middle,unscaled,fine",
    mounts: Annotated[str, typer.Option(help="Where they hang, with commas between.")] = "ceiling,wall",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the weights; without it, where the detectors look.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Take the parameters from this guardian.toml.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Train the networks that tell postures and falls, one for each size of arrays and each mount."""
    from detectors.posture import MODELS
    from simulator import school
    from simulator.cores import WorkerLost

    try:
        networks = school.chosen(tiers, mounts)
    except ValueError as e:
        raise typer.BadParameter(str(e)) from e
    params = load(config or CONFIG / "guardian.toml").detectors.fall
    taught: dict[str, dict[str, float]] = {}
    try:
        for mount, tier in networks:
            with _bar(f"{mount} {tier}") as say:
                taught[f"{mount}-{tier}"] = school.teach(
                    params, seed, lessons or school.LESSONS[tier], tier, mount, out or MODELS, say
                )
    except (OSError, ValueError, WorkerLost) as e:
        fail(str(e))
    figures = {n: {k: None if isnan(v) else v for k, v in some.items()} for n, some in taught.items()}
    drawn = {tier: lessons or school.LESSONS[tier] for _, tier in networks}
    _write(json_file, {"lessons": drawn, "networks": figures}, seed)
    page = Console()
    (page if page.is_terminal else Console(width=WIDE)).print(school.table(taught))


@train_app.command("routine")
def train_routine(
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same rates.")],
    homes: Annotated[int, typer.Option(min=1, help="Of each kit of sensors.")] = 60,
    days: Annotated[int, typer.Option(min=1, help="Of each home.")] = 60,
    out: Annotated[
        Path | None, typer.Option(help="File for the rates; without it, where the detectors look.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Learn from simulated homes how soon silences usually end."""
    from detectors.inactivitystate import MODEL
    from simulator import everybody

    params = load(CONFIG / "guardian.toml").detectors
    with _bar("routine") as say:
        figures = everybody.learn(params, seed, (homes, days), out or MODEL, say)
    _write(json_file, {"tails": figures}, seed)
    print("\n".join(f"{name} {value}" for name, value in figures.items()))


@study_app.command("silence")
def study_silence(  # noqa: PLR0917  # typer fills them by name
    seed: Seed = 1,
    homes: Annotated[int, typer.Option(min=1, help="Simulated homes, under six conditions in turn.")] = 300,
    days: Annotated[int, typer.Option(min=2, help="Of each home.")] = 150,
    learnt: Annotated[int, typer.Option(min=0, help="Of these days, the first that are not counted.")] = 28,
    config: Annotated[Path | None, typer.Option(help="Take the parameters from this guardian.toml.")] = None,
    json_file: JsonFile = None,
) -> None:
    """False alarms of silence that were asked for and got, and how soon a collapse is found."""
    from simulator import silence_study, silence_table
    from simulator.cores import WorkerLost
    from simulator.kept import StudyError

    params = load(config or CONFIG / "guardian.toml").detectors
    try:
        size = silence_study.Size(homes, days, learnt)
    except ValueError as e:
        raise typer.BadParameter(str(e)) from e
    try:
        with _bar("silence") as say:
            figures = silence_study.run(params, seed, size, kept=_kept(), say=say)
    except (OSError, StudyError, WorkerLost) as e:
        fail(str(e))
    _write(json_file, figures, seed)
    page = Console()
    (page if page.is_terminal else Console(width=WIDE)).print(*silence_table.tables(figures))


@bench_app.command("detectors")
def bench_detectors(
    seconds: Annotated[
        float, typer.Option(min=0.0, help="CPU seconds of frames that are measured, in all; 0: none.")
    ] = 45.0,
    homes: Annotated[int, typer.Option(min=1, help="Homes whose minute is measured.")] = 100_000,
    json_file: JsonFile = None,
) -> None:
    """Thermal frames, and minutes of whole homes, per second and core, beside plain Python and scipy."""
    from simulator.bench import detectors, minutes
    from simulator.bench.detectors_table import table
    from simulator.cores import WorkerLost

    try:
        over_homes = minutes.run_minutes(homes)
        figures = (
            detectors.run_detectors(seconds=seconds) | {"minutes": over_homes} if seconds else over_homes
        )
    except (detectors.BenchError, WorkerLost) as e:
        fail(str(e))
    _write(json_file, figures, detectors.SEED)
    print(table(figures) if seconds else "", minutes.table(over_homes), sep="\n")
