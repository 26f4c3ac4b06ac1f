"""Whom staff have named or sent for, and arrivals that only sensors have seen."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.add_column("incident", sa.Column("named", sa.String(32), nullable=True))
    op.add_column("incident", sa.Column("added", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("incident", sa.Column("sensed_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Never: a ledger only moves forward; an older Guardian refuses it."""
    raise NotImplementedError
