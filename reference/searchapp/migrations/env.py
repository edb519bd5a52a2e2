"""Run by Alembic with the connection that `searchapp migrate` opened."""

from __future__ import annotations

from alembic import context

from reference.searchapp.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
