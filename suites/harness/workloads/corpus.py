"""The corpus that load is measured against: sites of the demo website with fixed seeds, made once and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from suites.harness.clients.site_search import Scrape, SiteSearch
from suites.harness.errors import TargetError
from suites.harness.target import Target
from suites.harness.wait import until

# An index that fits in a processor's cache says little about one that does not.
PAGES_AT_LEAST = 10_000
SEEDS = tuple(range(1001, 1011))
PAGES_PER_SITE = 1000
PAGE_BYTES = 2000
# Scraping, storing and indexing 10,000 pages; a deadline, so a slow platform is waited for and not judged here.
SCRAPED_WITHIN_S = 1200.0
SEARCHABLE_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What is there to be searched: the titles of each site's stored pages, by the site's id."""

    titles: Mapping[str, tuple[str, ...]]
    newly_scraped: int

    @property
    def pages(self) -> int:
        return sum(len(titles) for titles in self.titles.values())

    def doubts(self, pages_at_least: int = PAGES_AT_LEAST) -> tuple[str, ...]:
        """Why a load on this corpus says less than it should; empty when it does not."""
        if self.pages >= pages_at_least:
            return ()
        return (f"the corpus has {self.pages:,} pages, at least {pages_at_least:,} needed",)


def ensure_corpus(
    platform: SiteSearch,
    target: Target,
    *,
    seeds: Iterable[int] = SEEDS,
    pages_per_site: int = PAGES_PER_SITE,
    page_bytes: int = PAGE_BYTES,
    within_s: float = SCRAPED_WITHIN_S,
) -> Corpus:
    """The corpus, of the sites that are there and those that are made now; a site with pages missing is scraped again.

    What the platform did not store is not there: the corpus may turn out smaller than what was asked for.
    """
    service = target.services.get("demosite")
    if service is None:
        raise TargetError(f"target {target.name} has no service demosite: nothing to make a corpus of")
    host = service.removesuffix(":80")
    known = {site.base_url.rstrip("/"): site for site in platform.sites()}
    titles: dict[str, tuple[str, ...]] = {}
    scraping: dict[str, Scrape] = {}
    for seed in seeds:
        base_url = f"http://{host}/site/seed={seed},pages={pages_per_site},size={page_bytes}/"
        site = known.get(base_url.rstrip("/")) or platform.create_site(f"corpus-{seed}", base_url)
        titles[site.id] = _titles(platform, site.id)
        if len(titles[site.id]) < pages_per_site:
            # One more for the index page that links to the others.
            scraping[site.id] = platform.submit_scrape(site.id, max_pages=pages_per_site + 1)
    for site_id, scrape in scraping.items():
        _await_end(platform, scrape, within_s)
        titles[site_id] = _titles(platform, site_id)
    for site_id, found in titles.items():
        if found:
            _await_searchable(platform, site_id, found[-1])
    return Corpus(titles=titles, newly_scraped=len(scraping))


def _titles(platform: SiteSearch, site_id: str) -> tuple[str, ...]:
    return tuple(page.title for page in platform.pages(site_id))


def _await_end(platform: SiteSearch, scrape: Scrape, within_s: float) -> None:
    until(
        lambda: platform.scrape(scrape.id),
        where=lambda seen: seen.is_over,
        within=within_s,
        every=2.0,
        what=f"the end of scrape {scrape.id} of the corpus",
    )


def _await_searchable(platform: SiteSearch, site_id: str, title: str) -> None:
    until(
        lambda: platform.search(site_id, title).total,
        within=SEARCHABLE_WITHIN_S,
        what=f"pages of site {site_id} in its searches",
    )
