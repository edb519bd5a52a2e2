"""Text as the engine sees it: words without case and accents, found again at their place in the original."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any


class _Folding(dict[int, str]):
    """One character for one character, so that offsets in folded text are offsets in the original."""

    def __missing__(self, code: int) -> str:
        folded = _fold(chr(code))
        self[code] = folded
        return folded


def _fold(char: str) -> str:
    if not char.isalnum():
        return " "
    base = unicodedata.normalize("NFKD", char)
    # Only accents may be dropped: a ligature's second letter has no place of its own.
    if len(base) > 1 and not all(unicodedata.combining(mark) for mark in base[1:]):
        base = char
    lowered = base[0].lower()
    return lowered if len(lowered) == 1 else base[0]


_FOLDING = _Folding()


def fold(text: str) -> str:
    """The text in lower case without accents, everything that is no letter or digit a space; same length."""
    return text.translate(_FOLDING)


def plain_text(value: Any) -> Iterator[str]:
    """All text within a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, list):
        for item in value:
            yield from plain_text(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from plain_text(item)


def distinct_words(values: dict[str, Any]) -> str:
    """The different words of all the values, separated by spaces."""
    folded = " ".join(fold(text) for value in values.values() for text in plain_text(value))
    return " ".join(dict.fromkeys(folded.split()))
