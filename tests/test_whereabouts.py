"""Where somebody is on ordinary days: what deceived the filter in whole simulated days, told as stories."""

from detectors.fall import Posture
from tests.test_position import NIGHT, WATCHED, Home


def test_nobody_leaves_their_bed_because_a_visitor_walks_about_and_sits_down() -> None:
    home = Home(eyes=WATCHED)
    home.hears(0, ("bed", 0)).hears(60, ("bedroom-pir", 1)).hears(70, ("bed", 1))
    home.hears(3600, ("front", 1)).hears(3602, ("hall-pir", 1)).hears(3606, ("living-pir", 1))
    for s in range(3608, 3668):
        home.sees(s, ("living", Posture.UPRIGHT, 0.5 * (s % 4)))
    home.hears(3668, ("chair", 1)).stays(3668, 3800, ("living", Posture.SITTING, 1.0))
    for s in range(3800, 4400, 60):
        home.hears(s, ("living-pir", 1), ("kitchen-pir", 1))
        assert home.room(s + 1) == "bedroom"
    home.hears(4400, ("bedroom-pir", 1), ("bed", 0)).hears(4420, ("bathroom-pir", 1), ("radar", 1))
    assert home.room(4421) == "bathroom"


def test_whoever_lies_down_in_bed_is_the_resident_though_a_visitor_sits_in_their_chair() -> None:
    home = Home(eyes=WATCHED)
    home.hears(0, ("bed", 0), ("living-pir", 1)).hears(10, ("front", 1)).hears(14, ("living-pir", 1))
    home.stays(15, 60, ("living", Posture.UPRIGHT, 1.0)).hears(60, ("chair", 1))
    home.stays(60, 90, ("living", Posture.SITTING, 1.0))
    home.hears(90, ("bedroom-pir", 1), ("bed", 1)).stays(90, 150, ("living", Posture.SITTING, 1.0))
    assert home.room(150) == "bedroom"


def test_radar_keeps_whom_the_camera_has_lost() -> None:
    home = Home(eyes=("bathroom",))
    home.hears(0, ("radar", 0)).hears(5, ("hall-pir", 1)).hears(8, ("bathroom-pir", 1), ("radar", 1))
    for s in range(8, 16):
        home.sees(s, ("bathroom", Posture.UPRIGHT, 0.5 * (s % 4)))
    home.stays(16, 600)
    assert home.room(600) == "bathroom"


def test_who_stood_still_when_the_camera_lost_them_has_not_left() -> None:
    home = Home(eyes=WATCHED, kit=[("living-pir", "pir", "living"), ("hall-pir", "pir", "hall")])
    home.hears(0, ("living-pir", 1)).stays(0, 30, ("living", Posture.UPRIGHT, 1.0)).stays(30, 300)
    assert home.room(300) == "living"


def test_a_bed_that_is_still_warm_holds_nobody() -> None:
    home = Home(eyes=WATCHED)
    home.minute = NIGHT
    home.hears(0, ("bed", 0), ("radar", 0)).hears(60, ("bedroom-pir", 1)).hears(70, ("bed", 1))
    home.stays(70, 100, ("bedroom", Posture.LYING_ON_FURNITURE, 0.0))
    home.hears(4000, ("bedroom-pir", 1)).hears(4005, ("bed", 0))
    home.stays(4005, 4010, ("bedroom", Posture.LYING_ON_FURNITURE, 0.0)).hears(4010, ("hall-pir", 1))
    home.stays(4010, 4016, ("bedroom", Posture.LYING_ON_FURNITURE, 0.0))
    home.hears(4016, ("bathroom-pir", 1), ("radar", 1))
    home.stays(4016, 4100, ("bedroom", Posture.LYING_ON_FURNITURE, 0.0))
    assert home.room(4100) == "bathroom"


def test_nobody_appears_sitting_where_no_motion_sensor_has_noticed_them_come_in() -> None:
    """A patch of sun, or a radiator that comes and goes."""
    home = Home(eyes=WATCHED)
    home.hears(0, ("living-pir", 1))
    for s in range(20):
        home.sees(s, ("living", Posture.UPRIGHT, 0.5 * (s % 4)))
    for k in range(20, 2000, 100):
        home.stays(k, k + 50, ("living", Posture.SITTING, 1.0))
        home.stays(k + 50, k + 100, ("bedroom", Posture.SITTING, 1.0))
        assert home.room(k + 99) == "living"


def test_who_cooks_while_somebody_rings_is_still_in_the_kitchen() -> None:
    home = Home()
    for s in range(0, 600, 30):
        home.hears(s, ("kitchen-pir", 1))
    home.hears(600, ("front", 1)).hears(604, ("front", 0)).hears(630, ("kitchen-pir", 1))
    home.hears(660, ("front", 1)).hears(664, ("front", 0))
    assert home.room(665) == "kitchen"


def test_whoever_has_fallen_and_presses_the_button_on_their_wrist_is_where_they_fell() -> None:
    """The roster has the button in the living room, where it lies at night."""
    home = Home(eyes=WATCHED)
    home.hears(0, ("bedroom-pir", 1)).hears(0, ("radar", 0))
    for s in range(20):
        home.sees(s, ("bedroom", Posture.UPRIGHT, 0.5 * (s % 4)))
    home.stays(20, 140, ("bedroom", Posture.LYING, 1.0)).hears(140, ("help", 1))
    assert home.room(141) == "bedroom"
    assert home.stays(141, 400, ("bedroom", Posture.LYING, 1.0)).room(400) == "bedroom"
