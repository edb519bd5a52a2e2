"""A lost or frozen PostgreSQL is told within bounds, and told rightly: nothing done, or unknown."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp.stores.breaker import Breaker, Unavailable
from reference.searchapp.stores.database import Database, OutcomeUnknown
from reference.tests.searchapp.locks import until_it_waits
from reference.tests.wires import Wire


@pytest.fixture
def wire(schema: str) -> Iterator[Wire]:
    with Wire(schema) as one:
        yield one


@pytest.fixture
def site_id() -> str:
    return f"t{os.urandom(5).hex()}"


def _insert(site_id: str, *, then: object = None) -> object:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            text("insert into sites (id, name, base_url) values (:id, 'n', :id) on conflict (id) do nothing"),
            {"id": site_id},
        )
        if callable(then):
            then()

    return work


def _exists(rows: psycopg.Connection, site_id: str) -> bool:
    return rows.execute("select 1 from sites where id = %s", (site_id,)).fetchone() is not None


async def _one(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("select 1"))).scalar_one())


def test_a_killed_connection_is_replaced_without_the_caller_noticing(
    schema: str, rows: psycopg.Connection, site_id: str
) -> None:
    async def run() -> None:
        database = Database(schema, pool_size=2, name=site_id)
        assert await database.read(_one) == 1
        rows.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s",
            (f"searchapp-{site_id}",),
        )
        await database.write(_insert(site_id))  # type: ignore[arg-type]
        await database.close()

    asyncio.run(run())
    assert _exists(rows, site_id)


def test_a_database_that_is_gone_is_unavailable(wire: Wire) -> None:
    async def run() -> None:
        database = Database(wire.url, pool_size=2, name="t")
        assert await database.read(_one) == 1
        wire.cut()
        with pytest.raises(Unavailable):
            await database.read(_one)
        wire.mend()
        database.breaker.succeeded()
        assert await database.read(_one) == 1
        await database.close()

    asyncio.run(run())


def test_a_frozen_database_does_not_hang_a_call_and_recovers(wire: Wire) -> None:
    async def run() -> None:
        database = Database(wire.url, pool_size=2, name="t")
        assert await database.read(_one) == 1
        wire.freeze()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(database.read(_one, timeout_s=0.3), 10)
        wire.mend()
        database.breaker.succeeded()
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await database.read(_one, timeout_s=1.0) == 1
                except Unavailable:
                    database.breaker.succeeded()
                else:
                    break
        await database.close()

    asyncio.run(run())


def test_a_write_lost_before_its_commit_left_nothing(wire: Wire, rows: psycopg.Connection, site_id: str) -> None:
    async def lost_at_once(connection: AsyncConnection) -> None:
        wire.cut()
        await connection.execute(text("insert into sites (id, name, base_url) values (:id, 'n', :id)"), {"id": site_id})

    async def run() -> None:
        database = Database(wire.url, pool_size=2, name="t")
        with pytest.raises(Unavailable):
            await database.write(lost_at_once)
        await database.close()

    asyncio.run(run())
    assert not _exists(rows, site_id)


def test_a_write_that_was_given_up_in_a_deadlock_is_run_again(
    schema: str, rows: psycopg.Connection, site_id: str
) -> None:
    """As a site's deletion is that meets a scrape which stores pages of it."""
    ours, theirs = f"{site_id}-a", f"{site_id}-b"
    for one in (ours, theirs):
        rows.execute("insert into sites (id, name, base_url) values (%s, 'n', %s)", (one, one))
    rename = "update sites set name = name || %s where id = %s"
    renamed = text("update sites set name = name || 'o' where id = :id")
    attempts: list[None] = []

    async def run() -> None:
        database = Database(schema, pool_size=2, name=site_id)
        with psycopg.connect(schema, application_name=f"searchapp-{site_id}-other") as other:
            # Of two that wait for each other the one that looks is given up; this one never looks while the test runs.
            other.execute("set deadlock_timeout = '1min'")
            other.execute(rename, ("t", theirs))
            holds_ours = asyncio.Event()

            async def both(connection: AsyncConnection) -> None:
                attempts.append(None)
                await connection.execute(renamed, {"id": ours})
                if not holds_ours.is_set():
                    holds_ours.set()
                    await until_it_waits(rows, f"{site_id}-other")
                await connection.execute(renamed, {"id": theirs})

            async def crosswise() -> None:
                await holds_ours.wait()
                await asyncio.to_thread(other.execute, rename, ("t", ours))
                await asyncio.to_thread(other.commit)

            async with asyncio.timeout(15):
                await asyncio.gather(database.write(both, timeout_s=10.0), crosswise())
        await database.close()

    asyncio.run(run())
    assert len(attempts) == 2
    names = rows.execute("select name from sites where id = any(%s) order by id", ([ours, theirs],)).fetchall()
    assert names == [("nto",), ("nto",)]


def test_a_write_that_waits_too_long_for_a_lock_is_refused_and_the_database_is_not_called_lost(
    schema: str, rows: psycopg.Connection, site_id: str
) -> None:
    rows.execute("insert into sites (id, name, base_url) values (%s, 'n', %s)", (site_id, site_id))

    async def run() -> None:
        database = Database(schema, pool_size=2, name=site_id)

        async def impatient(connection: AsyncConnection) -> None:
            await connection.execute(text("set local lock_timeout = '50ms'"))
            await connection.execute(text("update sites set name = 'o' where id = :id"), {"id": site_id})

        with psycopg.connect(schema) as other:
            other.execute("update sites set name = 't' where id = %s", (site_id,))
            for _ in range(Breaker(dependency="database").failures_to_open):
                with pytest.raises(Unavailable):
                    await database.write(impatient)
            assert await database.read(_one) == 1
        await database.close()

    asyncio.run(run())


def test_a_write_lost_at_its_commit_has_an_unknown_outcome(wire: Wire, site_id: str) -> None:
    async def run() -> None:
        database = Database(wire.url, pool_size=2, name="t")
        with pytest.raises(OutcomeUnknown):
            await database.write(_insert(site_id, then=wire.freeze), timeout_s=0.5)  # type: ignore[arg-type]
        await database.close()

    asyncio.run(run())


def test_an_idempotent_write_lost_at_its_commit_is_run_again(
    wire: Wire, rows: psycopg.Connection, site_id: str
) -> None:
    attempts: list[None] = []

    def once() -> None:
        attempts.append(None)
        if len(attempts) == 1:
            wire.cut()
            wire.mend()

    async def run() -> None:
        database = Database(wire.url, pool_size=2, name="t")
        await database.write(_insert(site_id, then=once), idempotent=True)  # type: ignore[arg-type]
        await database.close()

    asyncio.run(run())
    assert len(attempts) == 2
    assert _exists(rows, site_id)


def test_statements_of_a_read_stand_by_themselves_and_those_of_a_write_together(schema: str) -> None:
    """On one and the same connection, one after the other."""

    async def two(connection: AsyncConnection) -> set[str]:
        return {str(await connection.scalar(text("select pg_current_xact_id()::text"))) for _ in range(2)}

    async def run() -> list[int]:
        database = Database(schema, pool_size=1, name="test")
        found = [len(await ask(two)) for ask in (database.read, database.write, database.read, database.write)]
        await database.close()
        return found

    assert asyncio.run(run()) == [2, 1, 2, 1]


def test_a_wrong_statement_is_not_a_lost_database(schema: str) -> None:
    async def wrong(connection: AsyncConnection) -> None:
        await connection.execute(text("select nothing from sites"))

    async def run() -> None:
        database = Database(schema, pool_size=2, name="t")
        with pytest.raises(ProgrammingError):
            await database.read(wrong)
        assert not database.breaker.is_open
        await database.close()

    asyncio.run(run())


def test_a_server_that_became_read_only_is_left(schema: str, rows: psycopg.Connection, site_id: str) -> None:
    """As after a failover in which the old primary lives on as a replica."""

    async def first_read_only(connection: AsyncConnection) -> None:
        if not seen:
            await connection.execute(text("set transaction read only"))
        seen.append(None)
        await connection.execute(text("insert into sites (id, name, base_url) values (:id, 'n', :id)"), {"id": site_id})

    seen: list[None] = []

    async def run() -> None:
        database = Database(schema, pool_size=2, name="t")
        await database.write(first_read_only)
        await database.close()

    asyncio.run(run())
    assert len(seen) == 2
    assert _exists(rows, site_id)


def test_a_database_without_the_schema_is_unavailable(schema: str) -> None:
    async def run() -> None:
        database = Database(schema.rsplit("/", 1)[0] + "/postgres", pool_size=2, name="t")
        with pytest.raises(ProgrammingError):
            await database.probe()
        with pytest.raises(Unavailable):
            await database.read(lambda connection: connection.execute(text("select from sites")))
        await database.close()

    asyncio.run(run())


def test_a_database_whose_connections_are_all_in_use_is_busy_and_not_lost(schema: str, site_id: str) -> None:
    async def run() -> None:
        database = Database(schema, pool_size=1, name=site_id)
        busy = asyncio.Event()

        async def hold(connection: AsyncConnection) -> None:
            await connection.execute(text("select 1"))
            busy.set()
            await asyncio.sleep(4.0)

        holding = asyncio.create_task(database.write(hold, timeout_s=5.0))
        await busy.wait()
        await database.probe()
        refused = await asyncio.gather(*(database.read(_one) for _ in range(4)), return_exceptions=True)
        assert [type(one) for one in refused] == [Unavailable] * 4
        assert not database.breaker.is_open
        await holding
        assert await database.read(_one) == 1
        await database.close()

    asyncio.run(run())


@pytest.fixture
def _slow_commits(rows: psycopg.Connection) -> Iterator[None]:
    """A commit of a new site is answered after two seconds, as by a primary that waits for its replicas."""
    rows.execute(
        """
        create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(2); return null; end';
        create constraint trigger slow after insert on sites deferrable initially deferred
            for each row execute function slow();
        """
    )
    yield
    rows.execute("drop function slow cascade")


@pytest.mark.usefixtures("_slow_commits")
def test_reads_go_on_while_commits_are_not_answered(schema: str, rows: psycopg.Connection, site_id: str) -> None:
    async def run() -> None:
        database = Database(schema, pool_size=4, name=site_id)
        waiting: list[asyncio.Task[None]] = [
            asyncio.create_task(database.write(_insert(f"{site_id}{number}"), timeout_s=1.0))  # type: ignore[arg-type]
            for number in range(4)
        ]
        await until_it_waits(rows, site_id, kind="Timeout")
        assert await asyncio.gather(*(database.read(_one, timeout_s=0.5) for _ in range(4))) == [1] * 4
        told = [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)]
        assert told.count(OutcomeUnknown) >= 2
        assert not database.breaker.is_open
        await database.close()

    asyncio.run(run())


def test_a_connection_for_reads_is_kept_where_there_may_be_no_other(
    schema: str, rows: psycopg.Connection, site_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def servers() -> set[int]:
        name = f"searchapp-{site_id}"
        return {pid for (pid,) in rows.execute("select pid from pg_stat_activity where application_name = %s", (name,))}

    async def its_server(connection: AsyncConnection) -> int:
        return int((await connection.execute(text("select pg_backend_pid()"))).scalar_one())

    async def run() -> None:
        database = Database(schema, pool_size=2, name=site_id)
        read, written = await database.read(its_server), await database.write(its_server)
        await database.probe()
        (probed,) = servers() - {read, written}
        monkeypatch.setattr("sqlalchemy.pool.base.time", SimpleNamespace(time=lambda: time.time() + 3600))
        assert await database.read(its_server) == read
        assert await database.write(its_server) != written, "made anew after a while"
        await database.probe()
        assert servers() - {written} >= {read, probed}
        await database.close()

    asyncio.run(run())


@pytest.mark.usefixtures("_slow_commits")
def test_while_commits_are_not_answered_one_at_a_time_is_sent_each_time_the_server_is_seen(
    schema: str, rows: psycopg.Connection, site_id: str
) -> None:
    async def run() -> None:
        database = Database(schema, pool_size=4, name=site_id)
        for number in range(3):
            with pytest.raises(OutcomeUnknown):
                await database.write(_insert(f"{site_id}{number}"), timeout_s=1.0)  # type: ignore[arg-type]
        with pytest.raises(Unavailable):
            await database.write(_one)
        assert await database.read(_one) == 1
        await database.probe()
        trying: asyncio.Task[None] = asyncio.create_task(database.write(_insert(f"{site_id}3")))  # type: ignore[arg-type]
        await until_it_waits(rows, site_id, kind="Timeout")
        await database.probe()
        with pytest.raises(Unavailable):
            await database.write(_one)
        await trying
        assert await asyncio.gather(*(database.write(_one) for _ in range(2))) == [1, 1]
        await database.close()

    asyncio.run(run())
