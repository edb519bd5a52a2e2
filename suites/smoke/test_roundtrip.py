"""The shortest ways through every component: a site is scraped, and found."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.claims import all_true, pages_stored
from suites.harness.errors import ApiError, NotReached
from suites.harness.wait import until

if TYPE_CHECKING:
    from reports.records import Measurement
    from suites.fixtures.evidence import Judge
    from suites.harness.clients.demosite import DemoPage
    from suites.harness.clients.site_search import SearchAnswer, SiteSearch
    from suites.harness.deadlines import Deadlines
    from suites.harness.sites import ScrapedSite, Sites

pytestmark = pytest.mark.smoke


@pytest.mark.objective("smoke.scrape_roundtrip")
def test_a_scrape_stores_every_page_as_it_was_served(sites: Sites, platform: SiteSearch, judge: Judge) -> None:
    """A new site is scraped to its end, and exactly the pages of its manifest are stored, byte for byte."""
    try:
        site = sites.scraped(pages=30)
        stored = [(page.url, page.checksum) for page in platform.pages(site.id)]
    except ApiError as error:
        judge("smoke.scrape_roundtrip", _broke_down(error))
    else:
        expected = {page.url: page.checksum for page in site.served.pages}
        judge("smoke.scrape_roundtrip", pages_stored(expected, stored, scrape=site.scrape.status))


@pytest.mark.objective("smoke.search_roundtrip")
def test_scraped_pages_are_found_in_their_site_and_in_no_other(
    sites: Sites, platform: SiteSearch, deadlines: Deadlines, judge: Judge
) -> None:
    """A page is found by its word, also misspelt and kept, with the word marked, and never in another's site."""
    try:
        site, other = sites.scraped(pages=10), sites.scraped(pages=10)
        for each in (site, other):
            _wait_until_searchable(platform, each, deadlines)
        claims = _claims(platform, site, other)
    except ApiError as error:
        judge("smoke.search_roundtrip", _broke_down(error))
    else:
        judge("smoke.search_roundtrip", all_true(claims))


def _broke_down(error: ApiError) -> Measurement:
    """A platform that answers with a fault of its own breaks its promise; a call that it refuses was a wrong call."""
    if error.status < 500:
        raise error
    return all_true({f"answered without a fault of the platform: {error}": False})


def _claims(platform: SiteSearch, site: ScrapedSite, other: ScrapedSite) -> dict[str, bool]:
    claims: dict[str, bool] = {}
    for page in site.served.pages[:5]:
        claims |= _is_found(page, platform.search(site.id, page.word))
        claims |= _is_among("misspelt", page, platform.search(site.id, _misspelt(page.word)))
        claims[f"{page.word} finds nothing of its site elsewhere"] = page.url not in _urls(
            platform.search(other.id, page.word)
        )
    for page in other.served.pages[:5]:
        claims |= _is_among("in the other site", page, platform.search(other.id, page.word))
    return claims | _claims_of_cache(platform, site, other)


def _claims_of_cache(platform: SiteSearch, site: ScrapedSite, other: ScrapedSite) -> dict[str, bool]:
    """Once their answers are kept, the same words asked of the other site must not be answered with them."""
    claims: dict[str, bool] = {}
    for page in site.served.pages[:5]:
        claims |= _is_among("through the cache", page, platform.search(site.id, page.word, use_cache=True))
    for page in site.served.pages[:5]:
        kept = _urls(platform.search(other.id, page.word, use_cache=True))
        claims[f"{page.word} finds nothing of its site elsewhere, through the cache"] = page.url not in kept
    return claims


def _misspelt(word: str) -> str:
    """The word with two neighbouring letters of its later half swapped, as fingers do."""
    place = next(at for at in range(len(word) // 2, len(word)) if word[at] != word[at - 1])
    return word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]


def _wait_until_searchable(platform: SiteSearch, site: ScrapedSite, deadlines: Deadlines) -> None:
    """Indexing may lag behind storing; how long is not promised here. What is never found is judged below."""
    last = site.served.pages[-1]
    with contextlib.suppress(NotReached):
        until(
            lambda: _urls(platform.search(site.id, last.word)),
            where=lambda urls: last.url in urls,
            within=deadlines.page_searchable_s,
            what=f"{last.url} found",
        )


def _is_found(page: DemoPage, answer: SearchAnswer) -> dict[str, bool]:
    first = answer.hits[0] if answer.hits else None
    return {
        f"{page.word} finds {page.url} first": first is not None and first.url == page.url,
        f"{page.word} is marked": first is not None and f"<em>{page.word}</em>" in first.snippet.lower(),
        f"{page.word} is answered by the search engine": not answer.degraded,
    }


def _is_among(how: str, page: DemoPage, answer: SearchAnswer) -> dict[str, bool]:
    return {f"{page.word} ({how}) finds {page.url}": page.url in _urls(answer)}


def _urls(answer: SearchAnswer) -> list[str]:
    return [hit.url for hit in answer.hits]
