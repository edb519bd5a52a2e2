"""Index and database agree in the end: indexes without a site go, sites whose index lost pages get them back."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp.settings import Settings
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.database import OutcomeUnknown
from reference.searchapp.stores.generations import new_generation
from reference.searchapp.stores.indexing import Indexer, IndexRefused
from reference.searchapp.stores.opened import Stores
from reference.searchapp.tasks.pages import StoredPage

log = logging.getLogger(__name__)

_EVERY_S = 15.0
_BATCH = 500
# Held by one process at a time and longer than a round takes; it expires by itself.
_TURN_KEY, _TURN_MS = "reconcile:turn", 120_000
_SITES = text(
    """
    select s.id, count(p.id) as pages from sites s left join pages p on p.site_id = s.id
    where not exists (select from scrapes r where r.site_id = s.id and r.status = 'running')
    group by s.id
    """
)
_ALL_SITES = text("select id from sites")
_PAGES = text(
    """
    select id, url, title, content, checksum from pages
    where site_id = :site_id and id > :after order by id limit :limit
    """
)


class Reconciler:
    """Compares counts every quarter of a minute; costs one query and one request while all is well."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._stores = stores
        self._indexer = Indexer(settings.meilisearch_url, settings.meili_master_key)
        self._name = secrets.token_hex(8)
        self._task: asyncio.Task[None] | None = None
        self._differing: dict[str, tuple[int, int]] = {}

    def start(self) -> None:
        self._task = asyncio.create_task(self._forever())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def reconcile(self) -> None:
        """One comparison, and what follows from it. A difference counts once it is seen twice: between the two
        questions a scrape may have ended."""
        indexed = await self._indexer.counts()
        known = await self._stores.database.read(_site_ids)
        for site_id in indexed.keys() - known:
            log.warning("dropping an index without a site", extra={"site": site_id})
            await self._indexer.drop(site_id)
        stored = await self._stores.database.read(_page_counts)
        differing = {
            site_id: (pages, indexed.get(site_id, 0))
            for site_id, pages in stored.items()
            if pages != indexed.get(site_id, 0)
        }
        twice = [site_id for site_id, counts in differing.items() if self._differing.get(site_id) == counts]
        self._differing = differing
        for site_id in twice:
            pages, found = differing[site_id]
            log.warning("index differs", extra={"site": site_id, "stored": pages, "indexed": found})
            await self._rebuild(site_id, surplus=found > pages)

    async def _rebuild(self, site_id: str, *, surplus: bool) -> None:
        if surplus:
            # Searches are answered by the database until it is filled again.
            await self._indexer.drop(site_id)
        await self._indexer.prepare(site_id)
        after = ""
        while pages := await self._stores.database.read(lambda c, after=after: _pages(c, site_id, after)):  # type: ignore[misc]
            await self._indexer.put(site_id, pages)
            after = pages[-1].id
        await self._stores.redis.call(new_generation(site_id))

    async def _my_turn(self) -> bool:
        (granted,) = await self._stores.redis.call(("SET", _TURN_KEY, self._name, "NX", "PX", _TURN_MS))
        if granted is not None:
            return True
        (holder,) = await self._stores.redis.call(("GET", _TURN_KEY))
        return bool(holder == self._name.encode())

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                if await self._my_turn():
                    await self.reconcile()
            except (Unavailable, OutcomeUnknown, IndexRefused, TimeoutError) as error:
                log.info("cannot compare now", extra={"error": str(error)})
            except Exception:
                log.exception("comparison failed")


async def _site_ids(connection: AsyncConnection) -> set[str]:
    return set((await connection.execute(_ALL_SITES)).scalars())


async def _page_counts(connection: AsyncConnection) -> dict[str, int]:
    return {row.id: row.pages for row in await connection.execute(_SITES)}


async def _pages(connection: AsyncConnection, site_id: str, after: str) -> list[StoredPage]:
    place = {"site_id": site_id, "after": after, "limit": _BATCH}
    return [StoredPage(**row._mapping) for row in await connection.execute(_PAGES, place)]
