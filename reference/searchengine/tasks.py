"""The queue of tasks: what was accepted is on disk, and its state is what clients see."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from reference.searchengine.errors import ApiError, bad_request
from reference.searchengine.store import now

STATUSES = ("enqueued", "processing", "succeeded", "failed", "canceled")
TYPES = (
    "documentAdditionOrUpdate", "documentDeletion", "documentEdition", "dumpCreation", "indexCreation", "indexDeletion",
    "indexSwap", "indexUpdate", "settingsUpdate", "snapshotCreation", "taskCancelation", "taskDeletion",
)  # fmt: skip
# These concern more than one index, so nothing may be moved past them.
GLOBAL_TYPES = ("indexSwap", "dumpCreation")
_BATCH_TASKS, _BATCH_BYTES = 500, 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task as it is stored."""

    uid: int
    index_uid: str | None
    type: str
    request: dict[str, Any]
    payload: bytes | None
    details: dict[str, Any] | None


def enqueue(
    store: sqlite3.Connection,
    kind: str,
    index_uid: str | None,
    request: Mapping[str, Any],
    *,
    details: Mapping[str, Any] | None = None,
    payload: bytes | None = None,
) -> dict[str, Any]:
    """Keep a task. When this returns it is on disk."""
    at = now()
    cursor = store.execute(
        "INSERT INTO tasks (index_uid, type, status, request, payload, details, enqueued_at) "
        "VALUES (?, ?, 'enqueued', ?, ?, ?, ?)",
        (index_uid, kind, orjson.dumps(request).decode(), payload, _json(details), at),
    )
    return {"taskUid": cursor.lastrowid, "indexUid": index_uid, "status": "enqueued", "type": kind, "enqueuedAt": at}


def next_batch(store: sqlite3.Connection) -> list[Task]:
    """The oldest task, with the document additions to the same index that can be done in the same breath."""
    first = _first(store, "status = 'enqueued'", ())
    if first is None:
        return []
    if first.type != "documentAdditionOrUpdate":
        return [first]
    kinds = ", ".join("?" for _ in GLOBAL_TYPES)
    barrier = store.execute(
        "SELECT min(uid) FROM tasks WHERE status = 'enqueued' "  # noqa: S608
        f"AND (type IN ({kinds}) OR (index_uid = ? AND type != ?))",
        (*GLOBAL_TYPES, first.index_uid, first.type),
    ).fetchone()[0]
    batch, size = list[Task](), 0
    for row in store.execute(
        "SELECT * FROM tasks WHERE status = 'enqueued' AND index_uid = ? AND type = ? AND uid < ? ORDER BY uid LIMIT ?",
        (first.index_uid, first.type, 1 << 62 if barrier is None else barrier, _BATCH_TASKS),
    ):
        task = _task(row)
        size += len(task.payload or b"")
        if batch and size > _BATCH_BYTES:
            break
        batch.append(task)
    return batch


def start(store: sqlite3.Connection, uids: Sequence[int]) -> None:
    at = now()
    store.executemany("UPDATE tasks SET status = 'processing', started_at = ? WHERE uid = ?", [(at, u) for u in uids])


def finish(store: sqlite3.Connection, uid: int, details: Mapping[str, Any] | None, error: ApiError | None) -> None:
    """The task is done; its payload is not needed any more."""
    store.execute(
        "UPDATE tasks SET status = ?, details = ?, error = ?, finished_at = ?, payload = NULL WHERE uid = ?",
        (
            "succeeded" if error is None else "failed",
            _json(details),
            None if error is None else _json(error.body()),
            now(),
            uid,
        ),
    )


def reopen_unfinished(store: sqlite3.Connection) -> int:
    """What was being done when the writer died is to be done again; every task gives the same result when repeated."""
    return store.execute("UPDATE tasks SET status = 'enqueued', started_at = NULL WHERE status = 'processing'").rowcount


def view(row: sqlite3.Row) -> dict[str, Any]:
    """A task as clients see it."""
    duration = None
    if row["started_at"] and row["finished_at"]:
        spent = datetime.fromisoformat(row["finished_at"]) - datetime.fromisoformat(row["started_at"])
        duration = f"PT{spent.total_seconds():.6f}S"
    return {
        "uid": row["uid"],
        "indexUid": row["index_uid"],
        "status": row["status"],
        "type": row["type"],
        "canceledBy": row["canceled_by"],
        "details": orjson.loads(row["details"]) if row["details"] else None,
        "error": orjson.loads(row["error"]) if row["error"] else None,
        "duration": duration,
        "enqueuedAt": row["enqueued_at"],
        "startedAt": row["started_at"],
        "finishedAt": row["finished_at"],
    }


def find(store: sqlite3.Connection, uid: int) -> dict[str, Any] | None:
    row = store.execute("SELECT * FROM tasks WHERE uid = ?", (uid,)).fetchone()
    return None if row is None else view(row)


_LISTS = {
    "uids": ("uid", "invalid_task_uids", None),
    "statuses": ("status", "invalid_task_statuses", STATUSES),
    "types": ("type", "invalid_task_types", TYPES),
    "indexUids": ("index_uid", "invalid_index_uid", None),
    "canceledBy": ("canceled_by", "invalid_task_canceled_by", None),
}
_TIMES = {
    "beforeEnqueuedAt": "enqueued_at <", "afterEnqueuedAt": "enqueued_at >",
    "beforeStartedAt": "started_at <", "afterStartedAt": "started_at >",
    "beforeFinishedAt": "finished_at <", "afterFinishedAt": "finished_at >",
}  # fmt: skip


def conditions(filters: Mapping[str, str]) -> tuple[str, list[Any]]:
    """A task filter, as clients write it, as SQL."""
    clauses, values = ["1"], list[Any]()
    for name, (column, code, allowed) in _LISTS.items():
        given = filters.get(name, "*")
        if given == "*":
            continue
        wanted: list[Any] = given.split(",")
        if column in {"uid", "canceled_by"}:
            if not all(item.isdigit() for item in wanted):
                raise bad_request(
                    code, f"Invalid value in parameter `{name}`: could not parse `{given}` as a positive integer"
                )
            wanted = [int(item) for item in wanted]
        elif allowed is not None:
            by_lower = {item.lower(): item for item in allowed}
            for item in wanted:
                if item.lower() not in by_lower:
                    raise bad_request(
                        code,
                        f"Invalid value in parameter `{name}`: `{item}` is not a valid task {name}. "
                        f"Available values are {', '.join(f'`{choice}`' for choice in allowed)}.",
                    )
            wanted = [by_lower[item.lower()] for item in wanted]
        clauses.append(f"{column} IN ({', '.join('?' for _ in wanted)})")
        values.extend(wanted)
    for name, comparison in _TIMES.items():
        if name in filters:
            clauses.append(f"{comparison} ?")
            values.append(filters[name])
    return " AND ".join(clauses), values


def listing(
    store: sqlite3.Connection, filters: Mapping[str, str], *, limit: int, from_uid: int | None
) -> dict[str, Any]:
    """A page of tasks, newest first."""
    where, values = conditions(filters)
    total = store.execute(f"SELECT count(*) FROM tasks WHERE {where}", values).fetchone()[0]  # noqa: S608
    if from_uid is not None:
        where, values = f"{where} AND uid <= ?", [*values, from_uid]
    rows = store.execute(
        f"SELECT * FROM tasks WHERE {where} ORDER BY uid DESC LIMIT ?",  # noqa: S608
        (*values, limit + 1),
    ).fetchall()
    page, rest = rows[:limit], rows[limit:]
    return {
        "results": [view(row) for row in page],
        "total": total,
        "limit": limit,
        "from": page[0]["uid"] if page else None,
        "next": rest[0]["uid"] if rest else None,
    }


def _first(store: sqlite3.Connection, where: str, values: Sequence[Any]) -> Task | None:
    row = store.execute(f"SELECT * FROM tasks WHERE {where} ORDER BY uid LIMIT 1", values).fetchone()  # noqa: S608
    return None if row is None else _task(row)


def _task(row: sqlite3.Row) -> Task:
    return Task(
        uid=row["uid"],
        index_uid=row["index_uid"],
        type=row["type"],
        request=orjson.loads(row["request"]),
        payload=row["payload"],
        details=orjson.loads(row["details"]) if row["details"] else None,
    )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def is_indexing(store: sqlite3.Connection, uid: str) -> bool:
    row = store.execute("SELECT 1 FROM tasks WHERE status = 'processing' AND index_uid = ?", (uid,)).fetchone()
    return row is not None


def on_tasks(store: sqlite3.Connection, kind: str, where: str, values: Sequence[Any], original: str) -> dict[str, Any]:
    """Cancel or delete tasks, done at once: it only concerns the queue. What is being worked on is left alone."""
    matched = store.execute(f"SELECT count(*) FROM tasks WHERE {where}", values).fetchone()[0]  # noqa: S608
    answer = enqueue(store, kind, None, {})
    uid, at = answer["taskUid"], now()
    if kind == "taskCancelation":
        word = "canceledTasks"
        done = store.execute(
            "UPDATE tasks SET status = 'canceled', payload = NULL, canceled_by = ?, finished_at = ? "  # noqa: S608
            f"WHERE status = 'enqueued' AND uid != ? AND {where}",
            (uid, at, uid, *values),
        ).rowcount
    else:
        word = "deletedTasks"
        done = store.execute(
            f"DELETE FROM tasks WHERE status NOT IN ('enqueued', 'processing') AND {where}",  # noqa: S608
            values,
        ).rowcount
    store.execute("UPDATE tasks SET started_at = ? WHERE uid = ?", (at, uid))
    finish(store, uid, {"matchedTasks": matched, word: done, "originalFilter": original}, None)
    return answer
