"""The part of Meilisearch's HTTP API that is served: indexes, search, settings, tasks, keys, dumps."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from reference.searchengine import settings, store, tasks
from reference.searchengine.catalog import Catalog
from reference.searchengine.errors import bad_request, index_not_found, not_served, task_not_found
from reference.searchengine.http import Request, Router
from reference.searchengine.keys import Keys
from reference.searchengine.request import SearchRequest
from reference.searchengine.searching import search
from reference.searchengine.version import ENGINE_VERSION

_INDEX_UID = re.compile(r"[a-zA-Z0-9_-]{1,400}")
# Known to clients, not to the engine's wheel.
_NOT_SERVED = (
    ("POST", "/indexes/{}/facet-search"), ("POST", "/indexes/{}/similar"), ("GET", "/indexes/{}/similar"),
    ("POST", "/indexes/{}/documents/edit"), ("POST", "/snapshots"), ("GET", "/experimental-features"),
    ("PATCH", "/experimental-features"), ("GET", "/batches"), ("GET", "/batches/{}"), ("GET", "/network"),
    ("PATCH", "/network"), ("POST", "/keys"), ("PATCH", "/keys/{}"), ("DELETE", "/keys/{}"), ("GET", "/metrics"),
    ("GET", "/webhooks"), ("POST", "/webhooks"), ("POST", "/export"), ("GET", "/indexes/{}/fields"),
    ("GET", "/indexes/{}/settings/embedders"), ("PATCH", "/indexes/{}/settings/embedders"),
    ("GET", "/indexes/{}/settings/localized-attributes"), ("GET", "/indexes/{}/settings/prefix-search"),
)  # fmt: skip
# Writes one row in a transaction of its own and comes back when it is on disk.
Enqueue = Callable[[Callable[[sqlite3.Connection], dict[str, Any]]], Awaitable[dict[str, Any]]]


def index_uid(value: Any) -> str:
    """A name that an index may have."""
    if not isinstance(value, str) or not _INDEX_UID.fullmatch(value):
        raise bad_request(
            "invalid_index_uid",
            f"`{value}` is not a valid index uid. Index uid can be an integer or a string containing only alphanumeric "
            "characters, hyphens (-) and underscores (_), and can not be more than 400 bytes.",
        )
    return value


class Routes:
    """Handlers. Reading is done at once, what changes something becomes a task."""

    def __init__(self, catalog: Catalog, enqueue: Enqueue, keys: Keys) -> None:
        self._catalog, self._enqueue, self._keys = catalog, enqueue, keys

    def add_to(self, router: Router) -> None:
        add = router.add
        add("GET", "/health", lambda _: {"status": "available"}, action=None)
        add("GET", "/version", self.version, action="version")
        add("GET", "/stats", self.stats, action="stats.get")
        add("GET", "/indexes", self.indexes)
        add("POST", "/indexes", self.create_index, status=202)
        add("GET", "/indexes/{}", lambda request: self.row(request).view())
        add("PATCH", "/indexes/{}", self.update_index, status=202)
        add("DELETE", "/indexes/{}", self.delete_index, status=202)
        add("GET", "/indexes/{}/stats", lambda request: self.index_stats(self.row(request)))
        add("POST", "/swap-indexes", self.swap_indexes, status=202)
        add("POST", "/indexes/{}/search", self.search, action="search")
        add("GET", "/indexes/{}/search", self.search_by_get, action="search")
        add("POST", "/multi-search", self.multi_search, action="search")
        add("GET", "/indexes/{}/settings", lambda request: settings.full(self.row(request).settings))
        add("PATCH", "/indexes/{}/settings", self.change_settings, status=202)
        add("DELETE", "/indexes/{}/settings", self.reset_settings, status=202)
        for name in settings.DEFAULTS:
            self._add_setting(router, name)
        add("GET", "/tasks", self.tasks)
        add("GET", "/tasks/{}", self.task)
        add("POST", "/tasks/cancel", self.cancel_tasks)
        add("DELETE", "/tasks", self.delete_tasks)
        add("GET", "/keys", self.keys, action="keys")
        add("GET", "/keys/{}", lambda request: self._keys.find(request.path[0]), action="keys")
        add("POST", "/dumps", self.create_dump, status=202)
        for method, path in _NOT_SERVED:
            add(method, path, _refuse(f"{method} {path}"))

    def _add_setting(self, router: Router, name: str) -> None:
        path = "/indexes/{}/settings/" + "".join(f"-{c.lower()}" if c.isupper() else c for c in name)
        is_object = isinstance(settings.DEFAULTS[name], dict) and name != "synonyms"

        def change(request: Request) -> Awaitable[dict[str, Any]]:
            return self._change(request, {name: request.json()})

        router.add("GET", path, lambda request: settings.full(self.row(request).settings)[name])
        router.add("PATCH" if is_object else "PUT", path, change, status=202)
        router.add("DELETE", path, lambda request: self._change(request, {name: None}, is_reset=True), status=202)

    def row(self, request: Request) -> store.IndexRow:
        uid = index_uid(request.path[0])
        row = store.find_index(self._catalog.store, uid)
        if row is None:
            raise index_not_found(uid)
        return row

    def version(self, _: Request) -> dict[str, Any]:
        return {"commitSha": "unknown", "commitDate": "unknown", "pkgVersion": ENGINE_VERSION}

    def stats(self, _: Request) -> dict[str, Any]:
        rows = store.all_indexes(self._catalog.store)
        size = self._catalog.size_bytes()
        return {
            "databaseSize": size,
            "usedDatabaseSize": size,
            "lastUpdate": max((row.updated_at for row in rows), default=None),
            "indexes": {row.uid: self.index_stats(row) for row in rows},
        }

    def index_stats(self, row: store.IndexRow) -> dict[str, Any]:
        return {
            "numberOfDocuments": store.count_documents(self._catalog.store, row.id),
            "isIndexing": tasks.is_indexing(self._catalog.store, row.uid),
            "fieldDistribution": self._catalog.field_distribution(row),
        }

    def indexes(self, request: Request) -> dict[str, Any]:
        offset = request.number("offset", 0, "invalid_index_offset")
        limit = request.number("limit", 20, "invalid_index_limit")
        rows = store.all_indexes(self._catalog.store)
        page = [row.view() for row in rows[offset : offset + limit]]
        return {"results": page, "offset": offset, "limit": limit, "total": len(rows)}

    def create_index(self, request: Request) -> Awaitable[dict[str, Any]]:
        body = request.json_object()
        if "uid" not in body:
            raise bad_request("missing_index_uid", "Missing field `uid`")
        uid, primary_key = index_uid(body["uid"]), body.get("primaryKey")
        self._check_primary_key(primary_key)
        change = {"primaryKey": primary_key}
        return self.task_for("indexCreation", uid, change, details=change)

    def update_index(self, request: Request) -> Awaitable[dict[str, Any]]:
        primary_key = request.json_object().get("primaryKey")
        self._check_primary_key(primary_key)
        change = {"primaryKey": primary_key}
        return self.task_for("indexUpdate", index_uid(request.path[0]), change, details=change)

    @staticmethod
    def _check_primary_key(value: Any) -> None:
        if value is not None and not isinstance(value, str):
            raise bad_request(
                "invalid_index_primary_key",
                f"Invalid value type at `.primaryKey`: expected a string, but found: `{value}`",
            )

    def delete_index(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self.task_for("indexDeletion", index_uid(request.path[0]), {}, details={"deletedDocuments": None})

    def swap_indexes(self, request: Request) -> Awaitable[dict[str, Any]]:
        pairs = [swap.get("indexes") for swap in request.json()]
        uids = [index_uid(uid) for pair in pairs for uid in pair]
        if any(len(pair) != 2 for pair in pairs):
            raise bad_request("invalid_swap_indexes", "Two indexes must be given for each swap.")
        if len(set(uids)) != len(uids):
            raise bad_request("invalid_swap_duplicate_index_found", "Indexes must be declared only once during a swap.")
        details = {"swaps": [{"indexes": pair} for pair in pairs]}
        return self.task_for("indexSwap", None, {"swaps": pairs}, details=details)

    def search(self, request: Request) -> dict[str, Any]:
        return search(self._catalog, index_uid(request.path[0]), SearchRequest.of(request.json_object()))

    def search_by_get(self, request: Request) -> dict[str, Any]:
        return search(self._catalog, index_uid(request.path[0]), SearchRequest.of_query_string(request.query))

    def multi_search(self, request: Request) -> dict[str, Any]:
        body = request.json_object()
        if body.get("federation") is not None:
            raise not_served("Federated search")
        if not isinstance(body.get("queries"), list):
            raise bad_request("invalid_multi_search_queries", "Missing field `queries`")
        results = []
        for query in body["queries"]:
            if "indexUid" not in query:
                raise bad_request("missing_index_uid", "Missing field `indexUid` inside `.queries[]`")
            uid = index_uid(query["indexUid"])
            rest = {name: value for name, value in query.items() if name != "indexUid"}
            results.append({"indexUid": uid, **search(self._catalog, uid, SearchRequest.of(rest))})
        return {"results": results}

    def change_settings(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self._change(request, request.json_object())

    def reset_settings(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self._change(request, dict.fromkeys(settings.DEFAULTS), is_reset=True)

    def _change(
        self, request: Request, changes: Mapping[str, Any], *, is_reset: bool = False
    ) -> Awaitable[dict[str, Any]]:
        details = {name: value for name, value in changes.items() if value is not None}
        work = {"changes": settings.checked(changes), "isDeletion": is_reset}
        return self.task_for("settingsUpdate", index_uid(request.path[0]), work, details=details)

    def tasks(self, request: Request) -> dict[str, Any]:
        limit = request.number("limit", 20, "invalid_task_limit")
        from_uid = request.number("from", -1, "invalid_task_from")
        return tasks.listing(
            self._catalog.store, request.query, limit=limit, from_uid=None if from_uid < 0 else from_uid
        )

    def task(self, request: Request) -> dict[str, Any]:
        text = request.path[0]
        if not text.isdigit():
            raise bad_request(
                "invalid_task_uids",
                f"Invalid value in parameter `uids`: could not parse `{text}` as a positive integer",
            )
        task = tasks.find(self._catalog.store, int(text))
        if task is None:
            raise task_not_found(int(text))
        return task

    def cancel_tasks(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self._on_tasks(request, "taskCancelation")

    def delete_tasks(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self._on_tasks(request, "taskDeletion")

    def _on_tasks(self, request: Request, kind: str) -> Awaitable[dict[str, Any]]:
        if not request.query:
            what = "cancel" if kind == "taskCancelation" else "delete"
            raise bad_request("missing_task_filters", f"Query parameters to filter the tasks to {what} are missing.")
        where, values = tasks.conditions(request.query)
        original = "?" + "&".join(f"{name}={value}" for name, value in request.query.items())
        return self._enqueue(lambda written: tasks.on_tasks(written, kind, where, values, original))

    def keys(self, request: Request) -> dict[str, Any]:
        limit = request.number("limit", 20, "invalid_api_key_limit")
        return self._keys.listing(limit, request.number("offset", 0, "invalid_api_key_offset"))

    def create_dump(self, _: Request) -> Awaitable[dict[str, Any]]:
        return self.task_for("dumpCreation", None, {}, details={"dumpUid": None})

    def task_for(
        self,
        kind: str,
        uid: str | None,
        request: Mapping[str, Any],
        *,
        details: Mapping[str, Any] | None = None,
        payload: bytes | None = None,
    ) -> Awaitable[dict[str, Any]]:
        """Keep a task and answer with it once it is on disk."""
        return self._enqueue(
            lambda written: tasks.enqueue(written, kind, uid, request, details=details, payload=payload)
        )


def _refuse(what: str) -> Callable[[Request], dict[str, Any]]:
    def handler(_: Request) -> dict[str, Any]:
        raise not_served(what.replace("{}", "…"))

    return handler
