"""Documents, indexes, settings and tasks behave as Meilisearch's do."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import meilisearch
import pytest
from meilisearch.errors import MeilisearchApiError
from meilisearch.index import Index

Call = Callable[[meilisearch.Client], Any]


def _status_and_code(call: Callable[[], Any]) -> tuple[int, str | None]:
    with pytest.raises(MeilisearchApiError) as refused:
        call()
    return refused.value.status_code, refused.value.code


def test_documents_come_back_as_they_went_in(pages: Index) -> None:
    """One, some and all documents can be read, and how many there are."""
    assert dict(pages.get_document("second"))["title"] == "Lions"
    listed = pages.get_documents({"limit": 2, "offset": 1, "fields": ["id"]})
    assert (len(listed.results), listed.total, listed.offset, listed.limit) == (2, 3, 1, 2)
    assert dict(listed.results[0]).keys() == {"id"}
    assert _status_and_code(lambda: pages.get_document("none")) == (404, "document_not_found")


def test_a_document_is_replaced_or_changed(pages: Index) -> None:
    """POST replaces a document, PUT changes parts of it; searches see either at once."""
    pages.wait_for_task(pages.update_documents([{"id": "second", "title": "Tigers"}]).task_uid)
    assert dict(pages.get_document("second"))["words"] == 16
    assert [hit["id"] for hit in pages.search("tigers")["hits"]] == ["second"]
    assert pages.search("lions")["hits"] == [] or pages.search("lions")["hits"][0]["title"] == "Tigers"
    pages.wait_for_task(pages.add_documents([{"id": "second", "title": "Bears"}]).task_uid)
    assert dict(pages.get_document("second")) == {"id": "second", "title": "Bears"}
    assert pages.search("sleeps")["hits"] == []
    assert pages.get_stats().number_of_documents == 3


def test_documents_are_deleted(pages: Index) -> None:
    """One, some, all; what is not there is not counted."""
    task = pages.wait_for_task(pages.delete_document("first").task_uid)
    assert task.details is not None
    assert task.details["deletedDocuments"] == 1
    assert pages.search("elephants")["hits"] == []
    task = pages.wait_for_task(pages.delete_documents(["second", "never"]).task_uid)
    assert task.details is not None
    assert (task.details["providedIds"], task.details["deletedDocuments"]) == (2, 1)
    pages.wait_for_task(pages.delete_all_documents().task_uid)
    assert pages.get_documents().total == 0
    assert pages.search("")["hits"] == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"name": "no key"}, "index_primary_key_no_candidate_found"),
        ({"a_id": 1, "b_id": 2}, "index_primary_key_multiple_candidates_found"),
        ({"id": "not allowed!"}, "invalid_document_id"),
    ],
)
def test_a_document_that_cannot_be_kept_fails_its_task(index: Index, document: dict[str, Any], code: str) -> None:
    """The task says why."""
    task = index.wait_for_task(index.add_documents([document]).task_uid)
    assert task.status == "failed"
    assert task.error is not None
    assert (task.error["code"], task.error["type"]) == (code, "invalid_request")


def test_a_refused_batch_leaves_the_others_alone(index: Index) -> None:
    """Additions made one after the other stand or fall alone."""
    uids = [
        index.add_documents([{"id": 1, "text": "one"}], "id").task_uid,
        index.add_documents([{"text": "none"}], "id").task_uid,
        index.add_documents([{"id": 3, "text": "three"}], "id").task_uid,
    ]
    assert [index.wait_for_task(uid).status for uid in uids] == ["succeeded", "failed", "succeeded"]
    assert index.get_documents().total == 2


def test_indexes_are_created_changed_listed_and_deleted(client: meilisearch.Client) -> None:
    """The life of an index."""
    uid = f"test-{uuid.uuid4()}"
    client.wait_for_task(client.create_index(uid, {"primaryKey": "key"}).task_uid)
    again = client.wait_for_task(client.create_index(uid).task_uid)
    assert again.error is not None
    assert again.error["code"] == "index_already_exists"
    assert client.get_index(uid).primary_key == "key"
    client.wait_for_task(client.index(uid).update(primary_key="other").task_uid)
    assert client.get_index(uid).primary_key == "other"
    assert uid in {index.uid for index in client.get_indexes({"limit": 1000})["results"]}
    client.wait_for_task(client.delete_index(uid).task_uid)
    assert _status_and_code(lambda: client.get_index(uid)) == (404, "index_not_found")
    gone = client.wait_for_task(client.delete_index(uid).task_uid)
    assert gone.error is not None
    assert gone.error["code"] == "index_not_found"


def test_an_index_made_again_is_empty(client: meilisearch.Client, pages: Index) -> None:
    """Nothing of a deleted index comes back under its name."""
    client.wait_for_task(client.delete_index(pages.uid).task_uid)
    client.wait_for_task(client.create_index(pages.uid, {"primaryKey": "id"}).task_uid)
    assert pages.search("elephants")["hits"] == []
    pages.wait_for_task(pages.add_documents([{"id": 1, "title": "Elephants"}]).task_uid)
    assert [hit["id"] for hit in pages.search("elephants")["hits"]] == [1]


def test_indexes_are_swapped(client: meilisearch.Client, pages: Index) -> None:
    """Two indexes change names."""
    other = f"test-{uuid.uuid4()}"
    client.wait_for_task(client.create_index(other, {"primaryKey": "id"}).task_uid)
    client.wait_for_task(client.swap_indexes([{"indexes": [pages.uid, other]}]).task_uid)
    assert [hit["id"] for hit in client.index(other).search("lion")["hits"]] == ["second"]
    assert pages.search("lion")["hits"] == []
    client.wait_for_task(client.delete_index(other).task_uid)


def test_searchable_attributes_can_be_changed_later(pages: Index) -> None:
    """What is searched changes for documents that are there already."""
    assert pages.get_searchable_attributes() == ["title", "content"]
    assert pages.search("demosite")["hits"] == []
    pages.wait_for_task(pages.update_searchable_attributes(["url"]).task_uid)
    assert len(pages.search("demosite")["hits"]) == 3
    assert pages.search("sleeps")["hits"] == []
    pages.wait_for_task(pages.reset_settings().task_uid)
    assert pages.get_settings()["searchableAttributes"] == ["*"]
    assert len(pages.search("sleeps")["hits"]) == 1


def test_stats(client: meilisearch.Client, pages: Index) -> None:
    """Documents and attributes are counted."""
    stats = pages.get_stats()
    assert (stats.number_of_documents, stats.is_indexing) == (3, False)
    assert dict(stats.field_distribution)["_FieldDistribution__dict"]["title"] == 3
    everything = client.get_all_stats()
    assert everything["indexes"][pages.uid]["numberOfDocuments"] == 3
    assert everything["databaseSize"] > 0


def test_tasks_are_listed_by_filter(client: meilisearch.Client, pages: Index) -> None:
    """Newest first; by index, type and status; in pages."""
    found = client.get_tasks({"indexUids": [pages.uid], "types": "documentAdditionOrUpdate"})
    assert [task.status for task in found.results] == ["succeeded"]
    assert found.results[0].details == {"receivedDocuments": 3, "indexedDocuments": 3}
    every = client.get_tasks({"indexUids": [pages.uid], "limit": "1"})
    assert (len(every.results), every.total) == (1, 2)
    assert every.next_ is not None
    assert _status_and_code(lambda: client.get_tasks({"statuses": "odd"})) == (400, "invalid_task_statuses")
    assert _status_and_code(lambda: client.get_task(10**9)) == (404, "task_not_found")


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, (401, "missing_authorization_header")), ("wrong", (403, "invalid_api_key"))],
)
def test_a_key_is_needed(engine_url: str, key: str | None, expected: tuple[int, str]) -> None:
    """Health is open, everything else is not."""
    stranger = meilisearch.Client(engine_url, key)
    if key is None:
        stranger.http.headers.pop("Authorization")
    assert stranger.health() == {"status": "available"}
    assert _status_and_code(stranger.get_all_stats) == expected


def test_the_search_key_only_searches(client: meilisearch.Client, engine_url: str, pages: Index) -> None:
    """A derived key may do what it says and no more."""
    key = next(key for key in client.get_keys().results if key.actions == ["search"])
    searcher = meilisearch.Client(engine_url, key.key)
    assert len(searcher.index(pages.uid).search("lion")["hits"]) == 1
    assert _status_and_code(lambda: searcher.index(pages.uid).get_documents()) == (403, "invalid_api_key")


def test_a_dump_is_made(client: meilisearch.Client) -> None:
    """The task names the dump."""
    task = client.wait_for_task(client.create_dump().task_uid)
    assert task.status == "succeeded"
    assert task.details is not None
    assert task.details["dumpUid"]
