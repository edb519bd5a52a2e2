"""The contract of the API, call by call."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import httpx
import psycopg
import pytest

from reference.searchapp.api.health import serves
from reference.tests.processes import Process, until
from reference.tests.searchapp.platform import create_site, finished, search, site_url, submit_scrape


def test_a_site_is_created_listed_read_and_deleted(client: httpx.Client, website: str) -> None:
    base_url = site_url(website)
    created = client.post("/sites", json={"name": "docs", "base_url": base_url})
    assert created.status_code == 201
    site = created.json()
    assert (site["name"], site["base_url"]) == ("docs", base_url)
    assert site.keys() == {"id", "name", "base_url", "created_at"}

    assert client.get(f"/sites/{site['id']}").json() == site
    total = client.get("/sites", params={"limit": 1}).json()["total"]
    assert site in client.get("/sites", params={"limit": 1000}).json()["items"]

    assert client.delete(f"/sites/{site['id']}").status_code == 204
    assert client.get(f"/sites/{site['id']}").status_code == 404
    assert client.delete(f"/sites/{site['id']}").status_code == 404
    assert client.get("/sites").json()["total"] == total - 1


def test_a_base_url_belongs_to_one_site(client: httpx.Client, website: str) -> None:
    base_url = site_url(website)
    create_site(client, base_url)
    again = client.post("/sites", json={"name": "other", "base_url": base_url})
    assert (again.status_code, again.json()["code"]) == (409, "site_exists")


@pytest.mark.parametrize("base_url", ["http://10.0.0.1/", "http://localhost/", "ftp://example.org/", "no url at all"])
def test_a_base_url_inside_the_platform_is_refused(client: httpx.Client, base_url: str) -> None:
    answer = client.post("/sites", json={"name": "n", "base_url": base_url})
    assert (answer.status_code, answer.json()["code"]) == (422, "base_url_refused")


def test_writes_need_a_key(api: Process) -> None:
    for headers, code in (({}, "api_key_required"), ({"X-API-Key": "wrong"}, "api_key_invalid")):
        for method, path in (("POST", "/sites"), ("DELETE", "/sites/x"), ("POST", "/sites/x/scrapes")):
            answer = httpx.request(method, api.url + path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, code), (method, path)


def test_every_answer_says_who_gave_it(client: httpx.Client) -> None:
    for path in ("/health", "/sites", "/nowhere", "/search", "/metrics", "/sites/none"):
        answer = client.get(path)
        assert answer.headers["X-App-Version"] == "1.2.3-test"
        assert answer.headers["X-Served-By"] == "pod-under-test"
        assert answer.headers["X-Request-ID"]
        given = client.get(path, headers={"X-Request-ID": "my-id-1"})
        assert given.headers["X-Request-ID"] == "my-id-1"
    forged = client.get("/health", headers={"X-Request-ID": "a b{}"})
    assert forged.headers["X-Request-ID"] != "a b{}"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("PUT", "/sites", 405),
        ("GET", "/sites?limit=0", 422),
        ("GET", "/sites/none", 404),
        ("GET", "/scrapes/none", 404),
        ("GET", "/sites/none/pages", 404),
        ("POST", "/sites/none/scrapes", 404),
        ("POST", "/sites", 422),
        ("GET", "/search?site=none&q=x", 404),
        ("GET", "/search?q=x", 422),
    ],
)
def test_errors_have_one_form(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, headers={"X-Request-ID": "r-1"})
    assert answer.status_code == status
    assert answer.json().keys() == {"detail", "code", "request_id"}
    assert answer.json()["request_id"] == "r-1"
    assert answer.headers["content-type"] == "application/json"


def test_a_repeated_submission_is_the_same_scrape(client: httpx.Client, website: str) -> None:
    site_id = create_site(client, site_url(website))
    headers = {"Idempotency-Key": "k-1"}
    first = client.post(f"/sites/{site_id}/scrapes", json={"max_pages": 5}, headers=headers)
    second = client.post(f"/sites/{site_id}/scrapes", json={"max_pages": 5}, headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["status"] == "queued"
    other = client.post(f"/sites/{site_id}/scrapes", json={"max_pages": 6}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_scrape_can_be_asked_for_without_a_body(client: httpx.Client, website: str) -> None:
    site_id = create_site(client, site_url(website))
    answer = client.post(f"/sites/{site_id}/scrapes")
    assert answer.status_code == 202
    assert client.get(f"/scrapes/{answer.json()['id']}").json()["site_id"] == site_id


def test_readiness_shows_each_dependency(client: httpx.Client) -> None:
    seen = client.get("/ready")
    assert seen.status_code == 200
    assert seen.json()["checks"].keys() == {"database", "redis", "search_engine"}
    for check in seen.json()["checks"].values():
        assert check["healthy"] is True
        assert check["latency_ms"] > 0


def test_a_pod_that_was_never_ready_is_sent_no_requests(api_with: Callable[..., Process]) -> None:
    """As in a release that was told the wrong place of all it needs."""
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none", "MEILISEARCH_URL": "http://127.0.0.1:9"}
    with api_with(**nowhere, answers="/health") as api, httpx.Client(base_url=api.url) as client:
        until(
            lambda: client.get("/ready").json()["status"],
            lambda said: said == "unavailable",
            within_s=10,
            what="probed",
        )
        assert client.get("/serving").status_code == 503


@pytest.mark.parametrize(
    ("status", "not_ready_for_s", "is_sent_requests"),
    [
        ("ready", 0.0, True),
        ("unavailable", 30.0, True),
        ("unavailable", 90.0, False),
        ("starting", 0.0, False),
        ("draining", 0.0, False),
    ],
)
def test_a_pod_outlives_what_it_needs_for_a_while(status: str, not_ready_for_s: float, is_sent_requests: bool) -> None:
    assert serves(status, not_ready_for_s=not_ready_for_s) is is_sent_requests


def test_the_api_describes_itself(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert paths.keys() >= {
        *("/sites", "/sites/{site_id}", "/sites/{site_id}/scrapes", "/sites/{site_id}/pages"),
        *("/scrapes/{scrape_id}", "/search", "/health", "/ready", "/serving", "/metrics"),
    }
    assert {one["name"] for one in paths["/search"]["get"]["parameters"]} == {"site", "q", "limit", "offset"}


def test_the_metrics_of_the_contract_are_there(client: httpx.Client, worker: Process, website: str) -> None:
    site_id = create_site(client, site_url(website, pages=2))
    finished(client, submit_scrape(client, site_id))
    search(client, site_id, "anything at all")
    client.get(f"/sites/{site_id}")
    shown = client.get("/metrics").text
    for line in (
        r'http_requests_total{endpoint="/sites/{site_id}",method="GET",status="200"}',
        r'http_requests_total{endpoint="/search",method="GET",status="200"}',
        r'http_request_duration_seconds_bucket{endpoint="/search",le="0.05",method="GET"}',
        rf'search_queries_total{{has_results="false",site_id="{site_id}"}}',
        r'search_cache_total{result="miss"}',
        r'celery_queue_length{queue="scraping"}',
        "db_connections_active",
    ):
        assert re.search(rf"^{re.escape(line)} [0-9.e+]+$", shown, re.MULTILINE), line
    shown = httpx.get(f"{worker.url}/metrics").text
    for line in ('scrape_jobs_total{status="completed"}', "scrape_duration_seconds_count", "active_scrapes"):
        assert re.search(rf"^{re.escape(line)} [0-9.e+]+$", shown, re.MULTILINE), line


def test_a_site_that_cannot_be_read_fails_with_its_reason(client: httpx.Client, worker: Process, website: str) -> None:
    assert worker
    seen = finished(client, submit_scrape(client, create_site(client, f"{website}/nothing/here/")))
    assert seen["status"] == "failed"
    assert "status 404" in seen["error"]
    assert seen["finished_at"] is not None


def test_failing_pages_are_counted(client: httpx.Client, worker: Process, website: str) -> None:
    assert worker
    site_id = create_site(client, site_url(website, pages=20, fail_every=5))
    seen = finished(client, submit_scrape(client, site_id))
    assert (seen["pages_found"], seen["pages_stored"], seen["pages_failed"]) == (20, 16, 4)
    assert seen["status"] == "completed"


def test_writes_are_limited_per_client(api_with: Callable[..., Process]) -> None:
    with api_with(RATE_LIMIT_WRITE_PER_MINUTE="3") as api:
        headers = {"X-Forwarded-For": "192.0.2.1"}
        statuses = [httpx.post(f"{api.url}/sites", headers=headers).status_code for _ in range(8)]
        assert 429 in statuses
        assert statuses[:3] == [401, 401, 401]
        refused = httpx.post(f"{api.url}/sites", headers=headers)
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert httpx.post(f"{api.url}/sites", headers={"X-Forwarded-For": "192.0.2.2"}).status_code == 401


def test_a_pod_is_ready_when_its_connections_are_open(
    api_with: Callable[..., Process], rows: psycopg.Connection
) -> None:
    """The first requests of a new pod do not wait for them."""
    opened = "select count(*) from pg_stat_activity where application_name = %s"
    name = f"warm-{os.urandom(4).hex()}"
    with api_with(POD_NAME=name):
        ((connections,),) = rows.execute(opened, (f"searchapp-{name}",)).fetchall()
        assert connections >= 5, "four to serve, one to probe"


def test_sigterm_is_drained(api_with: Callable[..., Process]) -> None:
    """Not ready at once, still answering, kept connections let go, then a clean end."""
    with api_with(DRAIN_S="1.5") as api, httpx.Client(base_url=api.url) as client:
        assert client.get("/ready").status_code == 200
        api.terminate()
        seen = until(
            lambda: client.get("/ready"), lambda answer: answer.status_code == 503, within_s=1, what="not ready"
        )
        assert seen.json()["status"] == "draining"
        assert client.get("/serving").status_code == 503
        answer = client.get("/health")
        assert answer.status_code == 200
        assert answer.headers["Connection"] == "close"
        assert api.process.wait(timeout=10) == 0
