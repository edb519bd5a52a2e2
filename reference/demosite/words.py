"""A made-up language: pronounceable words, frequent ones short, that look and spread like English."""

from __future__ import annotations

import itertools
import random
from functools import cache

_ONSETS = (
    *("b", "br", "ch", "d", "f", "fl", "g", "gr", "h", "j", "k", "l"),
    *("m", "n", "p", "pl", "r", "s", "sh", "st", "t", "tr", "v", "w"),
)
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_CODAS = ("", "n", "r", "l", "st", "nd", "m")
_ENDINGS = ("", "ing", "er", "ion", "al", "ly", "ment", "ous")
VOCABULARY_WORDS = 4000

# 64 open syllables: six bits each, so a unique word is a number written in them.
_SYLLABLES = tuple(onset + vowel for onset in "bdfghjklmnprstvz" for vowel in "aeio")
_BITS = 30
_MASK = (1 << _BITS) - 1
# Odd, so the multiplication can be undone and no two pages share a word; large, so neighbours share no syllable.
_SPREAD = 0x2545F491


@cache
def vocabulary() -> tuple[str, ...]:
    """The words of the text, most frequent first; always the same ones."""
    rng = random.Random("demosite vocabulary")
    words: dict[str, None] = {}
    for rank in itertools.count():
        if len(words) == VOCABULARY_WORDS:
            return tuple(words)
        syllables = 1 if rank < 300 else 2 if rank < 2600 else 3
        stem = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables)) + rng.choice(_CODAS)
        words.setdefault(stem + (rng.choice(_ENDINGS) if syllables > 1 else ""))
    raise AssertionError("unreachable: the count does not end")


@cache
def _zipf() -> tuple[float, ...]:
    # Zipf with the flattened head of real English (Mandelbrot's shift).
    return tuple(itertools.accumulate(1.0 / (rank + 2.7) for rank in range(VOCABULARY_WORDS)))


def word(seed: int, n: int) -> str:
    """The word that page `n` of a site with this seed has and no other page of it."""
    number = (n * _SPREAD + seed * 0x9E3779B1) & _MASK
    number ^= number >> 15
    number = (number * 0x2C1B3C6D) & _MASK
    return "".join(_SYLLABLES[(number >> shift) & 63] for shift in range(0, _BITS, 6)) + "x"


def text(rng: random.Random, size: int) -> str:
    """About `size` characters of sentences."""
    # Words have about six letters, a space and now and then a full stop.
    words = rng.choices(vocabulary(), cum_weights=_zipf(), k=max(1, size // 7))
    sentences, at = [], 0
    while at < len(words):
        length = rng.randint(6, 16)
        sentences.append(" ".join(words[at : at + length]).capitalize() + ".")
        at += length
    return " ".join(sentences)
