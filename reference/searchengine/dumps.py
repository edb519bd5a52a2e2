"""Dumps: everything in one file, laid out as Meilisearch lays out its dumps of version V6."""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from reference.searchengine import store as stored
from reference.searchengine import tasks
from reference.searchengine.paths import Paths
from reference.searchengine.settings import checked, full, merged
from reference.searchengine.version import ENGINE_VERSION


def new_folder() -> str:
    return str(uuid.uuid4())


def write(store: sqlite3.Connection, paths: Paths) -> str:
    """Write a dump and give its name. It is there whole or not at all."""
    at = datetime.now(UTC)
    uid = at.strftime("%Y%m%d-%H%M%S") + f"{at.microsecond // 1000:03d}"
    with tempfile.NamedTemporaryFile(dir=paths.dumps, suffix=".part", delete=False) as part:
        try:
            with tarfile.open(fileobj=part, mode="w:gz", compresslevel=1) as archive:
                _fill(archive, store)
            part.flush()
            os.fsync(part.fileno())
            Path(part.name).rename(paths.dumps / f"{uid}.dump")
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    return uid


def _fill(archive: tarfile.TarFile, store: sqlite3.Connection) -> None:
    _add(archive, "metadata.json", {"dumpVersion": "V6", "dbVersion": ENGINE_VERSION, "dumpDate": stored.now()})
    instance = store.execute("SELECT value FROM meta WHERE name = 'instance_uid'").fetchone()[0]
    _add_bytes(archive, "instance_uid.uuid", instance.encode())
    _add_bytes(archive, "keys.jsonl", b"")
    rows = store.execute("SELECT * FROM tasks WHERE status IN ('succeeded', 'failed', 'canceled') ORDER BY uid")
    _add_bytes(archive, "tasks/queue.jsonl", b"".join(orjson.dumps(tasks.view(row)) + b"\n" for row in rows))
    for index in stored.all_indexes(store):
        folder = f"indexes/{index.uid}"
        _add(archive, f"{folder}/metadata.json", index.view())
        _add(archive, f"{folder}/settings.json", full(index.settings))
        lines = b"".join(body + b"\n" for body in stored.document_bodies(store, index.id))
        _add_bytes(archive, f"{folder}/documents.jsonl", lines)


def _add(archive: tarfile.TarFile, name: str, value: dict[str, Any]) -> None:
    _add_bytes(archive, name, orjson.dumps(value))


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def read(store: sqlite3.Connection, dump: Path) -> int:
    """Enqueue what makes an empty database hold what the dump holds; gives the number of documents."""
    count = 0
    with tarfile.open(dump, "r:gz") as archive, stored.transaction(store):
        # Older tar programs write "./" in front.
        members = {member.name.removeprefix("./"): member for member in archive if member.isfile()}

        def content(name: str) -> bytes:
            handle = archive.extractfile(members[name])
            return b"" if handle is None else handle.read()

        if orjson.loads(content("metadata.json")).get("dumpVersion") != "V6":
            raise ValueError(f"{dump}: not a dump of version V6")
        for name in sorted(members):
            folder, _, last = name.rpartition("/")
            if last != "metadata.json" or not folder.startswith("indexes/"):
                continue
            metadata = orjson.loads(content(name))
            settings = merged({}, checked(orjson.loads(content(f"{folder}/settings.json"))))
            index = stored.insert_index(store, metadata["uid"], metadata["primaryKey"], settings=settings)
            documents = content(f"{folder}/documents.jsonl").splitlines()
            count += len(documents)
            if documents:
                payload = b"[" + b",".join(documents) + b"]"
                request = {"primaryKey": metadata["primaryKey"], "partial": False}
                details = {"receivedDocuments": len(documents), "indexedDocuments": None}
                tasks.enqueue(store, "documentAdditionOrUpdate", index.uid, request, details=details, payload=payload)
    return count
