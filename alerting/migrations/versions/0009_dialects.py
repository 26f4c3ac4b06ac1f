"""Where a sensor's readings come from, when its device speaks a dialect."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    with op.batch_alter_table("sensor", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dialect", sa.String(16), nullable=True))
        batch_op.add_column(sa.Column("topic", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("attribute", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("on", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("invert", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("scale", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("offset", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("format", sa.String(16), nullable=True))
        batch_op.add_column(sa.Column("endianness", sa.String(8), nullable=True))
        batch_op.add_column(sa.Column("order", sa.String(20), nullable=True))


def downgrade() -> None:
    """Never: a ledger only moves forward; an older Guardian refuses it."""
    raise NotImplementedError
