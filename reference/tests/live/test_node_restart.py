"""A node that was restarted is the cluster's again: its pods reach the others, are reached by them, and find names.

Connections are made from and to the database's instances, which stand on every node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reference.cluster import kind, platform
from reference.cluster.process import run
from reference.cluster.progress import Progress
from reference.tests.live.target import needs_target, objects, said
from reference.tests.processes import until

BACK_WITHIN_S = 120.0
INSTANCES = ("-n", platform.NAMESPACE, "-l", "cnpg.io/cluster=site-search-db,cnpg.io/podRole=instance")
CONTAINER = "postgres"
PORT = 5432
SERVICE = "kubernetes"

pytestmark = [needs_target, pytest.mark.by_hand]

Pod = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """A node whose container was restarted, the pods' containers that went with it, and when all must be back."""

    node: str
    lost: frozenset[str]
    back_by: float

    def until_none(self, lacking: Callable[[], list[str]], *, what: str) -> None:
        """Wait until nothing is lacking any more, no longer than a restart may take in all."""
        until(lacking, lambda still: not still, within_s=self.back_by - time.monotonic(), what=f"{what} lacks")

    def pods_not_ready(self) -> list[str]:
        """Wherever they are; one that is ready by a container that is lost was not looked at since."""
        return [
            pod["metadata"]["name"]
            for pod in _pods()
            if not _is_ready(pod) or not self.lost.isdisjoint(_containers(pod))
        ]


@pytest.fixture(scope="module")
def restarted() -> Iterator[Restarted]:
    """The worker that is missed least, restarted; afterwards every pod is ready again."""
    pods = _pods()
    node = min(kind.workers(), key=lambda worker: _cost([pod for pod in pods if _node(pod) == worker]))
    lost = frozenset(container for pod in pods if _node(pod) == node for container in _containers(pod))
    run("docker", "restart", node)
    restart = Restarted(node=node, lost=lost, back_by=time.monotonic() + BACK_WITHIN_S)
    yield restart
    restart.until_none(restart.pods_not_ready, what="readiness")
    platform.wait_ready(Progress())


def test_the_node_is_ready_and_has_started_its_pods(restarted: Restarted) -> None:
    restarted.until_none(restarted.pods_not_ready, what="readiness")
    status = kind.kubectl(
        "get", "node", restarted.node, "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    )
    assert status == "True"


def test_the_node_has_its_volumes_again(restarted: Restarted) -> None:
    """All were mounted before a pod could start on the folder beneath."""
    missing = 'for image in "$0"/*.ext4; do [ ! -e "$image" ] || mountpoint -q "${image%.ext4}" || echo "$image"; done'
    assert run("docker", "exec", restarted.node, "sh", "-c", missing, "/var/local-path-provisioner") == ""


def test_the_node_and_the_others_have_routes_to_each_other(restarted: Restarted) -> None:
    """To each other node's range of pods, by the address that the node's container has now."""
    ranges = {node["metadata"]["name"]: node["spec"]["podCIDR"] for node in objects("nodes")}
    others = ranges.keys() - {restarted.node}
    assert others

    def lacking() -> list[str]:
        routes = {name: run("docker", "exec", name, "ip", "-oneline", "route") for name in ranges}
        pairs = [pair for other in others for pair in ((restarted.node, other), (other, restarted.node))]
        return [f"{on} to {to}" for on, to in pairs if f"{ranges[to]} via {kind.address(to)} " not in routes[on]]

    restarted.until_none(lacking, what="routing")


def test_pods_of_the_node_and_of_the_others_reach_each_other(restarted: Restarted) -> None:
    def lacking() -> list[str]:
        here, elsewhere = _here_and_elsewhere(restarted.node)
        if not (here and elsewhere):
            return ["an instance here and one elsewhere"]
        pairs = [pair for one in here for other in elsewhere for pair in ((one, other), (other, one))]
        return [f"{_node(one)} to {_node(other)}" for one, other in pairs if not _reaches(one, other)]

    restarted.until_none(lacking, what="connecting")


def test_a_pod_of_the_node_finds_names(restarted: Restarted) -> None:
    address = kind.kubectl("get", "service", SERVICE, "-n", "default", "-o", "jsonpath={.spec.clusterIP}")

    def lacking() -> list[str]:
        here, _ = _here_and_elsewhere(restarted.node)
        found = [_inside(pod, f"getent hosts {SERVICE}.default.svc.cluster.local") for pod in here]
        return [] if found and all(line.startswith(f"{address} ") for line in found) else [*found, SERVICE]

    restarted.until_none(lacking, what="name service")


def _pods() -> list[Pod]:
    """All that run or are to run."""
    return objects("pods", "--all-namespaces", "--field-selector", "status.phase!=Succeeded,status.phase!=Failed")


def _node(pod: Pod) -> str | None:
    name: str | None = pod["spec"].get("nodeName")
    return name


def _containers(pod: Pod) -> list[str]:
    """Those that were ever started."""
    return [each["containerID"] for each in pod["status"].get("containerStatuses", []) if each.get("containerID")]


def _is_ready(pod: Pod) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def _cost(pods: list[Pod]) -> tuple[bool, int, int]:
    """What users miss while a node's pods are away: writes, then what has no other pod beside it, then room."""
    has_primary = any(pod["metadata"].get("labels", {}).get("cnpg.io/instanceRole") == "primary" for pod in pods)
    alone = [pod for pod in pods if pod["metadata"].get("ownerReferences", [{}])[0].get("kind") == "StatefulSet"]
    return has_primary, len(alone), len(pods)


def _here_and_elsewhere(node: str) -> tuple[list[Pod], list[Pod]]:
    """The database's instances on that node, and those on others."""
    instances = [pod for pod in objects("pods", *INSTANCES) if _node(pod) and pod["status"].get("podIP")]
    here = [pod for pod in instances if _node(pod) == node]
    return here, [pod for pod in instances if pod not in here]


def _reaches(one: Pod, other: Pod) -> bool:
    connect = f"exec 3<>/dev/tcp/{other['status']['podIP']}/{PORT}"
    return _inside(one, f"timeout 5 bash -c '{connect}' && echo reached") == "reached\n"


def _inside(pod: Pod, script: str) -> str:
    return said("exec", "-n", platform.NAMESPACE, pod["metadata"]["name"], "-c", CONTAINER, "--", "bash", "-c", script)
