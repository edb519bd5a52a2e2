"""Searching: what is found, what is remembered, and for how long."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from reference.searchapp.stores.cache import answer_key
from reference.searchapp.stores.redis import Redis
from reference.tests.processes import Process, until
from reference.tests.searchapp.platform import create_site, finished, scraped, search, site_url, submit_scrape

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture(scope="module")
def replica(
    environment: Mapping[str, str], client: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of another replica than `client`'s."""
    assert client
    log = tmp_path_factory.mktemp("replica") / "log"
    with (
        Process("reference.searchapp", "api", port_option="--port", answers="/ready", env=environment, log=log) as one,
        httpx.Client(base_url=one.url, timeout=10) as other,
    ):
        yield other


@pytest.fixture(scope="module")
def base_url(website: str) -> str:
    return site_url(website, pages=30)


@pytest.fixture(scope="module")
def manifest(base_url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{base_url}manifest.json") as answer:  # noqa: S310 - our own website
        pages: list[dict[str, Any]] = json.load(answer)["pages"]
    return pages


@pytest.fixture(scope="module")
def site_id(client: httpx.Client, worker: Process, base_url: str) -> Iterator[str]:
    assert worker
    yield scraped(client, base_url)


def test_every_page_is_stored_as_served(client: httpx.Client, site_id: str, manifest: list[dict[str, Any]]) -> None:
    stored = client.get(f"/sites/{site_id}/pages", params={"limit": 100}).json()
    assert stored["total"] == len(manifest)
    assert {(one["url"], one["title"], one["checksum"]) for one in stored["items"]} == {
        (one["url"], one["title"], one["sha256"]) for one in manifest
    }


def test_each_page_is_found_by_its_word(client: httpx.Client, site_id: str, manifest: list[dict[str, Any]]) -> None:
    for page in manifest[:10]:
        found = search(client, site_id, page["word"]).json()
        assert found["hits"][0]["url"] == page["url"]
        assert found["hits"][0]["title"] == page["title"]
        assert f"<em>{page['word']}" in found["hits"][0]["snippet"]
        assert found["degraded"] is False


def test_a_typo_is_tolerated(client: httpx.Client, site_id: str, manifest: list[dict[str, Any]]) -> None:
    word = manifest[3]["word"]
    found = search(client, site_id, word[:4] + ("a" if word[4] != "a" else "e") + word[5:]).json()
    assert found["hits"][0]["url"] == manifest[3]["url"]


def test_results_come_in_pages(client: httpx.Client, site_id: str) -> None:
    everything = search(client, site_id, "word of this page", limit=100).json()
    assert everything["total"] >= 30
    urls = [hit["url"] for hit in everything["hits"]]
    paged = [
        hit["url"]
        for offset in range(0, 30, 10)
        for hit in search(client, site_id, "word of this page", limit=10, offset=offset).json()["hits"]
    ]
    assert paged == urls[:30]
    assert len(set(paged)) == 30
    beyond = search(client, site_id, "word of this page", limit=10, offset=1000).json()
    assert beyond["hits"] == []


def test_nothing_found_is_an_answer(client: httpx.Client, site_id: str) -> None:
    found = search(client, site_id, "qqqqqqqqqqqqqqqqqq")
    assert found.status_code == 200
    assert (found.json()["hits"], found.json()["total"]) == ([], 0)


def test_sites_do_not_see_each_other(
    client: httpx.Client, site_id: str, website: str, manifest: list[dict[str, Any]]
) -> None:
    other = scraped(client, site_url(website, pages=3))
    urls = {hit["url"] for hit in search(client, other, manifest[0]["word"], limit=100).json()["hits"]}
    assert not urls & {page["url"] for page in manifest}
    assert site_id != other


def test_a_repeated_search_is_a_hit_also_in_another_replica(
    client: httpx.Client, site_id: str, replica: httpx.Client, redis_url: str
) -> None:
    q = "once more with feeling"
    first, second, spelled = (search(client, site_id, text) for text in (q, q, "  Once  MORE with feeling "))
    assert [one.headers["X-Cache"] for one in (first, second, spelled)] == ["miss", "hit", "hit"]
    assert first.content == second.content == spelled.content
    until(lambda: _known_to_redis(redis_url, f"{site_id}:20:0:{q}"), bool, within_s=5, what="shared")
    shared = search(replica, site_id, q)
    assert shared.headers["X-Cache"] == "hit"
    assert shared.content == first.content


def test_the_cache_can_be_bypassed_where_that_is_allowed(
    client: httpx.Client, site_id: str, api_with: Callable[..., Process]
) -> None:
    params, no_cache = {"site": site_id, "q": "bypass"}, {"Cache-Control": "no-cache"}
    search(client, site_id, "bypass")
    assert client.get("/search", params=params, headers=no_cache).headers["X-Cache"] == "bypass"
    with api_with(ALLOW_CACHE_BYPASS="false") as strict:
        answers = [httpx.get(f"{strict.url}/search", params=params, headers=no_cache) for _ in range(2)]
        assert answers[1].headers["X-Cache"] == "hit"
    with api_with(CACHE_ENABLED="false") as off:
        answers = [httpx.get(f"{off.url}/search", params=params) for _ in range(2)]
        assert [one.headers["X-Cache"] for one in answers] == ["bypass", "bypass"]


def test_a_completed_scrape_is_seen_at_once_by_every_replica(
    client: httpx.Client, website: str, replica: httpx.Client
) -> None:
    base_url = site_url(website, pages=3)
    with urllib.request.urlopen(f"{base_url}manifest.json") as answer:  # noqa: S310 - our own website
        word = json.load(answer)["pages"][1]["word"]
    site_id = create_site(client, base_url)
    for one in (client, replica):
        assert search(one, site_id, word).json()["total"] == 0
    scrape_id = submit_scrape(client, site_id)
    while client.get(f"/scrapes/{scrape_id}").json()["status"] != "completed":
        search(client, site_id, word)
        search(replica, site_id, word)
    for one in (client, replica):
        assert search(one, site_id, word).json()["total"] >= 1


def test_a_deleted_site_is_gone_at_once_in_every_replica(
    client: httpx.Client, website: str, replica: httpx.Client
) -> None:
    site_id = scraped(client, site_url(website, pages=2))
    for one in (client, replica):
        assert search(one, site_id, "word").status_code == 200
    assert client.delete(f"/sites/{site_id}").status_code == 204
    for one in (client, replica):
        assert search(one, site_id, "word").status_code == 404


def test_pages_that_are_gone_are_not_found_any_more(client: httpx.Client, website: str, rows: Any) -> None:
    base_url = site_url(website, pages=3)
    site_id = scraped(client, base_url)
    # As if the site had had one more page when it was scraped before.
    rows.execute(
        "insert into pages (id, site_id, url, title, content, checksum, seen_at) "
        "values (%s, %s, %s, 'old', 'old', '', now() - interval '1 hour')",
        (f"gone-{site_id}", site_id, f"{base_url}page/99"),
    )
    assert client.get(f"/sites/{site_id}/pages").json()["total"] == 4
    finished(client, submit_scrape(client, site_id))
    assert client.get(f"/sites/{site_id}/pages").json()["total"] == 3


def test_searches_are_limited_per_client(site_id: str, api_with: Callable[..., Process]) -> None:
    with api_with(RATE_LIMIT_SEARCH_PER_MINUTE="5") as api, httpx.Client(base_url=api.url) as client:

        def ask(address: str) -> httpx.Response:
            return client.get("/search", params={"site": site_id, "q": "x"}, headers={"X-Forwarded-For": address})

        answers = [ask("198.51.100.7") for _ in range(12)]
        refused = answers[-1]
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate_limited"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert ask("198.51.100.8").status_code == 200


def test_the_mutant_delays_every_nth_search(site_id: str, api_with: Callable[..., Process]) -> None:
    with api_with(FAULT_SLOW_SEARCH_MS="200", FAULT_SLOW_SEARCH_EVERY="4") as api, httpx.Client() as client:
        took_s = [
            client.get(f"{api.url}/search", params={"site": site_id, "q": "x"}).elapsed.total_seconds()
            for _ in range(8)
        ]
    assert sum(one >= 0.2 for one in took_s) == 2


def _known_to_redis(redis_url: str, key: str) -> bool:
    async def ask() -> bool:
        redis = Redis(redis_url)
        (found,) = await redis.call(("EXISTS", answer_key(key)))
        await redis.close()
        return bool(found)

    return asyncio.run(ask())
