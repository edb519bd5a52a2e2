"""Each accepted scrape gets its message: sent late, sent again, but never forgotten."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.database import Database
from reference.searchapp.stores.redis import Redis
from reference.searchapp.tasks.outbox import LEASE_S, Outbox
from reference.tests.searchapp.conftest import migrated

# The outbox compares what waits with the queue's length; the other tests' messages are not in this one.
_OWN_REDIS_DATABASE = "/7"


class Sent:
    """A broker that remembers, and may refuse."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.refuses = False

    def __call__(self, scrape_ids: Sequence[str]) -> None:
        if self.refuses:
            raise Unavailable("broker", "refused")
        self.ids += scrape_ids


Run = Callable[[Callable[[Outbox], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def schema(database_url: str) -> str:
    """A database of this module's own: an API that other tests share sends what is due in theirs."""
    name = f"outbox_{os.urandom(4).hex()}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))
    return migrated(urlsplit(database_url)._replace(path=f"/{name}").geturl())


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def run(schema: str, redis_url: str, sent: Sent) -> Run:
    return _runner(schema, redis_url, sent)


@pytest.fixture
def run_once(schema: str, redis_url: str, sent: Sent) -> Run:
    return _runner(schema, redis_url, sent, send_once=True)


@pytest.fixture
def site_id(rows: psycopg.Connection) -> Iterator[str]:
    rows.execute("delete from scrapes where status in ('queued', 'running')")
    one = f"o{os.urandom(5).hex()}"
    rows.execute("insert into sites (id, name, base_url) values (%s, 'n', %s)", (one, one))
    yield one
    rows.execute("delete from sites where id = %s", (one,))


def _runner(schema: str, redis_url: str, sent: Sent, *, send_once: bool = False) -> Run:
    def go(work: Callable[[Outbox], Awaitable[None]]) -> None:
        async def inner() -> None:
            database = Database(schema, pool_size=2, name="outbox")
            redis = Redis(urlsplit(redis_url)._replace(path=_OWN_REDIS_DATABASE).geturl())
            await work(Outbox(database, redis, sent, send_once=send_once))
            await redis.close()
            await database.close()

        asyncio.run(inner())

    return go


def _scrape(rows: psycopg.Connection, site_id: str, **columns: object) -> str:
    scrape_id = os.urandom(8).hex()
    rows.execute("insert into scrapes (id, site_id, max_pages) values (%s, %s, 10)", (scrape_id, site_id))
    for name, value in columns.items():
        statement = psycopg.sql.SQL("update scrapes set {} = {} where id = {}").format(
            psycopg.sql.Identifier(name), psycopg.sql.SQL(str(value)), psycopg.sql.Literal(scrape_id)
        )
        rows.execute(statement)
    return scrape_id


def _status(rows: psycopg.Connection, scrape_id: str) -> tuple[object, ...]:
    row = rows.execute("select status, dispatched_at is not null from scrapes where id = %s", (scrape_id,)).fetchone()
    assert row is not None
    return row


def test_due_scrapes_are_sent_once(run: Run, sent: Sent, rows: psycopg.Connection, site_id: str) -> None:
    due = [_scrape(rows, site_id) for _ in range(3)]
    later = _scrape(rows, site_id, not_before="now() + interval '1 hour'")

    async def twice(outbox: Outbox) -> None:
        await outbox.dispatch()
        await outbox.dispatch()

    run(twice)
    assert sorted(sent.ids) == sorted(due)
    assert _status(rows, later) == ("queued", False)


def test_what_the_broker_refuses_stays_due(run: Run, sent: Sent, rows: psycopg.Connection, site_id: str) -> None:
    scrape_id = _scrape(rows, site_id)

    async def refused_then_sent(outbox: Outbox) -> None:
        sent.refuses = True
        with pytest.raises(Unavailable):
            await outbox.dispatch()
        assert _status(rows, scrape_id) == ("queued", False)
        sent.refuses = False
        await outbox.dispatch()

    run(refused_then_sent)
    assert sent.ids == [scrape_id]


def test_two_outboxes_at_once_share_the_work(run: Run, sent: Sent, rows: psycopg.Connection, site_id: str) -> None:
    due = [_scrape(rows, site_id) for _ in range(20)]

    async def together(outbox: Outbox) -> None:
        await asyncio.gather(outbox.dispatch(), outbox.dispatch())

    run(together)
    assert sorted(sent.ids) == sorted(due)


def test_messages_that_the_broker_lost_are_sent_again(
    run: Run, sent: Sent, rows: psycopg.Connection, site_id: str
) -> None:
    lost = _scrape(rows, site_id, dispatched_at="now() - interval '1 minute'")
    fresh = _scrape(rows, site_id, dispatched_at="now()")

    async def sweep(outbox: Outbox) -> None:
        await outbox.sweep()
        await outbox.dispatch()

    run(sweep)
    assert sent.ids == [lost]
    assert _status(rows, fresh) == ("queued", True)


def test_a_dead_workers_scrape_is_queued_again(run: Run, sent: Sent, rows: psycopg.Connection, site_id: str) -> None:
    held = {"status": "'running'", "lease": "'x'", "dispatched_at": "now()"}
    dead = _scrape(rows, site_id, **held, heartbeat_at=f"now() - interval '{LEASE_S + 1} seconds'")
    alive = _scrape(rows, site_id, **held, heartbeat_at="now()")

    async def sweep(outbox: Outbox) -> None:
        await outbox.sweep()
        await outbox.dispatch()

    run(sweep)
    assert sent.ids == [dead]
    assert _status(rows, alive) == ("running", True)


def test_what_became_due_without_anybody_saying_so_is_sent(
    run: Run, sent: Sent, rows: psycopg.Connection, site_id: str
) -> None:
    async def look_by_itself(outbox: Outbox) -> None:
        outbox.start()
        async with asyncio.timeout(10):
            for _ in range(2):
                due = _scrape(rows, site_id)
                while due not in sent.ids:
                    await asyncio.sleep(0.05)
        await outbox.close()

    run(look_by_itself)
    assert len(sent.ids) == 2


def test_with_nothing_lost_no_transaction_is_begun(
    schema: str, redis_url: str, sent: Sent, rows: psycopg.Connection, site_id: str
) -> None:
    """Several processes look every other second, for ever: what they nearly always find must cost next to nothing."""
    _scrape(rows, site_id, dispatched_at="now()")
    begun: list[object] = []

    class Watched(Database):
        async def write(self, *given: Any, **named: Any) -> Any:
            begun.append(given)
            return await super().write(*given, **named)

    async def sweep() -> None:
        database = Watched(schema, pool_size=1, name="outbox")
        redis = Redis(redis_url)
        await Outbox(database, redis, sent).sweep()
        await redis.close()
        await database.close()

    asyncio.run(sweep())
    assert begun == []


def test_with_the_fault_that_sends_once_nothing_is_sent_again(
    run_once: Run, sent: Sent, rows: psycopg.Connection, site_id: str
) -> None:
    refused = _scrape(rows, site_id)
    lost = _scrape(rows, site_id, dispatched_at="now() - interval '1 minute'")
    dead = _scrape(rows, site_id, status="'running'", heartbeat_at=f"now() - interval '{LEASE_S + 1} seconds'")

    async def refused_then_swept(outbox: Outbox) -> None:
        sent.refuses = True
        await outbox.dispatch()
        sent.refuses = False
        await outbox.sweep()
        await outbox.dispatch()

    run_once(refused_then_swept)
    assert sent.ids == []
    assert [_status(rows, one)[0] for one in (refused, lost, dead)] == ["queued", "queued", "running"]
