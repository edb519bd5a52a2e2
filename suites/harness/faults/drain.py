"""A node that is emptied for maintenance, as its owner would."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suites.harness.clients import expiry, uncordon
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, NotReached, Unsupported
from suites.harness.faults.base import Fault
from suites.harness.faults.placement import place_again, placement
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_recovered
from suites.harness.faults.victims import choose_pod_on_worker
from suites.harness.wait import until

_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """The node to be emptied, the pod it is emptied for, and all that has to go."""

    node: str
    pod: Pod
    pods: tuple[Pod, ...]


class DrainNode(Fault):
    """A node that runs the component's pods takes no new ones, and those of the namespace are evicted from it.

    It is the worker with the most of them, so that their budget has something to refuse. Every eviction is asked for
    as the pods' disruption budgets allow, again and again while they refuse. A pod whose budget refuses for ever keeps
    its place, as in any drain; the proof says so. Pods of other namespaces are left alone: nobody allowed faults there.
    """

    kind = "drain_node"

    _drained: Drained | None = None

    def __init__(self, component: str, *, role: str | None = None, for_s: float = 600, **given: Any) -> None:
        super().__init__(component, **given)
        self._for_s = for_s
        self._role = role
        self._refusals: dict[str, str] = {}

    @property
    def drained(self) -> Drained:
        if self._drained is None:
            raise FaultError(f"no node of {self.component} was chosen yet")
        return self._drained

    @property
    def name(self) -> str:
        return f"drain of node {self.drained.node}, with {self.drained.pod.name}"

    @property
    def expires_after_s(self) -> float:
        return self._for_s

    def select(self) -> Mapping[str, Any]:
        pod = choose_pod_on_worker(self.cluster, self.component, self._role, fullest=True)
        if self.cluster.nodes.node(pod.node).is_cordoned:
            raise Unsupported(f"node {pod.node} is cordoned already: whoever did that would find it uncordoned")
        # Tells whether both may be done; a budget's refusal is no reason not to begin.
        self.cluster.nodes.cordon(pod.node, dry_run=True)
        self.cluster.nodes.evict(pod, dry_run=True)
        pods = [
            entry
            for entry in self.cluster.all_pods()
            # What belongs to the node would come back to it at once.
            if entry.node == pod.node and entry.phase not in _ENDED and entry.owner != "DaemonSet"
        ]
        self._drained = Drained(node=pod.node, pod=pod, pods=tuple(pods))
        return {
            "node": pod.node,
            "pods": [entry.name for entry in pods],
            "placement": placement(self.cluster),
        }

    def inject(self) -> None:
        node = self.drained.node
        target = self.cluster.target
        expiry.arm(_expiry(self.cluster, node), uncordon.command(target, node), after_s=self._for_s)
        self.cluster.nodes.cordon(node)
        going: set[str] = set()

        def still_there() -> list[str]:
            left = self._left()
            going.update(pod.uid for pod in left if pod.uid not in going and self._evict(pod))
            return [pod.name for pod in left]

        with contextlib.suppress(NotReached):
            until(
                still_there,
                where=lambda left: not left,
                within=self.deadlines.pods_evicted_s,
                what=f"node {node} empty",
            )

    def wait_for_proof(self) -> str:
        chosen = self.drained.pod
        if refusal := self._refusals.get(chosen.name):
            raise NotReached(f"{chosen.name} is still on node {self.drained.node}: {refusal}")
        left = until(
            self._left,
            where=lambda left: all(pod.uid != chosen.uid for pod in left),
            within=self.deadlines.pod_replaced_s,
            what=f"the end of {chosen.name} after its eviction",
        )
        if not self.cluster.nodes.node(self.drained.node).is_cordoned:
            raise NotReached(f"node {self.drained.node} is not cordoned")
        gone = len(self.drained.pods) - len(left)
        kept = [f"{pod.name} stays ({self._refusals.get(pod.name, 'it has not ended')})" for pod in left]
        return "; ".join([f"node {self.drained.node} is cordoned and {gone} pods are gone from it", *kept])

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        node = record.details["node"]
        cluster.nodes.uncordon(node)
        # Last: whoever is killed before this leaves a node that is still uncordoned.
        expiry.disarm(_expiry(cluster, node))
        until_recovered(cluster, cluster.target.components, deadlines)
        place_again(cluster, record.details["placement"], deadlines)

    def _evict(self, pod: Pod) -> bool:
        """Whether it may go; if not, why is kept."""
        try:
            refusal = self.cluster.nodes.evict(pod)
        except ClientError as error:
            # The API server is in trouble, or two budgets want the pod: a drain asks again.
            refusal = str(error)
        if refusal is None:
            self._refusals.pop(pod.name, None)
        else:
            self._refusals[pod.name] = refusal
        return refusal is None

    def _left(self) -> list[Pod]:
        uids = {pod.uid for pod in self.drained.pods}
        return [pod for pod in self.cluster.all_pods() if pod.uid in uids]


def _expiry(cluster: Cluster, node: str) -> str:
    return f"{cluster.target.context}.{node}.uncordon"
