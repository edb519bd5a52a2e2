"""What an abusive client does, against servers that let it and servers that do not."""

from __future__ import annotations

import itertools
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from suites.harness.workloads.floods import Flood
from suites.harness.workloads.oversized import OversizedBody, send_oversized
from suites.harness.workloads.request import Repeat, Request
from suites.harness.workloads.slowloris import hold_connections

Behaviour = Callable[[socketserver.StreamRequestHandler], None]


@contextmanager
def serving(behave: Behaviour) -> Iterator[str]:
    """The URL of a server that does this with each connection, and then closes it."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            behave(self)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def keep(connection: socketserver.StreamRequestHandler) -> None:
    while connection.rfile.read(1):
        pass


def close_after_the_first_lines(connection: socketserver.StreamRequestHandler) -> None:
    connection.rfile.readline()
    connection.rfile.readline()


def refuse_at_once(connection: socketserver.StreamRequestHandler) -> None:
    while connection.rfile.readline().strip():
        pass
    connection.wfile.write(b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    connection.wfile.flush()


def sent(url: str, *, chunked: bool) -> OversizedBody:
    return send_oversized(url, headers=(), offered_bytes=64 * 1024 * 1024, chunked=chunked, within_s=5)


def test_a_server_that_keeps_slow_connections_and_one_that_closes_them() -> None:
    with serving(keep) as url:
        assert {each.closed_after_s for each in hold_connections(url, heads=2, bodies=2, for_s=0.5)} == {None}
    with serving(close_after_the_first_lines) as url:
        held = hold_connections(url, heads=2, bodies=1, for_s=30)
    assert [each.part for each in held] == ["head", "head", "body"]
    assert all(each.opened and each.closed_after_s is not None for each in held)


def test_a_server_that_is_not_there_opens_no_connection() -> None:
    with serving(keep) as url:
        pass
    assert not any(each.opened for each in hold_connections(url, heads=1, bodies=1, for_s=0.1))


def test_a_body_is_sent_until_it_is_refused() -> None:
    with serving(refuse_at_once) as url:
        for chunked in (False, True):
            body = sent(url, chunked=chunked)
            assert body.refused
            assert body.taken_bytes < body.offered_bytes


def test_a_body_that_is_all_taken_was_not_refused() -> None:
    with serving(keep) as url:
        body = send_oversized(url, headers=(), offered_bytes=1024 * 1024, chunked=False, within_s=0.2)
    assert (body.taken_bytes, body.status, body.refused) == (1024 * 1024, None, False)


def test_a_flood_is_of_one_client_and_says_when_it_may_come_again() -> None:
    many = Repeat(
        Request(path="/1", headers=(("X-Forwarded-For", "198.18.0.1"), ("Cache-Control", "no-cache"))),
        Request(path="/2", headers=(("X-Forwarded-For", "198.18.0.2"),)),
    )
    first, second = itertools.islice(Flood(requests=many), 2)
    assert first.headers == (("X-Forwarded-For", "198.19.255.1"), ("Cache-Control", "no-cache"))
    assert second.headers == first.headers[:1]
    assert (first.kind, first.tells, first.path, second.path) == ("flood", "retry-after", "/1", "/2")
