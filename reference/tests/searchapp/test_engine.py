"""An engine that is asked too much at once is busy, and not lost."""

from __future__ import annotations

import asyncio

import pytest

from reference.searchapp.settings import ENGINE_SEARCHES_MOST
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.engine import Found, NoIndex, SearchEngine
from reference.tests.wires import Wire


def _search(engine: SearchEngine, *, within_s: float) -> asyncio.Task[Found]:
    return asyncio.create_task(engine.search("nothing", "x", limit=1, offset=0, within_s=within_s))


def test_a_search_too_many_is_refused_in_time_and_opens_no_breaker(meilisearch_url: str, meili_master_key: str) -> None:
    async def run() -> None:
        with Wire(meilisearch_url) as wire:
            engine = SearchEngine(wire.url, meili_master_key)
            wire.freeze()
            asked = [_search(engine, within_s=60) for _ in range(ENGINE_SEARCHES_MOST)]
            for _ in range(4):
                with pytest.raises(Unavailable, match="too much is asked at once"):
                    await _search(engine, within_s=0.15)
            assert not engine.breaker.is_open
            wire.mend()
            found = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 20)
            assert [type(one) for one in found] == [NoIndex] * ENGINE_SEARCHES_MOST
            await engine.close()

    asyncio.run(run())


def test_those_that_wait_do_not_ask_an_engine_that_is_known_to_be_lost(
    meilisearch_url: str, meili_master_key: str
) -> None:
    async def run() -> None:
        with Wire(meilisearch_url) as wire:
            engine = SearchEngine(wire.url, meili_master_key)
            wire.freeze()
            asked = [_search(engine, within_s=0.5) for _ in range(ENGINE_SEARCHES_MOST)]
            waiting = [_search(engine, within_s=5) for _ in range(4)]
            told = await asyncio.wait_for(asyncio.gather(*asked, *waiting, return_exceptions=True), 20)
            assert [type(one) for one in told] == [Unavailable] * len(told)
            assert engine.breaker.is_open
            # Before the third failure nobody knows.
            assert wire.accepted <= ENGINE_SEARCHES_MOST + 2
            await engine.close()

    asyncio.run(run())
