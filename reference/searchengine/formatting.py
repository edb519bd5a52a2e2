"""Highlighting and cropping: which words of a hit were meant by the query, and the stretch of text that shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reference.searchengine.catalog import Document
from reference.searchengine.query import Term

# Of one word in one text; more marks than this help nobody.
_MOST_MATCHES = 32
# Most words are shorter. What is looked at to find a few words; if it was too little, the whole text is.
_WORD_LENGTH = 14


class Match(NamedTuple):
    """A stretch of text that a term stands for. A tuple, because a search makes hundreds."""

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
    found: list[Match] = []
    for number, item in enumerate(wanted):
        word = item.term.words[0]
        if item.term.is_phrase:
            found += _phrase(folded, item.term.words, number)
            continue
        _find(folded, " " + word if item.term.is_prefix else f" {word} ", len(word), number, found)
        if item.misspelt:
            for meant in item.misspelt & document.words(text):
                marked = min(len(word), len(meant)) if item.term.is_prefix else len(meant)
                _find(folded, f" {meant} ", marked, number, found)
    found.sort()
    return found


def _find(folded: str, needle: str, marked: int, term: int, found: list[Match]) -> None:
    # Folded text has one space more in front, so the needle's space stands where its word begins in the original.
    find, at = folded.find, folded.find(needle)
    most = len(found) + _MOST_MATCHES
    while at >= 0 and len(found) < most:
        found.append(Match(at, at + marked, term))
        at = find(needle, at + marked)


def _phrase(folded: str, words: tuple[str, ...], term: int) -> Iterator[Match]:
    pattern = re.compile("(?<= )" + " +".join(f"({re.escape(word)})" for word in words) + "(?= )")
    for hit in pattern.finditer(folded):
        for group in range(1, len(words) + 1):
            yield Match(hit.start(group) - 1, hit.end(group) - 1, term)


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
    start, end = (0, len(text)) if not crop else window(document.folded(text), hits, crop)
    shown = _highlighted(text, start, end, hits, marks) if highlight else text[start:end]
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


def window(folded: str, hits: list[Match], size: int) -> tuple[int, int]:
    """The stretch of `size` words with the most terms in it, grown to both sides; without a match, the beginning."""
    if not hits:
        return 0, _after(folded, 0, size)[0]
    first, last = _best(folded, hits, size)
    # A match may end within a word.
    end = folded.find(" ", last.end + 1) - 1
    spare = max(size - len(folded[first.start + 1 : end + 1].split()), 0)
    start, on_left = _before(folded, first.start, spare - spare // 2)
    end, on_right = _after(folded, end, spare - on_left)
    if on_left + on_right < spare:
        start, _ = _before(folded, first.start, spare - on_right)
    return start, end


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


def _best(folded: str, hits: list[Match], size: int) -> tuple[Match, Match]:
    """First and last match of the best stretch: most different terms, then closest together, then first."""
    if len({hit.term for hit in hits}) == 1:
        return hits[0], hits[0]
    position, at, left = 0, 0, 0
    positions: list[int] = []
    held: dict[int, int] = {}
    best, best_score = (hits[0], hits[0]), (0, 0)
    for right, hit in enumerate(hits):
        # Words end at a space; a full stop and its space are one end.
        position += folded.count(" ", at, hit.start + 1) - folded.count("  ", at, hit.start + 1)
        at = hit.start + 1
        positions.append(position)
        held[hit.term] = held.get(hit.term, 0) + 1
        while position - positions[left] >= size or held[hits[left].term] > 1:
            term = hits[left].term
            held[term] -= 1
            if not held[term]:
                del held[term]
            left += 1
        score = (len(held), positions[left] - position)
        if score > best_score or right == 0:
            best, best_score = (hits[left], hit), score
    return best
