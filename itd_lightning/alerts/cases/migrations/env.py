"""Alembic's entry: brings the database behind a connection to the newest schema."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
