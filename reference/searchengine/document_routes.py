"""The HTTP API's part about documents."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable
from typing import Any

import orjson

from reference.searchengine import store
from reference.searchengine.catalog import Catalog
from reference.searchengine.documents import identifier
from reference.searchengine.engine import key_of
from reference.searchengine.errors import bad_request, document_not_found, not_served
from reference.searchengine.http import Request, Router, parsed, wrong_content_type
from reference.searchengine.routes import Routes, index_uid
from reference.searchengine.settings import Settings

_CONTENT_TYPES = ("application/json", "application/x-ndjson", "text/csv")


class DocumentRoutes:
    """Handlers for documents."""

    def __init__(self, catalog: Catalog, routes: Routes) -> None:
        self._catalog, self._routes = catalog, routes

    def add_to(self, router: Router) -> None:
        add = router.add
        add("GET", "/indexes/{}/documents", self.listing)
        add("POST", "/indexes/{}/documents/fetch", self.fetch)
        add("GET", "/indexes/{}/documents/{}", self.one)
        add("POST", "/indexes/{}/documents", self.replace, status=202)
        add("PUT", "/indexes/{}/documents", self.update, status=202)
        add("DELETE", "/indexes/{}/documents", self.delete_all, status=202)
        add("DELETE", "/indexes/{}/documents/{}", self.delete_one, status=202)
        add("POST", "/indexes/{}/documents/delete-batch", self.delete_batch, status=202)
        add("POST", "/indexes/{}/documents/delete", self.delete_by_filter)

    def listing(self, request: Request) -> dict[str, Any]:
        if "filter" in request.query:
            raise not_served("Fetching documents by filter")
        return self._page(
            request,
            limit=request.number("limit", 20, "invalid_document_limit"),
            offset=request.number("offset", 0, "invalid_document_offset"),
            fields=_fields(request.query.get("fields")),
        )

    def fetch(self, request: Request) -> dict[str, Any]:
        body = {name: value for name, value in request.json_object().items() if value is not None}
        for name in ("filter", "sort", "retrieveVectors"):
            if body.get(name):
                raise not_served(f"Fetching documents by `{name}`")
        numbers = {}
        for name, default in (("limit", 20), ("offset", 0)):
            value = body.get(name, default)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise bad_request(
                    f"invalid_document_{name}", f"Invalid value type at `.{name}`: expected a positive integer"
                )
            numbers[name] = value
        fields = body.get("fields")
        if fields is not None and not isinstance(fields, list):
            raise bad_request("invalid_document_fields", "Invalid value type at `.fields`: expected an array")
        return self._page(
            request,
            limit=numbers["limit"],
            offset=numbers["offset"],
            fields=None if fields is None or "*" in fields else fields,
            ids=body.get("ids"),
        )

    def _page(
        self, request: Request, *, limit: int, offset: int, fields: list[str] | None, ids: list[Any] | None = None
    ) -> dict[str, Any]:
        row = self._routes.row(request)
        if ids is None:
            total = store.count_documents(self._catalog.store, row.id)
            bodies = list(store.document_bodies(self._catalog.store, row.id, limit=limit, offset=offset))
        else:
            found = [store.document_body(self._catalog.store, row.id, key_of(identifier(value))) for value in ids]
            present = [body for body in found if body is not None]
            total, bodies = len(present), present[offset : offset + limit]
        results = [_chosen(Settings.of(row.settings).shown(orjson.loads(body)), fields) for body in bodies]
        return {"results": results, "offset": offset, "limit": limit, "total": total}

    def one(self, request: Request) -> dict[str, Any]:
        row = self._routes.row(request)
        document_id = identifier(request.path[1])
        body = store.document_body(self._catalog.store, row.id, key_of(document_id))
        if body is None:
            raise document_not_found(document_id)
        shown = Settings.of(row.settings).shown(orjson.loads(body))
        return _chosen(shown, _fields(request.query.get("fields")))

    def replace(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self._add(request, partial=False)

    def update(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self._add(request, partial=True)

    def _add(self, request: Request, *, partial: bool) -> Awaitable[dict[str, Any]]:
        uid = index_uid(request.path[0])
        documents = _documents(request)
        return self._routes.task_for(
            "documentAdditionOrUpdate",
            uid,
            {"primaryKey": request.query.get("primaryKey"), "partial": partial},
            details={"receivedDocuments": len(documents), "indexedDocuments": None},
            payload=orjson.dumps(documents),
        )

    def delete_all(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self._delete(request, None)

    def delete_one(self, request: Request) -> Awaitable[dict[str, Any]]:
        return self._delete(request, [identifier(request.path[1])])

    def delete_batch(self, request: Request) -> Awaitable[dict[str, Any]]:
        body = request.json()
        if not isinstance(body, list):
            raise bad_request(
                "malformed_payload", "The json payload provided is malformed: an array of ids is expected."
            )
        return self._delete(request, [identifier(value) for value in body])

    def delete_by_filter(self, _: Request) -> dict[str, Any]:
        raise not_served("Deleting documents by filter")

    def _delete(self, request: Request, ids: list[str] | None) -> Awaitable[dict[str, Any]]:
        details = {"providedIds": 0 if ids is None else len(ids), "deletedDocuments": None, "originalFilter": None}
        return self._routes.task_for("documentDeletion", index_uid(request.path[0]), {"ids": ids}, details=details)


def _fields(text: str | None) -> list[str] | None:
    return None if text is None or text == "*" else text.split(",")


def _chosen(document: dict[str, Any], fields: list[str] | None) -> dict[str, Any]:
    return document if fields is None else {name: value for name, value in document.items() if name in fields}


def _documents(request: Request) -> list[dict[str, Any]]:
    """The documents of a request, whichever of the three formats they are in."""
    kind = request.headers.get(b"content-type", b"").split(b";")[0].strip().decode()
    if kind not in _CONTENT_TYPES:
        raise wrong_content_type(kind, _CONTENT_TYPES)
    if not request.body.strip():
        name = {"application/json": "json", "application/x-ndjson": "ndjson", "text/csv": "csv"}[kind]
        raise bad_request("missing_payload", f"A {name} payload is missing.")
    documents: list[Any]
    if kind == "application/json":
        body = parsed(request.body)
        documents = body if isinstance(body, list) else [body]
    elif kind == "application/x-ndjson":
        documents = [parsed(line) for line in request.body.splitlines() if line.strip()]
    else:
        documents = _csv(request)
    if not all(isinstance(document, dict) for document in documents):
        raise bad_request("malformed_payload", "The payload provided is malformed: every document must be an object.")
    return documents


def _csv(request: Request) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(request.body.decode()), delimiter=request.query.get("csvDelimiter", ","))
    documents = []
    for line in reader:
        document: dict[str, Any] = {}
        for column, value in line.items():
            name, _, kind = column.partition(":")
            if kind == "number":
                document[name] = float(value) if value else None
            elif kind == "boolean":
                document[name] = value == "true" if value else None
            else:
                document[name] = value or None
        documents.append(document)
    return documents
