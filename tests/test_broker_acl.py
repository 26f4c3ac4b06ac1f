"""config/mosquitto.acl, line by line: who hears what of whom on a real mosquitto.

What is forbidden mosquitto drops without a word, so each story sends what is allowed along with what is not,
and after it a last word that has to come.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mqtt5
import pytest

from guardian.wire.native import pack_event
from tests.mqtt_fixtures import PATIENCE_S, Site, device, running
from tests.shipped_broker import ACL, ShippedBroker, changed, lines_of, offered, passes, secrets

__all__ = ["secrets"]

OF_HELP = ["guardian/s/h1/help/event", "guardian/s/h1/help/frame", "guardian/s/h1/help/status"]
OF_OTHERS = [
    "guardian/s/h1/cam/event",
    "guardian/s/h2/help/event",
    "guardian/t/h1/help/event",
    "guardian/s/h1/help/event/more",
    "guardian/s/h1/help",
    "guardian/replay/beat",
    "guardian-out/s/h1/help/ack",
    "guardian-out/s/h1/prompt",
    "guardian-out/s/siren",
    "guardian-out/s/status",
    "homeassistant/binary_sensor/x/config",
    "zigbee2mqtt/x",
    "zigbee2mqtt/x/set",
    "kitchen/binary_sensor/pir/state",
    "shelly-1/events/rpc",
    "tele/plug/SENSOR",
    "stat/plug/RESULT",
    "cmnd/plug/POWER",
    "tasmota/discovery/A0B1C2D3E4F5/config",
    "other/topic",
]
EVERYBODYS = [
    "#",
    "+/#",
    "guardian/#",
    "guardian-out/#",
    "+/+/+/+/+",
    "+/s/h1/+/+",
    "$share/group/#",
    "$SYS/#",
]


async def test_a_device_writes_its_own_readings_and_nobody_elses(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        topics = [*OF_OTHERS, *OF_HELP]
        assert await passes(broker, "s/h1/help", "guardian", topics) == OF_HELP
        assert await passes(broker, "s/h1/help", "guardian-devices", topics) == OF_HELP, (
            "who hears everything"
        )


async def test_guardians_lines_let_it_hear_readings_and_forge_none(tmp_path: Path, secrets: Path) -> None:
    """Under another name: as `guardian` it may write below guardian/, as everybody below the own name."""
    renamed = changed(ACL, "user guardian", "user radar")
    async with ShippedBroker(tmp_path, secrets, acl=renamed) as broker:
        assert await passes(broker, "s/h1/help", "radar", OF_HELP) == OF_HELP
        assert await passes(broker, "radar", "guardian-devices", [*OF_HELP, "radar/x"]) == ["radar/x"]


async def test_a_device_reads_the_acks_of_its_own_events_and_nothing_else(
    tmp_path: Path, secrets: Path
) -> None:
    acks = ["guardian-out/s/h1/help/ack"]
    guardians = [topic for topic in OF_OTHERS if topic.startswith(("guardian-out/", "homeassistant/"))]
    others = [topic for topic in guardians if topic not in acks]
    async with ShippedBroker(tmp_path, secrets) as broker:
        written = [
            *others,
            "guardian-out/s/h1/help/more",
            "guardian-out/s/h1/cam/ack",
            "guardian-out/s/h2/help/ack",
            *OF_HELP,
            *acks,
        ]
        assert set(await passes(broker, "guardian", "guardian-devices", written)) == set(written), (
            "all is said"
        )
        assert await passes(broker, "guardian", "s/h1/help", written) == acks
        assert await passes(broker, "guardian", "s/h1/help", written, filters=EVERYBODYS) == acks


async def test_nobody_reads_anothers_frames_or_stored_statuses(tmp_path: Path, secrets: Path) -> None:
    of_cam = ["guardian/s/h1/cam/frame", "guardian/s/h1/cam/status"]
    async with ShippedBroker(tmp_path, secrets) as broker:
        for reader in ("s/h1/help", "s/h2/help", "zigbee2mqtt", "kitchen", "shelly-1", "plug"):
            assert await passes(broker, "s/h1/cam", reader, of_cam, filters=EVERYBODYS) == []
            assert await passes(broker, "s/h1/cam", reader, of_cam, retain=True) == []
        stored = await passes(broker, "s/h1/cam", "guardian", of_cam, retain=True)
        assert sorted(stored) == of_cam


async def test_nobody_hears_what_the_broker_tells_about_itself(tmp_path: Path, secrets: Path) -> None:
    everybody = ("s/h1/help", "zigbee2mqtt", "kitchen", "guardian", "guardian-devices")
    async with ShippedBroker(tmp_path, secrets) as broker:
        for reader in everybody:
            assert await passes(broker, "s/h1/help", reader, [], filters=["$SYS/#"]) == []
    told = f"{ACL}\nuser s/h1/help\ntopic read $SYS/#\n"
    async with ShippedBroker(tmp_path, secrets, acl=told) as broker:
        assert "$SYS/broker/version" in await passes(broker, "s/h1/help", "s/h1/help", [], filters=["$SYS/#"])


async def test_a_last_will_speaks_for_its_own_device_only(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker, device(broker.plain("guardian-devices")) as ear:
        await ear.subscribe("#", qos=1)
        for sensor in ("cam", "help"):
            address = broker.plain("s/h1/help")
            reader, writer = await asyncio.open_connection(address.host, address.port)
            will = mqtt5.Will(f"guardian/s/h1/{sensor}/status", payload=b"gone", qos=mqtt5.QoS.AT_LEAST_ONCE)
            hello = mqtt5.ConnectPacket("dies", username="s/h1/help", password=b"right", will=will)
            writer.write(hello.write())
            welcome, _ = mqtt5.read(memoryview(await reader.read(1024)))
            assert isinstance(welcome, mqtt5.ConnAckPacket)
            assert welcome.reason_code == mqtt5.ConnAckReasonCode.SUCCESS
            code = mqtt5.DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE
            writer.write(mqtt5.DisconnectPacket(reason_code=code).write())
            await reader.read()  # until the broker has closed; it says the will in the same breath
            writer.close()
        await ear.publish("guardian-devices/end", b"x", qos=1)
        async with asyncio.timeout(PATIENCE_S):
            heard = [(await anext(ear.messages)).topic.value for _ in range(2)]
        assert heard == ["guardian/s/h1/help/status", "guardian-devices/end"]


async def test_names_with_wildcards_open_nothing(tmp_path: Path, secrets: Path) -> None:
    """Since 1.4.12 (CVE-2017-7650) mosquitto applies no pattern to a name that holds + or #.

    One that begins with # cannot be: it is a comment in the password file.
    """
    wild = ("+", "s/+/help", "s/#", "s/h1/+")
    own = "".join(f"user {name}\ntopic readwrite wild\n" for name in wild)
    async with ShippedBroker(tmp_path, secrets, acl=f"{ACL}\n{own}") as broker:
        for name in wild:
            written = await passes(broker, name, "guardian-devices", [*OF_HELP, *OF_OTHERS, "s/x", "wild"])
            assert written == ["wild"], name
            async with device(broker.plain(name)) as ear, device(broker.plain("guardian")) as mouth:
                for filter_ in (*EVERYBODYS, "wild"):
                    await ear.subscribe(filter_, qos=1)
                for topic in (*OF_HELP, "guardian-out/s/h1/help/ack", "guardian-out/s/siren"):
                    await mouth.publish(topic, b"x", qos=1)
                await ear.publish("wild", b"x", qos=1)
                async with asyncio.timeout(PATIENCE_S):
                    assert (await anext(ear.messages)).topic.value == "wild", name


async def test_guardian_speaks_to_devices_and_to_home_assistant(tmp_path: Path, secrets: Path) -> None:
    said = ["guardian-out/s/h1/help/ack", "guardian-out/s/status", "homeassistant/sensor/x/config"]
    denied = [topic for _, topics in FOREIGN.values() for topic in topics]
    denied += [
        "zigbee2mqtt/x",
        "zigbee2mqtt/x/set",
        "kitchen/switch/x/command",
        "shelly-1/rpc",
        "cmnd/plug/POWER",
    ]
    async with ShippedBroker(tmp_path, secrets) as broker:
        assert await passes(broker, "guardian", "guardian-devices", [*denied, *said]) == said
        answers = ["guardian-out/replay/done"]  # which `guardian replay` waits for
        assert await passes(broker, "guardian", "guardian", answers) == answers


async def test_what_is_in_no_line_does_not_come_to_guardian(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        own = ["kitchen/debug", "kitchen/a/b/c/state", "kitchen/events/other"]
        assert await passes(broker, "kitchen", "guardian", own, filters=["#"]) == []
        assert await passes(broker, "kitchen", "guardian-devices", own, filters=["#"]) == own


async def test_zigbee2mqtt_has_its_topics_and_home_assistants(tmp_path: Path, secrets: Path) -> None:
    own = ["zigbee2mqtt/x", "zigbee2mqtt/bridge/devices", "homeassistant/binary_sensor/x/config"]
    others = [t for t in (*OF_HELP, *OF_OTHERS) if not t.startswith(("zigbee2mqtt/", "homeassistant/"))]
    async with ShippedBroker(tmp_path, secrets) as broker:
        assert await passes(broker, "zigbee2mqtt", "guardian", [*others, *own]) == own
        assert await passes(broker, "zigbee2mqtt", "guardian-devices", [*others, *own]) == own
        asked = ["zigbee2mqtt/x/set", "homeassistant/status"]
        assert await passes(broker, "zigbee2mqtt", "zigbee2mqtt", asked) == asked
        assert await passes(broker, "s/h1/help", "zigbee2mqtt", OF_HELP, filters=EVERYBODYS) == []
    renamed = changed(ACL, "user zigbee2mqtt", "user radar")  # so that no line for everybody's name helps
    async with ShippedBroker(tmp_path, secrets, acl=renamed) as broker:
        assert await passes(broker, "radar", "guardian", [*others, *own]) == own
        assert await passes(broker, "radar", "radar", asked) == asked


async def test_guardian_devices_hears_everything_and_says_nothing(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        for writer, topic in (
            ("s/h1/cam", "guardian/s/h1/cam/frame"),
            ("kitchen", "kitchen/anything/at/all"),
            ("plug", "tele/plug/SENSOR"),
            ("guardian", "guardian-out/s/status"),
        ):
            assert await passes(broker, writer, "guardian-devices", [topic], filters=["#"]) == [topic]
        said = [*OF_HELP, *OF_OTHERS]
        for reader in ("guardian", "zigbee2mqtt", "s/h1/help", "kitchen", "plug"):
            assert await passes(broker, "guardian-devices", reader, said) == []


FOREIGN: dict[str, tuple[str, list[str]]] = {
    "ESPHome": ("kitchen", ["kitchen/binary_sensor/pir/state", "kitchen/status"]),
    "Shelly": ("shelly-1", ["shelly-1/status/temperature:0", "shelly-1/events/rpc", "shelly-1/online"]),
    "Tasmota": ("plug", ["tele/plug/SENSOR", "tele/plug/LWT", "stat/plug/RESULT"]),
}


@pytest.mark.parametrize("maker", FOREIGN)
async def test_other_makers_devices_write_under_their_names_only(
    tmp_path: Path, secrets: Path, maker: str
) -> None:
    user, own = FOREIGN[maker]
    others = [
        topic for topic in (*OF_HELP, *OF_OTHERS) if topic.split("/")[0] != user and f"/{user}/" not in topic
    ]
    others += [topic for name, topics in FOREIGN.values() if name != user for topic in topics]
    async with ShippedBroker(tmp_path, secrets) as broker:
        assert await passes(broker, user, "guardian", [*others, *own]) == own
        assert await passes(broker, user, "guardian-devices", [*others, *own]) == own


async def test_other_makers_devices_are_told_what_is_meant_for_them(tmp_path: Path, secrets: Path) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        commands = ["cmnd/plug/POWER", "cmnd/other/POWER"]
        assert await passes(broker, "cmnd", "plug", commands, filters=["cmnd/#", "#"]) == commands[:1]
        assert await passes(broker, "plug", "guardian-devices", [*commands, "plug/x"]) == ["plug/x"]
        own = ["tele/plug/SENSOR", "stat/plug/RESULT"]
        assert await passes(broker, "plug", "plug", own, filters=["#"]) == [], (
            "it writes these and reads none"
        )
        own = ["kitchen/switch/relay/command"]
        assert await passes(broker, "kitchen", "kitchen", own) == own
        assert await passes(broker, "kitchen", "shelly-1", own, filters=["#", *own]) == []


async def test_what_the_file_offers_for_prompts_and_the_siren(tmp_path: Path, secrets: Path) -> None:
    prompt, siren = "guardian-out/my-site/h01/prompt", "guardian-out/my-site/siren"
    said = [prompt, siren, "guardian-out/my-site/h02/prompt", "guardian-out/my-site/status"]
    speaker = ("user my-site/h01/speaker", f"topic read {prompt}")
    whole = offered(ACL, *speaker, "user my-site-siren", f"topic read {siren}")
    async with ShippedBroker(tmp_path, secrets, acl=whole) as broker:
        assert await passes(broker, "guardian", "my-site/h01/speaker", said, filters=["#"]) == [prompt]
        assert await passes(broker, "guardian", "my-site-siren", said, filters=["#"]) == [siren]
    async with ShippedBroker(tmp_path, secrets) as broker:
        assert await passes(broker, "guardian", "my-site/h01/speaker", said, filters=["#"]) == []
        assert await passes(broker, "guardian", "my-site-siren", said, filters=["#"]) == []


async def test_what_the_file_offers_for_tasmotas_discovery(tmp_path: Path, secrets: Path) -> None:
    own = "tasmota/discovery/A0B1C2D3E4F5"
    said = ["tasmota/discovery/000000000000/config", f"{own}/config", f"{own}/sensors"]
    line = f"topic write {own}/+"
    async with ShippedBroker(tmp_path, secrets, acl=offered(ACL, "user kitchen-plug", line)) as broker:
        assert await passes(broker, "kitchen-plug", "guardian-devices", said) == said[1:]
        assert await passes(broker, "plug", "guardian-devices", said) == []


async def test_where_a_reading_is_from_is_its_topic_and_nothing_in_it(tmp_path: Path, secrets: Path) -> None:
    """A payload that names another home changes nothing, and another's topic never reaches the board."""
    async with ShippedBroker(tmp_path, secrets) as broker, running(Site(broker.plain("guardian"))) as site:
        async with device(broker.plain("s/h1/air")) as air, device(broker.plain("s/h2/help")) as stranger:
            for liar in (air, stranger):
                await liar.publish("guardian/s/h1/help/event", pack_event(1, event_id="lie"), qos=1)
                await liar.publish("guardian/s/h1/cam/status", b'{"state":"offline"}', qos=1, retain=True)
            claims = b'{"value":21.5,"id":"a","home":"h2","sensor":"help","topic":"guardian/s/h1/help/event"}'
            await air.publish("guardian/s/h1/air/event", claims, qos=1)
        await site.until(lambda: site.board.events_taken == 1)
        assert [(r.home, r.sensor, r.id) for r in site.beat()] == [("h1", "air", "a")]
        assert not site.board.statuses
        assert not site.board.rejects
        async with device(broker.plain("s/h1/help")) as button:
            await button.publish("guardian/s/h1/help/event", pack_event(1, event_id="true"), qos=1)
        await site.until(lambda: site.board.events_taken == 2)
        assert [(r.home, r.sensor, r.id) for r in site.beat()] == [("h1", "help", "true")]


PROOFS: dict[tuple[str, str], Callable[..., Any]] = {
    ("guardian", "topic read guardian/#"): test_guardians_lines_let_it_hear_readings_and_forge_none,
    ("guardian", "topic readwrite guardian-out/#"): test_guardian_speaks_to_devices_and_to_home_assistant,
    ("guardian", "topic readwrite homeassistant/#"): test_guardian_speaks_to_devices_and_to_home_assistant,
    ("guardian", "topic read zigbee2mqtt/#"): test_zigbee2mqtt_has_its_topics_and_home_assistants,
    ("guardian", "topic read tele/#"): test_other_makers_devices_write_under_their_names_only,
    ("guardian", "topic read stat/#"): test_other_makers_devices_write_under_their_names_only,
    ("guardian", "topic read +/+/+/state"): test_other_makers_devices_write_under_their_names_only,
    ("guardian", "topic read +/status/#"): test_other_makers_devices_write_under_their_names_only,
    ("guardian", "topic read +/events/rpc"): test_other_makers_devices_write_under_their_names_only,
    ("guardian", "topic read +/online"): test_other_makers_devices_write_under_their_names_only,
    ("guardian-devices", "topic read #"): test_guardian_devices_hears_everything_and_says_nothing,
    ("zigbee2mqtt", "topic readwrite zigbee2mqtt/#"): test_zigbee2mqtt_has_its_topics_and_home_assistants,
    ("zigbee2mqtt", "topic readwrite homeassistant/#"): test_zigbee2mqtt_has_its_topics_and_home_assistants,
    ("", "pattern write guardian/%u/+"): test_a_device_writes_its_own_readings_and_nobody_elses,
    ("", "pattern read guardian-out/%u/ack"): test_a_device_reads_the_acks_of_its_own_events_and_nothing_else,
    ("", "pattern readwrite %u/#"): test_other_makers_devices_write_under_their_names_only,
    ("", "pattern write tele/%u/#"): test_other_makers_devices_write_under_their_names_only,
    ("", "pattern write stat/%u/#"): test_other_makers_devices_write_under_their_names_only,
    ("", "pattern read cmnd/%u/#"): test_other_makers_devices_are_told_what_is_meant_for_them,
}


def test_every_line_has_its_proof() -> None:
    """A line that is added, taken away or moved to another user needs a story of its own here."""
    found, user = [], ""
    for line in lines_of(ACL):
        if line.startswith("user "):
            user = line.removeprefix("user ")
        else:
            found.append(("" if line.startswith("pattern ") else user, line))
    assert sorted(found) == sorted(PROOFS)
