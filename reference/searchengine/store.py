"""The durable truth: tasks, indexes and documents in SQLite. What the engine holds can be made again from here."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS indexes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, primary_key TEXT, folder TEXT NOT NULL,
    settings TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT, index_id INTEGER NOT NULL, key INTEGER NOT NULL, place INTEGER NOT NULL,
    body BLOB NOT NULL, words TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS document_by_key ON documents (index_id, key);
CREATE UNIQUE INDEX IF NOT EXISTS document_by_place ON documents (index_id, place);
CREATE TABLE IF NOT EXISTS tasks (
    uid INTEGER PRIMARY KEY AUTOINCREMENT, index_uid TEXT, type TEXT NOT NULL, status TEXT NOT NULL,
    request TEXT NOT NULL, payload BLOB, details TEXT, error TEXT, canceled_by INTEGER,
    enqueued_at TEXT NOT NULL, started_at TEXT, finished_at TEXT
);
CREATE INDEX IF NOT EXISTS task_by_status ON tasks (status, uid);
CREATE INDEX IF NOT EXISTS task_by_index ON tasks (index_uid, uid);
"""
# A writer's transaction is short (the engine's work is done outside), but disks of small machines can stall.
_BUSY_TIMEOUT_MS = 60_000


def now() -> str:
    """The time as Meilisearch writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def open_store(database: Path) -> sqlite3.Connection:
    """A connection that has written to disk whatever it says it has committed."""
    store = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    store.row_factory = sqlite3.Row
    store.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = FULL")
    return store


def create_schema(store: sqlite3.Connection) -> None:
    store.executescript(_SCHEMA)
    store.execute("INSERT OR IGNORE INTO meta VALUES ('instance_uid', ?)", (str(uuid.uuid4()),))
    store.execute("INSERT OR IGNORE INTO meta VALUES ('created_at', ?)", (now(),))


@contextmanager
def transaction(store: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    store.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        store.execute("ROLLBACK")
        raise
    store.execute("COMMIT")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One index as it is stored."""

    id: int
    uid: str
    primary_key: str | None
    folder: str
    settings: dict[str, Any]
    created_at: str
    updated_at: str
    version: int

    def view(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "primaryKey": self.primary_key,
        }


def _index_row(row: sqlite3.Row) -> IndexRow:
    fields = dict(row)
    return IndexRow(**{**fields, "settings": orjson.loads(fields["settings"])})


def find_index(store: sqlite3.Connection, uid: str) -> IndexRow | None:
    row = store.execute("SELECT * FROM indexes WHERE uid = ?", (uid,)).fetchone()
    return None if row is None else _index_row(row)


def all_indexes(store: sqlite3.Connection) -> list[IndexRow]:
    return [_index_row(row) for row in store.execute("SELECT * FROM indexes ORDER BY uid")]


def insert_index(
    store: sqlite3.Connection, uid: str, primary_key: str | None, *, settings: dict[str, Any] | None = None
) -> IndexRow:
    at = now()
    store.execute(
        "INSERT INTO indexes (uid, primary_key, folder, settings, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        (uid, primary_key, str(uuid.uuid4()), orjson.dumps(settings or {}).decode(), at, at),
    )
    index = find_index(store, uid)
    if index is None:
        raise RuntimeError(f"index {uid} was inserted and is not there")
    return index


def touch_index(store: sqlite3.Connection, index_id: int, **changed: str | None) -> None:
    """Note a change, so that readers look again."""
    columns = "".join(f", {name} = :{name}" for name in changed)
    store.execute(
        f"UPDATE indexes SET version = version + 1, updated_at = :at{columns} WHERE id = :id",  # noqa: S608
        {**changed, "at": now(), "id": index_id},
    )


def count_documents(store: sqlite3.Connection, index_id: int) -> int:
    return int(store.execute("SELECT count(*) FROM documents WHERE index_id = ?", (index_id,)).fetchone()[0])


def document_body(store: sqlite3.Connection, index_id: int, key: int) -> bytes | None:
    row = store.execute("SELECT body FROM documents WHERE index_id = ? AND key = ?", (index_id, key)).fetchone()
    return None if row is None else bytes(row["body"])


def document_bodies(store: sqlite3.Connection, index_id: int, *, limit: int = -1, offset: int = 0) -> Iterator[bytes]:
    """The documents in the order in which they first came."""
    for row in store.execute(
        "SELECT body FROM documents WHERE index_id = ? ORDER BY place LIMIT ? OFFSET ?", (index_id, limit, offset)
    ):
        yield row["body"]
