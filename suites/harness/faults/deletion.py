"""A pod that is deleted, with time to end or without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError
from suites.harness.faults.base import Fault
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_noticed, until_recovered
from suites.harness.faults.victims import choose_pod
from suites.harness.wait import until


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The pod to be deleted, and all that its component had when it was chosen."""

    pod: Pod
    known_uids: frozenset[str]


class DeletePod(Fault):
    """One of the component's pods is deleted through the API, and its workload makes another one.

    `grace_s` None: it is asked to end and has its own time for it. 0: pod killed without grace, all its processes at
    once, PID 1 included, and its name is free before its kubelet says that they are gone.
    """

    kind = "delete_pod"
    # Whoever made the pod makes another one by itself; an image that has to be pulled takes minutes.
    expires_after_s = 600.0

    _deleted: Deleted | None = None

    def __init__(self, component: str, *, grace_s: float | None, role: str | None = None, **given: Any) -> None:
        super().__init__(component, **given)
        self._grace_s = grace_s
        self._role = role

    @property
    def victim(self) -> Pod:
        return self._chosen.pod

    @property
    def name(self) -> str:
        grace = "its own grace period" if self._grace_s is None else f"{self._grace_s:g} s of grace"
        return f"deletion of pod {self.victim.name} with {grace}"

    def select(self) -> Mapping[str, Any]:
        pod = choose_pod(self.cluster, self.component, self._role)
        # Tells whether it may be done.
        self.cluster.delete_pod(pod, grace_s=self._grace_s, dry_run=True)
        known = frozenset(entry.uid for entry in self.cluster.pods(self.component))
        self._deleted = Deleted(pod=pod, known_uids=known)
        return {"pod": pod.name, "uid": pod.uid, "containers": [entry.container_id for entry in pod.containers]}

    def inject(self) -> None:
        self.cluster.delete_pod(self.victim, grace_s=self._grace_s)

    def wait_for_proof(self) -> str:
        return until(
            lambda: proof_of_replacement(self._chosen, self._keeps_names, self.cluster.pods(self.component)),
            within=self.deadlines.pod_replaced_s,
            every=0.1,
            what=f"{self.victim.name} (UID {self.victim.uid}) replaced",
        )

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        until_noticed(cluster, record.details["containers"], within=deadlines.exit_noticed_s)
        until_recovered(cluster, [record.component], deadlines)

    @property
    def _chosen(self) -> Deleted:
        if self._deleted is None:
            raise FaultError(f"no pod of {self.component} was chosen yet")
        return self._deleted

    @property
    def _keeps_names(self) -> bool:
        return self.cluster.target.component(self.component).kind != "Deployment"


def proof_of_replacement(deleted: Deleted, keeps_names: bool, pods: list[Pod]) -> str | None:
    """That the UID is gone and a pod made after it was chosen stands in its place; None while this is not so."""
    if any(pod.uid == deleted.pod.uid for pod in pods):
        return None
    new = [pod for pod in pods if pod.uid not in deleted.known_uids]
    replacement = next((pod for pod in new if pod.name == deleted.pod.name or not keeps_names), None)
    if replacement is None:
        return None
    return f"{deleted.pod.name} is gone (UID {deleted.pod.uid}), replaced by {replacement.name} (UID {replacement.uid})"
