"""config/mosquitto.conf, line by line, on a real mosquitto: who gets in, what waits for Guardian."""

import asyncio
import os
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiomqtt
import mqtt5
import pytest

from guardian.app import broker_address
from guardian.broker import BrokerError
from guardian.control import MAX_HEARD
from guardian.link import BrokerAddress
from guardian.settings import load
from guardian.wire.native import pack_event
from tests.mqtt_fixtures import PATIENCE_S, Site, device, lines, running
from tests.shipped_broker import ACL, CONF, ShippedBroker, changed, lines_of, offered, passes, place, secrets
from tests.test_broker import certificates

__all__ = ["lines", "secrets"]

QUEUED: Final = 5_000
"""Events that wait; mosquitto's own limit is 1,000, and with all 200,000 the test would take a minute."""
OWN: Final = "s/h1/help"
HELP: Final = f"guardian/{OWN}/event"
GUARDIANS_LISTENER: Final = (
    "listener 8884",
    "certfile /etc/mosquitto/certs/server.crt",
    "keyfile /etc/mosquitto/certs/server.key",
    "tls_version tlsv1.2",
)


# --- who gets in -------------------------------------------------------------------------------------


async def test_only_users_with_their_password_get_in(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        for user, password in (
            (None, None),
            (OWN, "wrong"),
            (OWN, None),
            ("stranger", "right"),
            ("", "right"),
        ):
            with pytest.raises(aiomqtt.MqttError, match=r"Not authorized|Bad user name or password"):
                async with device(broker.plain(user, password)):
                    pass
        async with device(broker.plain(OWN)):
            pass


async def test_the_plain_listener_is_on_this_machine_only(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        elsewhere = "127.0.0.2"  # as good as another address of this machine
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(elsewhere, broker.address.port)
        _, writer = await asyncio.open_connection(elsewhere, broker.tls(OWN).port)
        writer.close()


async def test_who_knows_the_authority_gets_in_and_nobody_else(tmp_path: Path, secrets: Path) -> None:
    (tmp_path / "strange").mkdir()
    certificates(tmp_path / "strange")
    async with ShippedBroker(tmp_path, secrets) as broker:
        good = broker.tls(OWN)
        async with device(good) as client, device(broker.plain("guardian")) as guardian:
            await guardian.subscribe(HELP, qos=1)
            await client.publish(HELP, b"x", qos=1)
            async with asyncio.timeout(PATIENCE_S):
                assert (await anext(guardian.messages)).topic.value == HELP
        for context, host, why in (
            (ssl.create_default_context(), good.host, "unable to get local issuer|self-signed"),
            (ssl.create_default_context(cafile=tmp_path / "strange" / "ca.crt"), good.host, "verify failed"),
            (ssl.create_default_context(cafile=broker.ca), "127.0.0.2", "IP address mismatch"),
        ):
            with pytest.raises(ssl.SSLCertVerificationError, match=why):
                await asyncio.open_connection(host, good.port, ssl=context)
        reader, writer = await asyncio.open_connection(good.host, good.port)
        writer.write(mqtt5.ConnectPacket(OWN, username=OWN, password=b"right").write())
        answer = b""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionResetError):
                answer = await reader.read(1)  # the first of an alert, or nothing more
        writer.close()
        assert answer != b"\x20", "CONNACK"
        async with device(good):  # and it is still there for others
            pass


async def test_tls_is_1_2_or_newer(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", broker.tls(OWN).port, ssl=only(version, broker.ca)
            )
            writer.close()
        with pytest.deprecated_call():
            context = only(ssl.TLSVersion.TLSv1_1, broker.ca)
        with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):  # it is the broker that refuses
            await asyncio.open_connection("127.0.0.1", broker.tls(OWN).port, ssl=context)


def only(version: ssl.TLSVersion, ca: str) -> ssl.SSLContext:
    """One version of TLS; our own side forbids none."""
    context = ssl.create_default_context(cafile=ca)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


async def test_no_device_takes_over_guardians_session(tmp_path: Path, secrets: Path) -> None:
    """Whatever client id a device gives."""
    guardians = "guardian-s-events"
    async with ShippedBroker(tmp_path, secrets) as broker, running(Site(broker.plain("guardian"))) as site:
        async with device(broker.tls(OWN), guardians) as thief:
            await thief.publish(HELP, pack_event(1, event_id="e1"), qos=1)
            await site.until(lambda: site.board.events_taken == 1)
            assert site.link.counters["connects-events"] == 1
            async with device(broker.tls(OWN)) as same:  # its own name is what it can take over
                await same.publish(HELP, pack_event(1, event_id="e2"), qos=1)
                with pytest.raises(aiomqtt.MqttError):
                    await asyncio.wait_for(anext(thief.messages), PATIENCE_S)
        assert site.up


async def test_no_device_throws_away_what_waits_for_guardian(tmp_path: Path, secrets: Path) -> None:
    open_to_all = changed(CONF, "use_username_as_clientid true", "")
    for conf, kept in ((CONF, ["waits", "live"]), (open_to_all, ["live"])):
        folder = tmp_path / kept[0]
        folder.mkdir()
        async with ShippedBroker(folder, secrets, conf=conf) as broker:
            guardian = broker.plain("guardian")
            async with running(Site(guardian)):
                pass
            await press(broker.plain(OWN), ["waits"])
            async with device(broker.tls(OWN), "guardian-s-events"):
                pass
            async with running(Site(guardian)) as site:
                await press(broker.plain(OWN), ["live"])
                await site.until(partial(lambda s, n: s.board.events_taken >= n, site, len(kept)))
                assert [r.id for r in site.beat()] == kept


async def test_guardian_itself_by_its_settings(tmp_path: Path, secrets: Path, lines: list[Any]) -> None:
    """Beside the broker without TLS, and from another machine by the listener that the file offers for it."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "mqtt-password").write_text("right\n", "utf-8")
    conf = CONF
    for line in GUARDIANS_LISTENER:
        conf = offered(conf, line)
    async with ShippedBroker(tmp_path, secrets, conf=conf) as broker:
        afar = broker.tls("guardian", port="8884")
        for port, tls in ((broker.address.port, ""), (afar.port, f'tls_ca = "{broker.ca}"')):
            file = tmp_path / "guardian.toml"
            mqtt = f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nusername = "guardian"\n{tls}\n'
            file.write_text(
                f'site = "s"\nstate_directory = "state"\nsecrets_directory = "secrets"\n{mqtt}', "utf-8"
            )
            address = broker_address(load(file).settings.mqtt)
            assert address.tls == bool(tls)
            async with running(Site(address)) as site, device(broker.tls(OWN)) as button:
                await button.publish(HELP, pack_event(1, event_id=f"e{port}"), qos=1)
                await site.until(partial(lambda s: s.board.events_taken == 1, site))
                site.beat()
                assert not any(site.link.contested.values())


async def test_who_may_say_what_is_in_the_other_file(tmp_path: Path, secrets: Path) -> None:
    own, anothers = HELP, "guardian/s/h2/help/event"
    async with ShippedBroker(tmp_path, secrets) as broker:
        assert await passes(broker, OWN, "guardian", [anothers, own]) == [own]
    generous = f"{ACL}\nuser {OWN}\ntopic write #\n"
    async with ShippedBroker(tmp_path, secrets, acl=generous) as broker:
        assert await passes(broker, OWN, "guardian", [anothers, own]) == [anothers, own]


# --- what is too large -------------------------------------------------------------------------------


async def test_a_packet_that_is_too_large_ends_its_sender_and_nobody_else(
    tmp_path: Path, secrets: Path
) -> None:
    most = 5 << 20  # of max_packet_size, in which the topic and the header have to fit
    assert most == MAX_HEARD
    devices = "zigbee2mqtt/bridge/devices"
    async with ShippedBroker(tmp_path, secrets) as broker, device(broker.plain("guardian-devices")) as ear:
        await ear.subscribe(devices, qos=1)
        async with device(broker.plain("zigbee2mqtt")) as bridge:
            await bridge.publish(devices, bytes(1 << 20), qos=1)  # 200 devices
            await bridge.publish(devices, bytes(most - 100), qos=1)
            with suppress(aiomqtt.MqttError):  # the broker may close before all has been sent
                await bridge.publish(devices, bytes(most + 1), qos=0)
            with pytest.raises(aiomqtt.MqttError):
                await asyncio.wait_for(anext(bridge.messages), PATIENCE_S)
        async with device(broker.plain("zigbee2mqtt")) as again:
            await again.publish(devices, b"end", qos=1)
        sizes = []
        async with asyncio.timeout(PATIENCE_S):
            while (size := len(bytes((await anext(ear.messages)).payload))) != 3:
                sizes.append(size)
        assert sizes == [1 << 20, most - 100]


# --- what is kept ------------------------------------------------------------------------------------


async def press(address: BrokerAddress, ids: Sequence[str]) -> None:
    """A help button says so many events, and has the broker's word for all of them."""
    async with device(address) as button:
        for at in range(0, len(ids), 10):
            said = (pack_event(1, event_id=one) for one in ids[at : at + 10])
            await asyncio.gather(*(button.publish(HELP, event, qos=1) for event in said))


async def taken_after_an_absence(broker: ShippedBroker, count: int) -> int:
    """Let Guardian go, say so many events, and give how many come when it is back and one more is said."""
    guardian = broker.plain("guardian")
    async with running(Site(guardian)):
        pass
    await press(broker.plain(OWN), [f"e{n}" for n in range(count)])
    async with running(Site(guardian)) as site:
        await site.until(lambda: site.board.events_taken >= 1_000)
        await press(broker.plain(OWN), ["last"])
        got: list[str | None] = []
        while "last" not in got:
            site.changed.clear()
            got += [r.id for r in site.beat()]
            if "last" not in got:
                async with asyncio.timeout(PATIENCE_S):
                    await site.changed.wait()
        return len(got) - 1


async def test_thousands_of_events_wait_for_guardian(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        assert await taken_after_an_absence(broker, QUEUED) == QUEUED
    without = changed(CONF, "max_queued_messages 200000", "")
    async with ShippedBroker(tmp_path, secrets, conf=without) as broker:
        assert await taken_after_an_absence(broker, QUEUED) < QUEUED


async def test_sessions_and_statuses_survive_a_restart_in_order(tmp_path: Path, secrets: Path) -> None:
    status = "guardian/s/h1/help/status"
    async with ShippedBroker(tmp_path, secrets) as broker:
        guardian = broker.plain("guardian")
        async with running(Site(guardian)):
            pass
        await press(broker.plain(OWN), ["e1", "e2"])
        async with device(broker.plain(OWN)) as button:
            await button.publish(status, b'{"state":"online","battery":90}', qos=1, retain=True)
        await broker.restart()
        async with running(Site(guardian)) as site:
            await site.until(lambda: site.board.events_taken == 2 and bool(site.board.statuses))
            assert site.link.session_present
            assert [r.id for r in site.beat()] == ["e1", "e2"]
            assert site.board.statuses == {("h1", "help"): ("online", 90.0, None)}


@pytest.mark.slow
async def test_what_is_older_than_half_a_minute_survives_a_broker_that_is_killed(
    tmp_path: Path, secrets: Path
) -> None:
    """mosquitto's own interval is half an hour."""
    status = "guardian/s/h1/help/status"
    saved = tmp_path / "broker" / "mosquitto.db"
    async with ShippedBroker(tmp_path, secrets) as broker:
        async with device(broker.plain(OWN)) as button:
            await button.publish(status, b'{"state":"online"}', qos=1, retain=True)
            assert not saved.exists()
            async with asyncio.timeout(45):
                while not saved.exists():  # noqa: ASYNC110  (a file tells nobody)
                    await asyncio.sleep(0.2)
        await broker.kill()
        await broker.start()
        assert await passes(broker, OWN, "guardian", [], filters=[status]) == [status]


# --- the file as a whole -----------------------------------------------------------------------------

DEBIANS: Final = """\
pid_file {place}/mosquitto.pid
persistence true
persistence_location {place}/
log_dest file {place}/mosquitto.log
include_dir {place}/conf.d
"""
"""/etc/mosquitto/mosquitto.conf of Debian 12's mosquitto 2.0.11-1.2, with its places moved."""


async def test_it_is_taken_beside_debians_own(tmp_path: Path, secrets: Path) -> None:
    class Included(ShippedBroker):
        def _config(self) -> str:
            ours = super()._config().replace(place(self.directory), "")
            (tmp_path / "conf.d").mkdir()
            (tmp_path / "conf.d" / "guardian.conf").write_text(ours, "utf-8")
            return DEBIANS.format(place=tmp_path) + ("user root\n" if os.geteuid() == 0 else "")

    async with Included(tmp_path, secrets) as broker, running(Site(broker.plain("guardian"))) as site:
        assert site.up


@pytest.mark.parametrize(
    ("line", "nonsense"),
    [
        ("persistent_client_expiration 7d", "persistent_client_expiration 7q"),
        ("set_tcp_nodelay true", "set_tcp_nodelay perhaps"),
    ],
)
async def test_a_value_that_is_none_would_keep_it_from_starting(
    tmp_path: Path, secrets: Path, line: str, nonsense: str
) -> None:
    """For what no test can wait for, or nobody sees: that the shipped value is one of mosquitto's."""
    with pytest.raises(BrokerError, match=line.split(maxsplit=1)[0]):
        await ShippedBroker(tmp_path, secrets, conf=changed(CONF, line, nonsense)).start()
    async with ShippedBroker(tmp_path, secrets):
        pass


PROOFS: Final[dict[str, Callable[..., Any]]] = {
    "persistence true": test_sessions_and_statuses_survive_a_restart_in_order,
    "autosave_interval 30": test_what_is_older_than_half_a_minute_survives_a_broker_that_is_killed,
    "max_queued_messages 200000": test_thousands_of_events_wait_for_guardian,
    "persistent_client_expiration 7d": test_a_value_that_is_none_would_keep_it_from_starting,
    "max_packet_size 5242880": test_a_packet_that_is_too_large_ends_its_sender_and_nobody_else,
    "set_tcp_nodelay true": test_a_value_that_is_none_would_keep_it_from_starting,
    "allow_anonymous false": test_only_users_with_their_password_get_in,
    "password_file /etc/mosquitto/guardian.passwd": test_only_users_with_their_password_get_in,
    "acl_file /etc/mosquitto/mosquitto.acl": test_who_may_say_what_is_in_the_other_file,
    "listener 1883 127.0.0.1": test_the_plain_listener_is_on_this_machine_only,
    "listener 8883": test_who_knows_the_authority_gets_in_and_nobody_else,
    "certfile /etc/mosquitto/certs/server.crt": test_who_knows_the_authority_gets_in_and_nobody_else,
    "keyfile /etc/mosquitto/certs/server.key": test_who_knows_the_authority_gets_in_and_nobody_else,
    "tls_version tlsv1.2": test_tls_is_1_2_or_newer,
    "use_username_as_clientid true": test_no_device_takes_over_guardians_session,
}


def test_every_line_has_its_proof() -> None:
    """A line that is added or changed needs a test here that fails without it."""
    assert sorted(lines_of(CONF)) == sorted(PROOFS)
