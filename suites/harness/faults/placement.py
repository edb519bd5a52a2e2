"""Which nodes the replicas of a component are on: a node that comes back empty makes the loss of another a worse fault.

Nothing moves a pod back by itself, so without this a fault would leave another target than it found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.faults.recovery import until_recovered

Placement = Mapping[str, Mapping[str, int]]


def placement(cluster: Cluster) -> Placement:
    """How many pods each component has on each node, for those whose pods may be anywhere."""
    free = (name for name, component in cluster.target.components.items() if component.kind == "Deployment")
    return {name: dict(_by_node(cluster.pods(name))) for name in free}


def place_again(cluster: Cluster, before: Placement, deadlines: Deadlines) -> None:
    """Evict pods from nodes that have more than before, while others have fewer: the scheduler prefers those then.

    In rounds, of each component one pod at a time, and only as its disruption budget allows. Where the scheduler
    chooses otherwise it is left so.
    """
    for _ in range(max((sum(nodes.values()) for nodes in before.values()), default=0)):
        moved = [name for name, nodes in before.items() if _move_one(cluster, name, nodes)]
        if not moved:
            return
        until_recovered(cluster, moved, deadlines)


def _move_one(cluster: Cluster, component: str, before: Mapping[str, int]) -> bool:
    pods = cluster.pods(component)
    now = _by_node(pods)
    usable = {node.name for node in cluster.nodes.all() if node.is_ready and not node.is_cordoned}
    if not any(now[node] < count for node, count in before.items() if node in usable):
        return False
    crowded = [pod for pod in pods if now[pod.node] > before.get(pod.node, 0)]
    return bool(crowded) and cluster.nodes.evict(crowded[0]) is None


def _by_node(pods: list[Pod]) -> Counter[str]:
    return Counter(pod.node for pod in pods if pod.phase == "Running")
