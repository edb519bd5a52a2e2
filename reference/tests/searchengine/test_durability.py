"""What our own server promises beyond the API: nothing accepted is lost, and indexing does not stop the answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
from pathlib import Path

import meilisearch
import pytest
from meilisearch.errors import MeilisearchApiError, MeilisearchCommunicationError

from reference.searchengine import store, tasks
from reference.searchengine.paths import Paths
from reference.tests.searchengine.running import MASTER_KEY, RunningServer

_WORDS = ("river", "forest", "evening", "water", "shadow", "mountain", "garden", "window", "letter", "silver")


def _pages(first: int, count: int) -> list[dict[str, object]]:
    return [
        {"id": number, "title": f"page{number}", "text": " ".join(_WORDS[number * k % 10] for k in range(300))}
        for number in range(first, first + count)
    ]


@pytest.fixture
def server(tmp_path: Path) -> RunningServer:
    return RunningServer(tmp_path)


def test_no_accepted_task_is_lost_by_sigkill(server: RunningServer) -> None:
    """Kill in the middle of a stream of writes, several times: all that was acknowledged is there afterwards."""
    acknowledged: list[int] = []
    for life in range(4):
        with server:
            index = meilisearch.Client(server.url, MASTER_KEY).index("pages")
            # Each life is killed at another point: while writing, while indexing, right after the last answer.
            killer = threading.Timer(0.15 + 0.2 * life, server.kill)
            killer.start()
            while True:
                number = len(acknowledged)
                try:
                    index.add_documents(_pages(number, 1), "id")
                except (MeilisearchCommunicationError, MeilisearchApiError):
                    break
                acknowledged.append(number)
            killer.join()
    with server:
        client = meilisearch.Client(server.url, MASTER_KEY)
        last = client.index("pages").add_documents(_pages(10**6, 1)).task_uid
        assert client.wait_for_task(last, timeout_in_ms=20_000).status == "succeeded"
        assert client.get_tasks({"statuses": "failed"}).total == 0
        found = {document.id for document in client.index("pages").get_documents({"limit": 10**6}).results}
        assert len(acknowledged) > 20
        assert set(acknowledged) - found == set()
        for number in (acknowledged[0], acknowledged[-1]):
            assert client.index("pages").search(f"page{number}")["hits"][0]["id"] == number


def test_searches_and_health_are_answered_while_indexing(server: RunningServer) -> None:
    """The longest wait for an answer during the indexing of a large batch is a small part of it."""
    with server:
        client = meilisearch.Client(server.url, MASTER_KEY)
        index = client.index("pages")
        index.wait_for_task(index.add_documents(_pages(0, 50), "id").task_uid)
        uid = index.add_documents(_pages(50, 3000)).task_uid
        waits, began = [], time.monotonic()
        while client.get_task(uid).status in {"enqueued", "processing"}:
            asked = time.monotonic()
            assert client.health() == {"status": "available"}
            assert index.search("river")["hits"]
            waits.append(time.monotonic() - asked)
        indexing_s = time.monotonic() - began
        assert len(waits) >= 5
        assert max(waits) < max(0.5, indexing_s / 3)


def test_sigterm_ends_it_and_the_next_one_serves_what_was_there(server: RunningServer) -> None:
    with server:
        index = meilisearch.Client(server.url, MASTER_KEY).index("pages")
        index.wait_for_task(index.add_documents(_pages(0, 500), "id").task_uid, timeout_in_ms=20_000)
        assert server.stop() == 0
        server.start()
        assert index.search("river")["estimatedTotalHits"] > 20


def test_a_dump_becomes_a_new_server(server: RunningServer, tmp_path: Path) -> None:
    """A dump holds documents and settings, and a server started from it finds them."""
    with server:
        client = meilisearch.Client(server.url, MASTER_KEY)
        index = client.index("pages")
        index.update_searchable_attributes(["title"])
        index.add_documents(_pages(0, 30), "id")
        task = client.wait_for_task(client.create_dump().task_uid, timeout_in_ms=20_000)
        assert task.details is not None
        dump = tmp_path / "dumps" / f"{task.details['dumpUid']}.dump"
        with tarfile.open(dump) as archive:
            assert json.load(archive.extractfile("metadata.json") or pytest.fail("no metadata"))["dumpVersion"] == "V6"
    with RunningServer(tmp_path / "other", "--import-dump", str(dump)) as other:
        client = meilisearch.Client(other.url, MASTER_KEY)
        for task in client.get_tasks().results:
            assert client.wait_for_task(task.uid, timeout_in_ms=20_000).status == "succeeded"
        assert client.index("pages").get_settings()["searchableAttributes"] == ["title"]
        assert client.index("pages").search("page7")["hits"][0]["id"] == 7
        assert client.index("pages").search("river")["hits"] == []


def test_what_is_not_served_says_so(server: RunningServer) -> None:
    """501 with Meilisearch's error shape, for routes, parameters and settings."""
    with server:
        client = meilisearch.Client(server.url, MASTER_KEY)
        index = client.index("pages")
        index.wait_for_task(index.add_documents(_pages(0, 1), "id").task_uid)
        for call in (
            lambda: index.search("river", {"filter": "id = 1"}),
            lambda: index.update_settings({"synonyms": {"river": ["stream"]}}),
            lambda: client.http.post("snapshots"),
            lambda: index.delete_documents(filter="id = 1"),
        ):
            with pytest.raises(MeilisearchApiError) as refused:
                call()
            assert (refused.value.status_code, refused.value.code) == (501, "not_implemented")


def test_an_answer_is_json_with_its_length(server: RunningServer) -> None:
    """Answers can be read without chunks."""
    with server, urllib.request.urlopen(f"{server.url}/health", timeout=5) as answer:  # noqa: S310
        assert answer.headers["content-type"] == "application/json"
        assert int(answer.headers["content-length"]) == len(answer.read())


def test_a_new_writer_takes_over_from_one_that_died(server: RunningServer) -> None:
    """The writer's death costs a moment, and no task."""
    with server:
        index = meilisearch.Client(server.url, MASTER_KEY).index("pages")
        index.wait_for_task(index.add_documents(_pages(0, 10), "id").task_uid)
        writer = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
        # So that it dies with something unread.
        os.kill(writer, signal.SIGSTOP)
        uid = index.add_documents(_pages(10, 1500)).task_uid
        os.kill(writer, signal.SIGKILL)
        assert index.search("river")["hits"]
        assert index.wait_for_task(uid, timeout_in_ms=30_000).status == "succeeded"
        assert index.get_stats().number_of_documents == 1510


def test_more_indexes_than_the_writer_keeps_open_are_written_to_in_turn(server: RunningServer) -> None:
    with server:
        client = meilisearch.Client(server.url, MASTER_KEY)
        for first in (0, 1):
            tasks = [client.index(f"pages-{number}").add_documents(_pages(first, 1), "id") for number in range(25)]
            assert client.wait_for_task(tasks[-1].task_uid, timeout_in_ms=30_000).status == "succeeded"
        assert client.get_tasks({"statuses": "failed"}).total == 0
        for number in range(25):
            hits = client.index(f"pages-{number}").search("page0 page1", {"matchingStrategy": "last"})["hits"]
            assert 0 in [hit["id"] for hit in hits]
            assert client.index(f"pages-{number}").search("page1")["hits"][0]["id"] == 1


def test_an_index_whose_writer_died_before_the_server_knew_it_is_announced_by_the_next(tmp_path: Path) -> None:
    paths = Paths.under(tmp_path / "data", tmp_path / "dumps")
    database = store.open_store(paths.database)
    store.create_schema(database)
    with store.transaction(database):
        request = {"primaryKey": "id", "partial": False}
        tasks.enqueue(database, "documentAdditionOrUpdate", "pages", request, payload=json.dumps(_pages(0, 1)).encode())
    first, second = _first_words_of_a_writer(paths), _first_words_of_a_writer(paths)
    assert first.startswith(b"open ")
    assert second == first


def _first_words_of_a_writer(paths: Paths) -> bytes:
    """What it tells the server, which dies with it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(20)
        writer = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "reference.searchengine.writer", paths.data, paths.dumps, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
        )
        try:
            return ours.recv(4096)
        finally:
            writer.kill()
            writer.wait()
