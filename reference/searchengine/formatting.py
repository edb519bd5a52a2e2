"""Highlighting and cropping: which words of a hit were meant by the query, and the stretch of text that shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from reference.searchengine.catalog import Document, Text
from reference.searchengine.query import Query, Term

# A crop is looked for around so many places of the rarest word; a text that has it more often is about it anyway.
_MOST_ANCHORS = 8
# Most words are shorter. What is looked at to find a few words; if it was too little, the whole text is.
_WORD_LENGTH = 14


# A stretch of text to mark: where it starts and ends. Without a name, because a search makes hundreds.
Match = tuple[int, int]


class Needle(NamedTuple):
    """What to look for in folded text, and the stretches of it to mark, as offset and length in the original."""

    text: str
    marks: tuple[tuple[int, int], ...]
    term: int


class Way(NamedTuple):
    """What is done to an attribute: cropped to so many words (0 and None: not at all), its matches marked."""

    crop: int | None
    highlight: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How to show it."""

    pre: str
    post: str
    crop_marker: str


class Wanted(NamedTuple):
    """A term, what it looks like in folded text, and the misspelt words that count as the term."""

    term: Term
    exact: Needle
    misspelt: frozenset[str]


def wanted_in(query: Query, misspelt_of: Callable[[Term], frozenset[str]]) -> list[Wanted]:
    """A query's terms. Of a word that is only begun, as many letters are marked as were typed."""
    wanted = []
    for number, term in enumerate(query.terms):
        word = term.words[0]
        # Folded text has one space more in front, so a needle's space stands where its word begins in the original.
        exact = Needle(f" {word}" if term.is_prefix else f" {word} ", ((0, len(word)),), number)
        wanted.append(Wanted(term=term, exact=exact, misspelt=misspelt_of(term)))
    return wanted


def needles(text: Text, wanted: Sequence[Wanted]) -> list[Needle]:
    """What a text may hold of the query."""
    found: list[Needle] = []
    for term, exact, misspelt in wanted:
        if term.is_phrase:
            found += _phrases(text.folded, term.words, exact.term)
            continue
        found.append(exact)
        if misspelt:
            for meant in misspelt & text.words:
                marked = min(len(term.words[0]), len(meant)) if term.is_prefix else len(meant)
                found.append(Needle(f" {meant} ", ((0, marked),), exact.term))
    return found


def _phrases(folded: str, words: tuple[str, ...], term: int) -> Iterator[Needle]:
    # Between the words of a phrase there may be a comma, which is one more space here.
    pattern = re.compile(" " + " +".join(f"({re.escape(word)})" for word in words) + " ")
    hits = {hit.group(): hit for hit in pattern.finditer(folded)}
    for text, hit in hits.items():
        spans = [hit.span(group) for group in range(1, len(words) + 1)]
        yield Needle(text, tuple((start - hit.start() - 1, end - start) for start, end in spans), term)


def occurrences(folded: str, sought: Sequence[Needle], start: int, end: int) -> list[Match]:
    """What to mark in a part of a text, in order."""
    found: list[Match] = []
    find, high = folded.find, end + 2
    for text, marks, _ in sought:
        at = find(text, start, high)
        while at >= 0:
            for offset, length in marks:
                found.append((at + offset, at + offset + length))
            at = find(text, at + 1, high)
    found.sort()
    return found


def formatted(value: Any, document: Document, wanted: Sequence[Wanted], marks: Marks, way: Way) -> Any:
    """A value as text to show; lists and objects keep their form."""
    if isinstance(value, str):
        return _shown(value, document, wanted, marks, way) if way.highlight or way.crop else value
    if isinstance(value, list):
        return [formatted(item, document, wanted, marks, way) for item in value]
    if isinstance(value, dict):
        return {key: formatted(item, document, wanted, marks, way) for key, item in value.items()}
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return formatted(str(value), document, wanted, marks, way)


def _shown(value: str, document: Document, wanted: Sequence[Wanted], marks: Marks, way: Way) -> str:
    text = document.text(value)
    sought, folded = needles(text, wanted), text.folded
    start, end = window(folded, sought, way.crop) if way.crop else (0, len(value))
    pieces = [marks.crop_marker] if start > 0 else []
    at = start
    if way.highlight:
        for first, last in occurrences(folded, sought, start, end):
            if first >= at and last <= end:
                pieces += (value[at:first], marks.pre, value[first:last], marks.post)
                at = last
    pieces.append(value[at:end])
    if end < len(value):
        pieces.append(marks.crop_marker)
    return "".join(pieces)


def window(folded: str, sought: Sequence[Needle], size: int) -> tuple[int, int]:
    """The stretch of `size` words with the most terms in it, grown to both sides; without a match, the beginning."""
    best = _best(folded, sought, size)
    if best is None:
        return 0, _after(folded, 0, size)[0]
    start, end = best
    spare = max(size - len(folded[start + 1 : end + 1].split()), 0)
    start, on_left = _before(folded, start, spare - spare // 2)
    end, on_right = _after(folded, end, spare - on_left)
    if on_left + on_right < spare:
        start, _ = _before(folded, best[0], spare - on_right)
    return start, end


def _best(folded: str, sought: Sequence[Needle], size: int) -> tuple[int, int] | None:
    """Around the rarest term: where most other terms are near it, then where they are closest, then the first place."""
    present = [(count, needle) for needle in sought if (count := folded.count(needle.text))]
    if not present:
        return None
    letters, _, term = min(present, key=itemgetter(0))[1] if len(present) > 1 else present[0][1]
    at = folded.find(letters)
    others = [needle for _, needle in present if needle.term != term]
    if not others:
        return at, _end_of_word(folded, at + len(letters) - 1)
    best, best_score = (0, 0), (0, 0)
    reach = size * _WORD_LENGTH // 4
    for _ in range(_MOST_ANCHORS):
        start, end, terms = at, _end_of_word(folded, at + len(letters) - 1), {term}
        for text, _, other in others:
            after = folded.find(text, end, end + reach)
            before = folded.rfind(text, max(start - reach, 0), start + 1)
            if after >= 0 and (before < 0 or after - end <= start - before):
                reached = start, _end_of_word(folded, after + len(text) - 1)
            elif before >= 0:
                reached = before, end
            else:
                continue
            if len(folded[reached[0] + 1 : reached[1] + 1].split()) <= size:
                start, end = reached
                terms.add(other)
        score = (len(terms), start - end)
        if score > best_score or not best_score[0]:
            best, best_score = (start, end), score
        at = folded.find(letters, at + 1)
        if at < 0:
            break
    return best


def _end_of_word(folded: str, at: int) -> int:
    """Where the word ends, in the original, that has a letter or its last space at `at`."""
    return folded.find(" ", at) - 1


def _before(folded: str, at: int, count: int) -> tuple[int, int]:
    """Where the `count` words before a place in the text begin, and how many there are; 0 when they are all."""
    if count <= 0:
        return at, 0
    low = max(0, at - _WORD_LENGTH * count)
    words = folded[low : at + 1].rsplit(None, count)
    if len(words) <= count and low > 0:
        low = 0
        words = folded[: at + 1].rsplit(None, count)
    if len(words) <= count:
        return 0, len(words)
    start = low + len(words[0])
    while folded[start] == " ":
        start += 1
    return start - 1, count


def _after(folded: str, at: int, count: int) -> tuple[int, int]:
    """Where the `count` words after a place in the text end, and how many there are; the text's end when all."""
    if count <= 0:
        return at, 0
    high = min(len(folded), at + _WORD_LENGTH * count)
    words = folded[at + 1 : high].split(None, count)
    if len(words) <= count and high < len(folded):
        high = len(folded)
        words = folded[at + 1 :].split(None, count)
    if len(words) <= count:
        return len(folded) - 2, len(words)
    end = high - len(words[count])
    while folded[end - 1] == " ":
        end -= 1
    return end - 1, count
