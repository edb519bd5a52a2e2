"""What a user does, step by step: look at what there is, search, refine, page on, now and then have a site scraped.

A visit reacts to its answers, so it is a conversation: each step is a request, and the next one follows from what was
answered. Nothing here sends anything or waits; who does is `suites/load/locustfile.py`.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit

from suites.harness.workloads.queries import PAGE_SIZE, Query, search_path
from suites.harness.workloads.request import Request

# The body of a good answer; None where there was none, upon which a user gives up.
Answer: TypeAlias = Mapping[str, Any] | None
Visit: TypeAlias = Generator[Request, Answer, None]

SUBMIT, READ, BROWSE, SITE, PAGES, SEARCH = "submit", "read", "browse", "site", "pages", "search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How likely a user takes each turn; a scrape is what one visit in fifty is for."""

    refine: float = 0.5
    page_on: float = 0.4
    ask_again: float = 0.5
    look_at_pages: float = 0.15
    submit: float = 0.02
    searches_at_most: int = 4


class Visits:
    """Visits by many users of one process. They draw their queries from one stream, so that few are asked often.

    At most `scrapes_at_most` scrapes are submitted by all of them together.
    """

    def __init__(
        self,
        queries: Iterator[Request],
        *,
        scrape_sites: Sequence[str],
        api_key: str,
        seed: int,
        scrapes_at_most: int,
        habits: Habits | None = None,
    ) -> None:
        self._queries = queries
        self._scrape_sites = tuple(scrape_sites)
        self._api_key = api_key
        self._seed = seed
        self._scrapes_at_most = scrapes_at_most
        self._habits = habits or Habits()
        self.submitted = 0

    def of_user(self, number: int) -> Visit:
        """One user's visits, one after another without end. Send each step's answer to get the next step."""
        rng = random.Random(f"{self._seed}/user/{number}")
        # 198.18.0.0/15 is set aside for measuring; nobody's real address is spoken for.
        client = ("X-Forwarded-For", f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}")
        while True:
            yield from self._visit(rng, client)

    def _visit(self, rng: random.Random, client: tuple[str, str]) -> Visit:
        asked = replace(next(self._queries), headers=(client,))
        query = query_of(asked.path)
        # What comes next is asked only where the step before it was answered: a user who sees an error goes away.
        if (yield Request(kind=BROWSE, path="/sites?limit=20", headers=(client,), expect=b'"items"')) is None:
            return
        site = Request(kind=SITE, path=f"/sites/{quote(query.site)}", headers=(client,), expect=b'"base_url"')
        if (yield site) is None:
            return
        for _ in range(self._habits.searches_at_most):
            if not (yield from self._search(rng, asked, query)):
                return
            if rng.random() >= self._habits.ask_again:
                break
            asked = replace(next(self._queries), headers=(client,))
            query = query_of(asked.path)
        if rng.random() < self._habits.look_at_pages:
            path = f"/sites/{quote(query.site)}/pages?limit={PAGE_SIZE}"
            if (yield Request(kind=PAGES, path=path, headers=(client,), expect=b'"items"')) is None:
                return
        if rng.random() < self._habits.submit:
            yield from self._submit(rng, client)

    def _search(self, rng: random.Random, asked: Request, query: Query) -> Generator[Request, Answer, bool]:
        """One search, and perhaps a narrower one and further pages of it; whether all of it was answered."""
        found = yield asked
        if found is None:
            return False
        words = " ".join(query.words)
        if rng.random() < self._habits.refine and (word := _word_of_a_hit(found, query, rng)):
            words = f"{words} {word}"
            found = yield replace(asked, path=search_path(query.site, words), label="refined")
            if found is None:
                return False
        offset = PAGE_SIZE
        while offset < int(found.get("total", 0)) and rng.random() < self._habits.page_on:
            found = yield replace(asked, path=search_path(query.site, words, offset=offset), label="next_page")
            if found is None:
                return False
            offset += PAGE_SIZE
        return True

    def _submit(self, rng: random.Random, client: tuple[str, str]) -> Visit:
        """Has a small site scraped and looks twice how far that is."""
        if not self._scrape_sites or self.submitted >= self._scrapes_at_most:
            return
        self.submitted += 1
        headers = (
            client,
            ("X-API-Key", self._api_key),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", f"user-{rng.getrandbits(64):x}"),
        )
        path = f"/sites/{quote(rng.choice(self._scrape_sites))}/scrapes"
        scrape = yield Request(kind=SUBMIT, method="POST", path=path, headers=headers, body=b"{}", expect=b'"status"')
        for _ in range(2):
            if scrape is None:
                return
            path = f"/scrapes/{quote(str(scrape['id']))}"
            scrape = yield Request(kind=READ, path=path, headers=(client,), expect=b'"status"')


def query_of(path: str) -> Query:
    """The words and the site of a search's path."""
    asked = parse_qs(urlsplit(path).query)
    return Query(asked["site"][0], tuple(asked["q"][0].split()))


def _word_of_a_hit(found: Mapping[str, Any], query: Query, rng: random.Random) -> str | None:
    """A word of a title that was found and not asked for: what a user narrows a search with."""
    words = {
        word
        for hit in found.get("hits", ())
        for word in str(hit.get("title", "")).lower().split()
        if word.isalpha() and word not in query.words
    }
    return rng.choice(sorted(words)) if words else None
