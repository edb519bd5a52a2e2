"""Registers the services that the platform's tests run against; TEST_*_URL name ones that are there already."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from reference.tests import services


def pytest_itemcollected(item: pytest.Item) -> None:
    """A file's tests stay in one process (`--dist=loadgroup`): they share programs that were started for them."""
    item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    with services.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    with services.redis() as url:
        yield url


@pytest.fixture(scope="session")
def meilisearch_url() -> Iterator[str]:
    if given := os.environ.get("TEST_MEILISEARCH_URL"):
        yield given
        return
    with services.search_engine() as url:
        yield url


@pytest.fixture(scope="session")
def meili_master_key() -> str:
    return os.environ.get("TEST_MEILI_MASTER_KEY", services.MASTER_KEY)
