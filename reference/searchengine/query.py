"""A query's terms, read as the engine reads them."""

from __future__ import annotations

import re
from typing import NamedTuple

from reference.searchengine.words import fold

# The engine looks at no more words than this.
WORDS_LIMIT = 10
_PIECE = re.compile(r"[^\W_]+|\"|-", re.UNICODE)


class Term(NamedTuple):
    """One word, or several that have to follow each other."""

    words: tuple[str, ...]
    is_prefix: bool = False
    is_phrase: bool = False


class Query(NamedTuple):
    """What is asked for and what is not wanted."""

    terms: tuple[Term, ...]
    excluded: tuple[Term, ...] = ()


def parse(text: str) -> Query:
    """Words, "phrases", -unwanted and -"unwanted phrases"; the last word may be the beginning of one."""
    terms: list[Term] = []
    excluded: list[Term] = []
    phrase: list[str] | None = None
    negated = phrase_negated = False
    for piece in _PIECE.finditer(text):
        if len(terms) >= WORDS_LIMIT:
            break
        sign, begins = piece.group(), piece.start() == 0 or text[piece.start() - 1].isspace()
        if sign == "-":
            negated = phrase is None and begins
            continue
        if sign == '"':
            if phrase is None:
                phrase, phrase_negated = [], negated
            else:
                _close(phrase, excluded if phrase_negated else terms)
                phrase = None
            negated = False
            continue
        word = fold(sign)
        if phrase is not None:
            phrase.append(word)
        elif negated and text[piece.start() - 1] == "-":
            excluded.append(Term(words=(word,)))
        else:
            terms.append(Term(words=(word,), is_prefix=piece.end() == len(text)))
        negated = False
    if phrase:
        _close(phrase, excluded if phrase_negated else terms)
    return Query(terms=tuple(terms), excluded=tuple(excluded))


def _close(phrase: list[str], into: list[Term]) -> None:
    if phrase:
        into.append(Term(words=tuple(phrase), is_phrase=True))
