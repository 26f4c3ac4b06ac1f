"""The whole road over real sockets: broker, daemon and provider are processes and ports of their own."""

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import httpx
import pytest
import tomli_w

from guardian import desk
from guardian.broker import mosquitto
from guardian.clock import LiveClock
from guardian.link import BrokerAddress
from guardian.roster_file import read
from guardian.settings import load
from guardian.trace import Trace, TraceSensor
from guardian.trace_writer import write_trace
from guardian.watch import CRASH_POINTS
from guardian.wire.native import pack_event
from simulator import demo, replay
from simulator.evaluate import watch
from simulator.feed import of_trace
from simulator.private import Configuration, DaemonError, Place, connected, daemon, free_port, prepare
from simulator.providers import FakeTwilio
from simulator.responders import Phones, never_answers
from simulator.stage import SimulatedHome, demo_homes

START_MS = 1_790_000_000_000
PHONE = "+8613800000001"
ROSTER: dict[str, Any] = {
    "site": {"id": "demo"},
    "homes": [
        {"id": "h1", "rooms": [{"id": "hall"}], "sensors": [{"id": "help", "kind": "button", "room": "hall"}]}
    ],
    "responders": [
        {"name": "王秀英", "phone": PHONE, "reply_odds": 0.9, "shifts": [{"from": "00:00", "to": "00:00"}]}
    ],
}


class Centre:
    """One centre for a test: its broker, its provider, and where its daemon runs."""

    def __init__(self, broker: BrokerAddress, provider: FakeTwilio, phones: Phones, place: Place) -> None:
        self.broker = broker
        self.provider = provider
        self.phones = phones
        self.place = place

    async def press(self, event_id: str | None = "e1", seq: int | None = None) -> None:
        payload = pack_event(value=1, event_id=event_id, boot="b" if seq is not None else None, seq=seq)
        async with aiomqtt.Client(self.broker.host, self.broker.port) as client:
            await client.publish("guardian/demo/h1/help/event", payload, qos=1)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read the ledger of a daemon that is not running."""
        with sqlite3.connect(f"file:{self.place.state / 'ledger.db'}?mode=ro", uri=True) as db:
            found = db.execute(query).fetchall()
        db.close()
        return found


@asynccontextmanager
async def centre(tmp_path: Path, roster: dict[str, Any] = ROSTER) -> AsyncIterator[Centre]:
    clock = LiveClock()
    hooks_port = free_port()
    async with (
        mosquitto(tmp_path / "broker") as broker,
        httpx.AsyncClient() as callbacks,
        FakeTwilio(
            demo.ACCOUNT,
            "token",
            demo.NUMBER,
            clock.now_ms,
            callbacks=callbacks,
            sms_webhook=f"http://127.0.0.1:{hooks_port}/twilio/sms",
        ) as provider,
        provider.serve() as url,
    ):
        phones = Phones(provider, {PHONE: never_answers()})
        place = prepare(
            tmp_path,
            Configuration(
                broker,
                roster=roster,
                provider={
                    "account_sid": demo.ACCOUNT,
                    "from_number": demo.NUMBER,
                    "base_url": url,
                    "public_url": f"http://127.0.0.1:{hooks_port}",
                },
                auth_token="token",
                web={"board_port": 0, "hooks_port": hooks_port},
            ),
        )
        yield Centre(broker, provider, phones, place)


async def test_the_demo_goes_the_whole_way() -> None:
    said: list[str] = []
    result = await demo.run(once=True, trace=None, seed=1, say=said.append)
    assert result.closed, said
    assert list(result.seconds) == list(demo.STAGES), "each stage once, in order"
    assert sorted(result.seconds.values()) == list(result.seconds.values())
    assert result.seconds["on_scene"] < 600
    for stage in ("onset", *demo.STAGES.values()):
        assert any(line.startswith(stage) for line in said), stage


@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_a_daemon_killed_around_the_commit_counts_an_event_once(tmp_path: Path, point: str) -> None:
    program = [str(Path(__file__).parent / "daemon_child.py")]
    async with centre(tmp_path) as c:
        async with daemon(c.place, point, program=program) as process:
            await connected(c.place)
            await c.press(seq=7)
            assert await asyncio.wait_for(process.wait(), 10) == -9
        before = c.rows("select count(*) from concern")
        assert before == [(0,)] if point == "taken" else before == [(1,)]
        async with daemon(c.place):
            text = await c.phones[PHONE].expects_text("", within_s=15)
            assert text
            status = await asyncio.to_thread(desk.call, c.place.state, "GET", "/status")
            assert status["duplicates"] == (0 if point == "taken" else 1)
        assert c.rows("select count(*) from concern") == [(1,)]
        assert c.rows("select count(*) from incident") == [(1,)]
        c.phones.nobody_else_got_a_message()


async def test_a_home_is_added_while_the_daemon_runs(tmp_path: Path) -> None:
    """Its help button rings a phone; the thresholds are read again; neither took a start."""
    (one,) = ROSTER["homes"]
    async with centre(tmp_path) as c, daemon(c.place) as process:
        await connected(c.place)
        text = tomli_w.dumps(ROSTER | {"homes": [one, one | {"id": "h2"}]})
        answer = await asyncio.to_thread(
            desk.call, c.place.state, "POST", "/roster/import?dry_run=0", text.encode()
        )
        assert "+ home h2" in answer["changes"]
        assert not [line for line in answer["changes"] if line.startswith("!")]
        status = await asyncio.to_thread(desk.call, c.place.state, "GET", "/status")
        assert status["homes"] == 2
        async with aiomqtt.Client(c.broker.host, c.broker.port) as client:
            await client.publish("guardian/demo/h2/help/event", pack_event(value=1, event_id="e1"), qos=1)
        assert await c.phones[PHONE].expects_text("", within_s=15)
        assert await asyncio.to_thread(desk.call, c.place.state, "POST", "/reload") == {"changes": []}
        process.send_signal(signal.SIGHUP)
        status = await asyncio.to_thread(desk.call, c.place.state, "GET", "/status")
        assert status["homes"] == 2


@pytest.mark.slow
async def test_a_daemon_killed_in_the_dwell_still_confirms_the_fall(tmp_path: Path) -> None:
    """The suspicion is on the disk a moment after it is said; the next process goes on from there."""
    homes = demo_homes(seed=1, n=1, fall_home=0, fall_at_s=16.0, duration_s=60.0, empty_s=(3.0, 5.0))
    streams = demo.streams(homes)
    async with mosquitto(tmp_path / "broker") as broker:
        place = prepare(tmp_path, Configuration(broker, roster=demo.roster(streams)))
        clock = LiveClock()
        sending = asyncio.create_task(demo.send(streams, broker, clock, clock.now_ms(), for_ever=True))
        try:
            found = await killed_in_the_dwell(place)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    assert found["kind"] == "fall-confirmed"
    dwell_s = (found["segments_ms"]["decided"] - found["segments_ms"]["suspected"]) / 1000
    assert dwell_s < 30, "the detector itself, not the last resort of a hundred seconds"


async def killed_in_the_dwell(place: Place) -> dict[str, Any]:
    """Kill the daemon once it suspects a fall; give what the next one says."""
    async with daemon(place) as process:
        suspected = await incident_in(place, "open", suspected=True)
        await snapshot_since(place, suspected["segments_ms"]["suspected"], "*.part")
        process.kill()
        await process.wait()
    async with daemon(place):
        return await incident_in(place, "open", suspected=False)


async def test_a_snapshot_of_another_ledger_and_a_damaged_beat_do_not_stop_a_start(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        async with daemon(c.place) as process:
            await connected(c.place)
            await c.press()
            assert await c.phones[PHONE].expects_text("", within_s=15)
            await snapshot_since(c.place, 0)
            process.kill()  # a stop in order would write another snapshot, and drop the beat that both hold
            await process.wait()
        with sqlite3.connect(c.place.state / "ledger.db") as db:
            db.execute("update beat set events = x'00'")
        db.close()
        snapshots = {file: file.read_bytes() for file in c.place.state.glob("*.snap")}
        assert snapshots
        for file in snapshots:
            file.unlink()
        async with daemon(c.place):
            pass
        assert "a beat cannot be read and is set aside" in c.place.log.read_text()
        for file in c.place.state.glob("ledger.db*"):
            file.unlink()
        for file, content in snapshots.items():
            file.write_bytes(content)
        async with daemon(c.place):
            await connected(c.place)
            await c.press()  # with the id that the old snapshot knows
            assert await c.phones[PHONE].expects_text("", within_s=15)
        assert "belongs to another ledger" in c.place.log.read_text()


async def snapshot_since(place: Place, t_ms: int, files: str = "*.snap") -> None:
    """Wait until a snapshot, whole or a part, has been written since then."""
    async with asyncio.timeout(10):
        while True:
            if any(f.stat().st_mtime_ns > t_ms * 1_000_000 for f in place.state.glob(files)):
                return
            await asyncio.sleep(0.01)


async def incident_in(place: Place, state: str, *, suspected: bool) -> dict[str, Any]:
    """Wait for the home's incident in this state, with or without a severity."""
    port = int(place.log.read_text().rsplit("board=http://127.0.0.1:", 1)[1].split()[0])
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.timeout(60):
        while True:
            for incident in (await client.get("/api/incidents")).json()["incidents"]:
                if incident["state"] == state and (incident["severity"] is None) == suspected:
                    return dict(incident)
            await asyncio.sleep(0.1)


async def test_an_event_while_the_daemon_is_down_is_not_lost(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        async with daemon(c.place):
            await connected(c.place)  # its session is known to the broker from now on
        await c.press()
        async with daemon(c.place):
            assert await c.phones[PHONE].expects_text("", within_s=15)


async def test_people_change_while_the_daemon_runs(tmp_path: Path) -> None:
    new = json.loads(json.dumps(ROSTER))
    new["responders"][0]["phone"] = "+8613800000009"
    text = tomli_w.dumps(new)
    read(text)
    async with centre(tmp_path) as c:
        phones = Phones(c.provider, {"+8613800000009": never_answers()})
        async with daemon(c.place):
            file = tmp_path / "new.toml"
            file.write_text(text, "utf-8")
            dry = await _guardian("roster", "import", str(file), "--config", str(c.place.config), "--dry-run")
            assert dry[0] == 0
            assert "+ responder" in dry[1]
            assert "stored" not in dry[1]
            done = await _guardian("roster", "import", str(file), "--config", str(c.place.config))
            assert "stored as version 2" in done[1]
            exported = await _guardian("roster", "export", "--config", str(c.place.config))
            assert "+8613800000009" in exported[1]
            await connected(c.place)
            await c.press()
            assert await phones["+8613800000009"].expects_text("", within_s=15)
            phones.nobody_else_got_a_message()


async def test_staff_note_an_absence_whether_the_daemon_runs_or_not(tmp_path: Path) -> None:
    place = prepare(tmp_path, Configuration(BrokerAddress("127.0.0.1", free_port()), roster=ROSTER))
    config = ("--config", str(place.config))
    wish = ("away", "add", "h1", "--owner", "李娜", "--reason", "住院", "--until")
    now = datetime.fromtimestamp(LiveClock().now_ms() / 1000, ZoneInfo("Asia/Shanghai"))
    until = (now + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    async with daemon(place):
        status, _, why = await _guardian_all(*wish, "2199-01-01T08:00", *config)
        assert (status, "more than 14 days" in why) == (1, True)
        _, noted = await _guardian(*wish, until, *config)
        assert until in noted
    _, listed = await _guardian("away", "list", *config)  # the daemon has stopped
    assert listed == noted
    _, ended = await _guardian("away", "end", "1", *config)
    assert ended == "nobody is expected to be away\n"
    status, _, why = await _guardian_all("away", "end", "1", *config)
    assert (status, "no absence 1" in why) == (1, True)


async def test_a_drill_goes_the_whole_way_and_staff_see_who_could_come(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        config = ("--config", str(c.place.config))
        text = c.place.config.read_text()
        c.place.config.write_text(text.replace("[twilio]\n", "[twilio]\nper_day = 50\n"))
        async with daemon(c.place):
            _, few = await _guardian("coverage", *config)
            assert few.startswith("h1  ")
            assert "1 of 1 homes have a gap" in few  # one person is not two
            _, seen = await _guardian("protection", *config)
            assert seen.startswith("0 of 1 homes are protected now; 0 were not at some time from "), (
                "not seen yet, and never before"
            )
            _, due = await _guardian("drill", "--due", *config)
            assert due == "home  h1  never\nperson  王秀英  never\n"
            _, begun = await _guardian("drill", "h1", *config)
            assert begun == "drill at h1: incident 1\n"
            assert (await c.phones[PHONE].expects_text("演练", within_s=15)).startswith("演练")
            status, _, why = await _guardian_all("drill", "h1", *config)
            assert (status, "incident 1 (drill) is open" in why) == (1, True)
            for said in ("2", "6"):
                await c.phones[PHONE].replies(said)
                assert (await c.phones[PHONE].expects_text("演练", within_s=15)).startswith("演练")
            _, table = await _guardian("ready", *config)
            assert "王秀英" in table
            assert "twilio: 3 of 50 texts in 24 hours to all together, 15 kept for what is urgent" in table
            _, shifts = await _guardian("shifts", *config)
            assert shifts == "now  王秀英  until tomorrow and on\nnothing is open\n"
        _, due = await _guardian("drill", "--due", *config)  # the daemon has stopped
        assert due == "everybody has had a drill within 30 days\n"
        assert (await _guardian("shifts", *config))[1] == shifts
        _, same = await _guardian("coverage", "--hours", "2", *config)
        assert "1 of 1 homes have a gap" in same
        status, _, why = await _guardian_all("coverage", "--hours", "0", *config)
        assert (status, "hours: 1 to 168" in why) == (1, True)
        status, _, why = await _guardian_all("drill", "h1", *config)
        assert (status, "no Guardian runs here" in why) == (1, True)
        assert c.rows("SELECT kind, outcome FROM incident") == [("drill", "drill")]


async def test_a_daemon_without_a_broker_says_so_once_and_waits(tmp_path: Path) -> None:
    place = prepare(tmp_path, Configuration(BrokerAddress("127.0.0.1", free_port()), roster=ROSTER))
    async with daemon(place):
        status = await asyncio.to_thread(desk.call, place.state, "GET", "/status")
        assert status["connected"] == {"frames": False, "events": False}
    lines = [line for line in place.log.read_text().splitlines() if "refused" in line.lower()]
    assert 1 <= len(lines) <= 3, "one line for each connection, not one for each try"


async def test_a_second_daemon_is_kept_out(tmp_path: Path) -> None:
    place = prepare(tmp_path, Configuration(BrokerAddress("127.0.0.1", free_port()), roster=ROSTER))
    async with daemon(place):
        with pytest.raises(DaemonError, match="another Guardian"):
            async with daemon(place):
                pass


async def test_configuration_mistakes_end_the_start_with_all_of_them(tmp_path: Path) -> None:
    place = prepare(
        tmp_path,
        Configuration(
            BrokerAddress("127.0.0.1", 1),
            site="De mo",
            roster=ROSTER,
            files={"escalation.toml": "[escalation]\ntarget = 1\n"},
        ),
    )
    status, _out, err = await _guardian_all("run", str(place.config))
    assert status == 1
    assert "guardian.toml: site: " in err
    assert "escalation.toml: escalation.target: unknown key" in err
    assert "Traceback" not in err
    status, _out, again = await _guardian_all("check", str(place.config))
    assert status == 1
    assert again == err


@pytest.fixture(scope="module")
def small_trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated homes, one fall, a minute and a half."""
    folder = tmp_path_factory.mktemp("traces") / "small"
    homes = demo_homes(seed=2, n=3, fall_home=0, fall_at_s=40.0, duration_s=75.0)
    write_homes(folder, homes)
    return folder


def write_homes(folder: Path, homes: Sequence[SimulatedHome]) -> None:
    write_trace(
        folder,
        name="Small",
        timezone="Asia/Shanghai",
        source="simulated",
        licence="none",
        sensors=[
            TraceSensor(
                h.home, h.sensor, "thermal", h.room, h.rows, h.cols, h.rate_hz, h.mount, h.height_m, h.fov_deg
            )
            for h in homes
        ],
        frames={(h.home, h.sensor): (h.t_ms + START_MS, h.centi) for h in homes},
    )


@pytest.mark.parametrize("speed", [None, pytest.param(10.0, marks=pytest.mark.slow)])
async def test_a_replay_finds_the_same_at_every_pace_as_straight_to_the_board(
    small_trace: Path, speed: float | None
) -> None:
    trace = Trace.open(small_trace)
    config = Path(__file__).parent.parent / "config" / "guardian.toml"
    straight = [f for some in watch(of_trace(trace), load(config).detectors).found.values() for f in some]
    async with demo.replay_daemon(small_trace) as address:
        played = await replay.over_mqtt(trace, address, speed=speed)
    assert played.missing == 0
    assert played.frames == sum(len(trace.frames(s.home, s.name)[0]) for s in trace.sensors)
    told = sorted((f.home, f.decided_ms, f.kind, f.onset_ms) for f in played.findings)
    assert told == sorted((f.home, f.decided_ms, f.kind, f.onset_ms) for f in straight)
    assert {f.kind for f in straight} >= {"fall-suspected", "fall-confirmed"}


async def _guardian(*words: str) -> tuple[int, str]:
    status, out, err = await _guardian_all(*words)
    assert status == 0, err
    return status, out


async def _guardian_all(*words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "guardian",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()
