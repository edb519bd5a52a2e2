"""The demo website inside the cluster: its address as the platform sees it, and what it says it serves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from suites.harness.clients.kubernetes import Cluster
from suites.harness.errors import ClientError, TargetError


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPage:
    """One page as it is served: the word is on no other page, the checksum is the sha256 of the body."""

    url: str
    title: str
    word: str
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSite:
    """A site of the demo website, chosen by its URL, and the pages of it that are served without error."""

    base_url: str
    pages: tuple[DemoPage, ...]


def demo_site(cluster: Cluster, **spec: int) -> DemoSite:
    """The site with that spec (seed, pages, size, …), with its manifest read through the API server."""
    service = cluster.target.services.get("demosite")
    if service is None:
        raise TargetError(f"target {cluster.target.name} has no service demosite: nothing to scrape")
    path = f"site/{','.join(f'{key}={value}' for key, value in spec.items())}/"
    base_url = f"http://{service.removesuffix(':80')}/{path}"
    answer = cluster.service_get(service, f"{path}manifest.json")
    try:
        entries = json.loads(answer)["pages"]
        pages = tuple(_page(base_url, entry) for entry in entries if entry["status"] == 200)
    except (ValueError, TypeError, KeyError) as error:
        raise ClientError(f"{base_url}manifest.json is no manifest ({error!r}): {answer[:200]!r}") from error
    return DemoSite(base_url=base_url, pages=pages)


def _page(base_url: str, entry: Mapping[str, Any]) -> DemoPage:
    # The manifest was asked for under the API server's name; what the scraper sees is under the service's.
    return DemoPage(
        url=urljoin(base_url, entry["url"].partition("/site/")[2].partition("/")[2]),
        title=entry["title"],
        word=entry["word"],
        checksum=entry["sha256"],
    )
