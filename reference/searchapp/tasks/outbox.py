"""The outbox: scrapes whose message was not sent, was lost, or whose worker died, get a message.

Any number of processes may run it at once. A message too many does no harm: a scrape is claimed by one worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp.settings import QUEUE
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.database import Database, OutcomeUnknown
from reference.searchapp.stores.redis import Redis

log = logging.getLogger(__name__)

Publish = Callable[[Sequence[str]], None]

_POLL_S = 1.0
_SWEEP_EVERY_S = 2.0
# Five missed beats mean that a worker is gone. One that was only slow loses the scrape, which harms nothing.
HEARTBEAT_S = 2.0
LEASE_S = 10.0
# A message younger than this may be on its way from the broker to a worker.
_ON_ITS_WAY_S = 5.0
_BATCH = 200

_DUE = text(
    """
    select id from scrapes
    where status = 'queued' and dispatched_at is null and not_before <= now()
    order by created_at limit :batch for update skip locked
    """
)
# What the two loops ask first: nearly always there is nothing to do, and an answer to that needs no transaction.
_IS_DUE = text(
    "select exists (select from scrapes where status = 'queued' and dispatched_at is null and not_before <= now())"
)
_IS_LOST = text(
    """
    select
        exists (
            select from scrapes
            where status = 'running' and heartbeat_at < now() - make_interval(secs => :lease_s)
        ) as abandoned,
        exists (
            select from scrapes
            where status = 'queued' and dispatched_at < now() - make_interval(secs => :on_its_way_s)
        ) as waiting
    """
)
_SENT = text("update scrapes set dispatched_at = now() where id = any(cast(:ids as text[]))")
_ABANDONED = text(
    """
    update scrapes set status = 'queued', lease = null, dispatched_at = null
    where status = 'running' and heartbeat_at < now() - make_interval(secs => :lease_s)
    returning id
    """
)
_WAITING = text(
    """
    select count(*) from scrapes
    where status = 'queued' and dispatched_at < now() - make_interval(secs => :on_its_way_s)
    """
)
_RESEND = text(
    """
    update scrapes set dispatched_at = null where id in (
        select id from scrapes
        where status = 'queued' and dispatched_at < now() - make_interval(secs => :on_its_way_s)
        order by dispatched_at limit :missing for update skip locked
    )
    """
)


class Outbox:
    """Sends what is due at once when woken, else within a second; looks for lost messages every few seconds.

    With `send_once`, a fault, nothing is looked for: what the broker did not take is lost, and so is what a worker had.
    """

    def __init__(self, database: Database, redis: Redis, publish: Publish, *, send_once: bool = False) -> None:
        self._database = database
        self._redis = redis
        self._publish = publish
        self._send_once = send_once
        self._woken = asyncio.Event()
        self._was_woken = True
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._forever(self._dispatch_what_is_due, self._wait_for_work)),
            asyncio.create_task(self._forever(self.sweep, lambda: asyncio.sleep(_SWEEP_EVERY_S))),
        ]

    def wake(self) -> None:
        """There is something to send."""
        self._woken.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def dispatch(self) -> None:
        """Send a message for each scrape that is due."""
        while await self._database.write(self._dispatch_batch, idempotent=True) == _BATCH:
            pass

    async def sweep(self) -> None:
        """Make due again what a dead worker held and what the broker lost."""
        if self._send_once:
            return
        lost = await self._database.read(_is_lost)
        abandoned = await self._database.write(self._requeue_abandoned, idempotent=True) if lost.abandoned else 0
        if abandoned:
            log.warning("scrapes of a lost worker queued again", extra={"scrapes": abandoned})
        resent = await self._resend_what_the_broker_lost() if lost.waiting else 0
        if resent:
            log.warning("messages lost by the broker sent again", extra={"scrapes": resent})
        if abandoned or resent:
            self.wake()

    async def _dispatch_what_is_due(self) -> None:
        if self._was_woken or await self._database.read(_is_due):
            await self.dispatch()

    async def _dispatch_batch(self, connection: AsyncConnection) -> int:
        due = (await connection.execute(_DUE, {"batch": _BATCH})).scalars().all()
        if due:
            with suppress(*((Unavailable,) if self._send_once else ())):
                await asyncio.to_thread(self._publish, due)
            await connection.execute(_SENT, {"ids": list(due)})
        return len(due)

    async def _requeue_abandoned(self, connection: AsyncConnection) -> int:
        return len((await connection.execute(_ABANDONED, {"lease_s": LEASE_S})).all())

    async def _resend_what_the_broker_lost(self) -> int:
        (in_broker,) = await self._redis.call(("LLEN", QUEUE))
        return await self._database.write(lambda c: self._resend(c, int(in_broker)), idempotent=True)

    async def _resend(self, connection: AsyncConnection, in_broker: int) -> int:
        """More scrapes wait than messages do: the difference was lost (or sits, unstarted, with a dead worker)."""
        waiting = await connection.scalar(_WAITING, {"on_its_way_s": _ON_ITS_WAY_S})
        missing = int(waiting or 0) - in_broker
        if missing <= 0:
            return 0
        return (await connection.execute(_RESEND, {"missing": missing, "on_its_way_s": _ON_ITS_WAY_S})).rowcount

    async def _wait_for_work(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await self._woken.wait()
        self._was_woken = self._woken.is_set()
        self._woken.clear()

    async def _forever(self, work: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (Unavailable, OutcomeUnknown) as error:
                log.info("outbox waits", extra={"error": str(error)})
                await asyncio.sleep(_POLL_S)
            except Exception:
                log.exception("outbox failed")
                await asyncio.sleep(_POLL_S)
            await pause()


async def _is_due(connection: AsyncConnection) -> bool:
    return bool(await connection.scalar(_IS_DUE))


async def _is_lost(connection: AsyncConnection) -> Row[tuple[bool, bool]]:
    return (await connection.execute(_IS_LOST, {"lease_s": LEASE_S, "on_its_way_s": _ON_ITS_WAY_S})).one()
