"""PostgreSQL: bounded transactions that survive a failover.

A transaction that met a dead connection before its commit was sent is run once more on a fresh one: nothing of it
can have stayed. So is one that the server gave up for another's sake (a deadlock, a lock held for too long). One whose
commit was sent and not answered has an unknown outcome, unless the work is idempotent.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from reference.searchapp import metrics
from reference.searchapp.settings import DB_READ_TIMEOUT_S, DB_WRITE_TIMEOUT_S, FOR_EVER_S
from reference.searchapp.stores.breaker import Breaker, Unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

# The server's own bounds, for what is left running there when we stop waiting.
_SERVER_LIMITS = ("statement_timeout=10000", "lock_timeout=3000", "idle_in_transaction_session_timeout=30000")
# Ours, for a server that is gone without a word.
_CONNECTION_LIMITS = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
# A burst waits for its turn; two tries of this are within the time of a write.
_POOL_TIMEOUT_S = 1.5
# Only connections for writes are made anew after a while: commits that wait for a lost replica may have used up all
# that the server grants, and then there is no other for a read or a probe.
_WRITES_KEPT_FOR_S, _KEPT = 300, -1
# Answers of a server that is not, or no longer, the primary.
_NOT_PRIMARY = {"25006"}
# Rolled back (a deadlock, a serialization failure) or kept waiting for a lock: the server is well, another came first.
_CAME_SECOND = {"40001", "40P01", "55P03"}
# A table is missing: the migrations have not run yet.
_NOT_MIGRATED = {"42P01"}


class OutcomeUnknown(Exception):
    """The commit was sent and never answered: the write may or may not have taken effect."""


class _Attempt:
    """One run of a transaction: how far it got, and the socket to cut if it gets stuck."""

    def __init__(self) -> None:
        self.began = False
        self.committing = False
        self.given_up = False
        self.fd: int | None = None

    def require_wanted(self) -> None:
        """Stop an attempt whose caller was already told that nothing was written."""
        if self.given_up:
            raise TimeoutError("given up")

    def cut(self) -> None:
        """Make whatever waits on this attempt's connection fail at once.

        Cancelling is not enough: the driver would then wait for the server, which is what is frozen.
        """
        self.given_up = True
        if self.fd is None:
            return
        with suppress(OSError), socket.socket(fileno=os.dup(self.fd)) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)


def async_url(database_url: str) -> Any:
    """The contract's `postgresql://` URL for SQLAlchemy's psycopg driver."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


class Database:
    """Connections to the primary, where there is more than one half of them for reads.

    A primary that has lost its replicas answers reads and confirms no commit; who waits for that must not hold what a
    read needs, and what became of writes says nothing of reads: they have a breaker of their own. While it is open one
    write at a time tries: each commit that nobody confirms keeps a connection at the server for as long as a statement
    may take, and all that clients send would use up what the server grants. With `no_timeouts`, a fault, every answer
    is waited for.
    """

    def __init__(self, database_url: str, *, pool_size: int, name: str, no_timeouts: bool = False) -> None:
        self._waits_at_least_s = FOR_EVER_S if no_timeouts else 0.01
        self.breaker = Breaker(dependency="database")
        self._writes_breaker = Breaker(dependency="database")

        def engine(size: int, *, kept_for_s: int = _KEPT) -> AsyncEngine:
            return create_async_engine(
                async_url(database_url),
                hide_parameters=True,
                pool_size=size,
                max_overflow=0,
                pool_timeout=FOR_EVER_S if no_timeouts else _POOL_TIMEOUT_S,
                pool_recycle=kept_for_s,
                # No pre-ping: a dead connection shows at the first statement and the transaction is run again on a
                # fresh one, while a ping to a frozen server could not be cut short.
                pool_pre_ping=False,
                connect_args={
                    **({} if no_timeouts else _CONNECTION_LIMITS),
                    "target_session_attrs": "read-write",
                    "application_name": f"searchapp-{name}"[:63],
                    "options": " ".join(f"-c {limit}" for limit in _SERVER_LIMITS),
                },
            )

        for_reads = pool_size // 2
        self._writes = engine(pool_size - for_reads, kept_for_s=_WRITES_KEPT_FOR_S)
        # Each statement by itself: a transaction around it would be two more answers to wait for.
        self._reads = (engine(for_reads) if for_reads else self._writes).execution_options(isolation_level="AUTOCOMMIT")
        # A probe that had to queue behind the requests would call a busy database a lost one.
        self._probes = engine(1).execution_options(isolation_level="AUTOCOMMIT")
        self._abandoned: set[asyncio.Task[Any]] = set()
        pools = {self._reads.pool, self._writes.pool}
        metrics.db_connections_active.set_function(
            lambda: float(sum(pool.checkedout() for pool in pools))  # type: ignore[attr-defined]
        )

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]], *, timeout_s: float = DB_READ_TIMEOUT_S) -> T:
        """What `work` finds, or Unavailable. Each of its statements sees what is committed by then."""
        return await self._run(work, idempotent=True, timeout_s=timeout_s, engine=self._reads, breaker=self.breaker)

    async def write(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        idempotent: bool = False,
        timeout_s: float = DB_WRITE_TIMEOUT_S,
    ) -> T:
        """What `work` returns, committed. Unavailable: nothing was written. OutcomeUnknown: it may have been."""
        with self._writes_breaker.admitted():
            return await self._run(
                work, idempotent=idempotent, timeout_s=timeout_s, engine=self._writes, breaker=self._writes_breaker
            )

    async def warm(self, connections: int) -> None:
        """Open that many connections of each kind, so that nobody's request waits for them. Unavailable."""
        kinds = (self.read, self.write)
        await asyncio.gather(*(ask(_look) for ask in kinds for _ in range(connections)))

    async def probe(self) -> None:
        """Ask the server for a sign of life, past the breakers. Whether it confirms commits the next write tries."""
        await self._bounded(_look, _Attempt(), timeout_s=1.0, engine=self._probes)
        self._writes_breaker.try_one()

    async def close(self) -> None:
        for task in self._abandoned:
            task.cancel()
        for engine in (self._reads, self._writes, self._probes):
            await engine.dispose()

    async def _run(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        idempotent: bool,
        timeout_s: float,
        engine: AsyncEngine,
        breaker: Breaker,
    ) -> T:
        # Whatever the probe found gone is gone for both.
        self.breaker.require_closed()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        may_have_committed = False
        for last in (False, True):
            attempt = _Attempt()
            try:
                answer = await self._bounded(work, attempt, timeout_s=deadline - loop.time(), engine=engine)
            except IntegrityError:
                breaker.succeeded()
                raise
            except (DBAPIError, PoolTimeout, TimeoutError, OSError) as error:
                came_second = _sqlstate(error) in _CAME_SECOND
                if not came_second and not _is_connection_failure(error):
                    raise
                unknown = attempt.committing and not came_second
                if not came_second and not _only_queued(error, attempt, engine):
                    breaker.failed(f"{type(error).__name__}: {_first_line(error)}")
                may_have_committed = may_have_committed or unknown
                retry = not last and loop.time() < deadline and (idempotent or not unknown)
                if retry:
                    continue
                if may_have_committed:
                    raise OutcomeUnknown(_first_line(error)) from error
                raise Unavailable("database", _first_line(error)) from error
            breaker.succeeded()
            return answer
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def _bounded(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        attempt: _Attempt,
        *,
        timeout_s: float,
        engine: AsyncEngine,
    ) -> T:
        task = asyncio.ensure_future(self._transaction(work, attempt, engine))
        try:
            done, _ = await asyncio.wait({task}, timeout=max(timeout_s, self._waits_at_least_s))
        except asyncio.CancelledError:
            self._abandon(task, attempt)
            raise
        if not done:
            self._abandon(task, attempt)
            raise TimeoutError(f"no answer within {timeout_s:.1f} s")
        return task.result()

    def _abandon(self, task: asyncio.Task[Any], attempt: _Attempt) -> None:
        self._abandoned.add(task)
        task.add_done_callback(self._forget)
        attempt.cut()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("abandoned transaction ended", extra={"error": _first_line(error)})

    async def _transaction(
        self, work: Callable[[AsyncConnection], Awaitable[T]], attempt: _Attempt, engine: AsyncEngine
    ) -> T:
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            assert driver is not None
            attempt.fd = driver.fileno()
            attempt.began = True
            try:
                attempt.require_wanted()
                answer = await work(connection)
                attempt.require_wanted()
                attempt.committing = True
                await connection.commit()
                attempt.committing = False
            except DBAPIError as error:
                if _sqlstate(error) in _NOT_PRIMARY:
                    await connection.invalidate()
                raise
            finally:
                attempt.fd = None
            return answer


async def _look(connection: AsyncConnection) -> None:
    await connection.execute(text("select from sites limit 1"))


def _only_queued(error: BaseException, attempt: _Attempt, engine: AsyncEngine) -> bool:
    """Whether no connection of ours was free: that says nothing of the server."""
    pool = engine.pool
    all_in_use = pool.checkedout() >= pool.size()  # type: ignore[attr-defined]
    return isinstance(error, PoolTimeout) or (isinstance(error, TimeoutError) and not attempt.began and all_in_use)


def _sqlstate(error: BaseException) -> str | None:
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _is_connection_failure(error: BaseException) -> bool:
    """Whether the server was lost, or is not one that may serve us, rather than the statement being wrong."""
    if isinstance(error, (PoolTimeout, TimeoutError, OSError)):
        return True
    state = _sqlstate(error)
    # 08 connection, 53 resources, 57 operator intervention (shutdown, cancelled by timeout), 25006 read-only.
    return state is None or state[:2] in {"08", "53", "57"} or state in _NOT_PRIMARY | _NOT_MIGRATED


def _first_line(error: BaseException) -> str:
    return (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0]
