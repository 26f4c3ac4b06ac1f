"""Accounts and who did what; what staff note of homes: consent, what the door needs."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    for name in ("key_at", "door_code", "animals", "medical"):
        op.add_column("person", sa.Column(name, sa.Text()))
    op.add_column(
        "roster_version", sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.text("1"))
    )
    for name in ("site", "home", "room", "zone", "sensor", "responder", "shift", "travel"):
        op.add_column(name, sa.Column("ended", sa.Integer()))
        op.create_index(f"ix_{name}_id", name, ["id"])
        # each version had all its rows: they hold until the next one
        op.execute(
            f"UPDATE {name} SET ended = (SELECT min(v.version) FROM roster_version v "  # noqa: S608  # names of ours
            f"WHERE v.version > {name}.version)"
        )
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("home", sa.String(32), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("given_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger()),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("withdrawn_ms", sa.BigInteger()),
    )
    op.create_index("ix_consent_home", "consent", ["home"])
    op.create_table(
        "walk_test",
        sa.Column("home", sa.String(32), primary_key=True),
        sa.Column("passed", sa.Text(), nullable=False),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("login", sa.String(32), nullable=False),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("responder", sa.String(32)),
        sa.Column("language", sa.String(2)),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("locked_until_ms", sa.BigInteger()),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.UniqueConstraint("login", name="uq_account_login"),
    )
    op.create_table(
        "web_session",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column(
            "account",
            sa.String(16),
            sa.ForeignKey("account.id", name="fk_web_session_account_account"),
            nullable=False,
        ),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("begun_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_web_session_account", "web_session", ["account"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("t_ms", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(16)),
        sa.Column("action", sa.String(48), nullable=False),
        sa.Column("subject", sa.String(97), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_index("ix_audit_t_ms", "audit", ["t_ms"])
    op.create_index("ix_audit_subject", "audit", ["subject"])


def downgrade() -> None:
    """Never: a ledger only moves forward; an older Guardian refuses it."""
    raise NotImplementedError
