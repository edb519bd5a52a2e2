"""The stores of one process, opened and closed together, and the monitor that probes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from reference.searchapp.settings import FOR_EVER_S, PROBE_INTERVAL_S, REDIS_TIMEOUT_S, Settings
from reference.searchapp.stores.breaker import Breaker, Unavailable
from reference.searchapp.stores.database import Database
from reference.searchapp.stores.engine import SearchEngine
from reference.searchapp.stores.redis import Redis

_PROBE_TIMEOUT_S = 1.5


class Stores:
    """Database, Redis and search engine of one process."""

    def __init__(self, settings: Settings, *, pool_size: int, name: str) -> None:
        no_timeouts = settings.fault_no_timeouts
        self._probe_timeout_s = FOR_EVER_S if no_timeouts else _PROBE_TIMEOUT_S
        self.database = Database(settings.database_url, pool_size=pool_size, name=name, no_timeouts=no_timeouts)
        self.redis = Redis(settings.redis_url, timeout_s=FOR_EVER_S if no_timeouts else REDIS_TIMEOUT_S)
        self.engine = SearchEngine(settings.meilisearch_url, settings.meili_master_key)
        self._probes: tuple[tuple[Breaker, Callable[[], Awaitable[None]]], ...] = (
            (self.database.breaker, self.database.probe),
            (self.redis.breaker, self.redis.probe),
            (self.engine.breaker, self.engine.probe),
        )
        self._loops: list[asyncio.Task[None]] = []

    def start_monitor(self) -> None:
        """Keep the breakers' view of each dependency at most about two seconds old."""
        self._loops = [asyncio.create_task(_keep_probing(*probe, self._probe_timeout_s)) for probe in self._probes]

    def checks(self) -> dict[str, dict[str, Any]]:
        """What the last probe of each dependency saw, as `/ready` shows it."""
        return {breaker.dependency: _check(breaker) for breaker, _ in self._probes}

    @property
    def can_search(self) -> bool:
        return bool(self.engine.breaker.healthy or self.database.breaker.healthy)

    @property
    def probed(self) -> bool:
        """Whether each dependency was probed at least once."""
        return all(breaker.healthy is not None for breaker, _ in self._probes)

    async def close(self) -> None:
        for loop in self._loops:
            loop.cancel()
        for loop in self._loops:
            with suppress(asyncio.CancelledError):
                await loop
        await self.engine.close()
        await self.redis.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self.database.close()


def _check(breaker: Breaker) -> dict[str, Any]:
    seen: dict[str, Any] = {"healthy": bool(breaker.healthy), "latency_ms": breaker.latency_ms}
    if breaker.healthy is None:
        seen["error"] = "not probed yet"
    elif not breaker.healthy and breaker.error:
        seen["error"] = breaker.error
    return seen


async def _keep_probing(breaker: Breaker, probe: Callable[[], Awaitable[None]], timeout_s: float) -> None:
    while True:
        started = time.perf_counter()
        error: str | None = None
        try:
            async with asyncio.timeout(timeout_s):
                await probe()
        except Unavailable as failure:
            error = failure.why
        except Exception as failure:  # whatever it is, the dependency did not answer
            error = str(failure) or type(failure).__name__
        breaker.probed(round((time.perf_counter() - started) * 1000.0, 2), error)
        # A healthy one is asked half as often: its failures are seen by the requests.
        await asyncio.sleep(PROBE_INTERVAL_S if error else 2 * PROBE_INTERVAL_S)
