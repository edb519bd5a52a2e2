"""Nothing of the cluster leaves the machine: its bridge has a name, and what comes from it may only go back to it.

The rule stands in DOCKER-USER, the chain Docker keeps for its users. The nodes have a guard of their own as well (the
node image's service-guard), because a packet to a Service address must not even leave its node.
"""

from __future__ import annotations

from .docker import LABEL
from .process import run, succeeds

BRIDGE = "br-site-search"
RULE = ("DOCKER-USER", "-i", BRIDGE, "!", "-o", BRIDGE, "-j", "REJECT", "--reject-with", "icmp-port-unreachable")


def make_network(name: str) -> None:
    """Docker's network for the nodes, on a bridge that rules can name."""
    if not succeeds("docker", "network", "inspect", name):
        run(
            "docker", "network", "create", "--label", LABEL, "--opt", f"com.docker.network.bridge.name={BRIDGE}",
            "--opt", "com.docker.network.driver.mtu=1500", name,
        )  # fmt: skip


def remove_network(name: str) -> None:
    if succeeds("docker", "network", "inspect", name):
        run("docker", "network", "rm", name)
    if closed():
        run("iptables", "-w", "-D", *RULE)


def closed() -> bool:
    """Whether the host refuses what would leave the cluster's bridge."""
    return succeeds("iptables", "-w", "-C", *RULE)


def close() -> None:
    if not closed():
        run("iptables", "-w", "-I", *RULE)
