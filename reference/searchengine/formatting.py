"""Highlighting and cropping: which words of a hit were meant by the query, and the stretch of text that shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from reference.searchengine.catalog import Document
from reference.searchengine.query import Query, Term

# A crop is looked for around so many places of the rarest word; a text that has it more often is about it anyway.
_MOST_ANCHORS = 8
# Most words are shorter. What is looked at to find a few words; if it was too little, the whole text is.
_WORD_LENGTH = 14


class Match(NamedTuple):
    """A stretch of text to mark. A tuple, because a search makes hundreds."""

    start: int
    end: int


class Needle(NamedTuple):
    """What to look for in folded text, and the stretches of it to mark, as offset and length in the original."""

    text: str
    marks: tuple[tuple[int, int], ...]
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How to show it."""

    pre: str
    post: str
    crop_marker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
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


def needles(document: Document, text: str, wanted: Sequence[Wanted]) -> list[Needle]:
    """What a text may hold of the query."""
    found: list[Needle] = []
    for item in wanted:
        if item.term.is_phrase:
            found += _phrases(document.folded(text), item.term.words, item.exact.term)
            continue
        found.append(item.exact)
        if item.misspelt:
            for meant in item.misspelt & document.words(text):
                marked = min(len(item.term.words[0]), len(meant)) if item.term.is_prefix else len(meant)
                found.append(Needle(f" {meant} ", ((0, marked),), item.exact.term))
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
                found.append(Match(at + offset, at + offset + length))
            at = find(text, at + 1, high)
    found.sort()
    return found


def formatted(
    value: Any, document: Document, wanted: Sequence[Wanted], marks: Marks, crop: int | None, *, highlight: bool
) -> Any:
    """A value as text to show; lists and objects keep their form."""
    if isinstance(value, list):
        return [formatted(item, document, wanted, marks, crop, highlight=highlight) for item in value]
    if isinstance(value, dict):
        return {key: formatted(item, document, wanted, marks, crop, highlight=highlight) for key, item in value.items()}
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else str(value)
    if not highlight and not crop:
        return text
    sought, folded = needles(document, text, wanted), document.folded(text)
    start, end = window(folded, sought, crop) if crop else (0, len(text))
    shown = (
        _highlighted(text, start, end, occurrences(folded, sought, start, end), marks) if highlight else text[start:end]
    )
    before = marks.crop_marker if start > 0 else ""
    after = marks.crop_marker if end < len(text) else ""
    return f"{before}{shown}{after}"


def _highlighted(text: str, start: int, end: int, hits: list[Match], marks: Marks) -> str:
    pieces, at = list[str](), start
    for hit in hits:
        if hit.start < at or hit.end > end:
            continue
        pieces += (text[at : hit.start], marks.pre, text[hit.start : hit.end], marks.post)
        at = hit.end
    pieces.append(text[at:end])
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
    counts = [(folded.count(needle.text), needle) for needle in sought]
    present = [(count, needle) for count, needle in counts if count]
    if not present:
        return None
    _, anchor = min(present, key=itemgetter(0))
    others = [needle for _, needle in present if needle.term != anchor.term]
    best, best_score = (0, 0), (0, 0)
    at = folded.find(anchor.text)
    for _ in range(_MOST_ANCHORS if others else 1):
        start, end, terms = at, _end_of_word(folded, at + len(anchor.text) - 1), {anchor.term}
        for needle in others:
            reach = size * _WORD_LENGTH // 4
            after = folded.find(needle.text, end, end + reach)
            before = folded.rfind(needle.text, max(start - reach, 0), start + 1)
            if after >= 0 and (before < 0 or after - end <= start - before):
                reached = start, _end_of_word(folded, after + len(needle.text) - 1)
            elif before >= 0:
                reached = before, end
            else:
                continue
            if len(folded[reached[0] + 1 : reached[1] + 1].split()) <= size:
                start, end = reached
                terms.add(needle.term)
        score = (len(terms), start - end)
        if score > best_score or not best_score[0]:
            best, best_score = (start, end), score
        at = folded.find(anchor.text, at + 1)
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
