"""Which sites exist, remembered so that a search need not ask the database."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from sqlalchemy import text

from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.database import Database, OutcomeUnknown
from reference.searchapp.stores.engine import SearchEngine

_EXISTS = text("select exists (select from sites where id = :id)")
_PRESENT_S = 5.0
_ABSENT_S = 1.0
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Seen:
    exists: bool
    generation: str | None
    at: float


class KnownSites:
    """Whether a site exists; asks the database at most every few seconds per site, the engine when that is gone.

    A deletion replaces the site's generation, so what was seen under another generation is asked again at once. What
    was once seen to exist is believed while the database is away, and while it is looked up again: no search waits.
    """

    def __init__(self, database: Database, engine: SearchEngine) -> None:
        self._database = database
        self._engine = engine
        self._seen: dict[str, _Seen] = {}
        self._asking: dict[str, asyncio.Task[bool]] = {}

    async def exists(self, site_id: str, generation: str | None) -> bool:
        """True or False; Unavailable when nobody can tell."""
        seen = self._seen.get(site_id)
        if seen is not None and (generation is None or generation == seen.generation):
            age_s = time.monotonic() - seen.at
            if age_s < (_PRESENT_S if seen.exists else _ABSENT_S):
                return seen.exists
            if seen.exists and self._database.breaker.is_open:
                return True
            if seen.exists and generation is not None:
                self._ask(site_id, generation)
                return True
        return await asyncio.shield(self._ask(site_id, generation))

    def forget(self, site_id: str) -> None:
        self._seen.pop(site_id, None)

    def _ask(self, site_id: str, generation: str | None) -> asyncio.Task[bool]:
        """One question for all who want to know."""
        task = self._asking.get(site_id)
        if task is None:
            task = self._asking[site_id] = asyncio.create_task(self._look(site_id, generation))
            task.add_done_callback(lambda _: self._asking.pop(site_id, None))
        return task

    async def _look(self, site_id: str, generation: str | None) -> bool:
        try:
            exists = await self._database.read(
                lambda connection: connection.scalar(_EXISTS, {"id": site_id}), timeout_s=1.0
            )
        except (Unavailable, OutcomeUnknown):
            seen = self._seen.get(site_id)
            if (seen is None or not seen.exists) and not await self._engine.has_index(site_id):
                raise
            exists = True
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[site_id] = _Seen(bool(exists), generation, time.monotonic())
        return bool(exists)
