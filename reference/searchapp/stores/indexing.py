"""Writing to the search engine, through its official client: done means that the engine said so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import meilisearch
import requests
from meilisearch.errors import MeilisearchApiError, MeilisearchError

from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.engine import index_uid
from reference.searchapp.tasks.pages import StoredPage

T = TypeVar("T")

SETTINGS: dict[str, Any] = {
    "searchableAttributes": ["title", "content"],
    "displayedAttributes": ["id", "url", "title", "content"],
}
_REQUEST_TIMEOUT_S = 10
_POLL_LEAST_S, _POLL_MOST_S = 0.05, 0.5
# An engine that works on one batch for longer than this has lost it.
_TASK_TIMEOUT_S = 120.0


class IndexRefused(Exception):
    """The engine will not take this; trying again is of no use."""


class Indexer:
    """Puts pages into sites' indexes. Unavailable while the engine does not answer."""

    def __init__(self, url: str, master_key: str) -> None:
        self._url, self._key = url, master_key or None

    async def prepare(self, site_id: str) -> None:
        """The site's index exists and has our settings."""
        uid = index_uid(site_id)
        # Tasks are done in order, so only the next one is waited for; this one fails where the index is there already.
        await self._ask(lambda client: client.create_index(uid, {"primaryKey": "id"}))
        await self._done(lambda client: client.index(uid).update_settings(SETTINGS))

    async def put(self, site_id: str, pages: Sequence[StoredPage]) -> None:
        """The pages are found from now on, as they are here."""
        documents = [{name: v for name, v in asdict(page).items() if name != "checksum"} for page in pages]
        await self._done(lambda client: client.index(index_uid(site_id)).add_documents(documents, "id"))

    async def remove(self, site_id: str, page_ids: Iterable[str]) -> None:
        """The pages are not found any more."""
        ids: list[str | int] = list(page_ids)
        await self._done(lambda client: client.index(index_uid(site_id)).delete_documents(ids))

    async def counts(self) -> dict[str, int]:
        """How many pages each site's index holds."""
        stats = await self._ask(lambda client: client.get_all_stats())
        return {
            uid.removeprefix("site-"): int(index["numberOfDocuments"])
            for uid, index in stats["indexes"].items()
            if uid.startswith("site-")
        }

    async def drop(self, site_id: str) -> None:
        """The site's index is gone."""
        await self._done(lambda client: client.delete_index(index_uid(site_id)), fine="index_not_found")

    async def _done(self, enqueue: Callable[[meilisearch.Client], Any], *, fine: str | None = None) -> None:
        """Enqueue a task and wait for its end."""
        uid = (await self._ask(enqueue)).task_uid
        pause_s = _POLL_LEAST_S
        async with asyncio.timeout(_TASK_TIMEOUT_S):
            while (task := await self._ask(lambda client: client.get_task(uid))).status in {"enqueued", "processing"}:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 1.5, _POLL_MOST_S)
        if task.status != "succeeded":
            error = task.error or {}
            if error.get("code") != fine:
                raise IndexRefused(f"task {uid} {task.status}: {error.get('message')}")

    async def _ask(self, call: Callable[[meilisearch.Client], T]) -> T:
        return await asyncio.to_thread(self._ask_now, call)

    def _ask_now(self, call: Callable[[meilisearch.Client], T]) -> T:
        # A client of its own for each call: the official one is not safe to share between threads.
        try:
            return call(meilisearch.Client(self._url, self._key, timeout=_REQUEST_TIMEOUT_S))
        except MeilisearchApiError as error:
            # A task that a restarted engine does not know was lost with it: the work has to be handed in again.
            if error.status_code < 500 and error.code != "task_not_found":
                raise IndexRefused(str(error)) from error
            raise Unavailable("search_engine", str(error)) from error
        except (MeilisearchError, requests.RequestException) as error:
            raise Unavailable("search_engine", str(error)) from error
