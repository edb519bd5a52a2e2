"""Requests to the cluster's published ports go through the kernel instead of Docker's userland proxy.

That proxy copies every byte, and under load it has been seen to die and leave the port deaf (moby issue 45152). The
ports stay published by Docker, on 127.0.0.1; these rules translate the address before the proxy would see it, so
without iptables everything still works, only slower.
"""

from __future__ import annotations

from pathlib import Path

from .isolation import BRIDGE
from .process import run, succeeds

CHAIN = "SITE-SEARCH"
LOOPBACK = "127.0.0.1/32"
JUMP = ("OUTPUT", "-d", LOOPBACK, "-p", "tcp", "-j", CHAIN)
# Answers must find back: the node sees the bridge's address, not loopback.
MASQUERADE = ("POSTROUTING", "-s", "127.0.0.0/8", "-o", BRIDGE, "-j", "MASQUERADE")


def open_to(address: str, ports: dict[int, int]) -> None:
    """Send connections to 127.0.0.1 at each port of `ports` to that port's value at `address`."""
    _nat("-N", CHAIN, check=False)
    _nat("-F", CHAIN)
    for published, inside in ports.items():
        _nat(
            "-A", CHAIN, "-p", "tcp", "--dport", str(published), "-j", "DNAT", "--to-destination", f"{address}:{inside}"
        )
    for rule in (JUMP, MASQUERADE):
        if not succeeds("iptables", "-w", "-t", "nat", "-C", *rule):
            _nat("-I", *rule)
    Path(f"/proc/sys/net/ipv4/conf/{BRIDGE}/route_localnet").write_text("1")


def close() -> None:
    """Remove the rules, if there are any."""
    for rule in (JUMP, MASQUERADE):
        _nat("-D", *rule, check=False)
    _nat("-F", CHAIN, check=False)
    _nat("-X", CHAIN, check=False)


def _nat(*arguments: str, check: bool = True) -> None:
    run("iptables", "-w", "-t", "nat", *arguments, check=check)
