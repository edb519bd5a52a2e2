"""What each journey asks for, and that no two streams of it ask for the same."""

from __future__ import annotations

import json
import pickle
from itertools import islice

import pytest

from suites.harness.clients.demosite import DemoPage, DemoSite
from suites.harness.clients.site_search import Scrape
from suites.harness.sites import ScrapedSite
from suites.harness.traffic import Script
from suites.harness.workloads.journeys import CONNECTIONS, NAMES, PROBE_HZ, Journey, submit, write
from suites.harness.workloads.request import Request

KEY = "a key"


@pytest.fixture
def script() -> Script:
    served = DemoSite(
        base_url="http://demosite/site/seed=1/",
        pages=(DemoPage(url="http://demosite/page/0", title="River stone morning", word="w", checksum="c"),),
    )
    scrape = Scrape(id="scrape-1", status="completed", pages_found=1, pages_stored=1, pages_failed=0, error=None)
    return Script(
        corpus=ScrapedSite(id="corpus", served=served, scrape=scrape),
        task_sites=["s1", "s2"],
        ledger="ledger-1",
        host="demosite",
        api_key=KEY,
        seed=1,
    )


def first(journey: Journey, count: int) -> list[list[Request]]:
    return [list(islice(iter(requests), count)) for requests in journey.requests]


def test_a_write_has_an_id_of_its_own_and_a_base_url_of_its_own() -> None:
    streams = first(write("ledger-1", host="demosite", api_key=KEY), 200)
    asked = [request for stream in streams for request in stream]
    bodies = [json.loads(request.body) for request in asked]
    assert len({request.id for request in asked}) == len({body["base_url"] for body in bodies}) == 400
    assert all(body["name"] == request.id for body, request in zip(bodies, asked, strict=True))
    assert {(request.kind, request.method, request.path) for request in asked} == {("write", "POST", "/sites")}
    assert all(request.id.startswith("ledger-1-write-") and request.id.encode() == request.expect for request in asked)


def test_a_submission_is_asked_again_with_its_key_before_the_next_one() -> None:
    journey = submit("ledger-1", ["s1", "s2"], api_key=KEY)
    for stream in first(journey, 60):
        assert [request.id for request in stream] == [stream[20 * (number // 20)].id for number in range(60)]
        assert [stream[number].path for number in (0, 20, 40)] == [
            f"/sites/{site}/scrapes" for site in ("s1", "s2", "s1")
        ]
        assert all(("Idempotency-Key", request.id) in request.headers for request in stream)
    assert len({stream[0].id for stream in first(journey, 1)}) == len(CONNECTIONS)


@pytest.mark.parametrize(
    "journey", [write("l", host="h", api_key=KEY), submit("l", ["s"], api_key=KEY)], ids=lambda journey: journey.name
)
def test_every_client_writes_far_less_than_600_times_a_minute(journey: Journey) -> None:
    seen: set[str] = set()
    for stream in first(journey, 1000):
        clients = [dict(request.headers)["X-Forwarded-For"] for request in stream]
        per_minute = 60 * journey.rate_hz / len(set(clients))
        assert per_minute <= 60
        assert not seen & set(clients), "another stream speaks for them"
        assert {dict(request.headers)["X-API-Key"] for request in stream} == {KEY}
        seen |= set(clients)


def test_each_journey_flows_on_both_kinds_of_connection(script: Script) -> None:
    journeys = [script.journey(name) for name in NAMES]
    assert [journey.name for journey in journeys] == list(NAMES)
    for journey in journeys:
        assert journey.rate_hz >= PROBE_HZ == 20.0
        assert {request.kind for stream in first(journey, 3) for request in stream} == {journey.name}
        assert pickle.loads(pickle.dumps(journey.requests)) is not None  # noqa: S301 what it is given


def test_a_journey_that_does_not_exist_is_an_error(script: Script) -> None:
    with pytest.raises(ValueError, match="no journey 'pay'; there is search, write, submit, read"):
        script.journey("pay")
