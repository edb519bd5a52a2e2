"""The one process that writes: takes tasks from the queue in order, and is done when engine and store both are.

The engine's wheel holds the interpreter's lock while it indexes, for seconds. Searches must not feel that, so this is a
process of its own. It may die at any moment: what was not finished is done again, and gives the same result.
"""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import select
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from reference.searchengine import dumps, store, tasks
from reference.searchengine.documents import Additions, primary_key_for
from reference.searchengine.engine import Engine, key_of
from reference.searchengine.errors import ApiError, bad_request, index_not_found
from reference.searchengine.paths import Paths
from reference.searchengine.settings import Settings, merged
from reference.searchengine.tasks import Task

_log = logging.getLogger("searchengine.writer")
# The server pokes the writer for each task; this is for a poke that was lost with a server that died.
_LOOK_AGAIN_S = 1.0
# As many as Meilisearch keeps open. One that was written to holds 5 MB, and there is one for each site.
_OPEN_MOST = 20
# Niceness: where both want the processor, who searches has nine tenths of it.
_YIELDS = 10
_PR_SET_PDEATHSIG = 1
# What the server says: there is a new task; the engine that was announced is open.
POKE, ACKNOWLEDGED = b"t", b"a"
# What is done within the transaction that also ends the task.
Commit = Callable[[], dict[str, Any] | None]


class Writer:
    """Does tasks."""

    def __init__(self, paths: Paths, channel: int) -> None:
        self._paths, self._channel = paths, channel
        self._store = store.open_store(paths.database)
        self._engines: dict[str, Engine] = {}
        # Whether a writer before this one came so far is not known.
        self._announced: set[str] = set()

    def recover(self) -> None:
        """Open what the last writer left unfinished, and drop folders that belong to no index."""
        again = tasks.reopen_unfinished(self._store)
        if again:
            _log.warning("%d unfinished tasks are done again", again)
        self._sweep()

    def _sweep(self) -> None:
        known = {index.folder for index in store.all_indexes(self._store)}
        for folder in self._paths.engines.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder)

    def work(self) -> bool:
        """Do one batch. False when there is nothing to do."""
        with store.transaction(self._store):
            batch = tasks.next_batch(self._store)
            tasks.start(self._store, [task.uid for task in batch])
        if not batch:
            return False
        try:
            if batch[0].type == "documentAdditionOrUpdate":
                self._add(batch)
            else:
                self._alone(batch[0])
        except ApiError as error:
            self._fail(batch, error)
        except BaseException as error:  # The wheel's panics are no Exceptions.
            if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError | sqlite3.OperationalError):
                raise
            _log.exception("tasks %s failed", [task.uid for task in batch])
            self._fail(batch, ApiError(500, "internal", f"{type(error).__name__}: {error}"))
        if batch[0].type in {"indexDeletion", "settingsUpdate"}:
            self._sweep()
        os.write(self._channel, b"done\n")
        return True

    def _fail(self, batch: list[Task], error: ApiError) -> None:
        with store.transaction(self._store):
            for task in batch:
                tasks.finish(self._store, task.uid, task.details, error)

    def _alone(self, task: Task) -> None:
        commit = _TASKS[task.type](self, task)
        with store.transaction(self._store):
            tasks.finish(self._store, task.uid, commit(), None)

    def _add(self, batch: list[Task]) -> None:
        uid = batch[0].index_uid or ""
        index = store.find_index(self._store, uid)
        if index is None:
            with store.transaction(self._store):
                index = store.insert_index(self._store, uid, None)
        settings = Settings.of(index.settings)
        additions = Additions(store=self._store, index_id=index.id, primary_key=index.primary_key or "")
        ends: list[tuple[Task, int, ApiError | None]] = []
        for task in batch:
            documents: list[dict[str, Any]] = orjson.loads(task.payload or b"[]")
            try:
                key = primary_key_for(uid, additions.primary_key or None, task.request["primaryKey"], documents)
                if key is not None:
                    additions.primary_key = key
                    ends.append((task, additions.take(documents, partial=task.request["partial"]), None))
                else:
                    ends.append((task, 0, None))
            except ApiError as error:
                ends.append((task, 0, error))
        additions.put(self._engine(index.folder), settings)
        with store.transaction(self._store):
            additions.keep(settings)
            store.touch_index(self._store, index.id, primary_key=additions.primary_key or None)
            for task, indexed, refused in ends:
                tasks.finish(self._store, task.uid, {**(task.details or {}), "indexedDocuments": indexed}, refused)

    def delete_documents(self, task: Task) -> Commit:
        index = self._index(task)
        ids = task.request.get("ids")
        if ids is None:
            deleted = store.count_documents(self._store, index.id)
            self._engine(index.folder).clear()
            keys = None
        else:
            keys = [key_of(document_id) for document_id in dict.fromkeys(ids)]
            keys = [key for key in keys if store.document_body(self._store, index.id, key) is not None]
            deleted = len(keys)
            if keys:
                self._engine(index.folder).remove(keys)

        def commit() -> dict[str, Any]:
            if keys is None:
                self._store.execute("DELETE FROM documents WHERE index_id = ?", (index.id,))
            else:
                self._store.executemany(
                    "DELETE FROM documents WHERE index_id = ? AND key = ?", [(index.id, key) for key in keys]
                )
            store.touch_index(self._store, index.id)
            return {**(task.details or {}), "deletedDocuments": deleted}

        return commit

    def create_index(self, task: Task) -> Commit:
        uid = task.index_uid or ""
        if store.find_index(self._store, uid) is not None:
            raise ApiError(409, "index_already_exists", f"Index `{uid}` already exists.")

        def commit() -> dict[str, Any] | None:
            index = store.insert_index(self._store, uid, task.request["primaryKey"])
            self._engine(index.folder)
            return task.details

        return commit

    def update_index(self, task: Task) -> Commit:
        index, wanted = self._index(task), task.request["primaryKey"]
        if wanted is not None and wanted != index.primary_key and store.count_documents(self._store, index.id):
            raise bad_request(
                "index_primary_key_already_exists",
                f"Index `{index.uid}` already has a primary key: `{index.primary_key}`.",
            )

        def commit() -> dict[str, Any] | None:
            if wanted is not None:
                store.touch_index(self._store, index.id, primary_key=wanted)
            return task.details

        return commit

    def delete_index(self, task: Task) -> Commit:
        index = self._index(task)
        deleted = store.count_documents(self._store, index.id)

        def commit() -> dict[str, Any]:
            self._store.execute("DELETE FROM documents WHERE index_id = ?", (index.id,))
            self._store.execute("DELETE FROM indexes WHERE id = ?", (index.id,))
            self._engines.pop(index.folder, None)
            return {"deletedDocuments": deleted}

        return commit

    def swap_indexes(self, task: Task) -> Commit:
        pairs: list[list[str]] = task.request["swaps"]
        for uid in (uid for pair in pairs for uid in pair):
            if store.find_index(self._store, uid) is None:
                raise index_not_found(uid)

        def commit() -> dict[str, Any] | None:
            for one, other in pairs:
                # A name that no client can give stands in for the moment in which both would be the same.
                for old, new in ((one, "\0"), (other, one), ("\0", other)):
                    self._store.execute("UPDATE indexes SET uid = ?, version = version + 1 WHERE uid = ?", (new, old))
            return task.details

        return commit

    def update_settings(self, task: Task) -> Commit:
        uid = task.index_uid or ""
        index = store.find_index(self._store, uid)
        if index is None:
            if task.request["isDeletion"]:
                raise index_not_found(uid)
            with store.transaction(self._store):
                index = store.insert_index(self._store, uid, None)
        found, kept = index, merged(index.settings, task.request["changes"])
        before, after = Settings.of(found.settings), Settings.of(kept)
        changed = {"settings": orjson.dumps(kept).decode()}
        if after.searchable == before.searchable:
            rebuilt = None
        else:
            rebuilt = dumps.new_folder()
            documents = [orjson.loads(body) for body in store.document_bodies(self._store, found.id)]
            additions = Additions(store=self._store, index_id=found.id, primary_key=found.primary_key or "")
            additions.take(documents, partial=False)
            additions.put(self._engine(rebuilt), after)
            changed["folder"] = rebuilt

        def commit() -> dict[str, Any] | None:
            store.touch_index(self._store, found.id, **changed)
            if rebuilt is not None:
                additions.keep(after)
                self._engines.pop(found.folder, None)
            return task.details

        return commit

    def create_dump(self, task: Task) -> Commit:
        uid = dumps.write(self._store, self._paths)
        return lambda: {**(task.details or {}), "dumpUid": uid}

    def _index(self, task: Task) -> store.IndexRow:
        index = store.find_index(self._store, task.index_uid or "")
        if index is None:
            raise index_not_found(task.index_uid or "")
        return index

    def _engine(self, folder: str) -> Engine:
        engine = self._engines.pop(folder, None)
        if engine is None:
            path = self._paths.engines / folder
            path.mkdir(exist_ok=True)
            engine = Engine(path)
            engine.prepare()
            if folder not in self._announced:
                self._announce(folder)
                self._announced.add(folder)
        # The one that was used last is the last.
        self._engines[folder] = engine
        if len(self._engines) > _OPEN_MOST:
            del self._engines[next(iter(self._engines))]
        return engine

    def _announce(self, folder: str) -> None:
        """Have the server open an engine before anything is written to it: opening waits for a write to end."""
        try:
            os.write(self._channel, f"open {folder}\n".encode())
        except BrokenPipeError as error:
            # Not the tasks' fault: who works next will do them.
            raise SystemExit("the server is gone") from error
        while ACKNOWLEDGED not in (heard := os.read(self._channel, 4096)):
            if not heard:
                raise SystemExit("the server is gone")


_TASKS: dict[str, Callable[[Writer, Task], Commit]] = {
    "documentDeletion": Writer.delete_documents,
    "dumpCreation": Writer.create_dump,
    "indexCreation": Writer.create_index,
    "indexDeletion": Writer.delete_index,
    "indexSwap": Writer.swap_indexes,
    "indexUpdate": Writer.update_index,
    "settingsUpdate": Writer.update_settings,
}


def run(paths: Paths, channel: int) -> None:
    """Work until the channel to the server closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_YIELDS)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with paths.writer_lock.open("w") as lock:
        # A writer whose server was killed may still be at it for a moment.
        fcntl.flock(lock, fcntl.LOCK_EX)
        writer = Writer(paths, channel)
        writer.recover()
        while True:
            while writer.work():
                pass
            ready, _, _ = select.select([channel], [], [], _LOOK_AGAIN_S)
            if ready and not os.read(channel, 4096):
                return


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    run(Paths.under(Path(sys.argv[1]), Path(sys.argv[2])), int(sys.argv[3]))
