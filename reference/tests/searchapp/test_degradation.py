"""What a search's client notices of a lost or frozen dependency: a mark at most, never a wait or an error.

A search that took less than a dependency's time-out did not wait for it.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from reference.searchapp.settings import DB_READ_TIMEOUT_S, ENGINE_TIMEOUT_S, REDIS_TIMEOUT_S
from reference.tests.processes import Process, until
from reference.tests.searchapp.conftest import KEY
from reference.tests.searchapp.platform import create_site, finished, scraped, search, site_url, submit_scrape
from reference.tests.wires import Wire

pytestmark = pytest.mark.usefixtures("worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """An API with a wire to each of its dependencies."""

    client: httpx.Client
    database: Wire
    redis: Wire
    engine: Wire

    def check(self, dependency: str) -> dict[str, Any]:
        check: dict[str, Any] = self.client.get("/ready").json()["checks"][dependency]
        return check

    def until_healthy(self, dependency: str, healthy: bool, *, within_s: float = 5.0) -> None:
        until(
            lambda: self.check(dependency),
            lambda check: check["healthy"] is healthy,
            within_s=within_s,
            what=f"{dependency} {'healthy' if healthy else 'lost'}",
        )


@pytest.fixture(scope="module")
def wired_api(environment: Mapping[str, str], schema: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    assert schema
    log = tmp_path_factory.mktemp("wired") / "log"
    with (
        Wire(environment["DATABASE_URL"]) as database,
        Wire(environment["REDIS_URL"]) as redis,
        Wire(environment["MEILISEARCH_URL"]) as engine,
    ):
        wires = {"DATABASE_URL": database.url, "REDIS_URL": redis.url, "MEILISEARCH_URL": engine.url}
        with (
            Process(
                *("reference.searchapp", "api"),
                port_option="--port",
                answers="/ready",
                env={**environment, **wires},
                log=log,
            ) as api,
            httpx.Client(base_url=api.url, headers={"X-API-Key": KEY}, timeout=10) as client,
        ):
            yield Wired(client=client, database=database, redis=redis, engine=engine)


@pytest.fixture
def wired(wired_api: Wired) -> Iterator[Wired]:
    """Every wire whole at the start; whatever a test broke is mended after it."""
    for dependency in ("database", "redis", "search_engine"):
        wired_api.until_healthy(dependency, True, within_s=10)
    yield wired_api
    for wire in (wired_api.database, wired_api.redis, wired_api.engine):
        wire.mend()


@pytest.fixture(scope="module")
def base_url(website: str) -> str:
    return site_url(website, pages=20)


@pytest.fixture(scope="module")
def words(base_url: str) -> list[str]:
    with urllib.request.urlopen(f"{base_url}manifest.json") as answer:  # noqa: S310 - our own website
        return [page["word"] for page in json.load(answer)["pages"]]


@pytest.fixture(scope="module")
def site_id(client: httpx.Client, worker: Process, base_url: str) -> str:
    assert worker
    return scraped(client, base_url)


def _timed(client: httpx.Client, site_id: str, q: str) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    answer = search(client, site_id, q)
    return answer, time.monotonic() - started


@pytest.mark.parametrize("how", ["cut", "freeze"])
def test_without_the_engine_the_database_answers(wired: Wired, site_id: str, words: list[str], how: str) -> None:
    getattr(wired.engine, how)()
    first = search(wired.client, site_id, words[0])
    assert first.status_code == 200
    assert first.headers["X-Degraded"] == "true"
    assert first.json()["degraded"] is True
    assert first.json()["hits"][0]["snippet"].count(f"<em>{words[0]}</em>") == 1

    wired.until_healthy("search_engine", False)
    assert wired.client.get("/ready").status_code == 200
    second, second_s = _timed(wired.client, site_id, words[1])
    assert (second.status_code, second.json()["total"]) == (200, 1)
    assert second_s < ENGINE_TIMEOUT_S

    wired.engine.mend()
    wired.until_healthy("search_engine", True)
    healed = search(wired.client, site_id, words[2])
    assert "X-Degraded" not in healed.headers
    assert healed.json()["degraded"] is False


@pytest.mark.parametrize("how", ["cut", "freeze"])
def test_without_redis_searches_go_on_uncached(wired: Wired, site_id: str, words: list[str], how: str) -> None:
    word = words[3 if how == "cut" else 9]
    getattr(wired.redis, how)()
    first = search(wired.client, site_id, word)
    assert (first.status_code, first.headers["X-Cache"]) == (200, "bypass")
    again, again_s = _timed(wired.client, site_id, word)
    assert (again.status_code, again.headers["X-Cache"]) == (200, "bypass")
    assert again_s < REDIS_TIMEOUT_S
    assert wired.client.get("/ready").status_code == 200

    wired.redis.mend()
    wired.until_healthy("redis", True)
    search(wired.client, site_id, word)
    assert search(wired.client, site_id, word).headers["X-Cache"] == "hit"


def test_two_frozen_dependencies_together_cost_a_search_less_than_both_their_timeouts(
    wired: Wired, site_id: str, words: list[str]
) -> None:
    wired.redis.freeze()
    wired.engine.freeze()
    answer, took_s = _timed(wired.client, site_id, words[10])
    assert (answer.status_code, answer.headers["X-Degraded"], answer.json()["total"]) == (200, "true", 1)
    assert took_s < REDIS_TIMEOUT_S + ENGINE_TIMEOUT_S


@pytest.mark.parametrize("how", ["cut", "freeze"])
def test_without_the_database_searches_go_on_and_writes_are_refused_clearly(
    wired: Wired, site_id: str, words: list[str], how: str
) -> None:
    search(wired.client, site_id, words[4])
    getattr(wired.database, how)()
    refused = wired.client.post("/sites", json={"name": "n", "base_url": "http://example.org/"})
    assert (refused.status_code, refused.json()["code"]) in {(503, "database_unavailable"), (503, "outcome_unknown")}
    assert int(refused.headers["Retry-After"]) >= 1
    wired.until_healthy("database", False)
    for word in words[5:8]:
        answer, took_s = _timed(wired.client, site_id, word)
        assert answer.status_code == 200
        assert answer.json()["total"] >= 1
        assert took_s < DB_READ_TIMEOUT_S
    assert wired.client.get("/ready").status_code == 200
    started = time.monotonic()
    assert wired.client.get("/sites").status_code == 503
    assert time.monotonic() - started < DB_READ_TIMEOUT_S

    wired.database.mend()
    wired.until_healthy("database", True, within_s=10)
    assert wired.client.get("/sites").status_code == 200


def test_a_replica_that_never_saw_a_site_asks_the_engine_when_the_database_is_gone(
    wired: Wired, client: httpx.Client, website: str
) -> None:
    never_seen = scraped(client, site_url(website, pages=2))
    wired.database.cut()
    wired.until_healthy("database", False)
    assert search(wired.client, never_seen, "word of this page").json()["total"] == 2
    unknown = search(wired.client, "0123456789ab", "x")
    assert (unknown.status_code, unknown.json()["code"]) == (503, "search_unavailable")


def test_with_nothing_left_it_says_so(wired: Wired, site_id: str) -> None:
    wired.database.cut()
    wired.engine.cut()
    wired.until_healthy("database", False)
    wired.until_healthy("search_engine", False)
    assert wired.client.get("/ready").status_code == 503
    assert wired.client.get("/serving").status_code == 200
    answer = search(wired.client, site_id, "anything")
    assert (answer.status_code, answer.json()["code"]) == (503, "search_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert wired.client.get("/health").status_code == 200


def test_a_scrape_is_accepted_without_redis_and_done_once_it_is_back(wired: Wired, website: str) -> None:
    wired.redis.cut()
    site_id = create_site(wired.client, site_url(website, pages=2))
    scrape_id = submit_scrape(wired.client, site_id)
    assert wired.client.get(f"/scrapes/{scrape_id}").json()["status"] in {"queued", "running", "completed"}
    wired.redis.mend()
    assert finished(wired.client, scrape_id)["status"] == "completed"
