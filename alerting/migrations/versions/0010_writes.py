"""How often something has been written about an incident, so that whoever looks again sees what is new."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COUNT = "BEGIN UPDATE incident SET writes = writes + 1 WHERE id = NEW.incident; END"


def upgrade() -> None:
    """Move the schema forward. Making table `message` or `move` anew would lose their triggers."""
    # Not in a batch, which would make the table anew, without its AUTOINCREMENT.
    op.add_column("incident", sa.Column("writes", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.execute("CREATE TRIGGER message_insert_counts AFTER INSERT ON message " + _COUNT)
    op.execute("CREATE TRIGGER message_update_counts AFTER UPDATE ON message " + _COUNT)
    op.execute("CREATE TRIGGER move_insert_counts AFTER INSERT ON move " + _COUNT)


def downgrade() -> None:
    """Never: a ledger only moves forward; an older Guardian refuses it."""
    raise NotImplementedError
