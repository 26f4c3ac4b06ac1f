"""The ingest bench: a small run has all its figures."""

from simulator.bench import dialects, ingest
from simulator.bench.blast import MESSAGE_BYTES

KEYS = {"link_qos0", "link_qos1", "codec", "aiomqtt_qos0", "aiomqtt_qos1", "paho_qos0", "gmqtt_qos0"}


def test_a_small_run_has_every_figure_and_the_link_is_cheaper_than_aiomqtt() -> None:
    said: list[str] = []
    figures = ingest.run_ingest(messages=3_000, topics=100, repeats=1, say=said.append)
    cpu = figures["cpu_us_per_message"]
    assert set(cpu) == KEYS
    assert all(us > 0 for us in cpu.values())
    assert MESSAGE_BYTES == figures["message_bytes"] == 1560
    for qos in (0, 1):
        assert figures[f"link_times_less_than_aiomqtt_qos{qos}"] > 1
    assert len(said) == len(KEYS)
    table = ingest.table(figures)
    assert all(key in table for key in KEYS)


def test_a_small_run_over_dialects_has_every_figure() -> None:
    said: list[str] = []
    names = ("native-frame", "zigbee2mqtt-repeat", "thermal-json")
    figures = dialects.run_dialects(messages=4_000, devices=300, repeats=1, names=names, say=said.append)
    cpu = figures["dialects"]["cpu_us_per_message"]
    assert set(cpu) == set(names)
    assert all(us > 0 for us in cpu.values())
    assert cpu["native-frame"] < cpu["thermal-json"]
    assert all(name in dialects.table(figures) for name in names)
    assert len(said) == len(names)
