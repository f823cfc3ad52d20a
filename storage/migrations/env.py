"""Alembic's entry: it runs on the connection that it is handed."""

from alembic import context

from storage import tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=tables.metadata, render_as_batch=True, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
