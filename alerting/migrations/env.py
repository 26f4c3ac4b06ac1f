"""Alembic's entry: runs the migrations on the connection that `alerting.ledger` hands over."""

from alembic import context

from alerting.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters by copying
)
with context.begin_transaction():
    context.run_migrations()
