from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from reference.searchapp.api.keys import key_hash
from reference.searchapp.migrations.run import REFUSED, migrate
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


def settings_of(schema: str, **changed: Any) -> Settings:
    return Settings(
        database_url=schema, redis_url="", meilisearch_url="", meili_master_key="", admin_api_key=KEY, **changed
    )


def columns(rows: psycopg.Connection) -> set[str]:
    found = rows.execute("select column_name from information_schema.columns where table_name = 'scrapes'")
    return {row[0] for row in found.fetchall()}


def tables(rows: psycopg.Connection) -> set[str]:
    found = rows.execute("select table_name from information_schema.tables where table_schema = 'public'")
    return {row[0] for row in found.fetchall()}


def test_a_rehearsed_change_is_gone_with_the_next_release(schema: str, rows: psycopg.Connection) -> None:
    before = columns(rows), tables(rows)
    for _ in range(2):
        assert migrate(settings_of(schema, rehearse_migration=True), wait_s=5) == 0
        assert columns(rows) - before[0] == {"rehearsed"}
    for _ in range(2):
        assert migrate(settings_of(schema), wait_s=5) == 0
        assert (columns(rows), tables(rows)) == before


def test_a_refused_migration_leaves_nothing_behind(schema: str, rows: psycopg.Connection) -> None:
    before = columns(rows), tables(rows)
    broken = settings_of(schema, rehearse_migration=True, fault_migration_fails=True)
    assert migrate(broken, wait_s=30) == REFUSED
    assert (columns(rows), tables(rows)) == before


def test_a_migration_waits_for_a_table_behind_nobody_for_long(schema: str, rows: psycopg.Connection) -> None:
    """Somebody holds the table: the migration gives way and tries again, and whoever reads meanwhile is not kept."""
    with psycopg.connect(schema) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("select count(*) from scrapes")
        done = pool.submit(migrate, settings_of(schema, rehearse_migration=True), wait_s=60)
        waiting = "select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'"
        for wanted in (1, 0):
            while rows.execute(waiting).fetchone() != (wanted,):
                assert not done.done()
        assert rows.execute("select count(*) from scrapes").fetchone()
        holder.rollback()
        assert done.result(60) == 0
    assert migrate(settings_of(schema), wait_s=5) == 0


def test_a_locking_migration_keeps_readers_waiting(schema: str, rows: psycopg.Connection) -> None:
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(migrate, settings_of(schema, fault_migration_locks_s=0.5), wait_s=5)
        held = (
            "select count(*) from pg_locks where granted and mode = 'AccessExclusiveLock' "
            "and relation = 'scrapes'::regclass"
        )
        while rows.execute(held).fetchone() != (1,):
            assert not done.done()
        assert rows.execute("select count(*) from scrapes").fetchone()
        assert rows.execute(held).fetchone() == (0,)
        assert done.result(5) == 0


def test_the_schema_of_a_later_release_is_left_alone(schema: str, rows: psycopg.Connection) -> None:
    known = rows.execute("select version_num from alembic_version").fetchone()
    rows.execute("update alembic_version set version_num = 'later'")
    try:
        assert migrate(settings_of(schema), wait_s=5) == 0
        assert rows.execute("select version_num from alembic_version").fetchone() == ("later",)
    finally:
        rows.execute("update alembic_version set version_num = %s", known)
