"""What is known of sites, and when the database is asked again."""

from __future__ import annotations

import asyncio
import uuid

import psycopg
import pytest

from reference.searchapp.stores import sites
from reference.searchapp.stores.database import Database
from reference.searchapp.stores.engine import SearchEngine
from reference.searchapp.stores.sites import KnownSites
from reference.tests.searchapp.locks import until_it_waits

NAME = "known-sites"
NO_ENGINE = "http://127.0.0.1:1"


@pytest.fixture
def site(rows: psycopg.Connection) -> str:
    site_id = str(uuid.uuid4())
    rows.execute(
        "insert into sites (id, name, base_url) values (%s, 'known', %s)", (site_id, f"http://{site_id}.example/")
    )
    return site_id


def test_no_search_waits_for_a_known_site_to_be_looked_up_again(
    schema: str, rows: psycopg.Connection, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "_PRESENT_S", 0.0)

    async def ask() -> None:
        database = Database(schema, pool_size=2, name=NAME)
        known = KnownSites(database, SearchEngine(NO_ENGINE, ""))
        assert await known.exists(site, "first")
        with rows.transaction():
            rows.execute("lock table sites in access exclusive mode")
            # Answered within its first step, so it cannot have waited for anything.
            with pytest.raises(StopIteration) as answered:
                known.exists(site, "first").send(None)
            assert answered.value.value is True
            # It is looked up all the same.
            await until_it_waits(rows, NAME)
            rows.execute("delete from sites where id = %s", (site,))
        while await known.exists(site, "first"):
            await asyncio.sleep(0.01)
        await database.close()

    asyncio.run(asyncio.wait_for(ask(), 10))


def test_a_known_site_is_looked_up_at_once_under_another_generation(
    schema: str, rows: psycopg.Connection, site: str
) -> None:
    async def ask() -> None:
        database = Database(schema, pool_size=2, name=NAME)
        known = KnownSites(database, SearchEngine(NO_ENGINE, ""))
        assert await known.exists(site, "first")
        rows.execute("delete from sites where id = %s", (site,))
        assert await known.exists(site, "first")
        assert not await known.exists(site, "second")
        await database.close()

    asyncio.run(ask())
