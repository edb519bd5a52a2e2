"""Highlighting and cropping: which words of a hit were meant by the query, and the stretch of text that shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.searchengine.catalog import Document
from reference.searchengine.query import Term
from reference.searchengine.words import HARD_SEPARATOR, WORD

# More marks than this in one text help nobody.
_MOST_MATCHES = 64


@dataclass(frozen=True, slots=True)
class Match:
    """A stretch of text that a term stands for."""

    start: int
    end: int
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How to show it."""

    pre: str
    post: str
    crop_marker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A term and the misspelt words that count as the term."""

    term: Term
    misspelt: frozenset[str]


def matches(document: Document, text: str, wanted: Sequence[Wanted]) -> list[Match]:
    """Where the text matches, in order. Of a word that is only begun in the query, as many letters as were typed."""
    folded = document.folded(text)
    found: dict[int, Match] = {}
    for number, item in enumerate(wanted):
        word = item.term.words[0]
        if item.term.is_phrase:
            _find_phrase(folded, item.term.words, number, found)
            continue
        _find(folded, " " + word if item.term.is_prefix else f" {word} ", len(word), number, found)
        if item.misspelt:
            for meant in item.misspelt & document.words(text):
                marked = min(len(word), len(meant)) if item.term.is_prefix else len(meant)
                _find(folded, f" {meant} ", marked, number, found)
    return [found[start] for start in sorted(found)][:_MOST_MATCHES]


def _find(folded: str, needle: str, marked: int, term: int, found: dict[int, Match]) -> None:
    # Folded text has one space more in front, so the needle's space stands where its word begins in the original.
    at = folded.find(needle)
    while at >= 0 and len(found) < _MOST_MATCHES:
        found.setdefault(at, Match(at, at + marked, term))
        at = folded.find(needle, at + 1)


def _find_phrase(folded: str, words: tuple[str, ...], term: int, found: dict[int, Match]) -> None:
    pattern = re.compile("(?<= )" + " +".join(f"({re.escape(word)})" for word in words) + "(?= )")
    for hit in pattern.finditer(folded):
        for group in range(1, len(words) + 1):
            start, end = hit.span(group)
            found.setdefault(start - 1, Match(start - 1, end - 1, term))


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
    hits = matches(document, text, wanted)
    start, end = (0, len(text)) if not crop else window(document.folded(text), text, hits, crop)
    if highlight:
        shown = _highlighted(text, start, end, hits, marks)
    else:
        shown = text[start:end]
    before = marks.crop_marker if start > 0 else ""
    after = marks.crop_marker if end < len(text) else ""
    return f"{before}{shown}{after}"


def _highlighted(text: str, start: int, end: int, hits: list[Match], marks: Marks) -> str:
    pieces, at = [], start
    for hit in hits:
        if hit.start < at or hit.end > end:
            continue
        pieces += (text[at : hit.start], marks.pre, text[hit.start : hit.end], marks.post)
        at = hit.end
    pieces.append(text[at:end])
    return "".join(pieces)


def window(folded: str, text: str, hits: list[Match], size: int) -> tuple[int, int]:
    """The stretch of `size` words with the most terms in it, grown to both sides, rather not over a full stop."""
    first, last = _best(folded, hits, size) if hits else (None, None)
    if first is None or last is None:
        head = [word.span() for word, _ in zip(WORD.finditer(folded), range(size + 1), strict=False)]
        return (0, len(text)) if len(head) <= size else (0, head[size - 1][1] - 1)
    # Words around the place, in folded offsets; one more on either side tells whether the text goes on.
    left, right = _left(folded, first.start, size), _right(folded, last.start, size)
    inner = len(folded[first.start : last.end + 1].split())
    start, end = first.start, right[0][1] - 1 if right else last.end
    right = right[1:]
    remaining, i, j = size - max(inner, 1), 0, 0
    while remaining > 0 and (i < len(left) or j < len(right)):
        can_left, can_right = i < len(left), j < len(right)
        if can_left and can_right:
            hard_left = HARD_SEPARATOR.search(text, left[i][1] - 1, start) is not None
            hard_right = HARD_SEPARATOR.search(text, end, right[j][0] - 1) is not None
            if hard_left != hard_right:
                can_left, can_right = not hard_left, not hard_right
        if can_left:
            start = left[i][0] - 1
            i, remaining = i + 1, remaining - 1
        if can_right and remaining > 0:
            end = right[j][1] - 1
            j, remaining = j + 1, remaining - 1
    return (0 if i == len(left) and not _left(folded, start, 1) else start), (
        end if j < len(right) or _right(folded, end, 1) else len(text)
    )


def _left(folded: str, before: int, count: int) -> list[tuple[int, int]]:
    """Spans of the words before an offset of the text, nearest first."""
    begin, words = before, list[tuple[int, int]]()
    while len(words) < count and begin > 0:
        begin = max(0, begin - 12 * count)
        # Not in the middle of a word.
        begin = max(0, folded.rfind(" ", 0, begin + 1))
        words = [word.span() for word in WORD.finditer(folded, begin, before + 1)]
    return words[::-1][:count]


def _right(folded: str, start: int, count: int) -> list[tuple[int, int]]:
    """Spans of the words from an offset of the text on."""
    return [word.span() for word, _ in zip(WORD.finditer(folded, start + 1), range(count + 1), strict=False)]


def _best(folded: str, hits: list[Match], size: int) -> tuple[Match, Match]:
    """First and last match of the best stretch: most different terms, then closest together, then first."""
    if len({hit.term for hit in hits}) == 1:
        return hits[0], hits[0]
    positions, at, position = [], 0, 0
    for hit in hits:
        position += len(folded[at : hit.start + 1].split())
        at = hit.start + 1
        positions.append(position)
    best, best_score = (hits[0], hits[0]), (1, 0)
    for i, first in enumerate(hits):
        terms = set[int]()
        for j in range(i, len(hits)):
            if positions[j] - positions[i] >= size:
                break
            terms.add(hits[j].term)
            score = (len(terms), positions[i] - positions[j])
            if score > best_score:
                best, best_score = (first, hits[j]), score
    return best
