"""Who gets into which home, what people can do; handovers once a shift, texts of a day by channel."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.add_column("home", sa.Column("keyholders", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("responder", sa.Column("skills", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_index("ix_message_carried", "message", ["channel", "sent_ms", "responder", "copies"])
    op.create_index(
        "ix_message_handover",
        "message",
        ["created_ms"],
        sqlite_where=sa.text("purpose = 'handover'"),
        postgresql_where=sa.text("purpose = 'handover'"),
    )


def downgrade() -> None:
    """Never: a ledger only moves forward; an older Guardian refuses it."""
    raise NotImplementedError
