"""What can still be read of an MQTT PUBLISH whose text the codec refuses.

One device's broken text must not stop everybody's events: such a packet is left out, counted and, at
QoS 1, acknowledged. Takes bytes, gives the packet's length and id, or None when nothing can be relied on.
"""

from typing import Final

PUBLISH: Final = 3
MAX_LENGTH_BYTES: Final = 4
"""Bytes of MQTT's variable-length integer."""


def salvage_publish(view: memoryview) -> tuple[int, int | None] | None:
    """Give size and packet id (None at QoS 0) of the PUBLISH at the beginning of `view`.

    None: it is no PUBLISH, it is not all there, its QoS is not 0 or 1, or its topic does not fit in it.
    """
    qos = view[0] >> 1 & 3
    if view[0] >> 4 != PUBLISH or qos > 1:
        return None
    length, at = 0, 1
    while at <= MAX_LENGTH_BYTES and at < len(view):
        byte = view[at]
        length |= (byte & 0x7F) << 7 * (at - 1)
        at += 1
        if not byte & 0x80:
            break
    else:
        return None
    end = at + length
    if end > len(view) or length < 2:
        return None
    at += 2 + int.from_bytes(view[at : at + 2], "big")
    if at + 2 * qos > end:
        return None
    return end, int.from_bytes(view[at : at + 2], "big") if qos else None
