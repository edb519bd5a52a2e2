"""Which documents hold which words: what the engine's wheel does not tell, kept beside it.

The wheel answers with the first twenty hits and no count, and does not say which words a misspelt query found. Both are
needed, for `estimatedTotalHits` and for highlighting.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from pyroaring import BitMap
from rapidfuzz import process
from rapidfuzz.distance import OSA

from reference.searchengine.query import Query, Term

# Meilisearch's minWordSizeForTypos, counted in characters.
ONE_TYPO_FROM, TWO_TYPOS_FROM = 5, 9
_CACHED_TERMS = 4096
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a word stands for in this index."""

    misspelt: frozenset[str]
    documents: BitMap


class Vocabulary:
    """All words of one index. A document's number is never used again: what is gone is only struck from the living."""

    def __init__(self) -> None:
        self._postings: dict[str, BitMap] = {}
        self._words: list[str] = []
        # Words with their first letter put last, "orange" as "range o": where to look for a wrong first letter.
        self._rotated: list[str] = []
        # By first letter and length: a typo changes the length by one at most, and the first letter hardly ever.
        self._words_by_length: dict[str, dict[int, dict[str, list[str]]]] = {}
        self._by_beginning: dict[tuple[str, int], dict[str, list[str]]] = {}
        self._found: dict[Term, Found] = {}
        self.documents = BitMap()
        self.last_number = 0

    def add(self, documents: Iterable[tuple[int, str]]) -> None:
        """Take in documents, given as number and distinct words."""
        gathered: dict[str, list[int]] = {}
        for number, words in documents:
            self.last_number = max(self.last_number, number)
            for word in words.split(" "):
                if word in gathered:
                    gathered[word].append(number)
                else:
                    gathered[word] = [number]
        unknown = []
        for word, numbers in gathered.items():
            postings = self._postings.get(word)
            if postings is None:
                self._postings[word] = BitMap(numbers)
                unknown.append(word)
            else:
                # A new one instead of a changed one: searches go on in another thread.
                self._postings[word] = postings | BitMap(numbers)
        if unknown:
            self._words = sorted(self._words + unknown)
            self._rotated = sorted(self._rotated + [f"{word[1:]} {word[:1]}" for word in unknown])
            self._by_beginning = {}
            for word in unknown:
                self._words_by_length.setdefault(word[:1], {}).setdefault(len(word), {})[word] = [word]

    def set_living(self, numbers: Iterable[int]) -> None:
        """Only these documents exist now."""
        self.documents = BitMap(numbers)
        self._found = {}

    def found(self, term: Term) -> Found:
        """The documents that hold the term, a misspelling of it or a continuation."""
        known = self._found
        if (hit := known.get(term)) is not None:
            return hit
        if term.is_phrase:
            found = Found(misspelt=frozenset(), documents=self._all_of(term.words))
        else:
            found = self._expanded(term.words[0], is_prefix=term.is_prefix)
        if len(known) < _CACHED_TERMS:
            known[term] = found
        return found

    def matching(self, query: Query, *, all_terms: bool) -> BitMap:
        """The documents that the engine considers: with the first word and every phrase, or with all there is."""
        documents = self.documents
        words = [term for term in query.terms if not term.is_phrase]
        demanded = [term for term in query.terms if term.is_phrase] + (words if all_terms else words[:1])
        for term in demanded:
            documents = documents & self.found(term).documents
        for term in query.excluded:
            documents = documents - self._all_of(term.words)
        return documents

    def _all_of(self, words: tuple[str, ...]) -> BitMap:
        documents = self.documents
        for word in words:
            documents = documents & self._postings.get(word, BitMap())
        return documents

    def _expanded(self, word: str, *, is_prefix: bool) -> Found:
        exact = {word, *(self._beginning_with(word) if is_prefix else ())}
        misspelt = frozenset(self._misspelt(word, is_prefix=is_prefix)) - exact
        meant = exact | misspelt
        postings = [self._postings[known] for known in meant if known in self._postings]
        documents = BitMap.union(*postings) & self.documents if postings else BitMap()
        return Found(misspelt=misspelt, documents=documents)

    def _misspelt(self, word: str, *, is_prefix: bool) -> Iterable[str]:
        """Words of the index that the word may have been meant to be. A wrong first letter counts as two typos."""
        if len(word) < ONE_TYPO_FROM:
            return
        typos = 1 if len(word) < TWO_TYPOS_FROM else 2
        for length in range(len(word) - typos, len(word) + typos + 1):
            candidates = self._beginnings(word[0], length) if is_prefix else self._words_of(word[0], length)
            near = process.extract(word, candidates.keys(), scorer=OSA.distance, score_cutoff=typos, limit=None)
            for beginning, _, _ in near:
                yield from candidates[beginning]
        if typos > 1:
            for rest in (word[1:], word):
                for rotated in _beginning_with(self._rotated, rest if is_prefix else f"{rest} "):
                    yield rotated[-1] + rotated[:-2]
            for meant in (word[1:], word[1] + word[0] + word[2:]):
                yield from self._beginning_with(meant) if is_prefix else [meant] if meant in self._postings else []

    def _beginning_with(self, beginning: str) -> list[str]:
        return _beginning_with(self._words, beginning)

    def _words_of(self, initial: str, length: int) -> dict[str, list[str]]:
        return self._words_by_length.get(initial, {}).get(length, {})

    def _beginnings(self, initial: str, length: int) -> dict[str, list[str]]:
        """Words of at least this length by their first letters; gathered when first asked for."""
        known = self._by_beginning.get((initial, length))
        if known is None:
            known = {}
            for word in self._beginning_with(initial):
                if len(word) >= length:
                    known.setdefault(word[:length], []).append(word)
            self._by_beginning[initial, length] = known
        return known


def _beginning_with(words: list[str], beginning: str) -> list[str]:
    """Those of sorted words."""
    return words[bisect_left(words, beginning) : bisect_left(words, beginning + _LAST)]
