"""Which programmes of care a home is meant for, and whether it takes part."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    with op.batch_alter_table("home", schema=None) as batch_op:
        batch_op.add_column(sa.Column("programmes", sa.Text(), server_default=sa.text("''"), nullable=False))
        batch_op.add_column(sa.Column("enrolled", sa.Boolean(), server_default=sa.text("1"), nullable=False))


def downgrade() -> None:
    """Never: a ledger only moves forward; an older Guardian refuses it."""
    raise NotImplementedError
