"""When a fault is over: what it ended has been noticed, and what it took away is there again."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import NotReached
from suites.harness.faults.standing import why_not_settled
from suites.harness.wait import until


def until_noticed(cluster: Cluster, containers: Collection[str], *, within: float) -> None:
    """Return once none of these containers is called ready any more, or that time is over.

    Until its kubelet has noticed, a pod whose process is gone is still called ready. A fault that never came to pass
    ended nothing: then there is nothing to notice.
    """
    with contextlib.suppress(NotReached):
        until(
            lambda: ready_containers(cluster.all_pods()) & set(containers),
            where=lambda left: not left,
            within=within,
            every=0.2,
            what=f"the end of {', '.join(sorted(containers))}",
        )


def until_recovered(cluster: Cluster, components: Iterable[str], deadlines: Deadlines) -> None:
    """Return once the components have all their pods, ready and alone. Raises NotReached telling what is missing."""
    names = list(components)
    until(
        lambda: [why for component in names for why in _why_not_recovered(cluster, component)],
        where=lambda missing: not missing,
        within=deadlines.component_ready_again_s,
        every=0.2,
        what=f"{', '.join(names)} ready again",
    )


def ready_containers(pods: Iterable[Pod]) -> set[str]:
    """The ids of the containers that are called ready."""
    return {container.container_id for pod in pods for container in pod.containers if container.is_ready}


def _why_not_recovered(cluster: Cluster, component: str) -> list[str]:
    why = why_not_settled(cluster, component)
    if why or cluster.target.component(component).kind != "Cluster":
        return why
    # Its operator may be late, or have been on the node that was lost: its word alone is an old one.
    wanted = cluster.readiness(component).wanted
    ready = [pod.name for pod in cluster.pods(component) if pod.is_ready and not pod.is_terminating]
    return [] if len(ready) >= wanted else [f"{component}: {len(ready)} ready pods of {wanted}"]
