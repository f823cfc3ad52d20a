"""Alembic's entry: it runs on the connection that it is handed."""

from alembic import context

from storage import tables

connection = context.config.attributes["connection"]
# All revisions in the one transaction that has read which are missing: the writer's lock, taken
# with its first statement, is not let go in between to another process that starts just now.
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
