"""Alembic migrations, run by `searchapp migrate`."""
