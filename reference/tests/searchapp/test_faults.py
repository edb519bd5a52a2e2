"""Broken on purpose, for mutants: each switch breaks what it says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from reference.searchapp.settings import DB_READ_TIMEOUT_S
from reference.searchapp.tasks.broker import celery_app
from reference.tests.processes import Process
from reference.tests.searchapp.platform import create_site, finished, search, site_url, submit_scrape
from reference.tests.wires import Wire

StartProcess = Callable[..., Process]


@pytest.fixture
def site_id(client: httpx.Client, website: str) -> str:
    """A site that was never scraped: the engine has no index of it, so the database is asked."""
    return create_site(client, site_url(website))


@pytest.mark.parametrize(
    ("switch", "variable"), [("FAULT_REDIS_REQUIRED", "REDIS_URL"), ("FAULT_NO_FALLBACK", "MEILISEARCH_URL")]
)
def test_a_search_is_refused_without_what_it_need_not_have(
    site_id: str, api_with: StartProcess, environment: Mapping[str, str], switch: str, variable: str
) -> None:
    with (
        Wire(environment[variable]) as wire,
        api_with(**{variable: wire.url, switch: "true"}) as api,
        httpx.Client(base_url=api.url) as client,
    ):
        assert search(client, site_id, "one").status_code == 200
        wire.cut()
        refused = search(client, site_id, "another")
        assert (refused.status_code, refused.json()["code"]) == (503, "search_unavailable")


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL"])
def test_without_timeouts_a_client_waits_for_whoever_does_not_answer(
    site_id: str, api_with: StartProcess, environment: Mapping[str, str], variable: str
) -> None:
    with (
        Wire(environment[variable]) as wire,
        api_with(**{variable: wire.url, "FAULT_NO_TIMEOUTS": "true"}) as api,
        httpx.Client(base_url=api.url, timeout=DB_READ_TIMEOUT_S + 1) as client,
    ):
        assert search(client, site_id, "one").status_code == 200
        wire.freeze()
        with pytest.raises(httpx.ReadTimeout):
            search(client, site_id, "another") if variable == "REDIS_URL" else client.get("/sites")
        wire.mend()


def test_a_page_that_is_scraped_again_is_appended_to_what_is_stored(
    client: httpx.Client, worker_with: StartProcess, site_id: str, rows: psycopg.Connection
) -> None:
    rows.execute("delete from scrapes where status in ('queued', 'running')")
    stored = []
    with worker_with(FAULT_APPEND_PAGES="true", FAULT_SLOW_SCRAPE_MS="300"):
        for _ in range(2):
            done = finished(client, submit_scrape(client, site_id, max_pages=1))
            assert done["status"] == "completed"
            took = datetime.fromisoformat(done["finished_at"]) - datetime.fromisoformat(done["started_at"])
            assert took.total_seconds() >= 0.3
            (row,) = rows.execute("select content, checksum from pages where site_id = %s", (site_id,)).fetchall()
            stored.append(row)
    (once, checksum), (twice, another) = stored
    assert twice == once + once
    assert checksum != another


def test_a_release_that_never_gets_ready_lives_and_answers_nothing(
    environment: Mapping[str, str], schema: str, tmp_path: Path
) -> None:
    env = {**environment, "DATABASE_URL": schema, "FAULT_NEVER_READY": "true"}
    command = Process(
        "reference.searchapp", "api", port_option="--port", answers="/health", env=env, log=tmp_path / "api.log"
    )
    with command as api, httpx.Client(base_url=api.url) as client:
        assert client.get("/health").headers["X-App-Version"] == "1.2.3-test"
        for path in ("/ready", "/search?site=x&q=y", "/sites"):
            refused = client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "never_ready")
            assert refused.headers["X-App-Version"] == "1.2.3-test"


def test_a_release_that_crashes_answers_until_then(api_with: StartProcess) -> None:
    with api_with(FAULT_CRASH_AFTER_S="5") as api, httpx.Client(base_url=api.url) as client:
        assert client.get("/ready").status_code == 200
        assert api.process.wait(30) == os.EX_SOFTWARE


def test_a_message_is_acknowledged_late_unless_told_otherwise(redis_url: str) -> None:
    assert celery_app(redis_url).conf.task_acks_late is True
    assert celery_app(redis_url, acks_late=False).conf.task_acks_late is False
