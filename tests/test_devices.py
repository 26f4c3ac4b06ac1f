"""Devices with a dialect on the board: only news is passed on, sensors share messages, health is told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.board import Board, Reading, SensorSpec
from guardian.devices import MEASURE_MS
from guardian.roster_file import SensorRow
from guardian.roster_source import source_of
from guardian.wire import Reason, Reject
from guardian.wire.native import pack_event, pack_frame

T0 = 1_790_000_000_000


def spec(name: str, kind: str, home: str = "h1", **keys: Any) -> SensorSpec:
    row = dict(SensorRow.model_validate({"id": name, "room": "bath", "kind": kind, **keys}))
    return SensorSpec(home, name, kind, "bath", row["rows"], row["cols"], source=source_of(row))


Z2M = {"dialect": "zigbee2mqtt", "topic": "zigbee2mqtt/radar"}
RADAR = (
    spec("pir", "pir", **Z2M, attribute="occupancy"),
    spec("there", "presence", **Z2M, attribute="presence"),
    spec("warm", "temperature", **Z2M, attribute="temperature"),
    spec("sos", "button", **Z2M, attribute="action", on="emergency"),
    spec("smoke", "smoke", **Z2M, attribute="smoke"),
)


class Home:
    """A board and its clock: one message a second unless told otherwise."""

    def __init__(self, sensors: Sequence[SensorSpec] = RADAR) -> None:
        self.board = Board("s", sensors)
        self.now_ms = T0

    def hear(
        self, payload: object, topic: str = "zigbee2mqtt/radar", *, retained: bool = False, after_s: float = 1
    ) -> list[tuple[str, float]]:
        """Hear one message; give what the board took, as sensor and value."""
        self.now_ms += round(1000 * after_s)
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        assert self.board.devices.hear(topic, raw, retained, self.now_ms)
        return [(r.sensor, r.value) for r in self.take()]

    def has(self, *sensors: SensorSpec) -> None:
        """The roster is another one from now on."""
        old, self.board = self.board, Board("s", sensors)
        self.board.restore(old.snapshot())
        self.board.follow(old, ())
        old.devices.end()

    def take(self) -> list[Reading]:
        return self.board.fold(self.board.take_events(self.now_ms))

    @property
    def life_ms(self) -> int:
        return int(self.board.state(self.now_ms).last_life_ms[0])


def test_a_repeated_state_is_no_activity_however_often_it_comes() -> None:
    home = Home()
    home.hear({"occupancy": False})
    assert home.hear({"occupancy": True}) == [("pir", 1)]
    moved_ms = home.now_ms
    for lux in range(50):  # each report of the light repeats the occupancy
        assert home.hear({"occupancy": True, "illuminance": lux}, after_s=60) == []
    assert home.life_ms == moved_ms
    assert home.board.devices.counters["repeats"] == 50
    assert home.hear({"occupancy": False}) == [("pir", 0)]
    assert home.hear({"occupancy": True}) == [("pir", 1)]
    assert home.life_ms == home.now_ms


def test_a_state_that_is_first_heard_as_movement_may_be_old() -> None:
    home = Home()
    assert home.hear({"occupancy": True, "presence": True, "temperature": 21.5}) == [
        ("there", 1),
        ("warm", 21.5),
    ]
    assert home.life_ms == -1, "presence counts by change, and there was none"
    assert home.board.devices.counters["start-up"] == 1
    assert home.hear({"occupancy": False, "presence": True, "temperature": 21.5}) == [("pir", 0)]
    assert home.hear({"occupancy": True}) == [("pir", 1)]


def test_after_our_restart_the_state_before_is_remembered() -> None:
    home = Home()
    home.hear({"occupancy": False, "presence": True})
    kept, again = home.board.snapshot(), Home()
    again.board.restore(kept)
    assert again.hear({"occupancy": False, "presence": True}) == [], "Zigbee2MQTT repeats what we knew"
    assert again.life_ms == -1
    assert again.hear({"occupancy": True, "presence": False}) == [("pir", 1), ("there", 0)]


def test_a_bridge_that_starts_anew_repeats_old_states() -> None:
    home = Home()
    home.hear({"occupancy": False})
    state = "zigbee2mqtt/bridge/state"
    home.hear(b'{"state":"offline"}', state)
    assert home.board.offline.all()
    home.hear(b'{"state":"online"}', state)
    assert not home.board.offline.any()
    assert home.hear({"occupancy": True}) == [], "a state from its cache: when it was so, nobody knows"
    home.hear({"occupancy": False})
    assert home.hear({"occupancy": True}) == [("pir", 1)]
    home.hear(b"online", state, retained=True)  # stored: sent on each of our own reconnections
    home.hear({"occupancy": False})
    assert home.hear({"occupancy": True}) == [("pir", 1)]


def test_help_and_smoke_count_at_once_and_each_press_counts() -> None:
    home = Home()
    assert home.hear({"smoke": True}) == [("smoke", 1)], "nothing was known before, and nothing waits"
    assert home.hear({"smoke": True, "battery": 20}) == []
    for _ in range(3):
        assert home.hear({"action": "emergency", "smoke": True}) == [("sos", 1)]
        assert home.hear({"action": "", "smoke": True}) == []
        assert home.hear({"action": None, "smoke": True}) == []
        assert home.hear({"action": "tamper", "smoke": True}) == []


def test_an_alarm_is_not_taken_for_a_repeated_one_at_a_start() -> None:
    home = Home()
    home.hear({"smoke": True, "occupancy": False})
    kept, again = home.board.snapshot(), Home()
    again.board.restore(kept)
    assert again.hear({"smoke": True}) == [("smoke", 1)], "its end may have been missed"
    assert again.hear({"smoke": True}) == []
    again.hear(b'{"state":"online"}', "zigbee2mqtt/bridge/state")
    assert again.hear({"smoke": True}) == [("smoke", 1)], "nor when the bridge starts anew"


def test_an_old_temperature_from_a_cache_does_not_make_a_dead_sensor_live() -> None:
    home = Home()
    home.hear({"temperature": 12.5})
    home.hear(b'{"state":"online"}', "zigbee2mqtt/bridge/state")
    assert home.hear({"temperature": 12.5}, after_s=10 * 86_400) == []
    assert home.hear({"temperature": 12.5}, after_s=60) == [("warm", 12.5)], "twice: it lives"
    home.hear(b'{"state":"online"}', "zigbee2mqtt/bridge/state")
    assert home.hear({"temperature": 12.6}) == [("warm", 12.6)]


def test_a_battery_that_was_low_is_not_when_it_is_new() -> None:
    home = Home()
    home.hear({"battery_low": True})
    assert home.board.battery.tolist() == [10] * len(RADAR)
    home.hear({"battery_low": False})
    assert home.board.battery.tolist() == [100] * len(RADAR)
    home.hear({"battery_low": False, "battery": 40})
    assert home.board.battery.tolist() == [40] * len(RADAR)


def test_the_bridge_of_a_base_topic_with_two_levels_is_heard() -> None:
    topic = "zigbee2mqtt/h01/radar"
    home = Home([spec("pir", "pir", dialect="zigbee2mqtt", topic=topic, attribute="occupancy")])
    home.hear({"occupancy": False}, topic)
    home.hear(b'{"state":"offline"}', "zigbee2mqtt/h01/bridge/state")
    assert home.board.offline.all()
    home.hear(b'{"state":"online"}', "zigbee2mqtt/h01/bridge/state")
    assert home.hear({"occupancy": True}, topic) == [], "from its cache"


def test_a_measured_value_that_stands_still_shows_each_minute_that_its_sensor_lives() -> None:
    home = Home()
    assert home.hear({"temperature": 21.5}) == [("warm", 21.5)]
    assert home.hear({"temperature": 21.5}, after_s=MEASURE_MS / 1000 - 1) == []
    assert home.hear({"temperature": 21.6}) == [("warm", 21.6)]
    assert home.hear({"temperature": 21.6}, after_s=MEASURE_MS / 1000) == [("warm", 21.6)]


def test_what_is_stored_is_never_activity() -> None:
    home = Home()
    home.hear({"occupancy": False})
    assert home.hear({"occupancy": True, "action": "emergency"}, retained=True) == []
    assert home.board.rejects == {(Reason.RETAINED, "h1/pir"): 1}
    assert home.hear({"occupancy": True}) == [("pir", 1)], "nor does it hide what happens now"


def test_no_value_changes_nothing() -> None:
    home = Home()
    home.hear({"presence": False})
    home.hear({"presence": True})
    for nothing in (None, "", "unavailable", "unknown"):
        assert home.hear({"presence": nothing, "occupancy": nothing, "temperature": nothing}) == []
    assert home.hear({"presence": True}) == [], "it was so before"
    assert not home.board.rejects


def test_one_bad_value_is_counted_for_its_sensor_and_the_others_are_taken() -> None:
    home = Home()
    assert home.hear({"smoke": True, "temperature": 900, "presence": "perhaps"}) == [("smoke", 1)]
    assert home.board.rejects == {(Reason.BAD_VALUE, "h1/warm"): 1, (Reason.BAD_VALUE, "h1/there"): 1}
    assert home.hear(b"{") == []
    assert home.board.rejects[Reason.BAD_JSON, "h1/pir"] == 1


def test_battery_and_availability_are_those_of_all_sensors_of_the_device() -> None:
    home = Home(
        (
            *RADAR,
            spec(
                "door", "door", home="h2", dialect="zigbee2mqtt", topic="zigbee2mqtt/d", attribute="contact"
            ),
        )
    )
    home.hear({"battery": 12, "temperature": 20})
    assert home.board.battery[:5].tolist() == [12] * 5
    assert np.isnan(home.board.battery[5])
    home.hear(b'{"state":"offline"}', "zigbee2mqtt/radar/availability", retained=True)
    assert home.board.offline.tolist() == [True] * 5 + [False]
    assert home.board.statuses["h1", "smoke"] == ("offline", 12.0, None)
    home.hear(b'{"state":"online"}', "zigbee2mqtt/bridge/state")
    assert home.board.offline.tolist() == [True] * 5 + [False], "the bridge is there, the device is not"
    home.hear(b"online", "zigbee2mqtt/radar/availability")
    assert not home.board.offline.any()
    home.hear(b"perhaps", "zigbee2mqtt/radar/availability")
    home.hear(b"perhaps", "zigbee2mqtt/bridge/state")
    assert home.board.rejects == {(Reason.BAD_VALUE, "h1/pir"): 2}
    assert not home.board.offline.any()


def test_a_change_that_is_told_twice_is_one() -> None:
    shelly = {"dialect": "shelly", "topic": "shellyplusi4-1"}
    home = Home((spec("door", "door", **shelly, attribute="input:0.state"),))
    told = {"method": "NotifyStatus", "params": {"ts": 1_680_962_879.62, "input:0": {"id": 0, "state": True}}}
    assert home.hear(told, "shellyplusi4-1/events/rpc") == [("door", 1)]
    assert home.hear({"id": 0, "state": True}, "shellyplusi4-1/status/input:0") == []
    assert home.hear({"id": 0, "state": False}, "shellyplusi4-1/status/input:0") == [("door", 0)]
    # sent again, or late: no new reading of a moment that we have had
    assert home.hear(told, "shellyplusi4-1/events/rpc") == []
    assert home.board.duplicates == 1


def test_a_shelly_that_sleeps_is_not_gone() -> None:
    ht = {"dialect": "shelly", "topic": "shellyhtg3-1"}
    home = Home((spec("warm", "temperature", **ht, attribute="temperature:0.tC"),))
    home.hear(b"false", "shellyhtg3-1/online", retained=True)
    assert home.board.offline.all(), "nobody knows yet that it sleeps"
    woken = {"ts": 1_680_962_879.62, "sys": {"wakeup_period": 600}, "temperature:0": {"id": 0, "tC": 19.8}}
    told = {"method": "NotifyFullStatus", "params": woken}
    assert home.hear(told, "shellyhtg3-1/events/rpc") == [("warm", 19.8)]
    assert not home.board.offline.any()
    home.hear(b"false", "shellyhtg3-1/online")
    assert not home.board.offline.any()


def test_messages_in_another_order_are_taken_in_the_order_in_which_they_come() -> None:
    shelly = {"dialect": "shelly", "topic": "shellyplusi4-1"}
    home = Home((spec("door", "door", **shelly, attribute="input:0.state"),))
    took = []
    for ts, state in ((30.0, True), (10.0, False), (20.0, True)):
        told = {"method": "NotifyStatus", "params": {"ts": ts, "input:0": {"id": 0, "state": state}}}
        took += home.hear(told, "shellyplusi4-1/events/rpc")
    assert took == [("door", 1), ("door", 0), ("door", 1)]
    assert home.life_ms == home.now_ms


def test_a_sensor_of_a_dialect_is_not_heard_on_native_topics() -> None:
    home = Home()
    with pytest.raises(Reject, match="wrong-kind"):
        home.board.event("guardian/s/h1/pir/event", pack_event(1), T0)
    with pytest.raises(Reject, match="wrong-kind"):
        home.board.status("guardian/s/h1/pir/status", b'{"state":"offline"}')
    assert not home.board.devices.hear("guardian/s/h1/pir/event", pack_event(1), False, T0)


def test_a_replay_speaks_native_topics_whatever_the_device_spoke() -> None:
    board = Board("s", RADAR, replay=True)
    board.event("guardian/s/h1/pir/event", pack_event(1, t_ms=T0), 0)
    assert not board.devices.hear("zigbee2mqtt/radar", b'{"occupancy":true}', False, T0)


# --- another roster while Guardian runs ----------------------------------------------------------------

PIR, THERE, WARM, *_ = RADAR
LAMP = spec("lamp", "pir", dialect="zigbee2mqtt", topic="zigbee2mqtt/lamp", attribute="occupancy")


def test_a_device_lives_on_over_another_roster() -> None:
    home = Home((PIR, WARM))
    home.hear(b'{"state":"online"}', "zigbee2mqtt/bridge/state")
    assert home.hear({"occupancy": True, "temperature": 20, "battery": 55, "linkquality": 80}) == [
        ("warm", 20)
    ]
    assert home.hear({"occupancy": False, "temperature": 20}) == [("pir", 0)]
    assert home.board.devices.counters == {"start-up": 1, "repeats": 1}
    home.has(spec("x", "button", home="a"), PIR, WARM)
    assert home.board.devices.counters == {"start-up": 1, "repeats": 1}
    assert home.board.statuses["h1", "pir"] == home.board.statuses["h1", "warm"]
    assert home.board.statuses["h1", "warm"][:2] == ("online", 55.0)
    assert home.hear({"occupancy": True, "temperature": 20}) == [("pir", 1)], "somebody moves: no start-up"
    assert home.board.devices.counters == {"start-up": 1, "repeats": 2}
    assert home.hear({"temperature": 20}, after_s=57) == []
    assert home.hear({"temperature": 20}) == [("warm", 20)], "a minute after it was passed on"


def test_sensors_of_a_device_are_known_by_name_and_source_whatever_joins_or_leaves() -> None:
    home = Home((PIR, THERE, WARM))
    home.hear({"occupancy": False, "presence": False, "temperature": 20})
    assert PIR.source is not None
    other = replace(PIR, source=replace(PIR.source, attribute="motion"))
    home.has(WARM, PIR, THERE, spec("more", "smoke", **Z2M, attribute="smoke"))
    said = home.hear({"occupancy": True, "presence": True, "temperature": 20, "smoke": False})
    assert said == [("pir", 1), ("there", 1), ("more", 0)]
    home.hear({"occupancy": False})
    home.has(other, THERE)
    said = home.hear({"motion": True, "presence": False})
    assert said == [("there", 0)], "the first word of what speaks for it now may be an old state"
    assert home.board.devices.counters["start-up"] == 1
    home.has(replace(PIR, source=THERE.source), replace(THERE, source=other.source))
    assert home.hear({"motion": False, "presence": True}) == []
    assert home.board.devices.counters["start-up"] == 2, "nothing of the one whose source it has now"


def test_what_a_device_says_of_itself_is_of_that_device() -> None:
    home = Home((PIR, LAMP))
    offline, online = b'{"state":"offline"}', b'{"state":"online"}'
    home.hear({"battery": 12})
    home.hear(offline, "zigbee2mqtt/radar/availability")
    assert home.board.offline.tolist() == [True, False]
    home.has(PIR, WARM, LAMP)
    assert home.board.offline.tolist() == [True, True, False], "a sensor more of a device that is gone"
    assert home.board.battery[:2].tolist() == [12, 12]
    home.has(PIR, WARM, spec("own", "door"))
    home.board.status("guardian/s/h1/own/status", b'{"state":"offline","battery":9}')
    home.has(spec("own", "door"), PIR, WARM)
    assert (home.board.offline[0], home.board.battery[0]) == (True, 9), "one that speaks native"
    assert home.board.statuses["h1", "own"] == ("offline", 9.0, None)
    assert LAMP.source is not None
    home.has(replace(PIR, source=LAMP.source), WARM)
    assert home.board.offline.tolist() == [False, True], "another device has its name now"
    assert np.isnan(home.board.battery[0])
    assert set(home.board.statuses) == {("h1", "warm")}
    home.has(replace(PIR, source=None), WARM)
    assert home.board.offline.tolist() == [False, True]
    home.hear(online, "zigbee2mqtt/radar/availability")
    assert not home.board.offline.any()


def test_what_was_counted_goes_over_and_a_sensor_that_hangs_elsewhere_begins_anew() -> None:
    native = spec("door", "door")
    home = Home((PIR, native))
    home.hear({"occupancy": False})
    home.hear(b"{")
    for boot, event_id in (("b1", "x"), ("b2", "y"), ("b2", "y")):
        payload = pack_event(1, event_id=event_id, boot=boot)
        home.board.event("guardian/s/h1/door/event", payload, home.now_ms)
    home.take()
    home.board.mute(np.array([False, True]))
    old = home.board
    home.board = Board("s", (spec("x", "button", home="a"), PIR, native))
    home.board.follow(old, {("h1", "pir")})
    assert home.board.rejects == {(Reason.BAD_JSON, "h1/pir"): 1}
    assert home.board.duplicates == 1
    assert home.board.sensor_boots.tolist() == [0, 0, 1]
    assert home.board._homes.muted.tolist() == [False, False, True]
    assert home.board.received_events == old.received_events == 4
    assert home.hear({"occupancy": True}) == [], "a first word, for it may be old"


def test_a_bridge_that_is_offline_is_so_for_devices_that_join() -> None:
    home = Home((PIR,))
    home.hear(b"offline", "zigbee2mqtt/bridge/state")
    home.has(PIR, LAMP)
    assert home.board.offline.tolist() == [True, True]
    home.hear(b"online", "zigbee2mqtt/lamp/availability")
    assert home.board.offline.tolist() == [True, True], "nothing of it can be heard"
    home.has(LAMP)
    assert home.board.offline.tolist() == [True]
    home.hear(b"online", "zigbee2mqtt/bridge/state")
    home.has(LAMP, PIR)
    assert home.board.offline.tolist() == [False, False]


CAM = spec(
    "cam",
    "thermal",
    rows=4,
    cols=5,
    dialect="thermal",
    topic="avr/thermal/reading",
    format="json",
    attribute="data",
)


def test_a_foreign_frame_lies_in_the_slab_as_a_native_one() -> None:
    native = replace(CAM, name="own", source=None)
    board = Board("s", (CAM, native))
    celsius = np.linspace(18, 36, 20).reshape(4, 5).round(2)
    board.frame("avr/thermal/reading", json.dumps({"data": celsius.ravel().tolist()}).encode(), T0)
    board.frame("guardian/s/h1/own/frame", pack_frame(np.rint(100 * celsius).astype(np.int16)), T0)
    ((group, frames),) = board.batches(T0)
    assert [group.name_of(row)[1] for row in frames.sensor] == ["cam", "own"]
    assert frames.centi[0].tolist() == frames.centi[1].tolist()
    assert board.foreign_frames == ("avr/thermal/reading",)


def test_a_foreign_frame_is_never_taken_for_a_native_one() -> None:
    board = Board("s", (CAM,))
    with pytest.raises(Reject, match="bad-json"):
        board.frame("avr/thermal/reading", pack_frame(np.full((4, 5), 2000, np.int16)), T0)
    with pytest.raises(Reject, match="wrong-kind"):
        board.frame("guardian/s/h1/cam/frame", pack_frame(np.full((4, 5), 2000, np.int16)), T0)
    assert board.rejects == {(Reason.BAD_JSON, "h1/cam"): 1, (Reason.WRONG_KIND, "h1/cam"): 1}
    board.refuse("avr/thermal/reading", Reason.RETAINED)
    assert board.rejects[Reason.RETAINED, "h1/cam"] == 1
    assert board.frames_taken == 0


def test_frames_of_arrays_that_stay_wait_on_and_all_that_came_stay_counted() -> None:
    own = replace(CAM, name="own", source=None)
    goes, wide = replace(own, name="goes"), replace(own, name="wide", rows=8, cols=8)
    home = Home((goes, own, wide))

    def sends(name: str, value: int, rows: int = 4, cols: int = 5) -> None:
        home.now_ms += 250
        payload = pack_frame(np.full((rows, cols), value, np.int16), value)
        home.board.frame(f"guardian/s/h1/{name}/frame", payload, home.now_ms)

    for k in range(10):
        sends("own", 2000 + k)
    list(home.board.batches(home.now_ms))
    sends("own", 32_000)
    sends("own", 0)
    list(home.board.batches(home.now_ms))
    hot_ms = home.now_ms + 250
    sends("own", 2345)
    sends("own", 2346)
    sends("goes", 2100)
    sends("wide", 2200, 8, 8)
    with pytest.raises(Reject):
        sends("own", 0, 3, 3)
    with pytest.raises(Reject):
        sends("nobody", 1)
    with pytest.raises(Reject):
        home.board.event("guardian/s/h1/own/event", b"", home.now_ms)
    old = home.board
    home.has(own, replace(own, name="a"))
    home.has(replace(own, name="a"), own)
    assert home.board.frames_taken == 16, "those of arrays that have left, too"
    assert home.board.received_frames == old.received_frames == 18
    assert home.board.received_events == old.received_events == 1
    assert home.board.refused_ms.max() == old.refused_ms.max() > 0
    assert home.board.camera_boots.tolist() == [0, 1]
    assert home.board.groups[4, 5].mended_pixels == 20
    waiting = [(int(f.centi[0, 0, 0]), int(f.t_ms[0])) for _, f in home.board.batches(home.now_ms)]
    assert waiting == [(2345, hot_ms), (2346, hot_ms + 250)]
    assert home.board.frames_dropped.tolist() == [2]
    assert "h1/nobody" in {device for _, device in home.board.rejects}
    assert home.board._refusals._strangers == {"h1/nobody"}


topics = st.sampled_from(
    ["zigbee2mqtt/radar", "zigbee2mqtt/radar/availability", "zigbee2mqtt/bridge/state", "zigbee2mqtt/other"]
)
payloads = st.binary(max_size=60) | st.builds(
    lambda keys: json.dumps(keys).encode(),
    st.dictionaries(
        st.sampled_from(["occupancy", "presence", "temperature", "action", "smoke", "battery", "state"]),
        st.sampled_from(
            [True, False, None, "", "ON", "online", "offline", "emergency", 21.5, -1, 10**400, [], {}]
        ),
    ),
)


@given(st.lists(st.tuples(topics, payloads, st.booleans()), max_size=30))
def test_whatever_comes_only_changes_are_passed_on(messages: list[tuple[str, bytes, bool]]) -> None:
    home = Home()
    before: dict[str, float] = {}
    for topic, payload, retained in messages:
        home.now_ms += 10
        ours = home.board.devices.hear(topic, payload, retained, home.now_ms)
        assert ours is (topic != "zigbee2mqtt/other")
        for reading in home.take():
            assert not retained
            if reading.kind in {"pir", "presence", "smoke"}:
                assert reading.value != before.get(reading.sensor), "a state that it had already"
            before[reading.sensor] = reading.value
