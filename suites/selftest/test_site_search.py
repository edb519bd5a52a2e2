"""The client of the platform's API: refused is told apart from unanswered, and 503 of `/ready` is an answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from suites.harness.clients.site_search import SiteSearch
from suites.harness.errors import ApiError, ClientError

LIMITED = "limited"
STORED = [{"url": f"/{number}", "title": "t", "checksum": "c"} for number in range(250)]


class ToyPlatform(BaseHTTPRequestHandler):
    """Answers as the contract says, as far as these tests ask."""

    refused_once = threading.Lock()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/ready":
            checks = {"database": {"healthy": True}, "search_engine": {"healthy": False, "error": "gone"}}
            return self.answer(503, {"status": "unavailable", "checks": checks})
        if url.path == "/sites/1/pages":
            start = int(query["offset"][0])
            return self.answer(200, {"items": STORED[start : start + 100], "total": len(STORED)})
        if url.path == "/scrapes/1":
            return self.answer(401, {"detail": "wrong key", "code": "unauthorized", "request_id": "r1"})
        return self.answer(502, None)

    def do_DELETE(self) -> None:
        if self.path == f"/sites/{LIMITED}" and self.refused_once.acquire(blocking=False):
            return self.answer(429, {"detail": "too many writes", "code": "rate_limited"})
        return self.answer(404, {"detail": "no such site", "code": "not_found"})

    def answer(self, status: int, body: object) -> None:
        content = b"<html>bad gateway" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Served-By", "app-0")
        self.send_header("X-Request-ID", "r1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture(scope="module")
def platform() -> Iterator[SiteSearch]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ToyPlatform) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with SiteSearch(f"http://127.0.0.1:{server.server_port}", "key") as client:
            yield client
        server.shutdown()


def test_not_ready_is_an_answer(platform: SiteSearch) -> None:
    said = platform.ready()
    assert (said.status, said.served_by) == (503, "app-0")
    assert said.dependencies == {"database": True, "search_engine": False}


def test_every_page_is_read(platform: SiteSearch) -> None:
    assert [page.url for page in platform.pages("1")] == [page["url"] for page in STORED]


def test_a_refusal_tells_call_status_code_and_request(platform: SiteSearch) -> None:
    with pytest.raises(ApiError, match=r"GET /scrapes/1: 401 unauthorized: wrong key \(request r1\)") as told:
        platform.scrape("1")
    assert (told.value.status, told.value.code) == (401, "unauthorized")


def test_an_error_that_is_not_the_platforms_is_told_as_it_is(platform: SiteSearch) -> None:
    with pytest.raises(ApiError, match="502 no_code: <html>bad gateway"):
        platform.search("1", "word")


def test_a_site_that_is_gone_is_deleted(platform: SiteSearch) -> None:
    platform.delete_site("1")


def test_whoever_makes_too_many_sites_waits_until_it_may(platform: SiteSearch) -> None:
    platform.delete_site(LIMITED)
    assert ToyPlatform.refused_once.locked()


def test_no_answer_is_an_error_that_can_be_polled_through() -> None:
    with (
        SiteSearch("http://127.0.0.1:1", "key") as nobody,
        pytest.raises(ClientError, match=r"GET .*: ConnectError"),
    ):
        nobody.health()
