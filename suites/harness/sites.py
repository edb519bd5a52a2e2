"""Sites of the demo website on the platform, made for one purpose and deleted after it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from suites.harness.clients.demosite import DemoSite, demo_site
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.site_search import Scrape, SiteSearch
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, NotReached
from suites.harness.wait import until


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSite:
    """A site of the platform, and what the demo website says of it."""

    id: str
    served: DemoSite


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapedSite(MadeSite):
    """A site of the platform, what the demo website says of it, and how far its scrape came."""

    scrape: Scrape


class Sites:
    """Makes sites and remembers them, so that they can be deleted."""

    def __init__(self, platform: SiteSearch, cluster: Cluster, deadlines: Deadlines, chance: random.Random) -> None:
        self._platform = platform
        self._cluster = cluster
        self._deadlines = deadlines
        self._chance = chance
        self._made: list[str] = []

    def made(self, *, pages: int, size: int = 2000, latency_ms: int = 0) -> MadeSite:
        """A new site that was not scraped yet, whose every page takes so long."""
        slow = {"latency_ms": latency_ms} if latency_ms else {}
        served = demo_site(self._cluster, seed=self._chance.randrange(1, 2**31), pages=pages, size=size, **slow)
        site = self._platform.create_site(served.base_url.rpartition("seed=")[2].rstrip("/"), served.base_url)
        self._made.append(site.id)
        return MadeSite(id=site.id, served=served)

    def scraped(self, *, pages: int, size: int = 2000) -> ScrapedSite:
        """A new site after its scrape; one that is not over within the deadline is returned as it then is."""
        site = self.made(pages=pages, size=size)
        scrape = self._platform.submit_scrape(site.id)
        try:
            scrape = until(
                lambda: self._platform.scrape(scrape.id),
                where=lambda scrape: scrape.is_over,
                within=self._deadlines.scrape_completed_s,
                what=f"the end of scrape {scrape.id}",
            )
        except NotReached:
            scrape = self._platform.scrape(scrape.id)
        return ScrapedSite(id=site.id, served=site.served, scrape=scrape)

    def delete_all(self) -> None:
        """Delete every site that was made here."""
        for site_id in self._made:
            self._platform.delete_site(site_id)


def pages_served(sites: Iterable[MadeSite]) -> dict[str, dict[str, str]]:
    """What each site serves, as URL → checksum, by the site's id."""
    return {site.id: {page.url: page.checksum for page in site.served.pages} for site in sites}


def pages_stored(platform: SiteSearch, sites: Iterable[MadeSite]) -> dict[str, list[tuple[str, str]] | None]:
    """What the platform has of each site, as (URL, checksum), by the site's id; None where it does not say."""
    stored: dict[str, list[tuple[str, str]] | None] = {}
    for site in sites:
        try:
            stored[site.id] = [(page.url, page.checksum) for page in platform.pages(site.id)]
        except ClientError:
            stored[site.id] = None
    return stored
