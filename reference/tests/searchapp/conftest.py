"""A migrated database, an API, a worker and a website to scrape, as processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import psycopg
import pytest

from reference.searchapp.migrations.run import migrate
from reference.searchapp.settings import Settings
from reference.tests.processes import Process

KEY = "the-tests-own-api-key"

StartProcess = Callable[..., Process]


@pytest.fixture(scope="session")
def environment(database_url: str, redis_url: str, meilisearch_url: str, meili_master_key: str) -> Mapping[str, str]:
    """What a process of the platform is started with."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MEILISEARCH_URL": meilisearch_url,
        "MEILI_MASTER_KEY": meili_master_key,
        "ADMIN_API_KEY": KEY,
        "APP_VERSION": "1.2.3-test",
        "POD_NAME": "pod-under-test",
        "SCRAPE_ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
        "RATE_LIMIT_SEARCH_PER_MINUTE": "100000",
        "RATE_LIMIT_WRITE_PER_MINUTE": "100000",
        "ALLOW_CACHE_BYPASS": "true",
    }


def migrated(database_url: str) -> str:
    """The URL, once the database behind it has the schema."""
    settings = Settings(
        database_url=database_url, redis_url="", meilisearch_url="", meili_master_key="", admin_api_key=KEY
    )
    assert migrate(settings, wait_s=30) == 0
    return database_url


@pytest.fixture(scope="session")
def schema(database_url: str) -> str:
    """The URL of the migrated database."""
    return migrated(database_url)


@pytest.fixture
def rows(schema: str) -> Iterator[psycopg.Connection]:
    """A connection of the test's own, to look and to set up."""
    with psycopg.connect(schema, autocommit=True) as connection:
        yield connection


@pytest.fixture
def api_with(environment: Mapping[str, str], schema: str, tmp_path: Path) -> Callable[..., Process]:
    """An API that is not started yet, with settings changed."""

    def make(*, answers: str = "/ready", **changed: str) -> Process:
        assert schema
        log = tmp_path / f"api-{len(list(tmp_path.iterdir()))}.log"
        return Process(
            "reference.searchapp",
            "api",
            port_option="--port",
            answers=answers,
            env={**environment, **changed},
            log=log,
        )

    return make


@pytest.fixture
def worker_with(environment: Mapping[str, str], schema: str, tmp_path: Path) -> Callable[..., Process]:
    """A worker that is not started yet, with settings changed."""

    def make(**changed: str) -> Process:
        assert schema
        log = tmp_path / f"worker-{len(list(tmp_path.iterdir()))}.log"
        return Process(
            "reference.searchapp",
            "worker",
            port_option="--metrics-port",
            answers="/health",
            env={**environment, **changed},
            log=log,
        )

    return make


@pytest.fixture(scope="session")
def api(environment: Mapping[str, str], schema: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    assert schema
    log = tmp_path_factory.mktemp("api") / "log"
    with Process("reference.searchapp", "api", port_option="--port", answers="/ready", env=environment, log=log) as one:
        yield one


@pytest.fixture(scope="module")
def worker(environment: Mapping[str, str], schema: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Not for longer than a module: the worker's own tests must be alone with theirs."""
    assert schema
    log = tmp_path_factory.mktemp("worker") / "log"
    with Process(
        "reference.searchapp", "worker", port_option="--metrics-port", answers="/health", env=environment, log=log
    ) as one:
        yield one


@pytest.fixture(scope="session")
def website(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a demosite."""
    log = tmp_path_factory.mktemp("demosite") / "log"
    with Process("reference.demosite", port_option="--port", answers="/health", env={}, log=log) as one:
        yield one.url


@pytest.fixture(scope="session")
def client(api: Process) -> Iterator[httpx.Client]:
    """A client that may write."""
    with httpx.Client(base_url=api.url, headers={"X-API-Key": KEY}, timeout=10) as one:
        yield one
