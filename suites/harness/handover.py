"""Makes a database stand so that a fault can be made: its primary where a node may be taken away."""

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
    cluster.hand_over(component, standbys[0].name)
    until(
        lambda: [pod.name for pod in cluster.pods(component, "primary") if pod.is_ready],
        where=lambda names: names == [standbys[0].name],
        within=deadlines.component_ready_again_s,
        what=f"{standbys[0].name} primary instead of {primary.name}",
    )
    until_recovered(cluster, [component], deadlines)
    return standbys[0].name
