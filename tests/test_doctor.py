"""`guardian doctor`: each check with real files, a real broker, a real desk; all of it on a real daemon."""

import asyncio
import datetime as dt
import json
import os
import socket
import sqlite3
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerting.ledger import Ledger, lock_state
from guardian import certificate, doctor, doctor_machine, doctor_site
from guardian.broker import Broker
from guardian.checked import Checked, Level
from guardian.cli import app
from guardian.credentials import files as secret_files
from guardian.doctor_machine import ENABLED, LITTLE, TOO_LITTLE
from guardian.install import UNIT, inside
from guardian.roster_file import RosterFile
from guardian.roster_file import read as read_roster
from guardian.settings import CONFIG, Mqtt, Settings, Web
from guardian.web.words import WORDS
from simulator.private import Configuration, daemon, prepare
from tests.shipped_broker import ACL, ShippedBroker, changed, secrets

__all__ = ["secrets"]

NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
NOW_MS = int(NOW.timestamp() * 1000)
STATUS: Mapping[str, Any] = {
    "homes": 40,
    "connected": {"frames": True, "events": True},
    "benched": {"cameras_benched": 0, "parts": []},
    "ledger_in_memory": None,
    "ledger_restored": None,
}


def said(check: Checked) -> tuple[Level, str]:
    return check.level, "\n".join(doctor.lines(check, WORDS["en"]))


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# --- the machine -------------------------------------------------------------------------------------


def test_what_this_guardian_needs_is_here() -> None:
    level, text = said(doctor_machine.versions())
    assert level is Level.OK
    assert "Guardian 0.1.0" in text


@pytest.mark.parametrize(
    ("requirement", "why"),
    [
        ("rich>=14", ""),
        ("rich", ""),
        ("rich>=999", "rich "),
        ("rich>=1,<2", "rich "),
        ("mqtt5==0.8.0", ""),
        ("mqtt5==0.8", ""),
        ("nobody-has-this>=1", "nobody-has-this>=1"),
        ("influxdb-client[async]>=1.50", ""),
    ],
)
def test_a_library_that_is_too_old_or_missing_is_named(requirement: str, why: str) -> None:
    found = doctor_machine.unmet(requirement)
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_the_unit_is_missing_then_asleep_then_foreign_then_good(tmp_path: Path) -> None:
    assert doctor_machine.unit(tmp_path).level is Level.WARNING
    unit = inside(tmp_path, UNIT)
    unit.parent.mkdir(parents=True)
    unit.write_bytes((CONFIG / "systemd" / "guardian.service").read_bytes())
    level, text = said(doctor_machine.unit(tmp_path))
    assert level is Level.WRONG
    assert "systemctl enable --now guardian" in text
    inside(tmp_path, ENABLED).parent.mkdir()
    inside(tmp_path, ENABLED).symlink_to(UNIT)  # as `systemctl enable` does
    assert doctor_machine.unit(tmp_path).level is Level.OK
    unit.write_text("[Service]\n", "utf-8")
    assert doctor_machine.unit(tmp_path).level is Level.WARNING


def test_the_clock(tmp_path: Path) -> None:
    for answer, is_set in (("yes", True), ("no", False)):
        program = tmp_path / answer
        program.write_text(f"#!/bin/sh\necho {answer}\n", "utf-8")
        program.chmod(0o755)
        assert doctor_machine.synchronised(str(program)) is is_set
    silent, file = str(tmp_path / "missing"), tmp_path / "synchronized"
    assert doctor_machine.synchronised(silent, file) is None
    file.touch()
    assert doctor_machine.synchronised(silent, file) is True
    levels = [doctor_machine.clock(known).level for known in (True, None, False)]
    assert levels == [Level.OK, Level.WARNING, Level.WRONG]


def test_secrets_must_be_there_and_their_owners_alone(tmp_path: Path) -> None:
    table = {"mqtt": {"username": "guardian"}, "twilio": {}}
    files = secret_files(table, tmp_path, tmp_path)
    assert set(files) == {"mqtt-password", "twilio-auth-token"}
    level, text = said(doctor_machine.credentials(files, table))
    assert level is Level.WRONG
    assert "guardian.mqtt-password" in text
    assert "guardian.twilio-auth-token" in text
    for file in files.values():
        file.write_text("a secret of ours", "utf-8")
        file.chmod(0o600)
    assert doctor_machine.credentials(files, table).level is Level.OK
    files["mqtt-password"].chmod(0o640)
    level, text = said(doctor_machine.credentials(files, table))
    assert level is Level.WRONG
    assert "chmod 600" in text
    assert "twilio" not in text
    assert "a secret of ours" not in text


def test_a_broker_without_users_needs_no_password(tmp_path: Path) -> None:
    table: dict[str, Any] = {"mqtt": {"host": "127.0.0.1"}}
    files = secret_files(table, tmp_path, tmp_path)
    assert doctor_machine.credentials(files, table).level is Level.OK


def test_the_state_directory_is_one_users_alone(tmp_path: Path) -> None:
    me = os.getuid()
    assert doctor_machine.state(tmp_path / "none", me).level is Level.WARNING
    (tmp_path / "ledger.db").touch()
    assert doctor_machine.state(tmp_path, me).level is Level.OK
    level, text = said(doctor_machine.state(tmp_path, me + 1))
    assert level is Level.WRONG
    assert f"chown -R {me + 1} {tmp_path}" in text
    assert doctor_machine.owner_of("nobody-is-called-so") == me


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (TOO_LITTLE - 1, Level.WRONG),
        (TOO_LITTLE, Level.WARNING),
        (LITTLE - 1, Level.WARNING),
        (LITTLE, Level.OK),
    ],
)
def test_a_disk_that_is_nearly_full(free: int, level: Level) -> None:
    found, text = said(doctor_machine.disk(Path("/var/lib/guardian"), free))
    assert found is level
    assert f"{free >> 20} MiB" in text


# --- settings ----------------------------------------------------------------------------------------


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "guardian.toml"
    file.write_text('site = "A B"\ncolour = 1\n[mqtt]\n', "utf-8")
    loaded, check = doctor.configuration(file, tmp_path)
    level, text = said(check)
    assert loaded is None
    assert level is Level.WRONG
    for key in ("site", "colour: unknown key", "mqtt.host: missing", "state_directory: missing"):
        assert key in text


def test_a_secret_is_found_where_the_unit_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "guardian.toml"
    file.write_text('site = "demo"\nstate_directory = "state"\n[mqtt]\nhost = "127.0.0.1"\n', "utf-8")
    (tmp_path / "guardian.mqtt-password").write_text("pw\n", "utf-8")
    loaded, _ = doctor.configuration(file, tmp_path)
    assert loaded is not None
    assert loaded.settings.mqtt.password is not None
    assert loaded.settings.mqtt.password.get_secret_value() == "pw"


# --- the ledger --------------------------------------------------------------------------------------


async def test_a_ledger_is_looked_at_only_while_nobody_runs(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    assert doctor_site.ledger(tmp_path, None).level is Level.OK  # a first start
    with lock_state(tmp_path):
        await (await Ledger.open(path)).close()
        level, text = said(doctor_site.ledger(tmp_path, None))
        assert level is Level.WARNING
        assert f"another Guardian runs here (pid {os.getpid()})" in text
    before = names(tmp_path)
    assert said(doctor_site.ledger(tmp_path, None)) == (Level.OK, "fine  the ledger is whole")
    assert names(tmp_path) == before


async def test_what_stands_in_the_log_alone_counts_and_stays(tmp_path: Path) -> None:
    """A daemon that was killed leaves a log: the check neither misses it nor writes it back."""
    path, log = tmp_path / "ledger.db", tmp_path / "ledger.db-wal"
    with lock_state(tmp_path):
        await (await Ledger.open(path)).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL").close()
        writer.execute("CREATE TABLE something (a)").close()
        whole, logged = path.read_bytes(), log.read_bytes()
        assert logged
        assert doctor_site.ledger(tmp_path, None).level is Level.OK
        assert (path.read_bytes(), log.read_bytes()) == (whole, logged)


async def test_a_damaged_ledger_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with lock_state(tmp_path):
        await (await Ledger.open(path)).close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    level, text = said(doctor_site.ledger(tmp_path, None))
    assert level is Level.WRONG
    assert "damaged" in text


def test_a_running_daemon_is_taken_at_its_word(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"nobody may open this")
    (tmp_path / "lock").touch()
    assert doctor_site.ledger(tmp_path, STATUS).level is Level.OK
    assert doctor_site.ledger(tmp_path, {**STATUS, "ledger_in_memory": "no space"}).level is Level.WRONG
    assert doctor_site.ledger(tmp_path, {**STATUS, "ledger_restored": "of noon"}).level is Level.WARNING


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({}, Level.OK, "watches 40 homes"),
        ({"homes": 0}, Level.WARNING, "watches nobody"),
        ({"connected": {"frames": True, "events": False}}, Level.WRONG, "not connected to the broker"),
        ({"benched": {"cameras_benched": 1, "parts": []}}, Level.WARNING, "some sensors without a detector"),
    ],
)
def test_what_the_daemon_says(change: Mapping[str, Any], level: Level, words: str) -> None:
    found, text = said(doctor_site.running({**STATUS, **change}))
    assert found is level
    assert words in text


# --- the broker --------------------------------------------------------------------------------------


def at(broker: Broker, **user: Any) -> Settings:
    mqtt = Mqtt(host="127.0.0.1", port=broker.address.port, **user)
    return Settings(site="s", state_directory=Path("/nowhere"), mqtt=mqtt)


async def test_the_shipped_broker_is_fine(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        found = await doctor_site.broker(at(broker, username="guardian", password="right"))
    assert [(check.name, check.level) for check in found] == [("broker", Level.OK), ("acl", Level.OK)]


async def test_an_access_list_with_a_hole_is_found(tmp_path: Path, secrets: Path) -> None:
    hole = changed(ACL, "topic read zigbee2mqtt/#", "topic readwrite zigbee2mqtt/#")
    async with ShippedBroker(tmp_path, secrets, acl=hole) as broker:
        found = await doctor_site.broker(at(broker, username="guardian", password="right"))
    assert [(check.name, check.level) for check in found] == [("broker", Level.OK), ("acl", Level.WRONG)]


async def test_an_open_broker_is_found(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        found = await doctor_site.broker(at(broker))
    assert [(check.name, check.level) for check in found] == [("broker", Level.OK), ("acl", Level.WRONG)]
    assert "mosquitto version 2." in found[0].values["version"]


async def test_a_broker_that_refuses_or_is_away_is_told_why(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        settings = at(broker, username="guardian", password="wrong")
        [refused] = await doctor_site.broker(settings)
        assert "Not authorized" in refused.values["why"] or "Bad user name" in refused.values["why"]
    [away] = await doctor_site.broker(settings)
    assert (refused.level, away.level) == (Level.WRONG, Level.WRONG)
    assert "refused" in away.values["why"]
    assert "wrong" not in refused.values["why"] + away.values["why"]  # the password


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("mosquitto version 2.0.11", Level.OK),
        ("mosquitto version 2.1.0", Level.OK),
        ("mosquitto version 2.0.10", Level.WRONG),
        ("mosquitto version 1.6.12", Level.WRONG),
        (None, Level.WARNING),
        ("something else", Level.WARNING),
    ],
)
def test_versions_of_the_broker(version: str | None, level: Level) -> None:
    assert doctor_site.broker_version(version, "here").level is level


# --- the staff's door --------------------------------------------------------------------------------


async def test_the_port_of_the_pages() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        web = Web(board_port=server.getsockname()[1])
        assert (await doctor_site.board(web, runs=True)).level is Level.OK
        assert (await doctor_site.board(web, runs=False)).level is Level.WRONG  # somebody else's
    assert (await doctor_site.board(web, runs=True)).level is Level.WRONG
    assert (await doctor_site.board(web, runs=False)).level is Level.OK


@pytest.mark.parametrize(
    ("days", "level"), [(0, Level.OK), (699, Level.OK), (701, Level.WARNING), (731, Level.WRONG)]
)
def test_a_certificate_is_spoken_of_before_it_ends(tmp_path: Path, days: int, level: Level) -> None:
    file = tmp_path / "board.crt"
    file.write_bytes(certificate.make(["centre.lan"], NOW).certificate)
    then_ms = NOW_MS + days * 86_400_000
    assert doctor_site.certificate(file, then_ms).level is level
    file.write_text("no certificate", "utf-8")
    assert doctor_site.certificate(file, then_ms).level is Level.WRONG


def test_the_service_must_be_able_to_read_the_key(tmp_path: Path) -> None:
    file, me = tmp_path / "board.key", os.getuid()
    assert doctor_site.key(file, me).level is Level.WRONG
    file.write_bytes(certificate.make(["centre.lan"], NOW).key)
    file.chmod(0o600)
    assert doctor_site.key(file, me).level is Level.OK
    level, text = said(doctor_site.key(file, me + 1))  # made by root, as `guardian certificate` is run
    assert level is Level.WRONG
    assert f"chown {me + 1} {file}" in text
    file.chmod(0o640)  # a group of its own, as Debian's ssl-cert
    assert doctor_site.key(file, me + 1).level is Level.OK
    file.chmod(0o644)
    assert doctor_site.key(file, me).level is Level.WRONG


# --- devices -----------------------------------------------------------------------------------------


@pytest.fixture
def shipped() -> RosterFile:
    return read_roster((CONFIG / "roster.example.toml").read_text("utf-8"))


def test_devices_that_do_not_repeat_are_named(shipped: RosterFile) -> None:
    level, text = said(doctor_site.devices(shipped))
    assert level is Level.WARNING
    for sensor in ("tasmota: h02/stove", "shelly: h02/help", "zigbee2mqtt: h02/pir, h02/air, h02/damp"):
        assert sensor in text
    assert "h01" not in text
    native = shipped.model_copy(update={"homes": shipped.homes[:1]})
    assert doctor_site.devices(native).level is Level.OK
    assert doctor_site.devices(None).level is Level.WARNING


def test_of_very_many_ten_are_named_and_the_rest_counted() -> None:
    assert doctor_site._few(f"s{i}" for i in range(12)).endswith("s9 … (+2)")


# --- all of it ---------------------------------------------------------------------------------------


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def ask(config: Path, *more: str) -> dict[str, Any]:
        out = tmp_path / "doctor.json"
        found = CliRunner().invoke(app, ["doctor", "--config", str(config), "--json", str(out), *more])
        told = json.loads(out.read_text("utf-8"))
        assert isinstance(told, dict)
        assert found.exit_code == (told["level"] == "wrong")
        for check in told["checks"]:
            assert check["what"] in found.output
        return told

    return ask


async def test_on_a_daemon_that_runs_and_on_one_that_does_not(
    tmp_path: Path, asked: Callable[..., dict[str, Any]]
) -> None:
    async with Broker(tmp_path / "broker") as broker:
        roster = tomllib.loads((CONFIG / "roster.example.toml").read_text("utf-8"))
        place = prepare(tmp_path / "place", Configuration(broker.address, roster=roster))
        async with daemon(place):
            told = await asyncio.to_thread(asked, place.config, "--lang", "zh")
            levels = {check["name"]: check["level"] for check in told["checks"]}
            expected = {"configuration": "ok", "credentials": "ok", "daemon": "ok", "ledger": "ok"}
            expected |= {"broker": "ok", "acl": "wrong", "devices": "warning"}
            assert {name: levels[name] for name in expected} == expected
            words = {check["name"]: check["what"] for check in told["checks"]}
            assert words["daemon"] == "Guardian 在运行，看护 3 户"
        told = await asyncio.to_thread(asked, place.config)
        levels = {check["name"]: check["level"] for check in told["checks"]}
        assert (levels["daemon"], levels["ledger"]) == ("wrong", "ok")


def test_settings_that_are_wrong_end_the_visit(tmp_path: Path, asked: Callable[..., dict[str, Any]]) -> None:
    file = tmp_path / "guardian.toml"
    file.write_text("site = 1\n", "utf-8")
    told = asked(file)
    assert told["level"] == "wrong"
    assert [check["name"] for check in told["checks"]] == [
        "versions",
        "unit",
        "clock",
        "configuration",
        "credentials",
    ]
