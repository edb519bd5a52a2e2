"""The milli engine behind what its wheel leaves out: any primary key, chosen searchable attributes, more than 20 hits.

A document goes into the engine with the searchable attributes only, under a key and with a tag of its own:
- the key consists of `-` and `_`, which are no words, so it cannot be found by a search;
- the tag is one word of runes, which no query holds by chance. `-tag` leaves a document out, and the next 20 come up.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

_milli: Any = importlib.import_module("milli")

# Address space, not disk: LMDB's file grows with what is written.
MAP_SIZE_BYTES = 16 << 30
PAGE_HITS = 20
# Milli reads 1000 tokens of a query, and a document left out costs two of them.
DEEPEST_HIT = 480
# Milli takes the primary key for itself from a field that ends in "id".
_KEY_FIELD, _TAG_FIELD = "\u2042id", "\u2042tag"
_KEY_BITS = 63
_TO_KEY, _FROM_KEY = str.maketrans("01", "-_"), str.maketrans("-_", "01")


def key_of(document_id: str) -> int:
    """The number under which the engine knows a document."""
    return int.from_bytes(blake2b(document_id.encode(), digest_size=8).digest()) >> 1


def _engine_key(key: int) -> str:
    return format(key, f"0{_KEY_BITS}b").translate(_TO_KEY)


def _tag(key: int) -> str:
    return "".join(chr(0x16A0 + (key >> shift & 63)) for shift in range(0, _KEY_BITS, 6))


class Changed(Exception):
    """The index was written to between two reads that belong together."""


class Engine:
    """One index on disk. Writing holds the interpreter's lock throughout, so the writer is a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._index = _milli.Index(str(folder), MAP_SIZE_BYTES)

    def prepare(self) -> None:
        """Give a new index its primary key."""
        if self._index.primary_key() is None:
            first = _engine_key(0)
            self._index.add_documents([{_KEY_FIELD: first}])
            self._index.delete_documents([first])

    def put(self, documents: Mapping[int, Mapping[str, Any]]) -> None:
        """The documents, by key, are found from now on and survive a crash."""
        self._index.add_documents(
            [{_KEY_FIELD: _engine_key(key), **values, _TAG_FIELD: _tag(key)} for key, values in documents.items()]
        )

    def remove(self, keys: Sequence[int]) -> None:
        self._index.delete_documents([_engine_key(key) for key in keys])

    def clear(self) -> None:
        self._index.clear_documents()

    def search(self, text: str, *, without: Sequence[int] = ()) -> list[int]:
        """Up to 20 of the engine's own document numbers, best first, some documents (by key) left out."""
        # In front, because the last word of a query counts as a beginning.
        left_out = "".join(f"-{_tag(key)} " for key in without)
        numbers: list[int] = self._index.search(left_out + text)
        return numbers

    def keys(self, numbers: Sequence[int]) -> list[int]:
        """The keys of documents just found; Changed when one of them is gone already."""
        try:
            documents = self._index.get_documents(list(numbers))
        except BaseException as panic:  # The wheel's panics are no Exceptions.
            if type(panic).__name__ != "PanicException":
                raise
            raise Changed from panic
        return [int(document[_KEY_FIELD].translate(_FROM_KEY), 2) for document in documents]
