"""More than a body may have is refused before it is kept, however it comes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from reference.searchapp.api.bodies import BODY_BYTES_MOST
from reference.tests.processes import Process


def of_bytes(count: int) -> bytes:
    """A good request to add a site, of that size."""
    body = json.dumps({"name": "a site", "base_url": "http://example.com/", "more": ""}).encode()
    return body[:-2] + b"x" * (count - len(body)) + body[-2:]


def in_pieces(body: bytes) -> Iterator[bytes]:
    """Without a length that is announced."""
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_the_largest_body_is_read_and_one_byte_more_is_not(client: httpx.Client, chunked: bool) -> None:
    for size, refused in ((BODY_BYTES_MOST, False), (BODY_BYTES_MOST + 1, True)):
        body = of_bytes(size)
        answer = client.post(
            "/sites", content=in_pieces(body) if chunked else body, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code == 413) is refused, answer.text
        if refused:
            assert answer.json()["code"] == "body_too_large"


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(api: Process) -> None:
    url = urlsplit(api.url)
    with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
        connection.sendall(b"POST /sites HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n")
        answer = connection.makefile("rb").readline()
    assert answer.startswith(b"HTTP/1.1 413 ")
