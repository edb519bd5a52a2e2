"""A realistic mix of searches, the same for the same seed: few asked often, many seldom, some misspelt, some in vain.

The words are the corpus's own: each popular query is taken from the title of a page, so that it has something to find.
"""

from __future__ import annotations

import bisect
import itertools
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote_plus

from suites.harness.workloads.request import Request

# A few thousand: what a day's visitors of ten sites ask more than once.
POPULAR_QUERIES = 4000
# The classical Zipf law; measured exponents of web queries lie between 0.8 and 1.1.
ZIPF_EXPONENT = 1.0
NO_HIT_QUERIES = 300
# Search engines tolerate a typo only in words of five letters and more.
MISSPELT_FROM_LETTERS = 5
# At 1000 searches a second each client asks 12 times a minute, far below any limit that is meant for abuse.
CLIENTS = 5000
# What a visitor sees at once.
PAGE_SIZE = 10
# Neither typo tolerance nor prefixes lead from these to a word of a language.
_UNPRONOUNCEABLE = "bcdfghjkmpqvwxz"


@dataclass(frozen=True, slots=True)
class Query:
    """Words asked of one site."""

    site: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How the mix is made up; what is left is popular queries, first page.

    A misspelt query is hardly ever misspelt twice in the same way, so about one search in seven was never asked before.
    """

    unseen: float = 0.11
    misspelt: float = 0.04
    no_hit: float = 0.04
    next_page: float = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryMix:
    """An endless stream of search requests by many clients.

    Two streams of one mix ask for the same popular queries in another order, and each for unseen ones of its own.
    """

    vocabulary: Mapping[str, tuple[str, ...]]
    popular: tuple[Query, ...]
    no_hit: tuple[Query, ...]
    seed: int
    stream: int = 0
    shares: Shares = Shares()
    clients: int = CLIENTS
    use_cache: bool = True
    tells: str = ""

    @classmethod
    def of_titles(
        cls, titles: Mapping[str, Sequence[str]], *, seed: int, stream: int = 0, use_cache: bool = True
    ) -> Self:
        """The mix for a corpus, given the titles of each site's pages. Raises ValueError when they hold no words."""
        spoken = {site: [words for title in lines if (words := _words(title))] for site, lines in titles.items()}
        spoken = {site: lines for site, lines in spoken.items() if lines}
        if not spoken:
            raise ValueError("no titles, no words to ask for")
        rng = random.Random(seed)
        return cls(
            vocabulary={
                site: tuple(sorted({word for line in lines for word in line})) for site, lines in spoken.items()
            },
            popular=_popular(spoken, rng),
            no_hit=_no_hit(sorted(spoken), rng),
            seed=seed,
            stream=stream,
            use_cache=use_cache,
        )

    def __iter__(self) -> Iterator[Request]:
        rng = random.Random(f"{self.seed}/{self.stream}")
        ranks = list(itertools.accumulate(1.0 / rank**ZIPF_EXPONENT for rank in range(1, len(self.popular) + 1)))
        clients = [self._headers(number) for number in range(self.clients)]
        asked = set(self.popular)
        shares = self.shares
        up_to_unseen = shares.unseen
        up_to_misspelt = up_to_unseen + shares.misspelt
        up_to_no_hit = up_to_misspelt + shares.no_hit
        up_to_next_page = up_to_no_hit + shares.next_page
        while True:
            dice = rng.random()
            popular = self.popular[bisect.bisect_left(ranks, rng.random() * ranks[-1])]
            page = 0
            if dice < up_to_unseen:
                label, query = "unseen", _unseen(self.vocabulary, asked, rng)
            elif dice < up_to_misspelt:
                label, query = "misspelt", misspelt(popular, rng)
            elif dice < up_to_no_hit:
                label, query = "no_hit", rng.choice(self.no_hit)
            elif dice < up_to_next_page:
                label, query, page = "next_page", popular, rng.randint(1, 2)
            else:
                label, query = "popular", popular
            yield Request(
                path=search_path(query.site, " ".join(query.words), offset=page * PAGE_SIZE),
                label=label,
                headers=rng.choice(clients),
                expect=b'"hits"',
                tells=self.tells,
            )

    def _headers(self, number: int) -> tuple[tuple[str, str], ...]:
        # 198.18.0.0/15 is set aside for measuring; nobody's real address is spoken for.
        address = ("X-Forwarded-For", f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}")
        return (address,) if self.use_cache else (address, ("Cache-Control", "no-cache"))


def search_path(site: str, words: str, *, limit: int = PAGE_SIZE, offset: int = 0) -> str:
    """The path of a search of one site, as the platform's contract has it."""
    return f"/search?site={quote_plus(site)}&q={quote_plus(words)}&limit={limit}&offset={offset}"


def misspelt(query: Query, rng: random.Random) -> Query:
    """The query with one slip of the finger in one of its long words; unchanged when it has none."""
    places = [place for place, word in enumerate(query.words) if len(word) >= MISSPELT_FROM_LETTERS]
    if not places:
        return query
    place = rng.choice(places)
    word = query.words[place]
    # The first letter is nearly always right, and engines count a wrong one double.
    at = rng.randrange(1, len(word) - 1)
    slip = rng.choice(("swapped", "dropped", "doubled", "neighbour"))
    if slip == "swapped" and word[at] != word[at + 1]:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif slip == "dropped":
        word = word[:at] + word[at + 1 :]
    elif slip == "neighbour":
        word = word[:at] + rng.choice("".join(sorted(set("aeiourstln") - {word[at]}))) + word[at + 1 :]
    else:
        word = word[: at + 1] + word[at:]
    return Query(query.site, (*query.words[:place], word, *query.words[place + 1 :]))


def _popular(spoken: Mapping[str, Sequence[Sequence[str]]], rng: random.Random) -> tuple[Query, ...]:
    sites = sorted(spoken)
    found: dict[Query, None] = {}
    # A small corpus may not hold as many different ones; ten tries for each are enough to find nearly all it has.
    for _ in range(10 * POPULAR_QUERIES):
        site = rng.choice(sites)
        line = rng.choice(spoken[site])
        length = min(len(line), rng.choices((1, 2, 3), (35, 45, 20))[0])
        first = rng.randrange(len(line) - length + 1)
        found[Query(site, tuple(line[first : first + length]))] = None
        if len(found) == POPULAR_QUERIES:
            break
    return tuple(found)


def _no_hit(sites: Sequence[str], rng: random.Random) -> tuple[Query, ...]:
    return tuple(
        Query(rng.choice(sites), ("".join(rng.choices(_UNPRONOUNCEABLE, k=rng.randint(9, 12))),))
        for _ in range(NO_HIT_QUERIES)
    )


def _unseen(vocabulary: Mapping[str, tuple[str, ...]], asked: set[Query], rng: random.Random) -> Query:
    site = rng.choice(list(vocabulary))
    length = 2
    while True:
        query = Query(site, tuple(rng.choices(vocabulary[site], k=length)))
        if query not in asked:
            asked.add(query)
            return query
        # Once pairs have been used up there are always longer ones.
        length += 1


def _words(title: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z]{3,}", title.lower()))
