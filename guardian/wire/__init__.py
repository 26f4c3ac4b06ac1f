"""Bytes from devices become readings: one file for each dialect.

Takes topic and payload, gives decoded values or a `Reject`. Never logs or stores what a bad payload
held, and never guesses.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a payload was rejected."""

    UNKNOWN_TOPIC = "unknown-topic"
    UNKNOWN_HOME = "unknown-home"
    UNKNOWN_SENSOR = "unknown-sensor"
    WRONG_KIND = "wrong-kind"
    """A frame from a sensor that sends events, or an event from one that sends frames."""
    TOO_LARGE = "too-large"
    TRUNCATED = "truncated"
    BAD_MAGIC = "bad-magic"
    BAD_VERSION = "bad-version"
    WRONG_SHAPE = "wrong-shape"
    """Rows and columns are not those of the roster."""
    NO_PIXELS = "no-pixels"
    """More than half of a frame's pixels are without a believable value."""
    BAD_JSON = "bad-json"
    BAD_UTF8 = "bad-utf8"
    BAD_VALUE = "bad-value"
    """A field is missing, of the wrong type, or outside what the quantity can be."""
    NOT_A_NUMBER = "not-a-number"
    """NaN or Infinity, which JSON does not know."""
    RETAINED = "retained"
    """A stored message that the broker played back: not something that happens now."""
    MALFORMED = "malformed"
    """The MQTT packet itself could not be decoded."""


class Reject(Exception):  # noqa: N818  (a verdict about one payload, not a fault of ours)
    """One payload that cannot be used. It will never be better: count it and go on."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
