"""The generator's HTTP/1.1 reader: whole answers from pieces of any size, and no answer taken from what is none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.harness.workloads.http1 import HEAD_LIMIT_BYTES, ProtocolError, Response, ResponseReader

PLAIN = b"HTTP/1.1 200 OK\r\nX-Cache: hit\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
TRAILERS = CHUNKED[:-2] + b"X-Sum: 1\r\n\r\n"
INFORMED = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + PLAIN


def read(data: bytes, cuts: list[int] | None = None, method: str = "GET") -> Response | None:
    reader = ResponseReader(method)
    edges = [0, *sorted(cuts or []), len(data)]
    answers = [reader.feed(data[start:end]) for start, end in pairwise(edges)]
    assert not any(answers[:-1]), "whole before the last byte came"
    return answers[-1]


@pytest.mark.parametrize("data", [PLAIN, CHUNKED, TRAILERS, INFORMED])
@given(share=st.lists(st.floats(0, 1), max_size=6))
def test_an_answer_is_the_same_in_any_pieces(data: bytes, share: list[float]) -> None:
    answer = read(data, [int(part * (len(data) - 1)) for part in share])
    assert answer is not None
    assert (answer.status, answer.body, answer.keep_alive) == (200, b"hello", True)


def test_headers_are_found_whatever_their_case() -> None:
    answer = read(PLAIN)
    assert answer is not None
    assert answer.header(b"x-cache") == "hit"
    assert answer.header(b"x-degraded") == ""


@pytest.mark.parametrize(
    ("data", "method"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET"),
    ],
)
def test_an_answer_without_a_body_ends_with_its_head(data: bytes, method: str) -> None:
    answer = read(data, method=method)
    assert answer is not None
    assert answer.body == b""


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (PLAIN, True),
        (PLAIN.replace(b"X-Cache: hit", b"Connection: close"), False),
        (PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"X-Cache: hit", b"Connection: Keep-Alive"), True),
        (PLAIN + b"stray", False),
    ],
)
def test_a_connection_is_kept_only_when_it_can_be(data: bytes, kept: bool) -> None:
    answer = read(data)
    assert answer is not None
    assert answer.keep_alive is kept


def test_a_body_without_length_ends_with_the_connection() -> None:
    reader = ResponseReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    answer = reader.feed_eof()
    assert answer is not None
    assert (answer.body, answer.keep_alive) == (b"hello", False)


@pytest.mark.parametrize("data", [b"", PLAIN[:10], PLAIN[:-1], CHUNKED[:-1]])
def test_an_answer_that_is_cut_off_is_none(data: bytes) -> None:
    reader = ResponseReader()
    assert reader.feed(data) is None
    assert reader.feed_eof() is None


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        PLAIN.replace(b": 5", b": -5"),
        CHUNKED.replace(b"3;ext", b"q;ext"),
        b"x" * (HEAD_LIMIT_BYTES + 1),
    ],
)
def test_what_is_no_answer_is_an_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        ResponseReader().feed(data)
