"""The ledger's tables (SQLAlchemy Core). Times are ms since 1970, UTC.

Names, addresses and phone numbers stand in `person` alone, keyed by a random id; everything else
carries the id, so that erasing somebody is deleting there.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

person = Table(
    "person",
    metadata,
    Column("id", String(32), primary_key=True),  # random
    Column("name", Text, nullable=False),
    Column("phone", String(20)),  # E.164
    Column("address", Text),
    # what somebody at the door must know of a resident
    Column("key_at", Text),  # where a key is
    Column("door_code", Text),
    Column("animals", Text),
    Column("medical", Text),
)

# --- the roster: a row holds from a version until another one ends it; the newest version holds ------

roster_version = Table(
    "roster_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("t_ms", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("whole", Boolean, nullable=False, server_default=text("1")),  # false while it is being written
)


def _versioned(name: str, *columns: Column[object]) -> Table:
    return Table(
        name,
        metadata,
        Column("version", ForeignKey("roster_version.version"), primary_key=True),  # that brought it
        Column("id", String(97), primary_key=True),
        Column("ended", Integer),  # version that ended it; none: it holds
        Index(f"ix_{name}_id", "id"),
        *columns,
    )


site = _versioned(
    "site",
    Column("timezone", String(64), nullable=False),
    Column("default_travel_s", Float, nullable=False),
)
home = _versioned(
    "home",
    Column("site", String(32), nullable=False),
    Column("card", String(8)),  # staff-chosen number that may stand in a text
    Column("resident", ForeignKey("person.id")),
    Column("entry_s", Float, nullable=False),
    Column("keyholders", Text, nullable=False, server_default=text("''")),  # responder ids, likewise
    Column("programmes", Text, nullable=False, server_default=text("''")),  # ids, a blank between two
    Column("enrolled", Boolean, nullable=False, server_default=text("1")),
)
room = _versioned(  # id = home/room
    "room", Column("home", String(32), nullable=False), Column("name", String(32), nullable=False)
)
zone = _versioned(  # id = home/room/zone
    "zone",
    Column("home", String(32), nullable=False),
    Column("room", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("x0_m", Float, nullable=False),
    Column("y0_m", Float, nullable=False),
    Column("x1_m", Float, nullable=False),
    Column("y1_m", Float, nullable=False),
)
sensor = _versioned(  # id = home/sensor
    "sensor",
    Column("home", String(32), nullable=False),
    Column("name", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("room", String(32), nullable=False),
    Column("rows", Integer),
    Column("cols", Integer),
    Column("rate_hz", Float),
    Column("mount", String(8)),
    Column("height_m", Float),
    Column("fov_deg", Float),
    Column("tilt_deg", Float),
    Column("yaw_deg", Float),
    Column("x_m", Float),
    Column("y_m", Float),
    Column("outside", Boolean),
    # where its readings come from, when its device speaks a dialect
    Column("dialect", String(16)),
    Column("topic", Text),
    Column("attribute", Text),
    Column("on", Text),
    Column("invert", Boolean),
    Column("scale", Float),
    Column("offset", Float),
    Column("format", String(16)),
    Column("endianness", String(8)),
    Column("order", String(20)),
)
responder = _versioned(  # id = person.id
    "responder",
    Column("language", String(2), nullable=False),
    Column("reply_odds", Float, nullable=False),
    Column("reply_p90_s", Float, nullable=False),
    Column("turnout_p90_s", Float, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("skills", Text, nullable=False, server_default=text("''")),  # ids, a blank between two
)
shift = _versioned(
    "shift",
    Column("responder", String(32), nullable=False),
    Column("weekdays", String(7), nullable=False),  # digits, 0 = Monday
    Column("start_minute", Integer, nullable=False),
    Column("end_minute", Integer, nullable=False),
)
travel = _versioned(  # id = responder/home
    "travel",
    Column("responder", String(32), nullable=False),
    Column("home", String(32), nullable=False),
    Column("p90_s", Float, nullable=False),
)

# --- who is expected to be away ---------------------------------------------------------------------

absence = Table(
    "absence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home", String(32), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("noted_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),  # ended before its time
    Index("ix_absence_until", "until_ms"),
)

# --- the beats: what came in, kept until a snapshot holds it ---------------------------------------

beat = Table(
    "beat",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("t_ms", BigInteger, nullable=False),
    Column("events", LargeBinary, nullable=False),  # zlib of msgpack: the raw events of the beat
    sqlite_autoincrement=True,  # a snapshot knows the last number it holds: none may come twice
)

# --- incidents -------------------------------------------------------------------------------------

incident = Table(
    "incident",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("severity", Integer),  # null: only suspected
    Column("state", String(16), nullable=False),
    Column("t0_ms", BigInteger, nullable=False),  # estimated onset
    Column("suspected_ms", BigInteger),
    Column("decided_ms", BigInteger),
    Column("deadline_ms", BigInteger),
    Column("late_at_decision", Boolean, nullable=False, server_default=text("0")),
    Column("room", String(32)),
    Column("acceptor", String(32)),  # responder id
    Column("lease_until_ms", BigInteger),
    Column("eta_ms", BigInteger),
    Column("eta_minutes", Integer),  # as last said
    Column("help_ms", BigInteger),  # a second person is wanted since
    Column("helper", String(32)),  # responder id of that second person
    Column("backup_ms", BigInteger),  # somebody else is wanted beside those who go, since
    Column("named", String(32)),  # responder id: whom staff have named to take over
    Column(
        "added", Text, nullable=False, server_default=text("''")
    ),  # sent for by staff; a blank between two
    Column("sensed_ms", BigInteger),  # sensors alone have said that the acceptor is there
    Column("round_ms", BigInteger, nullable=False),  # pages before this do not count any more
    Column("wave", Integer, nullable=False, server_default=text("0")),
    Column("next_wave_ms", BigInteger),
    Column("last_resort_ms", BigInteger),  # when voice to all, siren and 120 were last called for
    Column("reported_false", Boolean, nullable=False, server_default=text("0")),
    Column("cancelled_by_home_ms", BigInteger),
    Column("provider_ms", BigInteger),  # first text accepted by a provider
    Column("accepted_ms", BigInteger),
    Column("en_route_ms", BigInteger),
    Column("on_scene_ms", BigInteger),
    Column("closed_ms", BigInteger),
    Column("outcome", String(32)),
    Column(  # how often a text or a word about it has been written; the database counts
        "writes", Integer, nullable=False, server_default=text("0")
    ),
    sqlite_autoincrement=True,
)
Index(
    "uq_incident_open_home",
    incident.c.home,
    unique=True,
    sqlite_where=incident.c.state != "closed",
    postgresql_where=incident.c.state != "closed",
)
Index("ix_incident_closed_ms", incident.c.closed_ms)

move = Table(  # every change of an incident's state, and every word said about it
    "move",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", ForeignKey("incident.id"), nullable=False, index=True),
    Column("t_ms", BigInteger, nullable=False),
    Column("event", String(32), nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16), nullable=False),
    Column("by", String(32)),  # responder id, "board", "desk", "home", "sensor", "guardian"
    Column("detail", Text, nullable=False),  # JSON
)

concern = Table(
    "concern",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", ForeignKey("incident.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("onset_ms", BigInteger, nullable=False),
    Column("decided_ms", BigInteger, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("room", String(32)),
    Column("x", Float),
    Column("y", Float),
    Column("sensor", String(32)),
    Column("evidence", Text, nullable=False),  # JSON
)

# --- homes that went dark together ------------------------------------------------------------------

area_home = Table(
    "area_home",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", ForeignKey("incident.id"), nullable=False, index=True),
    Column("home", String(32), nullable=False),
    Column("from_ms", BigInteger, nullable=False),  # dark since
    Column("noted_ms", BigInteger, nullable=False),  # on the list since
    Column("until_ms", BigInteger),  # null: on the list
    Column("own", Boolean, nullable=False, server_default=text("0")),  # left it for an incident of its own
)
Index(
    "uq_area_home_dark",
    area_home.c.incident,
    area_home.c.home,
    unique=True,
    sqlite_where=area_home.c.until_ms.is_(None),
    postgresql_where=area_home.c.until_ms.is_(None),
)

# --- what staff do not want to hear of for some hours -----------------------------------------------

silence = Table(
    "silence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home", String(32), nullable=False),
    Column("kind", String(32), nullable=False),  # of LOW severity
    Column("until_ms", BigInteger, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("noted_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),  # ended before its time
    Index("ix_silence_home", "home", "until_ms"),
)

silenced = Table(  # what came in the meantime; concerns until the silence ends
    "silenced",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("silence", ForeignKey("silence.id"), nullable=False),
    Column("onset_ms", BigInteger, nullable=False),
    Column("decided_ms", BigInteger, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("room", String(32)),
    Column("sensor", String(32)),
    Column("evidence", Text, nullable=False),  # JSON
    Column("over_ms", BigInteger),  # was over before the silence ended
    Column("told_ms", BigInteger),  # told after the silence ended
    Index("ix_silenced_waiting", "over_ms", "told_ms"),
)

# --- what staff note of homes ------------------------------------------------------------------------

walk_test = Table(
    "walk_test",
    metadata,
    Column("home", String(32), primary_key=True),
    Column("passed", Text, nullable=False),  # sensor → when it last saw the one who walked, JSON
)

consent = Table(  # what a resident has agreed to, and how that is known
    "consent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home", String(32), nullable=False, index=True),
    Column("what", String(16), nullable=False),  # monitoring, recording
    Column("given_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),  # null: until it is withdrawn
    Column("how", Text, nullable=False),  # signed form, by whom in whose name
    Column("owner", String(64), nullable=False),  # who noted it
    Column("withdrawn_ms", BigInteger),
)

# --- who is at the screen ----------------------------------------------------------------------------

account = Table(
    "account",
    metadata,
    Column("id", String(16), primary_key=True),  # random
    Column("login", String(32), nullable=False, unique=True),
    Column("role", Integer, nullable=False),  # guardian.web.access.Role
    Column("password", Text, nullable=False),  # argon2id
    Column("responder", String(32)),  # who it is in the roster
    Column("language", String(2)),
    Column("created_ms", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0")),  # wrong passwords in a row
    Column("locked_until_ms", BigInteger),
    Column("ended_ms", BigInteger),  # may not log in any more
)

web_session = Table(
    "web_session",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of the cookie
    Column("account", ForeignKey("account.id"), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

audit = Table(  # who saw and did what
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("t_ms", BigInteger, nullable=False),
    Column("account", String(16)),  # null: nobody is logged in
    Column("action", String(48), nullable=False),
    Column("subject", String(97), nullable=False),  # home, incident, sensor, account
    Column("detail", Text, nullable=False),  # JSON; no names
    Index("ix_audit_t_ms", "t_ms"),
    Index("ix_audit_subject", "subject"),
)

# --- texts out and in ------------------------------------------------------------------------------

code = Table(  # what a responder calls an incident
    "code",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", ForeignKey("incident.id"), nullable=False),
    Column("responder", String(32), nullable=False),
    Column("code", String(3), nullable=False),
    Column("given_ms", BigInteger, nullable=False),
    UniqueConstraint("incident", "responder"),
)
Index("ix_code_responder", code.c.responder, code.c.given_ms)

message = Table(  # the outbox
    "message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", ForeignKey("incident.id"), index=True),  # null: an answer about none
    Column("responder", String(32), nullable=False),
    Column("purpose", String(16), nullable=False),  # page, answer, confirm, stand-down, news, handover
    Column("wave", Integer, nullable=False, server_default=text("0")),
    Column("channel", String(16), nullable=False),  # "" until the courier has chosen one
    Column("body", Text),  # null until wording has run; then fixed for ever
    Column("template", String(32)),  # which of that purpose
    Column("state", String(12), nullable=False),  # due, leased, sent, failed, withdrawn, grouped
    Column("due_ms", BigInteger, nullable=False),
    Column("lease_until_ms", BigInteger),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("copies", Integer, nullable=False, server_default=text("0")),
    Column("valid_until_ms", BigInteger, nullable=False),
    Column("sid", String(64)),
    Column("sent_ms", BigInteger),
    Column("receipt", String(16)),  # the provider's word: queued, sent, delivered, failed …
    Column("error", String(120)),
    Column("created_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # the number stands in the body
)
Index("ix_message_waiting", message.c.state, message.c.due_ms)
Index(
    "ix_message_due_to",
    message.c.responder,
    message.c.due_ms,
    sqlite_where=message.c.state == "due",
    postgresql_where=message.c.state == "due",
)
Index("ix_message_sent_to", message.c.responder, message.c.sent_ms)
Index("ix_message_sid", message.c.sid)
Index("ix_message_carried", message.c.channel, message.c.sent_ms, message.c.responder, message.c.copies)
Index(
    "ix_message_handover",
    message.c.created_ms,
    sqlite_where=message.c.purpose == "handover",
    postgresql_where=message.c.purpose == "handover",
)

inbound = Table(  # every answer once, by the provider's id
    "inbound",
    metadata,
    Column("sid", String(64), primary_key=True),
    Column("responder", String(32)),
    Column("incident", ForeignKey("incident.id")),
    Column("t_ms", BigInteger, nullable=False),
    Column("via", String(16), nullable=False),  # webhook, poll, voice, board
    Column("body", Text, nullable=False),
    Column("taken_as", String(32), nullable=False),
)
