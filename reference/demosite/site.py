"""What a site spec means: its pages, byte for byte."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from functools import lru_cache

from reference.demosite.words import text, vocabulary, word

PAGES_MOST = 200_000
SIZE_MOST = 1_000_000
LATENCY_MOST_MS = 60_000
_CACHED_PAGES = 4096


class BadSpec(ValueError):
    """A spec that does not describe a site; says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A site, as its URL describes it."""

    seed: int = 1
    pages: int = 10
    size: int = 2000
    latency_ms: int = 0
    fail_every: int = 0

    @classmethod
    def parse(cls, raw: str) -> Spec:
        """Read `key=value` pairs joined by commas."""
        given: dict[str, int] = {}
        for pair in raw.split(","):
            key, equals, value = pair.partition("=")
            if key not in _MOST or not equals:
                raise BadSpec(f"{pair!r} is not one of {', '.join(_MOST)} with a value")
            if not (value.isascii() and value.isdigit()) or int(value) > _MOST[key]:
                raise BadSpec(f"{key} is a whole number up to {_MOST[key]}, not {value!r}")
            given[key] = int(value)
        return cls(**given)

    def fails(self, n: int) -> bool:
        """Whether page `n` answers 500: every `fail_every`-th one does."""
        return self.fail_every > 0 and (n + 1) % self.fail_every == 0


_MOST = {
    "seed": 2**31 - 1,
    "pages": PAGES_MOST,
    "size": SIZE_MOST,
    "latency_ms": LATENCY_MOST_MS,
    "fail_every": PAGES_MOST,
}


def title(spec: Spec, n: int) -> str:
    """Page `n`'s title: three words of the vocabulary and its number."""
    rng = random.Random(f"title {spec.seed} {n}")
    return f"{' '.join(rng.choices(vocabulary(), k=3)).capitalize()} {n}"


@lru_cache(maxsize=_CACHED_PAGES)
def page(spec: Spec, n: int) -> bytes:
    """Page `n`: its unique word in the middle of its text, and links to its neighbours and the index."""
    rng = random.Random(f"page {spec.seed} {n} {spec.size}")
    body = text(rng, spec.size)
    middle = body.find(". ", len(body) // 2) + 1
    named = f"{body[:middle]} The word of this page is {word(spec.seed, n)}. {body[middle:]}"
    heading = title(spec, n)
    links = [f'<a href="{near}">{near}</a>' for near in (n - 1, n + 1) if 0 <= near < spec.pages]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{heading}</title></head>\n'
        f"<body><main><h1>{heading}</h1><p>{named}</p></main>\n"
        f'<nav><a href="../">index</a> {" ".join(links)}</nav></body></html>\n'
    ).encode()


def index(spec: Spec) -> bytes:
    """The page that links to all others; it asks not to be indexed, so that only the pages are found."""
    links = "\n".join(f'<li><a href="page/{n}">page {n}</a></li>' for n in range(spec.pages))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">'
        f"<title>Site {spec.seed}</title></head><body><h1>Site {spec.seed}</h1><ul>\n{links}\n</ul></body></html>\n"
    ).encode()


@lru_cache(maxsize=16)
def manifest(spec: Spec, base: str) -> bytes:
    """Every page's URL, title, unique word and SHA-256 as served, as JSON. `base` is the site's URL."""
    pages = [
        {
            "n": n,
            "url": f"{base}page/{n}",
            "title": title(spec, n),
            "word": word(spec.seed, n),
            "sha256": hashlib.sha256(page(spec, n)).hexdigest(),
            "status": 500 if spec.fails(n) else 200,
        }
        for n in range(spec.pages)
    ]
    return json.dumps({"seed": spec.seed, "pages": pages}).encode()
