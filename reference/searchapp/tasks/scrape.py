"""One scrape, from claim to end.

It is done again from the start after any loss, and doing it twice is doing it once: pages have ids of their own making,
and only the holder of the lease can end it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp import metrics
from reference.searchapp.settings import Settings
from reference.searchapp.stores import scrapes
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.database import OutcomeUnknown
from reference.searchapp.stores.generations import GENERATION_TRUST_S, new_generation
from reference.searchapp.stores.indexing import Indexer, IndexRefused
from reference.searchapp.stores.opened import Stores
from reference.searchapp.stores.scrapes import ATTEMPTS_MOST, Claim, LeaseLost
from reference.searchapp.tasks.crawl import Crawl, CrawlFailed, Fetcher
from reference.searchapp.tasks.outbox import HEARTBEAT_S, LEASE_S
from reference.searchapp.tasks.pages import StoredPage

T = TypeVar("T")
log = logging.getLogger(__name__)

_STORE_BATCH = 100
_INDEX_BATCH = 500
_CRAWLS_MOST = 4
_FIRST_PAUSE_S = 2.0
_RETRY_LEAST_S, _RETRY_MOST_S = 0.25, 3.0


class Scraper:
    """Does scrapes in one event loop; any number at a time."""

    def __init__(self, settings: Settings, stores: Stores, fetcher: Fetcher) -> None:
        self._settings = settings
        self._stores = stores
        self._fetcher = fetcher
        self._indexer = Indexer(settings.meilisearch_url, settings.meili_master_key)
        self._running: set[asyncio.Task[None]] = set()

    async def scrape(self, scrape_id: str) -> str:
        """Do one scrape if nobody else does; says how it ended."""
        held = await self._persist(lambda c: scrapes.claim(c, scrape_id, LEASE_S))
        if held is None:
            return "nothing to do"
        started = time.monotonic()
        ended = "lost"
        metrics.active_scrapes.inc()
        log.info("scrape started", extra={"scrape": held.id, "site": held.site_id, "attempt": held.attempts})
        try:
            ended = await self._attempt(held)
        except LeaseLost:
            pass  # its next holder, if there is one, ends it
        finally:
            metrics.active_scrapes.dec()
            metrics.scrape_jobs.labels(ended).inc()
            metrics.scrape_duration.observe(time.monotonic() - started)
            log.info(
                "scrape ended",
                extra={"scrape": held.id, "ended": ended, "duration_s": round(time.monotonic() - started, 2)},
            )
        return ended

    def release_all(self) -> None:
        """Give all running scrapes back, so that another worker has them at once."""
        for task in self._running:
            task.cancel("released")

    async def _attempt(self, held: Claim) -> str:
        if held.attempts > ATTEMPTS_MOST:
            await self._persist(lambda c: scrapes.fail(c, held, f"given up after {ATTEMPTS_MOST} attempts"))
            return "failed"
        work = _Work(held)
        main = asyncio.create_task(self._work(work))
        beat = asyncio.create_task(self._beat(work))
        self._running.add(main)
        try:
            await asyncio.wait({main, beat}, return_when=asyncio.FIRST_COMPLETED)
            if not main.done():
                main.cancel("lease lost")
            await main
        except asyncio.CancelledError:
            if beat.done():
                raise LeaseLost from None
            await self._persist(lambda c: scrapes.again(c, held, error=None, pause_s=0))
            return "released"
        except CrawlFailed as failure:
            return await self._failed(held, str(failure), final=failure.final)
        except IndexRefused as refused:
            return await self._failed(held, f"search engine: {refused}", final=False)
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("scrape met a fault of ours", extra={"scrape": held.id})
            return await self._failed(held, f"internal: {type(error).__name__}", final=False)
        finally:
            self._running.discard(main)
            beat.cancel()
            with suppress(asyncio.CancelledError, LeaseLost):
                await beat
        return "completed"

    async def _failed(self, held: Claim, why: str, *, final: bool) -> str:
        if final or held.attempts >= _CRAWLS_MOST:
            await self._persist(lambda c: scrapes.fail(c, held, why))
            return "failed"
        pause_s = _FIRST_PAUSE_S * 2.0 ** (held.attempts - 1)
        await self._persist(lambda c: scrapes.again(c, held, error=why, pause_s=pause_s))
        return "retried"

    async def _work(self, work: _Work) -> None:
        held = work.held
        await asyncio.sleep(self._settings.fault_slow_scrape_ms / 1000.0)
        crawl = Crawl(
            self._fetcher,
            site_id=held.site_id,
            base_url=held.base_url,
            max_pages=held.max_pages,
            drop_page_every=self._settings.fault_drop_page_every,
        )
        work.crawl = crawl
        batch: list[StoredPage] = []
        async for page in crawl:
            batch.append(page)
            if len(batch) >= _STORE_BATCH:
                await self._store(work, batch)
                batch = []
        await self._store(work, batch)
        removed = (
            []
            if crawl.progress.truncated
            else await self._persist(lambda c: scrapes.gone(c, held, crawl.progress.unread))
        )
        await self._until_available(lambda: self._index(held, removed), "search_engine")
        await self._renew_generation(held.site_id)
        await self._persist(lambda c: scrapes.complete(c, held, removed))

    async def _store(self, work: _Work, pages: list[StoredPage]) -> None:
        stored = work.stored + len(pages)

        async def write(connection: AsyncConnection) -> None:
            await scrapes.beat(connection, work.held, found=work.found, stored=stored, failed=work.failed)
            if pages:
                await scrapes.store(connection, work.held, pages, append=self._settings.fault_append_pages)

        try:
            await self._persist(write)
        except IntegrityError as error:
            raise LeaseLost from error  # the site was deleted under us
        work.stored = stored

    async def _index(self, held: Claim, removed: list[str]) -> None:
        await self._indexer.prepare(held.site_id)
        after = ""
        while pages := await self._persist(
            lambda c, after=after: scrapes.seen(c, held, after=after, limit=_INDEX_BATCH)  # type: ignore[misc]
        ):
            await self._indexer.put(held.site_id, pages)
            after = pages[-1].id
        if removed:
            await self._indexer.remove(held.site_id, removed)

    async def _renew_generation(self, site_id: str) -> None:
        """No replica answers from before this once we return.

        Without Redis nobody serves from cache; what it kept of old answers has expired after their time to live.
        """
        deadline = time.monotonic() + self._settings.cache_ttl_s
        while True:
            try:
                await self._stores.redis.call(new_generation(site_id))
            except Unavailable:
                if time.monotonic() > deadline:
                    return
                await asyncio.sleep(_RETRY_LEAST_S)
            else:
                await asyncio.sleep(GENERATION_TRUST_S)
                return

    async def _beat(self, work: _Work) -> None:
        """Keep the lease; ends (with LeaseLost) when it is lost."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await self._stores.database.write(
                    lambda c: scrapes.beat(c, work.held, found=work.found, stored=work.stored, failed=work.failed),
                    idempotent=True,
                )
            except (Unavailable, OutcomeUnknown) as error:
                log.info("no heartbeat", extra={"scrape": work.held.id, "error": str(error)})

    async def _persist(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Do it in the database, however long that is away; everything here may be done twice."""
        return await self._until_available(lambda: self._stores.database.write(work, idempotent=True), "database")

    async def _until_available(self, call: Callable[[], Awaitable[T]], what: str) -> T:
        pause_s = _RETRY_LEAST_S
        while True:
            try:
                return await call()
            except (Unavailable, OutcomeUnknown, TimeoutError) as error:
                log.info("waiting", extra={"for": what, "error": str(error)})
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _RETRY_MOST_S)


class _Work:
    """How far one attempt is, for its heartbeat."""

    def __init__(self, held: Claim) -> None:
        self.held = held
        self.crawl: Crawl | None = None
        self.stored = 0

    @property
    def found(self) -> int:
        return self.crawl.progress.found if self.crawl else 0

    @property
    def failed(self) -> int:
        return self.crawl.progress.failed if self.crawl else 0
