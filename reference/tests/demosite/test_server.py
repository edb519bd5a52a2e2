"""The website over HTTP."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import httpx
import pytest

from reference.tests.processes import Process


@pytest.fixture(scope="module")
def website(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    log = tmp_path_factory.mktemp("demosite") / "log"
    with (
        Process("reference.demosite", port_option="--port", answers="/health", env={}, log=log) as one,
        httpx.Client(base_url=one.url) as client,
    ):
        yield client


def test_every_page_is_served_as_the_manifest_says(website: httpx.Client) -> None:
    listed = website.get("/site/seed=5,pages=12,fail_every=4/manifest.json").json()["pages"]
    for one in listed:
        answer = website.get(one["url"])
        assert answer.status_code == one["status"]
        if one["status"] == 200:
            assert hashlib.sha256(answer.content).hexdigest() == one["sha256"]
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/site/pages=3/", 200),
        ("/site/pages=3/page/2", 200),
        ("/site/pages=3/page/3", 404),
        ("/site/pages=3/page/-1", 404),
        ("/site/pages=3/other", 404),
        ("/site/pages=3", 404),
        ("/site/pages=many/", 400),
        ("/robots.txt", 200),
        ("/", 404),
    ],
)
def test_only_what_the_spec_says_is_there(website: httpx.Client, path: str, status: int) -> None:
    assert website.get(path).status_code == status


def test_pages_take_as_long_as_asked(website: httpx.Client) -> None:
    started = time.monotonic()
    website.get("/site/latency_ms=150,pages=1/page/0")
    assert time.monotonic() - started >= 0.15


def test_only_reading_is_possible(website: httpx.Client) -> None:
    assert website.post("/site/pages=3/").status_code == 405
