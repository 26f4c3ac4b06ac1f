"""Bytes of the ledger and of its log that flip at random: Guardian starts, with what the spare had."""

from pathlib import Path

import numpy as np
import pytest

from alerting.ledger import Ledger, beats_since, save_beat
from tests.spare_world import T0, beats, parts, put

SEEDS = 40
"""Files with flipped bytes for everybody; a thousand more in `make test-all`."""


def flip(path: Path, seed: int, sound: dict[str, bytes]) -> None:
    """Write a ledger with bytes flipped in it and, for odd seeds, in its log."""
    chance = np.random.default_rng(seed)
    for end, content in sound.items():
        changed = bytearray(content)
        if end == "" or (end == "-wal" and seed % 2):
            where = len(changed) if chance.random() < 0.7 else 4096
            for i in chance.integers(0, where, int(chance.choice([1, 1, 4, 32, 256]))).tolist():
                changed[i] ^= int(chance.integers(1, 256))
        put(path, {end: bytes(changed)})


async def taken_after(folder: Path, seed: int, sound: dict[str, bytes]) -> bool:
    """Start with such a ledger; give whether the spare had to be taken."""
    path = folder / f"{seed}.db"
    flip(path, seed, sound)
    ledger = await Ledger.open(path, stand_in=True)
    try:
        assert ledger.on_memory is None
        found = await ledger.transact(lambda tx: [n for n, *_ in beats_since(tx, 0)])
        assert found[:40] == list(range(1, 41)), "what the spare had"
        await ledger.transact(lambda tx: save_beat(tx, T0, b"goes on"))
    finally:
        await ledger.close()
    beats(path)
    return ledger.restored is not None


async def sound_ledger(path: Path) -> dict[str, bytes]:
    """A ledger of forty beats with a spare of them, and twenty more in its log."""
    ledger = await Ledger.open(path, stand_in=True)
    for n in range(40):
        await ledger.transact(lambda tx, n=n: save_beat(tx, T0 + n, bytes([n]) * 900))  # type: ignore[misc]
    await ledger.make_spare()
    for n in range(20):
        await ledger.transact(lambda tx, n=n: save_beat(tx, T0 + n, bytes([n]) * 900))  # type: ignore[misc]
    kept = parts(path, "", "-wal", ".spare")
    await ledger.close()
    return kept


async def test_bytes_that_flip_anywhere_never_keep_guardian_from_starting(tmp_path: Path) -> None:
    sound = await sound_ledger(tmp_path / "ledger.db")
    taken = [await taken_after(tmp_path, seed, sound) for seed in range(SEEDS)]
    assert 5 < sum(taken) < SEEDS, "some of them harm nothing that is read"


@pytest.mark.slow
async def test_a_thousand_more_of_them(tmp_path: Path) -> None:
    sound = await sound_ledger(tmp_path / "ledger.db")
    taken = [await taken_after(tmp_path, seed, sound) for seed in range(1000, 2000)]
    assert sum(taken) > 100
