"""A server that speaks Meilisearch's API: the one that is named, or one of our own as a process."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import meilisearch
import pytest
from meilisearch.index import Index

from reference.tests.searchengine.running import MASTER_KEY, RunningServer

Done = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if given := os.environ.get("TEST_MEILISEARCH_URL"):
        yield given
        return
    with RunningServer(tmp_path_factory.mktemp("engine")) as server:
        yield server.url


@pytest.fixture(scope="session")
def master_key() -> str:
    return os.environ.get("TEST_MEILI_MASTER_KEY", MASTER_KEY)


@pytest.fixture(scope="session")
def client(engine_url: str, master_key: str) -> meilisearch.Client:
    return meilisearch.Client(engine_url, master_key)


@pytest.fixture
def index(client: meilisearch.Client) -> Iterator[Index]:
    """An index of the test's own; it does not exist yet."""
    uid = f"test-{uuid.uuid4()}"
    yield client.index(uid)
    client.wait_for_task(client.delete_index(uid).task_uid)


PAGES: list[dict[str, Any]] = [
    {
        "id": "first",
        "url": "http://demosite/elephants",
        "title": "Elephants",
        "content": "The herd walks to the river. There the elephants are drinking water until the sun is gone, "
        "and in the cool of the night they walk back into the forest.",
        "words": 31,
    },
    {
        "id": "second",
        "url": "http://demosite/lions",
        "title": "Lions",
        "content": "A lion sleeps for twenty hours. In the evening it walks to the river as well.",
        "words": 16,
    },
    {
        "id": "third",
        "url": "http://demosite/cafes",
        "title": "Cafés of the Méditerranée",
        "content": "Crème brûlée, served at the river.",
        "words": 6,
    },
]


@pytest.fixture
def pages(index: Index) -> Index:
    """The index with three pages."""
    index.wait_for_task(index.update_searchable_attributes(["title", "content"]).task_uid)
    assert index.wait_for_task(index.add_documents(PAGES, "id").task_uid).status == "succeeded"
    return index
