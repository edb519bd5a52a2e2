from __future__ import annotations

import psycopg
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from reference.searchapp.api.keys import key_hash
from reference.searchapp.migrations.run import migrate
from reference.searchapp.models import Base
from reference.searchapp.settings import Settings
from reference.searchapp.stores.database import async_url
from reference.tests.searchapp.conftest import KEY


def test_the_migrated_schema_is_the_models_schema(schema: str) -> None:
    engine = sa.create_engine(async_url(schema))
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert differences == []


def test_migrating_again_changes_nothing(schema: str, rows: psycopg.Connection) -> None:
    settings = Settings(database_url=schema, redis_url="", meilisearch_url="", meili_master_key="", admin_api_key=KEY)
    before = rows.execute("select count(*) from api_keys").fetchone()
    assert migrate(settings, wait_s=5) == 0
    assert rows.execute("select count(*) from api_keys").fetchone() == before


def test_only_the_hash_of_a_key_is_stored(rows: psycopg.Connection) -> None:
    stored = [row[0] for row in rows.execute("select key_hash from api_keys").fetchall()]
    assert key_hash(KEY) in stored
    assert all(KEY not in one for one in stored)


def test_waiting_for_a_database_is_bounded() -> None:
    settings = Settings(
        database_url="postgresql://app@127.0.0.1:1/app", redis_url="", meilisearch_url="", meili_master_key=""
    )
    assert migrate(settings, wait_s=0) == 1
