"""What a scrape says of its progress only ever grows during one attempt."""

from __future__ import annotations

import asyncio
import os

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp.stores import scrapes
from reference.searchapp.stores.database import Database
from reference.searchapp.stores.scrapes import Claim
from reference.tests.searchapp.locks import until_it_waits


@pytest.fixture
def scrape_id(rows: psycopg.Connection) -> str:
    name = f"t{os.urandom(5).hex()}"
    rows.execute("insert into sites (id, name, base_url) values (%s, 'n', %s)", (name, f"http://{name}.test/"))
    rows.execute("insert into scrapes (id, site_id, max_pages) values (%s, %s, 100)", (name, name))
    return name


def test_a_late_heartbeat_does_not_take_back_what_was_stored_meanwhile(
    schema: str, rows: psycopg.Connection, scrape_id: str
) -> None:
    async def run() -> None:
        # Two of them for writes.
        database = Database(schema, pool_size=4, name=scrape_id)
        held = await database.write(lambda c: scrapes.claim(c, scrape_id, 30.0), idempotent=True)
        assert held is not None
        stored_meanwhile, heartbeat_waits = asyncio.Event(), asyncio.Event()

        async def store(connection: AsyncConnection, held: Claim = held) -> None:
            await scrapes.beat(connection, held, found=30, stored=30, failed=1)
            stored_meanwhile.set()
            await heartbeat_waits.wait()

        async def heartbeat() -> None:
            await stored_meanwhile.wait()
            await database.write(lambda c: scrapes.beat(c, held, found=8, stored=0, failed=0), idempotent=True)

        async def waits() -> None:
            await until_it_waits(rows, scrape_id)
            heartbeat_waits.set()

        async with asyncio.timeout(10):
            await asyncio.gather(database.write(store, idempotent=True), heartbeat(), waits())
        await database.close()

    asyncio.run(run())
    counts = rows.execute(
        "select pages_found, pages_stored, pages_failed from scrapes where id = %s", (scrape_id,)
    ).fetchone()
    assert counts == (30, 30, 1)
    rows.execute("delete from sites where id = %s", (scrape_id,))
