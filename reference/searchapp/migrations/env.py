"""Run by Alembic with the connection that `searchapp migrate` opened."""

from __future__ import annotations

from alembic import context

from reference.searchapp.models import Base

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=False,
    version_table=attributes.get("version_table", "alembic_version"),
)
with context.begin_transaction():
    context.run_migrations()
