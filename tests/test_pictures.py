"""The suites' pictures: one for each, of the homes that are evaluated, small, and the same again."""

from pathlib import Path

import numpy as np
import pytest

from simulator import pictures, suites
from simulator.camera import Painter
from simulator.cameras import PRESETS, Mount
from simulator.sight import pixel_of
from simulator.world import F64, Air, Source

MOST_BYTES = 150_000
QUICK = ("falls", "days", "collapses", "climate", "storm")


def shape_of(png: bytes) -> tuple[int, int]:
    """Width and height as the header has them."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@pytest.mark.parametrize("suite", QUICK)
def test_every_suite_has_a_small_picture(suite: str, tmp_path: Path) -> None:
    path = tmp_path / f"{suite}.png"
    pictures.draw(suite, 1, path)
    png = path.read_bytes()
    assert 5_000 < len(png) <= MOST_BYTES
    width, height = shape_of(png)
    assert width > 1000
    assert height > 300


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["negatives", "fever"])
def test_the_longer_pictures_too(suite: str, tmp_path: Path) -> None:
    pictures.draw(suite, 1, tmp_path / "picture.png")
    assert 5_000 < (tmp_path / "picture.png").stat().st_size <= MOST_BYTES


def test_no_suite_is_without_a_picture() -> None:
    assert set(pictures.DRAWN) == set(suites.names())


def test_same_seed_same_bytes_and_another_seed_another_picture(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        pictures.draw("storm", seed, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_suite_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no suite 'flls'; there are falls"):
        pictures.draw("flls", 1, tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("array", ["amg8833", "mlx90640"])
@pytest.mark.parametrize("mount", ["ceiling", "wall"])
def test_a_ring_is_drawn_where_the_camera_sees_somebody(array: str, mount: Mount) -> None:
    """A small hot thing is in the pixel that `pixel_of` names, wherever the array hangs."""
    rng = np.random.default_rng(5)
    camera = PRESETS[array](11, mount)
    checked = 0
    for _ in range(40):
        place: F64 = np.array([*rng.uniform(-1.2, 1.2, 2), rng.uniform(0.1, 1.2)])
        row, col = pixel_of(camera, place)
        if not (1 <= row <= camera.rows - 2 and 1 <= col <= camera.cols - 2):
            continue
        hot = Source(
            "hot", 0, (0.06, 0.06, 0.06), np.array([0.0, 9.0]), np.tile(place, (2, 1)), np.full(2, 90.0)
        )
        frame = Painter(camera, 0, (), (hot,), Air.still(1)).draw(np.array([1.0, 2.0, 3.0]))[-1]
        at = np.unravel_index(int(frame.argmax()), frame.shape)
        assert np.hypot(at[0] - row, at[1] - col) < 1.0
        checked += 1
    assert checked >= 3
