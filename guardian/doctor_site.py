"""Checks of `guardian doctor` that look at what runs: daemon, ledger, broker, the staff's door, devices."""

import asyncio
import datetime as dt
import ipaddress
import re
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from alerting.ledger import LedgerError, lock_state
from guardian import desk
from guardian.address import BrokerAddress
from guardian.app import broker_address
from guardian.checked import Checked, Level
from guardian.connection import LinkError
from guardian.control import heard_back, listen
from guardian.roster_file import RosterFile
from guardian.roster_file import read as read_roster
from guardian.settings import Settings, SettingsError, Web
from guardian.web.words import N_

OLDEST_BROKER: Final = (2, 0, 11)
"""DESIGN section 3: what everything was measured with."""
OTHERS: Final = ("zigbee2mqtt/guardian-doctor", "tele/guardian-doctor/STATE", "stat/guardian-doctor/RESULT")
"""What Guardian's user may read and only others may write (config/mosquitto.acl); no device is so named."""
VERSION_S: Final = 0.5
"""The broker's stored message about its version comes with the subscription or not at all."""
CONNECT_S: Final = 3.0
EARLY: Final = dt.timedelta(days=30)
"""So long before it ends a certificate is spoken of: time enough for whoever looks in once a month."""
NAMED: Final = 10
"""Devices that are named; the others are counted."""


# --- the daemon --------------------------------------------------------------------------------------


def not_running(why: str) -> Checked:
    """Nobody answers at the desk."""
    return Checked(
        "daemon",
        Level.WRONG,
        N_("nobody watches: {why}"),
        N_("`systemctl start guardian`; `journalctl -u guardian` says why it ended."),
        {"why": why},
    )


def running(status: Mapping[str, Any]) -> Checked:
    """What the daemon says about itself; `status` is the desk's `/status`."""
    down = [name for name, up in status["connected"].items() if not up]
    values = {"homes": str(status["homes"]), "connections": ", ".join(down)}
    if down:
        return Checked(
            "daemon",
            Level.WRONG,
            N_("Guardian runs, but is not connected to the broker: {connections}"),
            N_("See below what the broker says; `journalctl -u guardian -u mosquitto`."),
            values,
        )
    if not status["homes"]:
        return Checked(
            "daemon",
            Level.WARNING,
            N_("Guardian runs and watches nobody"),
            N_("Import the roster: `guardian roster import FILE.toml`."),
            values,
        )
    if status["benched"]["cameras_benched"] or status["benched"]["parts"]:
        return Checked(
            "daemon",
            Level.WARNING,
            N_("Guardian watches {homes} homes, some sensors without a detector that failed on them"),
            N_("Their homes stand on the board as blind; send the log to whoever maintains Guardian."),
            values,
        )
    return Checked("daemon", Level.OK, N_("Guardian runs and watches {homes} homes"), values=values)


# --- the ledger --------------------------------------------------------------------------------------


def ledger(state: Path, status: Mapping[str, Any] | None) -> Checked:
    """Whether the ledger is whole: by the daemon's word, or by our own look where the lock is free."""
    if status is not None:
        return _by_word(status)
    path = state / "ledger.db"
    try:
        if (
            not (state / "lock").exists() or not path.exists()
        ):  # never made: a lock of root's would keep it out
            return Checked("ledger", Level.OK, N_("there is no ledger yet; the first start makes it"))
        with lock_state(state):
            why = _damage(path)
    except (LedgerError, OSError) as e:
        what = N_("the ledger could not be looked at: {why}")
        return Checked("ledger", Level.WARNING, what, N_("Ask again as root."), {"why": str(e)})
    if why is not None:
        return Checked(
            "ledger",
            Level.WRONG,
            N_("the ledger is damaged: {why}"),
            N_("Start Guardian: it puts the newest spare in its place, and keeps what is damaged beside it."),
            {"why": why},
        )
    return Checked("ledger", Level.OK, N_("the ledger is whole"))


def _by_word(status: Mapping[str, Any]) -> Checked:
    if status["ledger_in_memory"]:
        return Checked(
            "ledger",
            Level.WRONG,
            N_("the disk fails and alerting goes on in memory: {why}"),
            N_("Look after the disk now; do not restart Guardian before."),
            {"why": str(status["ledger_in_memory"])},
        )
    if status["ledger_restored"]:
        return Checked(
            "ledger",
            Level.WARNING,
            N_("a spare stands in the place of the ledger: {why}"),
            N_("Look at the board: answers and arrivals since then are lost."),
            {"why": str(status["ledger_restored"])},
        )
    return Checked("ledger", Level.OK, N_("the daemon writes its ledger, which was whole when it started"))


def _damage(path: Path) -> str | None:
    """Check a ledger that nobody has open, without writing beside it: in a copy where a log belongs to it."""
    log = path.with_name(f"{path.name}-wal")
    if not log.exists():
        return _amiss(f"{path.resolve().as_uri()}?immutable=1")
    with tempfile.TemporaryDirectory(prefix="guardian-doctor-") as folder:
        for part in (path, log):
            shutil.copyfile(part, Path(folder) / part.name)
        return _amiss((Path(folder) / path.name).as_uri())


def _amiss(uri: str) -> str | None:
    try:
        with closing(sqlite3.connect(uri, uri=True)) as of:
            found = str(of.execute("PRAGMA integrity_check(1)").fetchone()[0])
            of.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error as e:
        return str(e)
    return None if found == "ok" else found


# --- the broker --------------------------------------------------------------------------------------


async def broker(settings: Settings) -> list[Checked]:
    """Whether it can be reached, is new enough, and lets nobody speak in a device's name."""
    address = broker_address(settings.mqtt)
    name = f"guardian-{settings.site}-doctor"
    own = f"guardian-out/{settings.site}/doctor"
    try:
        heard = await heard_back(address, name, (*OTHERS, own))
    except LinkError as e:
        do = N_("See `systemctl status mosquitto`, the user's name and password, and mosquitto.acl.")
        return [Checked("broker", Level.WRONG, N_("the broker: {why}"), do, {"why": str(e)})]
    version = broker_version(await _version(address, name), f"{address.host}:{address.port}")
    return [version, access_list(holds=heard == [own])]


def access_list(*, holds: bool) -> Checked:
    """Whether somebody could speak in the name of a device that is not theirs."""
    if holds:
        return Checked("acl", Level.OK, N_("the broker's access list holds"))
    return Checked(
        "acl",
        Level.WRONG,
        N_("the broker lets anybody speak in a device's name: its access list does not hold"),
        N_("mosquitto.conf needs `allow_anonymous false` and `acl_file`; `guardian install` lays both down."),
    )


async def _version(address: BrokerAddress, name: str) -> str | None:
    """Give what the broker says of itself, else what the program on this machine says; None: nobody says."""
    told: list[str] = []
    topics = ["$SYS/broker/version"]
    await listen(
        address, name, topics, VERSION_S, lambda _, payload: told.append(payload.decode(errors="replace"))
    )
    if told:
        return told[0]
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None or not _is_here(address.host):
        return None
    child = await asyncio.create_subprocess_exec(
        program, "-h", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await child.communicate()
    return said.decode(errors="replace").partition("\n")[0]


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def broker_version(said: str | None, where: str) -> Checked:
    """Judge `mosquitto version 2.0.11`."""
    values = {"where": where, "version": said or ""}
    numbers = re.search(r"(\d+)\.(\d+)\.(\d+)", said or "")
    if numbers is None:
        what = N_("the broker at {where} answers; of which version it is nobody says")
        return Checked("broker", Level.WARNING, what, N_("It must be mosquitto 2.0.11 or newer."), values)
    if tuple(map(int, numbers.groups())) < OLDEST_BROKER:
        what = N_("the broker at {where} is too old: {version}")
        return Checked("broker", Level.WRONG, what, N_("It must be mosquitto 2.0.11 or newer."), values)
    return Checked("broker", Level.OK, N_("the broker at {where} answers: {version}"), values=values)


# --- the staff's door --------------------------------------------------------------------------------


async def board(web: Web, *, runs: bool) -> Checked:
    """Whether the staff's pages can be reached while a daemon runs, and their port is free otherwise."""
    values = {"where": f"{web.board_host}:{web.board_port}"}
    if not web.board_port:
        return Checked("board", Level.OK, N_("the staff's pages take a port that happens to be free"))
    reached = await _answers(web.board_host, web.board_port)
    if reached and not runs:
        what = N_("another program sits at {where}, where the staff's pages belong")
        return Checked("board", Level.WRONG, what, N_("End it, or choose another [web] board_port."), values)
    if runs and not reached:
        what = N_("the staff's pages cannot be reached at {where}")
        do = N_("If guardian.toml was changed, restart Guardian; else look at its log.")
        return Checked("board", Level.WRONG, what, do, values)
    if not runs:
        return Checked("board", Level.OK, N_("{where} is free for the staff's pages"), values=values)
    return Checked("board", Level.OK, N_("the staff's pages answer at {where}"), values=values)


async def _answers(host: str, port: int) -> bool:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # where to ask, not to listen
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(here, port)
    except OSError:  # TimeoutError too
        return False
    writer.close()
    return True


def certificate(file: Path, now_ms: int) -> Checked:
    """Whether browsers still take the certificate of the staff's pages. `now_ms`: ms since 1970."""
    do = N_("A new one: `guardian certificate`, then restart Guardian.")
    now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
    values = {"file": str(file)}
    try:
        ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as e:
        what = N_("{file} cannot be read: {why}")
        return Checked("certificate", Level.WRONG, what, do, values | {"why": str(e)})
    values |= {"day": f"{ends:%Y-%m-%d}"}
    if ends <= now:
        return Checked("certificate", Level.WRONG, N_("{file} ended on {day}"), do, values)
    if ends - now < EARLY:
        return Checked("certificate", Level.WARNING, N_("{file} ends on {day}"), do, values)
    return Checked("certificate", Level.OK, N_("{file} holds until {day}"), values=values)


def key(file: Path, uid: int) -> Checked:
    """Whether the service, which runs as `uid`, may read the key of that certificate, and not everybody."""
    values = {"file": str(file), "files": str(file), "uid": str(uid)}
    try:
        found = file.stat()
    except OSError as e:
        what = N_("{file} cannot be read: {why}")
        return Checked("key", Level.WRONG, what, N_("Ask again as root."), values | {"why": str(e)})
    if found.st_mode & stat.S_IROTH:
        what = N_("others than their owner may read secrets: {files}")
        return Checked("key", Level.WRONG, what, N_("As root: `chmod 600` on each."), values)
    if uid not in {0, found.st_uid} and not found.st_mode & stat.S_IRGRP:
        what = N_("the service may not read {file}, and would not start")
        return Checked("key", Level.WRONG, what, N_("As root: `chown {uid} {file}`."), values)
    return Checked("key", Level.OK, N_("the service may read {file}"), values=values)


# --- devices -----------------------------------------------------------------------------------------


def roster_of(settings: Settings, *, runs: bool) -> RosterFile | None:
    """Give the running daemon's roster, else that of the settings' file; None where there is neither."""
    try:
        if runs:
            text = desk.call(settings.state_directory, "GET", "/roster/export")["toml"]
        elif settings.roster is not None:
            text = settings.roster.read_text("utf-8")
        else:
            return None
        return read_roster(text)
    except (desk.DeskError, SettingsError, OSError):
        return None


def devices(known: RosterFile | None) -> Checked:
    """Name the devices whose events are not repeated until acknowledged (DESIGN section 4)."""
    if known is None:
        what = N_("which devices there are is known once Guardian runs with a roster")
        return Checked("devices", Level.WARNING, what)
    found = list(_unrepeated(known))
    if not found:
        what = N_(
            "every event sensor speaks Guardian's own topics, on which it can repeat until acknowledged"
        )
        return Checked("devices", Level.OK, what)
    by_dialect = defaultdict[str, list[str]](list)
    for dialect, where in found:
        by_dialect[dialect].append(where)
    lists = [f"{dialect}: {_few(some)}" for dialect, some in sorted(by_dialect.items())]
    return Checked(
        "devices",
        Level.WARNING,
        N_("what {count} sensors say just when the broker dies is lost, they do not repeat it: {sensors}"),
        N_(
            "Set QoS 1: Zigbee2MQTT `device_options: {{qos: 1}}`, ESPHome `qos: 1` at each component; "
            "Shelly has it, Tasmota never. Give each home a second way to call for help."
        ),
        {"count": str(len(found)), "sensors": "; ".join(lists)},
    )


def _unrepeated(known: RosterFile) -> Iterator[tuple[str, str]]:
    for home in known.homes:
        for sensor in home.sensors:
            if sensor.dialect is not None and sensor.kind != "thermal":
                yield sensor.dialect, f"{home.id}/{sensor.id}"


def _few(names: Iterable[str]) -> str:
    names = list(names)
    more = f" … (+{len(names) - NAMED})" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
