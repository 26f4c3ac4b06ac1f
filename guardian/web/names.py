"""What identifiers are called on the staff's pages: kinds, states, rooms, reasons, deeds; English, by group.

Chinese stands in `locale/zh.po` under the group as its context; words.py gives a group in a language.
"""

from collections.abc import Mapping
from typing import Final

from alerting.concern import Kind

FALSE_CAUSES = ("resting", "furniture", "warm-object", "pet", "visitor", "sensor", "other")
"""What a false alarm turned out to be; the choices at closing, for tuning the detectors."""


def _p(_group: str, text: str) -> str:
    """Mark a text of one of the groups below; the group is its context."""
    return text


REACH: Final = {
    "eligible": _p("reach", "eligible"),
    "enrolled": _p("reach", "enrolled"),
    "equipped": _p("reach", "equipped"),
    "protected": _p("reach", "protected now"),
}

REASONS: Final = {
    "detectable": _p("reasons", "fine"),
    "too-warm": _p("reasons", "too warm for a body to stand out"),
    "learning": _p("reasons", "still learning"),
    "moved": _p("reasons", "another picture: moved or covered"),
    "faulty": _p("reasons", "sensor faulty"),
    "frozen": _p("reasons", "picture does not change"),
    "dark": _p("reasons", "sensor silent"),
    "gateway": _p("reasons", "nothing of the home is heard"),
    "broker": _p("reasons", "nothing of any home is heard"),
    "ourselves": _p("reasons", "Guardian was not running"),
    "no-sensor": _p("reasons", "no sensor"),
    "away": _p("reasons", "away"),
    "paused": _p("reasons", "paused by staff"),
    "benched": _p("reasons", "Guardian fails at this sensor and leaves it out for a time"),
}

SEVERITIES: Final[Mapping[int | None, str]] = {
    3: _p("severities", "HIGH"),
    2: _p("severities", "MEDIUM"),
    1: _p("severities", "LOW"),
    None: _p("severities", "CHECKING"),
}

STATES: Final = {
    "open": _p("states", "nobody texted yet"),
    "notified": _p("states", "texted, waiting for an answer"),
    "accepted": _p("states", "accepted"),
    "en-route": _p("states", "on the way"),
    "on-scene": _p("states", "on scene"),
    "closed": _p("states", "closed"),
    "reopened": _p("states", "looking for somebody again"),
}

SEGMENTS: Final = {
    "onset": _p("segments", "onset"),
    "suspected": _p("segments", "suspected"),
    "decided": _p("segments", "confirmed"),
    "provider": _p("segments", "text out"),
    "accepted": _p("segments", "accepted"),
    "en_route": _p("segments", "on the way"),
    "on_scene": _p("segments", "on scene"),
    "closed": _p("segments", "closed"),
}

KINDS: Final[Mapping[str, str]] = {
    Kind.FALL_SUSPECTED: _p("kinds", "Possible fall"),
    Kind.FALL_CONFIRMED: _p("kinds", "Fall"),
    Kind.FALL_RECOVERED: _p("kinds", "Up again after a fall"),
    Kind.LONG_LIE: _p("kinds", "Lying on the floor"),
    Kind.SOS: _p("kinds", "Call for help"),
    Kind.FIRE: _p("kinds", "Fire"),
    Kind.SMOKE: _p("kinds", "Smoke"),
    Kind.GAS: _p("kinds", "Gas"),
    Kind.INACTIVITY: _p("kinds", "No activity"),
    Kind.BATHROOM_OVERSTAY: _p("kinds", "Long in the bathroom"),
    Kind.NIGHT_OUT_OF_BED: _p("kinds", "Not back in bed at night"),
    Kind.NOT_UP: _p("kinds", "Not up this morning"),
    Kind.NO_RETURN: _p("kinds", "Not back home"),
    Kind.HYPOTHERMIA_RISK: _p("kinds", "Cold room, skin cooler than usual: risk of hypothermia"),
    Kind.COLD: _p("kinds", "Room too cold"),
    Kind.HEAT: _p("kinds", "Room too hot"),
    Kind.WATER: _p("kinds", "Water leak"),
    Kind.INACTIVITY_PROMPT: _p("kinds", "Little activity, asked"),
    Kind.FEVER_TREND: _p("kinds", "Skin warmer than usual: take a reading"),
    Kind.APPLIANCE_LEFT_ON: _p("kinds", "Appliance left on"),
    Kind.SENSOR_FAULT: _p("kinds", "Sensor fault"),
    Kind.BLIND: _p("kinds", "Home cannot be seen"),
    Kind.CANCEL: _p("kinds", "Cancelled by the home"),
    Kind.DRILL: _p("kinds", "TEST, nothing has happened"),
    Kind.IN_SIGHT: _p("kinds", "Home can be seen again"),
}

OUTCOMES: Final = {
    "safe": _p("outcomes", "safe"),
    "real": _p("outcomes", "real"),
    "false": _p("outcomes", "false alarm"),
    "drill": _p("outcomes", "drill"),
    "recovered": _p("outcomes", "recovered"),
    "cancelled": _p("outcomes", "cancelled by the home"),
    "lost": _p("outcomes", "its end was lost with the ledger"),
}

CAUSES: Final = {
    "resting": _p("causes", "lying down on purpose"),
    "furniture": _p("causes", "furniture or bedding"),
    "warm-object": _p("causes", "warm object"),
    "pet": _p("causes", "pet"),
    "visitor": _p("causes", "visitor"),
    "sensor": _p("causes", "sensor"),
    "reported": _p("causes", "reported at the door"),
    "other": _p("causes", "other"),
}

FAULTS: Final = {
    1: _p("faults", "its battery is nearly empty"),
    2: _p("faults", "it starts again and again"),
    3: _p("faults", "its readings have drifted"),
    4: _p("faults", "the picture has faded: fog, a cloth or dirt"),
    5: _p("faults", "the picture is of another place: moved, turned or covered"),
    6: _p("faults", "it sees the people of another room"),
    7: _p("faults", "it never sees anybody"),
    8: _p("faults", "its readings never change"),
    9: _p("faults", "more events than people make"),
    10: _p("faults", "what it sends cannot be"),
    11: _p("faults", "its picture stands still"),
    12: _p("faults", "the device says that it is offline"),
    13: _p("faults", "the sensor is silent"),
    14: _p("faults", "no power: devices on the mains fell silent together"),
    15: _p("faults", "nothing of the home is heard"),
    16: _p("faults", "many homes fell silent together"),
    17: _p("faults", "all homes fell silent: our own connection"),
    18: _p(
        "faults", "an error in Guardian itself: left alone for a time, then tried again; tell your technician"
    ),
}

ACTIVITIES: Final = {
    "absent": _p("activities", "not there"),
    "walking": _p("activities", "walking"),
    "standing": _p("activities", "standing"),
    "sitting": _p("activities", "sitting"),
    "lying-in-bed": _p("activities", "lying in bed"),
    "lying-on-floor": _p("activities", "lying on the floor"),
    "bathroom": _p("activities", "in the bathroom"),
    "asleep": _p("activities", "asleep"),
    "out": _p("activities", "out"),
    "unknown": _p("activities", "unknown"),
}

ROOMS: Final = {
    "living": _p("rooms", "living room"),
    "living-room": _p("rooms", "living room"),
    "bedroom": _p("rooms", "bedroom"),
    "kitchen": _p("rooms", "kitchen"),
    "bathroom": _p("rooms", "bathroom"),
    "toilet": _p("rooms", "toilet"),
    "hall": _p("rooms", "hall"),
    "hallway": _p("rooms", "hallway"),
    "dining": _p("rooms", "dining room"),
    "study": _p("rooms", "study"),
    "balcony": _p("rooms", "balcony"),
}

EVENTS: Final = {
    "opened": _p("events", "opened"),
    "suspected": _p("events", "a suspicion came up"),
    "paged": _p("events", "provider took the text"),
    "raised": _p("events", "severity raised"),
    "accepted": _p("events", "accepted"),
    "en-route": _p("events", "on the way"),
    "arrived": _p("events", "arrived"),
    "cannot-go": _p("events", "cannot go"),
    "reported-false": _p("events", "reported as false"),
    "needs-help": _p("events", "needs help"),
    "closed": _p("events", "closed"),
    "lease-lapsed": _p("events", "acceptance lapsed"),
    "lease-capped": _p("events", "must leave earlier"),
    "backup-wanted": _p("events", "one more asked to go"),
    "handed-over": _p("events", "Named to take over"),
    "added": _p("events", "Sent for"),
    "arrived-by-sensor": _p("events", "There, by sensors"),
    "contradicted": _p("events", "a reply contradicted the closing"),
    "cancelled-by-home": _p("events", "cancelled by the home"),
    "last-resort": _p("events", "voice to all, siren, call 120"),
}

ACTORS: Final = {
    "board": _p("actors", "board"),
    "desk": _p("actors", "desk"),
    "home": _p("actors", "home"),
    "sensor": _p("actors", "sensors"),
    "guardian": _p("actors", "Guardian"),
}

MESSAGE_STATES: Final = {
    "due": _p("message_states", "due"),
    "leased": _p("message_states", "sending"),
    "sent": _p("message_states", "sent"),
    "failed": _p("message_states", "failed"),
}

PURPOSES: Final = {
    "page": _p("purposes", "alert"),
    "answer": _p("purposes", "answer"),
    "confirm": _p("purposes", "question"),
    "stand-down": _p("purposes", "stand-down"),
    "news": _p("purposes", "news"),
}

RECEIPTS: Final = {
    "accepted": _p("receipts", "accepted"),
    "queued": _p("receipts", "queued"),
    "sending": _p("receipts", "sending"),
    "sent": _p("receipts", "sent"),
    "delivered": _p("receipts", "delivered"),
    "undelivered": _p("receipts", "not delivered"),
    "failed": _p("receipts", "failed"),
    "canceled": _p("receipts", "cancelled"),
    "read": _p("receipts", "read"),
}

ROLES: Final = {
    0: _p("roles", "viewer"),
    1: _p("roles", "responder"),
    2: _p("roles", "operator"),
    3: _p("roles", "administrator"),
}

ROLE_MAY: Final = {
    0: _p("role_may", "sees the board and the homes, without names and access facts"),
    1: _p("role_may", "acts in incidents, and sees how to get into a home with an open one"),
    2: _p("role_may", "runs the centre: people, homes, sensors, shifts, pauses"),
    3: _p("role_may", "accounts and this log as well"),
}

DEEDS: Final = {
    "login": _p("deeds", "logged in"),
    "login-failed": _p("deeds", "wrong password"),
    "login-locked": _p("deeds", "locked after wrong passwords"),
    "password-changed": _p("deeds", "changed the own password"),
    "account-added": _p("deeds", "account made"),
    "account-role": _p("deeds", "role changed"),
    "account-password": _p("deeds", "password set"),
    "account-unlock": _p("deeds", "account unlocked"),
    "account-end": _p("deeds", "account ended"),
    "account-again": _p("deeds", "account opened again"),
    "incident-button": _p("deeds", "button in an incident"),
    "access-facts": _p("deeds", "saw how to get in"),
    "pictures": _p("deeds", "saw pictures"),
    "roster": _p("deeds", "roster changed"),
    "roster-export": _p("deeds", "roster downloaded"),
    "drill": _p("deeds", "drill begun"),
    "away": _p("deeds", "away calendar changed"),
    "consent": _p("deeds", "consent changed"),
    "pause": _p("deeds", "pause of small notices"),
    "walk-test": _p("deeds", "walk test"),
    "erased": _p("deeds", "erased all that names somebody"),
}

FURNITURE: Final = {
    "floor": _p("furniture", "floor"),
    "bed": _p("furniture", "bed"),
    "sofa": _p("furniture", "sofa"),
    "chair": _p("furniture", "chair"),
    "bath": _p("furniture", "bath"),
    "table": _p("furniture", "table"),
    "door": _p("furniture", "door"),
    "window": _p("furniture", "window"),
    "stove": _p("furniture", "stove"),
    "radiator": _p("furniture", "radiator"),
}

HOME_STATES: Final = {
    "incident": _p("home_states", "incident"),
    "blind": _p("home_states", "blind"),
    "degraded": _p("home_states", "degraded"),
    "unknown": _p("home_states", "unknown"),
    "away": _p("home_states", "away"),
    "fine": _p("home_states", "protected"),
}

STANDINGS: Final = {
    "ok": _p("standings", "known"),
    "cannot": _p("standings", "cannot be said with these sensors here"),
    "learning": _p("standings", "still learning this person's usual"),
    "nobody": _p("standings", "nobody was seen for long enough"),
}

DANGERS: Final = {
    "silence": _p("dangers", "long silence"),
    "climate": _p("dangers", "cold and heat"),
    "fire": _p("dangers", "fire"),
    "help": _p("dangers", "help button"),
}

PLACES: Final = {
    "blind": _p("places", "cannot be seen"),
    "out": _p("places", "out"),
    "unknown": _p("places", "unknown"),
}

CHANGES: Final = {
    "up_min": _p("changes", "getting up, minutes later"),
    "night_visits": _p("changes", "visits to the bathroom at night"),
    "out_min": _p("changes", "minutes out"),
    "active_min": _p("changes", "minutes active"),
    "centi_mean": _p("changes", "room, °C"),
}

SENSOR_KINDS: Final = {
    "thermal": _p("sensor_kinds", "thermal array"),
    "pir": _p("sensor_kinds", "motion"),
    "door": _p("sensor_kinds", "door"),
    "appliance-door": _p("sensor_kinds", "door of an appliance"),
    "bed": _p("sensor_kinds", "bed"),
    "chair": _p("sensor_kinds", "chair"),
    "presence": _p("sensor_kinds", "presence"),
    "radar-fall": _p("sensor_kinds", "radar"),
    "temperature": _p("sensor_kinds", "temperature"),
    "humidity": _p("sensor_kinds", "humidity"),
    "button": _p("sensor_kinds", "help button"),
    "cancel": _p("sensor_kinds", "cancel button"),
    "smoke": _p("sensor_kinds", "smoke"),
    "gas": _p("sensor_kinds", "gas"),
    "water": _p("sensor_kinds", "water"),
    "plug": _p("sensor_kinds", "plug"),
}

TABLES: Final = {
    "homes": _p("tables", "Homes and residents"),
    "zones": _p("tables", "Furniture"),
    "sensors": _p("tables", "Sensors"),
    "responders": _p("tables", "People who can go"),
    "travel": _p("tables", "Travel times"),
}

SIGNS: Final = {
    "upright": _p("signs", "somebody upright"),
    "lying": _p("signs", "somebody lying"),
    "on": _p("signs", "occupied"),
    "off": _p("signs", "free again"),
    "door-on": _p("signs", "opened"),
    "door-off": _p("signs", "closed"),
    "pir-on": _p("signs", "motion"),
    "radar-fall-on": _p("signs", "somebody lying"),
    "cancel-on": _p("signs", "pressed"),
    "heard": _p("signs", "heard"),
}

MOUNTS: Final = {"ceiling": _p("mounts", "ceiling"), "wall": _p("mounts", "wall")}

CONSENTS: Final = {
    "monitoring": _p("consents", "being watched over"),
    "recording": _p("consents", "recording for tests"),
}
