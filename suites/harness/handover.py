"""Makes a database stand so that a fault can be made: its primary where a node may be taken away, or where none is."""

from __future__ import annotations

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import NothingSelected
from suites.harness.faults.recovery import until_recovered
from suites.harness.wait import until


def primary_on_worker(cluster: Cluster, deadlines: Deadlines, *, component: str = "postgresql") -> str:
    """The primary's name, once it is on a worker: one on the control plane hands over, in order, to a standby on one.

    Every failover may have put it anywhere. Raises NothingSelected when no standby is on a worker.
    """
    workers = {node.name for node in cluster.nodes.all() if not node.is_control_plane}
    until_recovered(cluster, [component], deadlines)
    primary = cluster.ready_pods(component, "primary")[0]
    if primary.node in workers:
        return primary.name
    standbys = [pod for pod in cluster.ready_pods(component, "replica") if pod.node in workers]
    if not standbys:
        raise NothingSelected(f"no standby of {component} is on a worker, the primary {primary.name} neither")
    return _hand_over(cluster, deadlines, component, standbys[0].name)


def primary_elsewhere(cluster: Cluster, deadlines: Deadlines, *, than: str, component: str = "postgresql") -> str:
    """The primary's name, once it is on another node than that one, which is to be emptied in order.

    Every switchover refuses writes for seconds: who plans to take a node away hands over first. Raises NothingSelected
    when no standby is on another node.
    """
    until_recovered(cluster, [component], deadlines)
    primary = cluster.ready_pods(component, "primary")[0]
    if primary.node != than:
        return primary.name
    standbys = [pod for pod in cluster.ready_pods(component, "replica") if pod.node != than]
    if not standbys:
        raise NothingSelected(f"no standby of {component} is on another node than {than}, where {primary.name} is")
    return _hand_over(cluster, deadlines, component, standbys[0].name)


def _hand_over(cluster: Cluster, deadlines: Deadlines, component: str, standby: str) -> str:
    cluster.hand_over(component, standby)
    until(
        lambda: [pod.name for pod in cluster.pods(component, "primary") if pod.is_ready],
        where=lambda names: names == [standby],
        within=deadlines.component_ready_again_s,
        what=f"{standby} the only primary",
    )
    until_recovered(cluster, [component], deadlines)
    return standby
