"""Switches that let clients get more than they should: each breaks what it says, and off it breaks nothing."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from reference.tests.processes import Process, until
from reference.tests.searchapp.platform import scraped, search, site_url

StartProcess = Callable[..., Process]


@pytest.mark.parametrize(("switch", "granted"), [("false", 5), ("true", 10)])
def test_two_replicas_grant_one_limit_unless_each_counts_for_itself(
    api_with: StartProcess, switch: str, granted: int
) -> None:
    settings = {"RATE_LIMIT_SEARCH_PER_MINUTE": "5", "FAULT_LIMIT_PER_PROCESS": switch}
    with (
        api_with(**settings) as one,
        api_with(**settings) as other,
        httpx.Client(headers={"X-Forwarded-For": f"10.0.0.{granted}"}) as client,
    ):
        statuses = [
            client.get(f"{api.url}/search", params={"site": "none", "q": "x"}).status_code
            for _ in range(8)
            for api in (one, other)
        ]
    # The minute may turn in between, which grants as many again.
    assert statuses.count(404) in (granted, 2 * granted)
    assert set(statuses) == {404, 429}


@pytest.mark.parametrize("switch", ["false", "true"])
def test_an_answer_of_one_site_is_given_for_another_only_where_the_cache_ignores_the_site(
    client: httpx.Client, worker: Process, website: str, api_with: StartProcess, switch: str
) -> None:
    assert worker
    sites = [scraped(client, site_url(website, pages=2)) for _ in range(2)]
    word = str(search(client, sites[0], "page").json()["hits"][0]["title"]).split()[0]
    with api_with(FAULT_CACHE_IGNORES_SITE=switch) as api, httpx.Client(base_url=api.url) as another:
        first = until(
            lambda: search(another, sites[0], word),
            lambda answer: answer.headers["X-Cache"] == "hit",
            within_s=10,
            what="an answer from the cache",
        )
        second = search(another, sites[1], word)
    assert (first.json()["hits"] == second.json()["hits"]) is (switch == "true")
