"""Documents on their way in: their identifier, their primary key, and what a batch of them comes to."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from reference.searchengine import store as stored
from reference.searchengine.engine import Engine, key_of
from reference.searchengine.errors import ApiError, bad_request
from reference.searchengine.settings import Settings
from reference.searchengine.words import distinct_words

_IDENTIFIER = re.compile(r"[a-zA-Z0-9_-]{1,511}")


def identifier(value: Any) -> str:
    """A document's identifier as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _IDENTIFIER.fullmatch(value):
        return value
    raise bad_request(
        "invalid_document_id",
        f"Document identifier `{orjson.dumps(value).decode()}` is invalid. A document identifier can be of type "
        "integer or string, only composed of alphanumeric characters (a-z A-Z 0-9), hyphens (-) and underscores (_), "
        "and can not be more than 511 bytes.",
    )


def infer_primary_key(uid: str, document: Mapping[str, Any]) -> str:
    """The one attribute whose name ends in "id"."""
    candidates = [name for name in document if name.lower().endswith("id")]
    if not candidates:
        raise bad_request(
            "index_primary_key_no_candidate_found",
            "The primary key inference failed as the engine did not find any field ending with `id` in its name. "
            "Please specify the primary key manually using the `primaryKey` query parameter.",
        )
    if len(candidates) > 1:
        raise bad_request(
            "index_primary_key_multiple_candidates_found",
            f"The primary key inference failed as the engine found {len(candidates)} fields ending with `id` in their "
            f"names: '{candidates[0]}' and '{candidates[1]}'. "
            f"Please specify the primary key manually using the `primaryKey` query parameter for `{uid}`.",
        )
    return candidates[0]


@dataclass(slots=True, kw_only=True)
class Additions:
    """Documents to put, in order: the last word on each of them, read over what is stored."""

    store: sqlite3.Connection
    index_id: int
    primary_key: str
    documents: dict[int, dict[str, Any]] = field(default_factory=dict)

    def take(self, documents: Iterable[dict[str, Any]], *, partial: bool) -> int:
        """Take all or, when one is refused, none."""
        taken: dict[int, dict[str, Any]] = {}
        count = 0
        for document in documents:
            if self.primary_key not in document:
                raise bad_request(
                    "missing_document_id",
                    f"Document doesn't have a `{self.primary_key}` attribute: `{orjson.dumps(document).decode()}`.",
                )
            key = key_of(identifier(document[self.primary_key]))
            taken[key] = {**self._present(key, taken), **document} if partial else document
            count += 1
        self.documents.update(taken)
        return count

    def _present(self, key: int, taken: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
        for waiting in (taken, self.documents):
            if key in waiting:
                return waiting[key]
        body = stored.document_body(self.store, self.index_id, key)
        present: dict[str, Any] = {} if body is None else orjson.loads(body)
        return present

    def put(self, engine: Engine, settings: Settings) -> None:
        """Into the engine, in one write."""
        if self.documents:
            engine.put({key: settings.searched(document) for key, document in self.documents.items()})

    def keep(self, settings: Settings) -> None:
        """Into the store. A changed document gets a new number (readers see that) and stays in its place."""
        for key, document in self.documents.items():
            row = self.store.execute(
                "DELETE FROM documents WHERE index_id = ? AND key = ? RETURNING place", (self.index_id, key)
            ).fetchone()
            self.store.execute(
                "INSERT INTO documents (index_id, key, place, body, words) VALUES "
                "(?, ?, coalesce(?, (SELECT coalesce(max(place), 0) + 1 FROM documents WHERE index_id = ?)), ?, ?)",
                (
                    self.index_id,
                    key,
                    None if row is None else row["place"],
                    self.index_id,
                    orjson.dumps(document),
                    distinct_words(settings.searched(document)),
                ),
            )


def primary_key_for(uid: str, present: str | None, wanted: str | None, documents: list[dict[str, Any]]) -> str | None:
    """The primary key under which these documents go in; None when there is nothing to tell it from."""
    if present is not None:
        if wanted is not None and wanted != present:
            raise ApiError(
                400, "index_primary_key_already_exists", f"Index `{uid}` already has a primary key: `{present}`."
            )
        return present
    if wanted is not None or not documents:
        return wanted
    return infer_primary_key(uid, documents[0])
