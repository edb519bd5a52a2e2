"""Which pod or node a fault hits. The same target in the same state gives the same one."""

from __future__ import annotations

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.errors import Unsupported


def choose_pod(cluster: Cluster, component: str, role: str | None) -> Pod:
    """The ready pod, in that role if named, that restarted least: its kubelet starts it again without back-off."""
    return min(cluster.ready_pods(component, role), key=_by_restarts)


def choose_pod_on_worker(cluster: Cluster, component: str, role: str | None, *, fullest: bool = False) -> Pod:
    """A ready pod whose node may be taken away: never the control plane, whose loss is another fault.

    Of several nodes, the one with the fewest pods of the component in other roles: a node that is lost with a replica
    is not to take the primary along, where that can be helped. With `fullest`, of those the one with the most pods to
    choose from.
    """
    workers = {node.name for node in cluster.nodes.all() if not node.is_control_plane}
    pods = [pod for pod in cluster.ready_pods(component, role) if pod.node in workers]
    if not pods:
        raise Unsupported(
            f"every ready pod of {component}{f' ({role})' if role else ''} is on the control plane, which is never "
            "taken away"
        )
    chosen = {pod.uid for pod in cluster.ready_pods(component, role)}
    others = [pod.node for pod in cluster.pods(component) if pod.uid not in chosen]
    beside = [pod.node for pod in pods] if fullest else []
    return min(pods, key=lambda pod: (others.count(pod.node), -beside.count(pod.node), *_by_restarts(pod)))


def _by_restarts(pod: Pod) -> tuple[int, str]:
    return sum(container.restarts for container in pod.containers), pod.name
