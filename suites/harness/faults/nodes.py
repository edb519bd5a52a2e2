"""A whole node that is lost, with all that runs on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.machines import Loss, provider_of
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, Unsupported
from suites.harness.faults.base import Fault
from suites.harness.faults.placement import place_again, placement
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import ready_containers, until_noticed, until_recovered
from suites.harness.faults.victims import choose_pod_on_worker
from suites.harness.wait import until


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The node to be lost, the pod it is lost for, and what else of the platform runs there."""

    node: str
    pod: Pod
    pods: tuple[str, ...]


class NodeLoss(Fault):
    """The node that runs one of the component's pods is lost; it comes back after `for_s`, or when the fault heals.

    The proof is that the API server no longer reaches the node's kubelet while it reaches the others'. That is so
    within seconds; that the cluster calls the node lost, and moves its pods, comes most of a minute later: `noticed`.
    Never a node of the control plane.
    """

    loss: ClassVar[Loss]
    # How long it takes from when it comes back until its kubelet answers again.
    back_within_s: ClassVar[float] = 0

    _lost: Lost | None = None

    def __init__(self, component: str, *, for_s: float, role: str | None = None, **given: Any) -> None:
        super().__init__(component, **given)
        self._for_s = for_s
        self._role = role

    @property
    def lost(self) -> Lost:
        if self._lost is None:
            raise FaultError(f"no node of {self.component} was chosen yet")
        return self._lost

    @property
    def name(self) -> str:
        return f"node {self.lost.node}, with {self.lost.pod.name}, {self.loss} for {self._for_s:g} s"

    @property
    def expires_after_s(self) -> float:
        return self._for_s + self.back_within_s

    def select(self) -> Mapping[str, Any]:
        # First: what nobody can take away need not be chosen.
        provider = provider_of(self.cluster.target)
        pod = choose_pod_on_worker(self.cluster, self.component, self._role)
        provider.check(pod.node, self.loss)
        nodes = self.cluster.nodes
        if silent := [node.name for node in nodes.all() if not nodes.kubelet_answers(node.name)]:
            raise Unsupported(
                f"no loss could be told: the API server reaches no kubelet on {', '.join(silent)} as it is"
            )
        pods = [entry for entry in self.cluster.all_pods() if entry.node == pod.node]
        self._lost = Lost(node=pod.node, pod=pod, pods=tuple(entry.name for entry in pods))
        return {
            "node": pod.node,
            "pods": list(self._lost.pods),
            "containers": sorted(ready_containers(pods)),
            "placement": placement(self.cluster),
        }

    def inject(self) -> None:
        provider_of(self.cluster.target).lose(self.lost.node, self.loss, for_s=self._for_s)

    def wait_for_proof(self) -> str:
        return until(
            self._proof,
            within=self.deadlines.node_unreachable_s,
            every=0.2,
            what=f"the kubelet of {self.lost.node}, alone of all, not reached by the API server",
        )

    def noticed(self) -> str:
        """Return once the cluster itself calls the node not ready, marked in the history as well."""
        node = until(
            lambda: self.cluster.nodes.node(self.lost.node),
            where=lambda node: not node.is_ready,
            within=self.deadlines.node_noticed_s,
            every=0.5,
            what=f"node {self.lost.node} no longer called ready",
        )
        told = f"node {node.name} is no longer called ready"
        self._mark("observed", told)
        return told

    def _proof(self) -> str | None:
        nodes = self.cluster.nodes
        if nodes.kubelet_answers(self.lost.node):
            return None
        others = [node.name for node in nodes.all() if node.name != self.lost.node]
        if silent := [name for name in others if not nodes.kubelet_answers(name)]:
            raise ClientError(f"the API server does not reach {', '.join(silent)} either")
        return f"the API server does not reach the kubelet of {self.lost.node}, but that of {', '.join(others)}"

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        node = record.details["node"]
        heartbeat = cluster.nodes.heartbeat(node)
        provider_of(cluster.target).restore(node)
        until(
            lambda: cluster.nodes.heartbeat(node) != heartbeat and cluster.nodes.node(node).is_ready,
            within=deadlines.node_back_s,
            every=0.25,
            what=f"node {node} back and ready",
        )
        cls.until_pods_are_told(record, cluster, deadlines)
        until_recovered(cluster, cluster.target.components, deadlines)
        place_again(cluster, record.details["placement"], deadlines)

    @classmethod
    def until_pods_are_told(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        """Return once what the API tells of the node's pods is from after the loss."""


class PauseNode(NodeLoss):
    """Everything on the node stops where it is: no connection is closed, nothing is answered, and later it goes on."""

    kind = "pause_node"
    loss = "paused"


class StopNode(NodeLoss):
    """The node's power is cut: every process on it is gone at once, and it boots when it comes back."""

    kind = "stop_node"
    loss = "stopped"
    # It boots: systemd, the container runtime, the kubelet.
    back_within_s = 15

    @classmethod
    def until_pods_are_told(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        # No container outlives its node, but until its kubelet has looked the API calls it ready as before.
        until_noticed(cluster, record.details["containers"], within=deadlines.node_back_s)
