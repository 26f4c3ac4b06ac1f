"""The daemon, built in one straight line and run in one TaskGroup.

Reading `run` is reading the system: every part, in order, with exactly what it needs.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import structlog
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from alerting.channels import Channel
from alerting.courier import Courier
from alerting.duty import Duty
from alerting.incident import Incident
from alerting.ledger import Ledger, lock_state
from guardian import desk, preroll, roster, spares, unseen, vitals, ways
from guardian.away import Calendar
from guardian.book import Book, export_roster, import_roster, open_book
from guardian.clock import Clock, LiveClock, ReplayClock
from guardian.control import Control
from guardian.desk_accounts import account_routes
from guardian.desk_people import people_routes
from guardian.drills import Drills
from guardian.evidence import Evidence, keep
from guardian.exchange import Exchange, build, reload_route
from guardian.foresight import Foresight
from guardian.history.embedded import Embedded
from guardian.history.influx import InfluxHistory
from guardian.history.pack import minute_of
from guardian.home_facts import Facts, facts
from guardian.home_rows import HomeRow, rows_of, status
from guardian.link import BrokerAddress, Link
from guardian.memory import keep_built
from guardian.metrics import Sources, Tally, metrics_app
from guardian.named import Named
from guardian.people import People
from guardian.pulse import Pulse
from guardian.quiet import Silences
from guardian.quotas import QuotaWatch
from guardian.settings import Loaded, Mqtt, SettingsError
from guardian.subject import Subjects, subject_routes
from guardian.trace import Trace
from guardian.unseen import Unseen
from guardian.walk import WalkTests
from guardian.watch import Noticed, Watch
from guardian.web.aliyun_hooks import aliyun_hooks_app
from guardian.web.feed import Feed
from guardian.web.fence import LOOPBACK_NAMES
from guardian.web.hooks import hooks_app
from guardian.web.pages import Site
from guardian.web.passwords import Passwords, Welcome
from guardian.web.serve import Tcp, serve
from guardian.web.staff import staff_app

if TYPE_CHECKING:
    from alerting.channels.apprise import Informer

log = structlog.get_logger("guardian")


async def run(
    loaded: Loaded,
    *,
    replay: bool = False,
    trace: Path | None = None,
    crash_point: Callable[[str], None] = lambda _name: None,
) -> None:
    """Run until SIGTERM or SIGINT.

    Parameters
    ----------
    replay
        take the time from `guardian/replay/beat`; refused when a real channel is configured.
    trace
        make the roster from the sensors of this trace instead of the ledger's.

    Raises
    ------
    SettingsError
        the roster is missing or does not fit, or a replay would page real people.
    LedgerError
        the ledger cannot be opened, or another Guardian runs on this state directory.
    """
    settings = loaded.settings
    if replay and (real := ways.real_ways(settings)):
        raise SettingsError([f"--clock replay: a real channel is configured ([{real[0]}]); take it out"])
    state = settings.state_directory
    state.mkdir(parents=True, exist_ok=True, mode=0o700)

    async with AsyncExitStack() as stack:
        stack.enter_context(lock_state(state))
        clock = ReplayClock() if replay else LiveClock()
        ledger = await Ledger.open(state / "ledger.db", stand_in=True)
        stack.push_async_callback(ledger.close)
        lost = ledger.restored

        # who and where
        if trace is not None:
            recorded = roster.from_trace(Trace.open(trace))
            book = Book(recorded, People(recorded.duty), loaded.policy)
        else:
            book = await open_book(ledger, loaded, clock.now_ms())
        people = book.roster

        def duty() -> Duty:
            return book.duty(clock.now_ms())

        # the way in
        try:
            first = build(people, loaded.detectors, replay=replay)  # others may follow: ask the watch
        except ValueError as e:
            raise SettingsError([f"the roster cannot be watched: {e}"]) from e
        address = broker_address(settings.mqtt)
        control = Control(address, people.site)
        link = Link(
            address,
            people.site,
            first.board,
            arrival=(lambda t_ms: t_ms) if replay else (lambda _t_ms: clock.now_ms()),
            beat_topic=(lambda payload: watch.replay_beat(payload)) if replay else None,  # noqa: PLW0108  # watch is built below
        )

        # the way out
        channels: dict[str, Channel] = {}
        for channel in ways.channels(loaded, clock.now_ms):
            channels[channel.name] = channel
            stack.push_async_callback(channel.close)
        caps = ways.caps(settings)
        informer = ways.informer(settings.apprise) if settings.apprise is not None else None
        courier = Courier(
            ledger,
            channels,
            duty,
            loaded.policy,
            clock,
            crash_point=crash_point,
            on_last_resort=partial(_last_resort, control, clock, informer),
            on_relief=lambda: control.siren(on=False, t_ms=clock.now_ms()),
            caps=caps,
        )

        # beside the road: the board, history that may fail, the pulse that must not lie
        feed = Feed()
        history = InfluxHistory.of(settings.history, clock, site=people.site) if settings.history else None
        pulse, tally = Pulse(clock), Tally(clock)

        def changed() -> None:
            courier.wake.set()
            feed.changed()

        def noticed(what: Noticed) -> None:
            changed()
            tally.noticed(what.concerns)
            for concern in what.concerns:
                log.info("noticed", home=concern.home, kind=concern.kind, onset_ms=concern.onset_ms)
                if history is not None:
                    history.offer_finding(concern)

        def beaten(now_ms: int) -> None:
            pulse.mark("beat", now_ms)
            tally.beat(now_ms)

        def memory_said(why: str | None) -> None:
            feed.changed()
            pulse.say("working" if why is None else f"the disk fails, alerting goes on in memory: {why}")
            if why is not None and informer is not None:
                informer.offer("Guardian", f"{why}. Alerting goes on in memory. 磁盘故障,告警在内存中继续。")

        def home_rows() -> Sequence[HomeRow]:
            cards, now_ms = book.roster.duty.cards, clock.now_ms()
            return rows_of(watch.board, cards, now_ms, watch.lookout.protection)

        # the beat
        watch = Watch(
            board=first.board,
            lookout=first.lookout,
            ledger=ledger,
            duty=duty,
            policy=loaded.policy,
            clock=clock,
            acks=link,
            voice=control,
            state_directory=state if people.homes else None,  # one who knows nobody learns nothing
            on_noticed=noticed,
            on_beat=beaten,
            on_heard=lambda readings: walks.hear(readings),  # noqa: PLW0108  # they are built below
            crash_point=crash_point,
        )
        await watch.restore()
        exchange = Exchange(first, watch, loaded, link.take, replay=replay)
        del first
        calendar = Calendar(
            ledger,
            clock,
            lambda away: watch.lookout.expect(away),  # noqa: PLW0108  # the one of that moment
        )
        await calendar.tell()
        foresight = Foresight(
            lambda: book.roster.homes,
            duty,
            loaded.policy,
            clock,
            feed.changed,
        )
        drills = Drills(
            ledger, lambda: book.roster, lambda: book.people, channels, loaded.policy, clock, changed, caps
        )

        def keep_pictures(into: Evidence) -> Coroutine[Any, Any, None]:
            return keep(into, lambda home: watch.lookout.preroll.strips(home), ledger, clock)  # noqa: PLW0108

        zone = ZoneInfo(people.duty.timezone)
        past = Embedded(state / "history.db", zone)
        stack.callback(lambda: past.close(clock.now_ms()))

        def take_minute(now_ms: int) -> None:
            board, blind = watch.board, watch.lookout.protection.state.blind
            past.take(now_ms, board.homes, board.rooms, minute_of(board.state(now_ms), blind))

        def facts_of(home: str) -> Facts | None:
            if home not in watch.board.homes:
                return None
            now_ms = clock.now_ms()
            day = datetime.fromtimestamp(now_ms / 1000, zone).toordinal()
            return facts(watch.board, watch.lookout, home, now_ms, day)

        async def take_roster(whole: str | Mapping[str, Any], dry_run: bool, source: str) -> desk.Answer:
            return await import_roster(ledger, book, clock, exchange, whole, dry_run, source)

        def look_back(since_ms: int) -> Unseen:
            return unseen.look(watch.board.homes, watch.lookout.protection, book.roster, since_ms)

        def protection(hours: int) -> desk.Answer:
            return unseen.answer(hours, look_back, clock.now_ms(), book.roster.duty.timezone)

        walks = WalkTests(lambda: watch.board, ledger, clock)
        named = Named(ledger, lambda: book.people, loaded.policy, clock, changed)

        # doors: staff, provider, commands
        web = settings.web
        where = Tcp(web.board_port, web.board_host, web.tls_certificate, web.tls_key)
        passwords, evidence = Passwords(), _evidence(state)
        welcome = Welcome(state / "first-start") if web.login else None
        if welcome is not None:
            await welcome.prepare(ledger)
        staff = staff_app(
            Site(
                name=people.site,
                ledger=ledger,
                clock=clock,
                policy=loaded.policy,
                feed=feed,
                changed=changed,
                home_rows=home_rows,
                people=lambda: book.people,
                forecast=lambda: foresight.latest,
                look_back=look_back,
                strips=lambda home: watch.lookout.preroll.strips(home),  # noqa: PLW0108  # of that moment
                evidence=evidence,
                furniture=lambda: book.roster.furniture,
                sensors=lambda: book.roster.sensors,
                facts=facts_of,
                drills=drills,
                import_roster=None if trace is not None else take_roster,
                history=past,
                tell_away=calendar.tell,
                walks=walks,
                passwords=passwords,
                welcome=welcome,
                open_to_all=not web.login,
                secure=where.secure,
                hosts=(*LOOPBACK_NAMES, *web.board_names),
            )
        )
        board_door = await stack.enter_async_context(serve(staff, where, on_stop=feed.close))
        hooks: list[BaseRoute] = []
        if settings.twilio is not None and settings.twilio.public_url is not None:
            hooks += hooks_app(
                ledger,
                account_sid=settings.twilio.account_sid,
                tokens=[settings.twilio.auth_token.get_secret_value()],
                public_url=settings.twilio.public_url,
                on_change=changed,
                clock=clock,
                duty=duty,
                policy=loaded.policy,
            ).routes
        if settings.aliyun is not None:
            hooks += aliyun_hooks_app(
                ledger,
                token=settings.aliyun.push_token.get_secret_value(),
                on_change=changed,
                clock=clock,
                duty=duty,
                policy=loaded.policy,
            ).routes
        hooks_port = None
        if hooks:
            door = serve(Starlette(routes=hooks), Tcp(settings.web.hooks_port))
            hooks_port = (await stack.enter_async_context(door)).port
        if web.metrics_port is not None:
            sources = Sources(link, watch, ledger, courier, duty, loaded.policy, tuple(channels))
            watched = serve(metrics_app(sources, tally, clock), Tcp(web.metrics_port))
            await stack.enter_async_context(watched)
        commands = desk.desk_app(
            status=partial(status, link, watch, ledger, clock),
            import_roster=partial(import_roster, ledger, book, clock, exchange),
            export_roster=partial(export_roster, ledger),
            calendar=calendar,
            more=[
                *people_routes(foresight, drills, named, protection),
                *account_routes(ledger, clock, passwords),
                *subject_routes(Subjects(ledger, clock, past, evidence)),
                reload_route(exchange),
                spares.spare_route(ledger),
            ],
            silences=Silences(ledger, clock, changed),
        )
        await stack.enter_async_context(serve(commands, desk.socket_path(state)))

        # run; stop in reverse
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        asked = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, asked.set)
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "pulse": pulse.run(),
            "vitals": vitals.run(ledger, courier, pulse, clock, memory_said),
            **({"history": history.run(), "minutes": history.offer_minutes(home_rows)} if history else {}),
            **({"informer": informer.run()} if informer else {}),
            **({} if replay else {"spares": spares.run(ledger, clock)}),
            **({"lost": spares.tell(lost, control, informer, clock, lambda: courier.alarm)} if lost else {}),
            **({"quotas": QuotaWatch(ledger, caps, loaded.policy, clock).run()} if caps else {}),
            "courier": courier.run(),
            "calendar": calendar.run(),
            "foresight": foresight.run(),
            "exchange": exchange.run(asked),
            "walks": walks.run(),
            "learning": book.learn(ledger, clock),
            "preroll": preroll.attend(lambda: watch.lookout.preroll, ledger, clock),
            **({"evidence": keep_pictures(evidence)} if evidence else {}),
            **({} if replay else {"past": past.run(clock, take_minute)}),
            "snapshots": watch.saving.run(state),
            "beat": watch.run_replay(clock) if isinstance(clock, ReplayClock) else watch.run(),
            "control": control.run(),
            "link": link.run(),
        }
        keep_built()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in parts.items()]
            log.info("ready", homes=len(people.homes), board=board_door.url, hooks_port=hooks_port)
            pulse.ready(f"watching {len(people.homes)} homes")
            await stop.wait()
            pulse.stopping()
            await watch.end()
            for task in reversed(tasks):
                task.cancel()
                await asyncio.wait([task])


def _evidence(state: Path) -> Evidence | None:
    """Give where pictures of incidents are kept; without it alerting goes on all the same."""
    try:
        return Evidence.at(state)
    except OSError as e:
        log.error("pictures of incidents are not kept", why=str(e))  # noqa: TRY400  # it is in the words
        return None


async def _last_resort(control: Control, clock: Clock, informer: "Informer | None", one: Incident) -> None:
    control.siren(on=True, t_ms=clock.now_ms())
    if informer is not None:
        informer.offer("Guardian", f"#{one.id}: nobody goes yet. Look at the board. 还没有人去,请看看板。")


def broker_address(mqtt: Mqtt) -> BrokerAddress:
    """Give the broker as the settings name it."""
    return BrokerAddress(
        mqtt.host,
        mqtt.port,
        username=mqtt.username,
        password=mqtt.password.get_secret_value() if mqtt.password else None,
        tls_ca=str(mqtt.tls_ca) if mqtt.tls_ca else None,
        tls=mqtt.tls or mqtt.tls_ca is not None,
    )
