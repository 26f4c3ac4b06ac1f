"""Why a sensor or a home cannot be relied on: the cause codes that findings about health carry.

A finding's evidence holds numbers only, so the code of its cause stands there as `cause`.
"""

from enum import IntEnum


class Cause(IntEnum):
    """Causes; where several hold of one sensor, the highest number is told."""

    NONE = 0
    BATTERY = 1
    """It says that its battery is nearly empty."""
    BOOTS = 2
    """It starts again and again: brown-outs, the days before a battery dies."""
    DRIFT = 3
    """What it measures has moved away from what the rest of the home measures."""
    FAINT = 4
    """The pattern of the room has faded: fog, steam, a cloth, dirt."""
    MOVED = 5
    """The picture is of another place: moved, turned, covered."""
    SWAPPED = 6
    """It sees people when motion is noticed in another room, not in its own."""
    STATIC = 7
    """It never sees anybody while other sensors of its room do."""
    STUCK = 8
    """Fresh stamps, old values; or as regular as a clock, which no person is."""
    CHATTER = 9
    """More events than people make."""
    IMPLAUSIBLE = 10
    """What comes is no picture: bad pixels, torn frames, readings that cannot be."""
    FROZEN = 11
    """The same picture, bit by bit; a live array has noise."""
    OFFLINE = 12
    """The device (or its last will) says so itself."""
    SILENT = 13
    """This one sensor says nothing."""
    POWER = 14
    """Mains-powered sensors fell silent together while battery devices speak on."""
    GATEWAY = 15
    """Nothing of the home has been heard since."""
    STREET = 16
    """Many homes fell silent within seconds."""
    BROKER = 17
    """All homes fell silent within seconds: our own connection."""
    BENCHED = 18
    """Guardian itself failed at what it sends, and leaves it alone for a time."""
