"""An index that lost pages gets them back, one that nobody owns goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import psycopg
import pytest

from reference.searchapp.settings import Settings
from reference.searchapp.stores.indexing import Indexer
from reference.searchapp.stores.opened import Stores
from reference.searchapp.tasks.reconcile import Reconciler
from reference.tests.searchapp.platform import scraped, search, site_url

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(environment: Mapping[str, str]) -> Settings:
    return Settings.from_env(environment)


def _reconcile(settings: Settings, *, times: int = 2) -> dict[str, int]:
    """Compare that often; returns the pages of each index."""

    async def run() -> dict[str, int]:
        stores = Stores(settings, pool_size=2, name="reconcile")
        reconciler = Reconciler(settings, stores)
        for _ in range(times):
            await reconciler.reconcile()
        await stores.close()
        return await Indexer(settings.meilisearch_url, settings.meili_master_key).counts()

    return asyncio.run(run())


def _indexer(settings: Settings) -> Indexer:
    return Indexer(settings.meilisearch_url, settings.meili_master_key)


def test_a_lost_index_is_answered_for_by_the_database_and_rebuilt(
    client: httpx.Client, website: str, settings: Settings
) -> None:
    site_id = scraped(client, site_url(website, pages=5))
    asyncio.run(_indexer(settings).drop(site_id))
    lost = search(client, site_id, "word of this page").json()
    assert (lost["degraded"], lost["total"]) == (True, 5)
    assert _reconcile(settings)[site_id] == 5
    assert search(client, site_id, "word of this").json()["degraded"] is False


def test_an_index_with_a_page_too_many_is_made_anew(
    client: httpx.Client, website: str, settings: Settings, rows: psycopg.Connection
) -> None:
    site_id = scraped(client, site_url(website, pages=5))
    rows.execute("delete from pages where id in (select id from pages where site_id = %s limit 1)", (site_id,))
    assert _reconcile(settings)[site_id] == 4


def test_a_difference_seen_once_is_not_acted_on(
    client: httpx.Client, website: str, settings: Settings, rows: psycopg.Connection
) -> None:
    site_id = scraped(client, site_url(website, pages=5))
    rows.execute("delete from pages where id in (select id from pages where site_id = %s limit 1)", (site_id,))
    assert _reconcile(settings, times=1)[site_id] == 5


def test_an_index_without_a_site_goes(settings: Settings) -> None:
    asyncio.run(_indexer(settings).prepare("nobodys"))
    assert "nobodys" not in _reconcile(settings, times=1)
