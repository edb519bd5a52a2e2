"""What searches read: every index with its engine open, its vocabulary, and the documents last shown."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from reference.searchengine import store as stored
from reference.searchengine.engine import Engine
from reference.searchengine.errors import index_not_found
from reference.searchengine.paths import Paths
from reference.searchengine.settings import Settings
from reference.searchengine.store import IndexRow
from reference.searchengine.vocabulary import Vocabulary
from reference.searchengine.words import fold

# Of all indexes together. A document of 2 KB takes about four times as much once it is read and folded.
_CACHED_BODY_BYTES = 48 << 20


class Text:
    """A text of a document in folded form, with a space at either end, and its different words once they are needed."""

    __slots__ = ("_words", "folded")

    def __init__(self, text: str) -> None:
        self.folded = f" {fold(text)} "
        self._words: frozenset[str] | None = None

    @property
    def words(self) -> frozenset[str]:
        words = self._words
        if words is None:
            words = self._words = frozenset(self.folded.split())
        return words


class Document:
    """One document as it is shown, with what highlighting needs, made once."""

    __slots__ = ("_texts", "key", "number", "size", "values")

    def __init__(self, number: int, key: int, body: bytes, settings: Settings) -> None:
        self.number, self.key, self.size = number, key, len(body)
        self.values = settings.shown(orjson.loads(body))
        self._texts: dict[str, Text] = {}

    def text(self, value: str) -> Text:
        """A text of this document."""
        known = self._texts.get(value)
        if known is None:
            known = self._texts[value] = Text(value)
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The engine's numbers of a query's best hits, and whether there are no more."""

    numbers: list[int]
    is_all: bool


@dataclass(slots=True, kw_only=True)
class SearchedIndex:
    """One index as searches see it."""

    row: IndexRow
    settings: Settings
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    documents: dict[int, Document] = field(default_factory=dict)
    cached_bytes: int = 0
    # Of the store, when the row was last found to be the same.
    data_version: int = -1
    # By query: much of what the engine is asked was asked a minute ago, or is the next page of it (README.md).
    rankings: dict[str, Ranking] = field(default_factory=dict)


class Catalog:
    """All indexes, as they were at the last finished task."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self.store = stored.open_store(paths.database)
        self._engines: dict[str, Engine] = {}
        self._indexes: dict[str, SearchedIndex] = {}
        self._lock = threading.RLock()
        self._fields: dict[int, tuple[int, dict[str, int]]] = {}

    def open_all(self) -> None:
        """Open what is there. To be called before there is a writer: opening an engine waits while it is written to."""
        for row in stored.all_indexes(self.store):
            if (self._paths.engines / row.folder).exists():
                self.open_engine(row.folder)

    def open_engine(self, folder: str) -> None:
        """Open one that is not open yet: LMDB may not have a file twice in one process."""
        with self._lock:
            if folder not in self._engines:
                self._engines[folder] = Engine(self._paths.engines / folder)

    def refresh(self) -> None:
        """Take in what was done since."""
        with self._lock:
            rows = stored.all_indexes(self.store)
            for row in rows:
                self._refreshed(row)
            known = {row.uid for row in rows}
            for uid in [uid for uid in self._indexes if uid not in known]:
                del self._indexes[uid]
            unused = self._engines.keys() - {row.folder for row in rows}
            for folder in [folder for folder in unused if not (self._paths.engines / folder).exists()]:
                del self._engines[folder]

    def index(self, uid: str) -> SearchedIndex:
        """The index, never older than the last task that a client can know to be finished."""
        data_version: int = self.store.execute("PRAGMA data_version").fetchone()[0]
        index = self._indexes.get(uid)
        if index is not None and index.data_version == data_version:
            return index
        with self._lock:
            row = stored.find_index(self.store, uid)
            if row is None:
                self._indexes.pop(uid, None)
                raise index_not_found(uid)
            # Only this one: what a hundred others became is theirs to find out.
            self._refreshed(row)
            index = self._indexes[uid]
            index.data_version = data_version
            return index

    def engine(self, index: SearchedIndex) -> Engine | None:
        """The engine; None for an index that never held a document."""
        return self._engines.get(index.row.folder)

    def _refreshed(self, row: IndexRow) -> None:
        known = self._indexes.get(row.uid)
        if known is not None and known.row == row:
            return
        # Another folder: other words, since other attributes are searched.
        same = known is not None and known.row.id == row.id and known.row.folder == row.folder
        vocabulary = known.vocabulary if known is not None and same else Vocabulary()
        vocabulary.add(
            (document["number"], document["words"])
            for document in self.store.execute(
                "SELECT number, words FROM documents WHERE index_id = ? AND number > ?",
                (row.id, vocabulary.last_number),
            )
        )
        vocabulary.set_living(
            document["number"]
            for document in self.store.execute("SELECT number FROM documents WHERE index_id = ?", (row.id,))
        )
        self._indexes[row.uid] = SearchedIndex(row=row, settings=Settings.of(row.settings), vocabulary=vocabulary)

    def documents(self, index: SearchedIndex, engine: Engine, numbers: Sequence[int]) -> list[Document]:
        """The documents behind the engine's numbers; one that the store does not have yet is left out."""
        found = {number: index.documents[number] for number in numbers if number in index.documents}
        unknown = [number for number in numbers if number not in found]
        if unknown:
            keys = engine.keys(unknown)
            marks = ",".join("?" * len(keys))
            rows = {
                row["key"]: row
                for row in self.store.execute(
                    f"SELECT number, key, body FROM documents WHERE index_id = ? AND key IN ({marks})",  # noqa: S608
                    (index.row.id, *keys),
                )
            }
            for number, key in zip(unknown, keys, strict=True):
                if key in rows:
                    found[number] = Document(rows[key]["number"], key, rows[key]["body"], index.settings)
                    index.documents[number] = found[number]
                    index.cached_bytes += found[number].size
            self._make_room()
        return [found[number] for number in numbers if number in found]

    def _make_room(self) -> None:
        """Once a search, however many documents it brought: it looks at every index."""
        indexes = list(self._indexes.values())
        excess_bytes = sum(each.cached_bytes for each in indexes) - _CACHED_BODY_BYTES
        while excess_bytes > 0:
            largest = max(indexes, key=lambda each: each.cached_bytes)
            oldest = next(iter(largest.documents))
            size = largest.documents.pop(oldest).size
            largest.cached_bytes -= size
            excess_bytes -= size

    def placed_documents(self, index: SearchedIndex, *, limit: int, offset: int) -> list[Document]:
        """Documents in the order in which they first came."""
        rows: list[sqlite3.Row] = self.store.execute(
            "SELECT number, key, body FROM documents WHERE index_id = ? ORDER BY place LIMIT ? OFFSET ?",
            (index.row.id, limit, offset),
        ).fetchall()
        return [Document(row["number"], row["key"], row["body"], index.settings) for row in rows]

    def field_distribution(self, row: IndexRow) -> dict[str, int]:
        """How many documents have each attribute; counted once for each state of the index."""
        known = self._fields.get(row.id)
        if known is None or known[0] != row.version:
            counts: dict[str, int] = {}
            for found in self.store.execute(
                "SELECT field.key AS name, count(*) AS documents FROM documents, json_each(documents.body) AS field "
                "WHERE index_id = ? GROUP BY field.key",
                (row.id,),
            ):
                counts[found["name"]] = found["documents"]
            known = self._fields[row.id] = (row.version, counts)
        return known[1]

    def size_bytes(self) -> int:
        return sum(file.stat().st_blocks * 512 for file in self._paths.data.rglob("*") if file.is_file())
