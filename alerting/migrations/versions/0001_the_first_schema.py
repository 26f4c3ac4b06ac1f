"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "beat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("t_ms", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_beat")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("t0_ms", sa.BigInteger(), nullable=False),
        sa.Column("suspected_ms", sa.BigInteger(), nullable=True),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        sa.Column("deadline_ms", sa.BigInteger(), nullable=True),
        sa.Column("late_at_decision", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("room", sa.String(length=32), nullable=True),
        sa.Column("acceptor", sa.String(length=32), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("eta_ms", sa.BigInteger(), nullable=True),
        sa.Column("eta_minutes", sa.Integer(), nullable=True),
        sa.Column("help_ms", sa.BigInteger(), nullable=True),
        sa.Column("helper", sa.String(length=32), nullable=True),
        sa.Column("round_ms", sa.BigInteger(), nullable=False),
        sa.Column("wave", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_wave_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_resort_ms", sa.BigInteger(), nullable=True),
        sa.Column("reported_false", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled_by_home_ms", sa.BigInteger(), nullable=True),
        sa.Column("provider_ms", sa.BigInteger(), nullable=True),
        sa.Column("accepted_ms", sa.BigInteger(), nullable=True),
        sa.Column("en_route_ms", sa.BigInteger(), nullable=True),
        sa.Column("on_scene_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.create_index("ix_incident_closed_ms", ["closed_ms"], unique=False)
        batch_op.create_index(
            "uq_incident_open_home",
            ["home"],
            unique=True,
            sqlite_where=sa.text("state != 'closed'"),
            postgresql_where=sa.text("state != 'closed'"),
        )

    op.create_table(
        "person",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_table(
        "roster_version",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("t_ms", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_roster_version")),
    )
    op.create_table(
        "code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("responder", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("given_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_code_incident_incident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code")),
        sa.UniqueConstraint("incident", "responder", name=op.f("uq_code_incident_responder")),
    )
    with op.batch_alter_table("code", schema=None) as batch_op:
        batch_op.create_index("ix_code_responder", ["responder", "given_ms"], unique=False)

    op.create_table(
        "concern",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("onset_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("room", sa.String(length=32), nullable=True),
        sa.Column("x", sa.Float(), nullable=True),
        sa.Column("y", sa.Float(), nullable=True),
        sa.Column("sensor", sa.String(length=32), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_concern_incident_incident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_concern")),
    )
    with op.batch_alter_table("concern", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_concern_incident"), ["incident"], unique=False)

    op.create_table(
        "home",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=97), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("card", sa.String(length=8), nullable=True),
        sa.Column("resident", sa.String(length=32), nullable=True),
        sa.Column("entry_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["resident"], ["person.id"], name=op.f("fk_home_resident_person")),
        sa.ForeignKeyConstraint(
            ["version"], ["roster_version.version"], name=op.f("fk_home_version_roster_version")
        ),
        sa.PrimaryKeyConstraint("version", "id", name=op.f("pk_home")),
    )
    op.create_table(
        "inbound",
        sa.Column("sid", sa.String(length=64), nullable=False),
        sa.Column("responder", sa.String(length=32), nullable=True),
        sa.Column("incident", sa.Integer(), nullable=True),
        sa.Column("t_ms", sa.BigInteger(), nullable=False),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("taken_as", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_inbound_incident_incident")),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_inbound")),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=True),
        sa.Column("responder", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("wave", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("template", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("copies", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("valid_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("sid", sa.String(length=64), nullable=True),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("receipt", sa.String(length=16), nullable=True),
        sa.Column("error", sa.String(length=120), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_message_incident_incident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_incident"), ["incident"], unique=False)
        batch_op.create_index("ix_message_sent_to", ["responder", "sent_ms"], unique=False)
        batch_op.create_index("ix_message_sid", ["sid"], unique=False)
        batch_op.create_index("ix_message_waiting", ["state", "due_ms"], unique=False)

    op.create_table(
        "move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("t_ms", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=True),
        sa.Column("to_state", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"], name=op.f("fk_move_incident_incident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_move")),
    )
    with op.batch_alter_table("move", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_move_incident"), ["incident"], unique=False)

    op.create_table(
        "responder",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=97), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("reply_odds", sa.Float(), nullable=False),
        sa.Column("reply_p90_s", sa.Float(), nullable=False),
        sa.Column("turnout_p90_s", sa.Float(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["roster_version.version"], name=op.f("fk_responder_version_roster_version")
        ),
        sa.PrimaryKeyConstraint("version", "id", name=op.f("pk_responder")),
    )
    op.create_table(
        "room",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=97), nullable=False),
        sa.Column("home", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["roster_version.version"], name=op.f("fk_room_version_roster_version")
        ),
        sa.PrimaryKeyConstraint("version", "id", name=op.f("pk_room")),
    )
    op.create_table(
        "sensor",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=97), nullable=False),
        sa.Column("home", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("room", sa.String(length=32), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("cols", sa.Integer(), nullable=True),
        sa.Column("rate_hz", sa.Float(), nullable=True),
        sa.Column("mount", sa.String(length=8), nullable=True),
        sa.Column("height_m", sa.Float(), nullable=True),
        sa.Column("fov_deg", sa.Float(), nullable=True),
        sa.Column("tilt_deg", sa.Float(), nullable=True),
        sa.Column("yaw_deg", sa.Float(), nullable=True),
        sa.Column("x_m", sa.Float(), nullable=True),
        sa.Column("y_m", sa.Float(), nullable=True),
        sa.Column("outside", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["version"], ["roster_version.version"], name=op.f("fk_sensor_version_roster_version")
        ),
        sa.PrimaryKeyConstraint("version", "id", name=op.f("pk_sensor")),
    )
    op.create_table(
        "shift",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=97), nullable=False),
        sa.Column("responder", sa.String(length=32), nullable=False),
        sa.Column("weekdays", sa.String(length=7), nullable=False),
        sa.Column("start_minute", sa.Integer(), nullable=False),
        sa.Column("end_minute", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["roster_version.version"], name=op.f("fk_shift_version_roster_version")
        ),
        sa.PrimaryKeyConstraint("version", "id", name=op.f("pk_shift")),
    )
    op.create_table(
        "site",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=97), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("default_travel_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["roster_version.version"], name=op.f("fk_site_version_roster_version")
        ),
        sa.PrimaryKeyConstraint("version", "id", name=op.f("pk_site")),
    )
    op.create_table(
        "travel",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=97), nullable=False),
        sa.Column("responder", sa.String(length=32), nullable=False),
        sa.Column("home", sa.String(length=32), nullable=False),
        sa.Column("p90_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["roster_version.version"], name=op.f("fk_travel_version_roster_version")
        ),
        sa.PrimaryKeyConstraint("version", "id", name=op.f("pk_travel")),
    )
    op.create_table(
        "zone",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=97), nullable=False),
        sa.Column("home", sa.String(length=32), nullable=False),
        sa.Column("room", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("x0_m", sa.Float(), nullable=False),
        sa.Column("y0_m", sa.Float(), nullable=False),
        sa.Column("x1_m", sa.Float(), nullable=False),
        sa.Column("y1_m", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["roster_version.version"], name=op.f("fk_zone_version_roster_version")
        ),
        sa.PrimaryKeyConstraint("version", "id", name=op.f("pk_zone")),
    )


def downgrade() -> None:
    """Never: a ledger only moves forward; an older Guardian refuses it."""
    raise NotImplementedError
