"""No accepted scrape is lost, whatever happens to a worker, the broker or the search engine."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from reference.searchapp.tasks.outbox import LEASE_S
from reference.tests.processes import Process, until
from reference.tests.searchapp.platform import create_site, finished, scraped, search, site_url, submit_scrape
from reference.tests.wires import Wire

# A scrape that takes some seconds: pages come slowly, eight at a time.
SLOW = {"pages": 120, "latency_ms": 200}


@pytest.fixture(autouse=True)
def nothing_else_waits(rows: psycopg.Connection) -> None:
    """Scrapes that other tests left open would be taken by this test's worker."""
    rows.execute("delete from scrapes where status in ('queued', 'running')")


def _running(client: httpx.Client, scrape_id: str) -> None:
    until(
        lambda: client.get(f"/scrapes/{scrape_id}").json(),
        lambda seen: seen["status"] == "running",
        within_s=10,
        what="running",
    )


def test_a_killed_workers_scrape_is_done_by_another(
    client: httpx.Client, worker_with: Callable[..., Process], website: str
) -> None:
    site_id = create_site(client, site_url(website, **SLOW))
    with worker_with() as first:
        scrape_id = submit_scrape(client, site_id)
        _running(client, scrape_id)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    with worker_with():
        seen = finished(client, scrape_id, within_s=LEASE_S + 20)
    assert (seen["status"], seen["pages_stored"], seen["attempts"]) == ("completed", 120, 2)
    assert client.get(f"/sites/{site_id}/pages").json()["total"] == 120


def test_a_worker_that_is_told_to_stop_finishes_or_gives_back(
    client: httpx.Client, worker_with: Callable[..., Process], website: str
) -> None:
    site_id = create_site(client, site_url(website, pages=30, latency_ms=200))
    with worker_with() as leaving:
        scrape_id = submit_scrape(client, site_id)
        _running(client, scrape_id)
        leaving.terminate()
        assert leaving.process.wait(timeout=20) == 0
    seen = client.get(f"/scrapes/{scrape_id}").json()
    assert (seen["status"], seen["pages_stored"], seen["attempts"]) == ("completed", 30, 1)


def test_a_broker_that_loses_everything_loses_no_scrape(
    client: httpx.Client, worker_with: Callable[..., Process], website: str, redis_url: str
) -> None:
    site_ids = [create_site(client, site_url(website, pages=2)) for _ in range(3)]
    scrape_ids = [submit_scrape(client, site_id) for site_id in site_ids]
    until(lambda: _redis(redis_url, "LLEN scraping"), lambda seen: seen == b":3\r\n", within_s=5, what="three messages")
    assert _redis(redis_url, "FLUSHALL") == b"+OK\r\n"
    with worker_with():
        assert [finished(client, one)["status"] for one in scrape_ids] == ["completed"] * 3


def test_a_scrape_waits_for_the_search_engine(
    client: httpx.Client, worker_with: Callable[..., Process], website: str, environment: Mapping[str, str]
) -> None:
    site_id = create_site(client, site_url(website, pages=3))
    with Wire(environment["MEILISEARCH_URL"]) as engine:
        engine.cut()
        with worker_with(MEILISEARCH_URL=engine.url):
            scrape_id = submit_scrape(client, site_id)
            seen = until(
                lambda: client.get(f"/scrapes/{scrape_id}").json(),
                lambda seen: seen["pages_stored"] == 3,
                within_s=10,
                what="pages stored",
            )
            assert seen["status"] == "running"
            engine.mend()
            assert finished(client, scrape_id)["status"] == "completed"
    assert search(client, site_id, "word of this page").json()["total"] == 3


def test_a_reconnected_broker_is_consumed_from(
    client: httpx.Client, worker_with: Callable[..., Process], website: str, redis_url: str
) -> None:
    with Wire(redis_url) as redis, worker_with(REDIS_URL=redis.url):
        scraped(client, site_url(website, pages=1))
        redis.cut()
        scrape_id = submit_scrape(client, create_site(client, site_url(website, pages=1)))
        redis.mend()
        assert finished(client, scrape_id, within_s=30)["status"] == "completed"


def test_an_inside_host_is_not_scraped(client: httpx.Client, worker_with: Callable[..., Process], website: str) -> None:
    """The API's and the worker's lists differ here, so that the worker's own check is what refuses."""
    with worker_with(SCRAPE_ALLOWED_PRIVATE_HOSTS=""):
        seen = finished(client, submit_scrape(client, create_site(client, site_url(website))))
    assert seen["status"] == "failed"
    assert "not a public address" in seen["error"]


def _redis(url: str, command: str) -> bytes:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as connection:
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(1024)
