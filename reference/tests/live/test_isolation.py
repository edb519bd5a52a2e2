"""Nothing of the cluster leaves the machine: shown with a host of our own outside the cluster's bridge.

That host is a network namespace behind a pair of virtual interfaces: a packet that got out would stay on this machine.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from reference.cluster import isolation, kind
from reference.cluster.process import run
from reference.tests.live.target import needs_nodes

OUTSIDE = "198.18.77.2"
NEAR = "198.18.77.1"
PORT = 8099
NAMESPACE = "site-search-outside"
UNUSED_SERVICE = "10.96.255.254"
REFUSED_WITHIN_S = 2.0
# Accepts and closes, until it is ended.
LISTEN = f"""
import socket
server = socket.create_server(("{OUTSIDE}", {PORT}))
while True:
    server.accept()[0].close()
"""

pytestmark = needs_nodes


@pytest.fixture(scope="module")
def outside() -> Iterator[str]:
    """The address of a server that this machine reaches by forwarding, as it would reach the world."""
    run("ip", "netns", "add", NAMESPACE)
    try:
        run("ip", "link", "add", "ssout0", "type", "veth", "peer", "name", "ssout1", "netns", NAMESPACE)
        run("ip", "addr", "add", f"{NEAR}/30", "dev", "ssout0")
        run("ip", "link", "set", "ssout0", "up")
        run("ip", "-n", NAMESPACE, "addr", "add", f"{OUTSIDE}/30", "dev", "ssout1")
        run("ip", "-n", NAMESPACE, "link", "set", "ssout1", "up")
        run("ip", "-n", NAMESPACE, "route", "add", "default", "via", NEAR)
        server = subprocess.Popen(
            ["ip", "netns", "exec", NAMESPACE, sys.executable, "-c", LISTEN],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _until_it_listens()
            yield OUTSIDE
        finally:
            server.terminate()
            server.wait()
    finally:
        run("ip", "netns", "del", NAMESPACE)


def _until_it_listens() -> None:
    stop_at = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((OUTSIDE, PORT), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > stop_at:
                raise
            time.sleep(0.1)


def connect_from(node: str, address: str, port: int) -> tuple[bool, float]:
    """Whether a connection from inside a node succeeds, and how long the answer took in seconds."""
    begun = time.monotonic()
    attempt = ["docker", "exec", node, "timeout", "5", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"]
    result = subprocess.run(attempt, capture_output=True, check=False)
    return result.returncode == 0, time.monotonic() - begun


@pytest.mark.parametrize("node", [node.name for node in kind.nodes()] or ["none"])
def test_a_node_cannot_reach_what_the_host_can(outside: str, node: str) -> None:
    """The host reaches the outside server (the fixture waited for that); a node is refused, at once."""
    reached, took_s = connect_from(node, outside, PORT)
    assert not reached
    assert took_s < REFUSED_WITHIN_S


def test_the_rule_is_what_refuses(outside: str) -> None:
    """Without the rule the same connection succeeds: the test above would notice its absence."""
    node = kind.workers()[0]
    run("iptables", "-w", "-D", *isolation.RULE)
    try:
        reached, _ = connect_from(node, outside, PORT)
    finally:
        isolation.close()
    assert reached
    assert isolation.closed()


def test_a_service_address_that_nothing_translates_is_refused_on_the_node() -> None:
    """Before kube-proxy has written its rules, a Service's packets must not even leave the node."""
    reached, took_s = connect_from(kind.workers()[0], UNUSED_SERVICE, 443)
    assert not reached
    assert took_s < REFUSED_WITHIN_S


def test_the_ingress_listens_on_loopback_only() -> None:
    """The published ports are bound to 127.0.0.1."""
    ours = f"label=io.x-k8s.kind.cluster={kind.NAME}"
    published = run("docker", "ps", "--filter", ours, "--format", "{{.Ports}}")
    bindings = [part.strip() for line in published.splitlines() for part in line.split(",") if "->" in part]
    assert bindings
    assert all(binding.startswith("127.0.0.1:") for binding in bindings)
