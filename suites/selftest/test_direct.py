"""The way to a pod's own port: its address as it is, a route on kind, and nothing left of that route."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from suites.harness.clients import expiry
from suites.harness.clients.direct import way_to
from suites.harness.errors import Unsupported
from suites.harness.target import Target
from suites.selftest.toy_cluster import pod
from suites.selftest.toy_program import place_program

# An `ip` that keeps what it was asked to do, and may not do it where a file says so.
IP = """#!/bin/sh
echo "$*" >> "$TOY/done"
[ ! -e "$TOY/forbidden" ] || { echo "RTNETLINK answers: Operation not permitted" >&2; exit 2; }
"""
POD = replace(pod("meilisearch-0"), address="127.0.0.1", node_address="172.18.0.3")
ROUTE = "127.0.0.1/32 via 172.18.0.3"


@pytest.fixture(autouse=True)
def ip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place_program("ip", IP, tmp_path, monkeypatch)
    return tmp_path


class Engine(BaseHTTPRequestHandler):
    """Says that it is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status":"available"}')

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Engine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        number: int = door.getsockname()[1]
    return number


def asked(ip: Path) -> list[str]:
    done = ip / "done"
    return done.read_text(encoding="utf-8").splitlines() if done.exists() else []


def refused(port: int, *, provider: str = "kind", expect: str = "available") -> str:
    target = replace(Target.load("kind"), node_provider=provider)
    with pytest.raises(Unsupported) as error, way_to(POD, port, target, path="/health", expect=expect):
        pytest.fail("there is no way")
    return str(error.value)


def test_a_pod_that_answers_here_needs_no_route(ip: Path, port: int) -> None:
    with way_to(POD, port, Target.load("kind"), path="/health", expect="available") as url:
        assert url == f"http://127.0.0.1:{port}"
    assert asked(ip) == []


def test_who_answers_in_its_place_is_not_taken_for_it(ip: Path, port: int) -> None:
    assert "does not answer over its node" in refused(port, expect="something else")
    assert asked(ip) == [f"route replace {ROUTE}", f"route del {ROUTE}"]


def test_a_pod_of_a_real_cluster_that_is_not_routed_here_is_told(ip: Path, closed_port: int) -> None:
    assert "is not reached from here" in refused(closed_port, provider="none")
    assert asked(ip) == []


def test_a_route_that_does_not_help_is_taken_back(ip: Path, closed_port: int) -> None:
    assert "does not answer over its node w0 either" in refused(closed_port)
    assert asked(ip) == [f"route replace {ROUTE}", f"route del {ROUTE}"]
    assert not expiry.is_armed("route-127.0.0.1")


def test_who_may_make_no_route_is_told_so(ip: Path, closed_port: int) -> None:
    (ip / "forbidden").touch()
    assert "Operation not permitted" in refused(closed_port)
    assert asked(ip) == [f"route replace {ROUTE}"]
    assert not expiry.is_armed("route-127.0.0.1")


def test_a_route_comes_with_its_end(ip: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken back by a process of its own, whatever becomes of this one."""
    answers = iter([False, True])
    monkeypatch.setattr("suites.harness.clients.direct._answers", lambda *_: next(answers))
    with way_to(POD, closed_port, Target.load("kind"), path="/health", expect="available"):
        assert asked(ip) == [f"route replace {ROUTE}"]
        assert expiry.is_armed("route-127.0.0.1")
    assert asked(ip)[-1] == f"route del {ROUTE}"
    assert not expiry.is_armed("route-127.0.0.1")
