"""Logs: lines that a program can read where systemd keeps them, without names, numbers and addresses."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import pytest
import structlog
import tomli_w
from sqlalchemy.exc import IntegrityError

from alerting.ledger import Ledger, Tx
from alerting.schema import person
from guardian import desk, logs
from simulator.private import connected, daemon, free_port
from tests.test_road import PHONE, centre

WRONG_NUMBER = "+15005550001"
"""Twilio's own number for tests: refused for good, in words that repeat it."""
RESIDENT, NEIGHBOUR, HELPER = "欧阳秀英", "Ermintrude Featherstonehaugh", "司马建国"
RESIDENT_PHONE = "+8613911112222"
ADDRESS, KEY, CODE, MEDICAL = (
    "幸福里胡同 77 号 301",
    "under the third flowerpot",
    "4711#",
    "penicillin allergy",
)
PLANTED = (
    RESIDENT, NEIGHBOUR, HELPER, RESIDENT_PHONE, PHONE, WRONG_NUMBER, ADDRESS, KEY, CODE, MEDICAL,
    *(phone.lstrip("+") for phone in (RESIDENT_PHONE, PHONE, WRONG_NUMBER)), "Featherstonehaugh", "flowerpot",
)  # fmt: skip
ROSTER: dict[str, Any] = {
    "site": {"id": "demo"},
    "homes": [
        {
            "id": "h1",
            "card": "17",
            "resident": {
                "name": RESIDENT,
                "phone": RESIDENT_PHONE,
                "address": ADDRESS,
                "key_at": KEY,
                "door_code": CODE,
                "medical": MEDICAL,
            },
            "rooms": [{"id": "hall"}],
            "sensors": [{"id": "help", "kind": "button", "room": "hall"}],
        }
    ],
    "responders": [
        {"name": name, "phone": phone, "shifts": [{"from": "00:00", "to": "00:00"}]}
        for name, phone in ((HELPER, PHONE), (NEIGHBOUR, WRONG_NUMBER))
    ],
}
MISTAKEN = tomli_w.dumps({**ROSTER, "responders": [{"name": HELPER, "phone": f"{RESIDENT_PHONE}0000000"}]})


def told(text: str) -> list[str]:
    """What was planted and stands in a text, as it is or escaped."""
    escaped = text.encode().decode("unicode_escape", errors="ignore")
    return [word for word in PLANTED if word in text or word in escaped]


async def test_an_incident_leaves_nobodys_name_number_or_address_in_logs_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    async with centre(tmp_path, ROSTER) as c:
        place = c.place
        settings = place.config.read_text("utf-8")
        place.config.write_text(settings.replace("[web]", f"[web]\nmetrics_port = {port}"), "utf-8")
        place.log.touch()
        monkeypatch.setenv("JOURNAL_STREAM", f"{place.log.stat().st_dev}:{place.log.stat().st_ino}")
        async with daemon(place), httpx.AsyncClient() as prometheus:
            await connected(place)
            async with aiomqtt.Client(c.broker.host, c.broker.port) as device:
                rubbish = f"{RESIDENT} {ADDRESS} {RESIDENT_PHONE}"
                await device.publish("guardian/demo/h1/help/event", rubbish, qos=1)
                await device.publish("guardian/demo/h1/gone/event", rubbish, qos=1)
            await c.press()
            phone = c.phones[PHONE]
            texts = [await phone.expects_text("17", within_s=20)]
            for said in ("1 5", "2", "6"):
                await phone.replies(said)
                texts.append(await phone.expects_text(within_s=20))
            with pytest.raises(desk.DeskError, match="phone"):
                await asyncio.to_thread(desk.call, place.state, "POST", "/roster/import", MISTAKEN.encode())
            figures = (await prometheus.get(f"http://127.0.0.1:{port}/metrics")).text
        log = place.log.read_text("utf-8")
    assert not told(log)
    assert not told(figures)
    assert not [text for text in texts if text in log or text in figures]
    lines = [json.loads(line) for line in log.splitlines()]
    assert all({"timestamp", "level", "event"} <= line.keys() for line in lines)
    what = {line["event"] for line in lines}
    assert {"ready", "noticed", "sent", "text refused", "payload rejected"} <= what, (
        "there was something to tell"
    )
    assert 'guardian_provider_results_total{channel="twilio",outcome="refused"} 1.0' in figures
    assert 'guardian_findings_total{kind="sos"} 1.0' in figures
    assert 'guardian_link_up{connection="events"} 1.0' in figures
    assert re.search(r"^guardian_beat_length_seconds_count [1-9]", figures, re.MULTILINE)
    assert re.search(r"^guardian_beat_lag_seconds_count [1-9]", figures, re.MULTILINE)
    assert told(f"x {PHONE} x"), "the check can fail"
    assert told(json.dumps(HELPER)), "escaped, too"


async def test_a_mistake_in_a_roster_at_the_start_names_the_place_and_not_the_number(tmp_path: Path) -> None:
    wrong = {**ROSTER, "responders": [{"name": HELPER, "phone": "13911112222"}]}
    async with centre(tmp_path, wrong) as c:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "guardian", "run", str(c.place.config), stderr=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate()
    assert process.returncode == 1
    assert "roster.toml: responders.0.phone: not an international phone number" in err.decode()
    assert not told(err.decode())
    assert "13911112222" not in err.decode()


async def test_an_error_of_the_ledger_does_not_say_what_was_to_be_stored() -> None:
    ledger = await Ledger.open(None, inline=True)

    def work(tx: Tx) -> None:
        for _twice in range(2):
            tx.conn.execute(person.insert().values(id="p1", name=RESIDENT, phone=PHONE, address=ADDRESS))

    with pytest.raises(IntegrityError) as failed:
        await ledger.transact(work)
    await ledger.close()
    assert "person.id" in str(failed.value)
    assert not told(str(failed.value))


@pytest.fixture
def as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("as_before")
def test_lines_are_json_only_where_the_journal_reads_them(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+", encoding="utf-8") as journal:
        there = (tmp_path / "journal").stat()
        environment = {"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"}
        for env, said in (
            (environment, True),
            ({}, False),
            ({"JOURNAL_STREAM": "8:1"}, False),  # sent elsewhere since
            ({"JOURNAL_STREAM": "nonsense"}, False),
        ):
            journal.seek(journal.truncate(0))
            logs.configure(env, journal)
            structlog.get_logger("x").warning("what happened", home="h1", why="门 = 开")
            structlog.get_logger("x").debug("a detail")
            (line,) = (tmp_path / "journal").read_text("utf-8").splitlines()
            if not said:
                assert 'level=warning event="what happened" home=h1' in line
                continue
            assert "门 = 开" in line, "as it is, for whoever reads the journal"
            found = json.loads(line)
            assert found.pop("timestamp").endswith("Z")
            assert found == {"level": "warning", "event": "what happened", "home": "h1", "why": "门 = 开"}
