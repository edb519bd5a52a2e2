"""What tests of the whole platform say about sites and scrapes."""

from __future__ import annotations

import itertools
import os
from typing import Any

import httpx

from reference.tests.processes import until

_seeds = itertools.count(os.getpid() * 1000)


def site_url(website: str, **spec: int) -> str:
    """The URL of a demosite that no other test uses."""
    pairs = {"seed": next(_seeds), **spec}
    return f"{website}/site/{','.join(f'{key}={value}' for key, value in pairs.items())}/"


def create_site(client: httpx.Client, base_url: str) -> str:
    answer = client.post("/sites", json={"name": "a site", "base_url": base_url})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def submit_scrape(client: httpx.Client, site_id: str, **wanted: int) -> str:
    answer = client.post(f"/sites/{site_id}/scrapes", json=wanted)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def finished(client: httpx.Client, scrape_id: str, *, within_s: float = 20.0) -> dict[str, Any]:
    """The scrape once it is completed or failed."""
    return until(
        lambda: client.get(f"/scrapes/{scrape_id}").json(),
        lambda seen: seen.get("status") in {"completed", "failed"},
        within_s=within_s,
        what=f"scrape {scrape_id} finished",
    )


def scraped(client: httpx.Client, base_url: str, **wanted: int) -> str:
    """A new site, scraped."""
    site_id = create_site(client, base_url)
    seen = finished(client, submit_scrape(client, site_id, **wanted))
    assert seen["status"] == "completed", seen
    return site_id


def search(client: httpx.Client, site_id: str, q: str, **params: int) -> httpx.Response:
    return client.get("/search", params={"site": site_id, "q": q, **params})
