"""A process that dies without warning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError, NotReached
from suites.harness.faults.base import Fault
from suites.harness.faults.processes import Listing, Process, list_processes, signallable
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_noticed, until_recovered
from suites.harness.faults.victims import choose_pod
from suites.harness.wait import until

_SIGKILL = 9
_KILLED_EXIT_CODE = 128 + _SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """The process to be killed, and its container as it was before."""

    pod: str
    container: str
    container_id: str
    process: Process
    # PID 1 of the pod started it, and decides what becomes of the container.
    is_supervised: bool
    # By the node's clock, which is also the one that the container's end is told in.
    seen_at: float


class KillProcess(Fault):
    """SIGKILL to the main process of one of the component's pods, from inside the pod: no warning, no drain.

    Of PostgreSQL that is the postmaster, the parent of all its processes. PID 1 of its pod is the instance manager,
    which cannot be killed from within; DeletePod without grace is what takes both away at once.
    """

    kind = "kill_process"
    # The kill itself is over at once; the longest restart back-off is 5 minutes.
    expires_after_s = 600.0

    _victim: Victim | None = None

    def __init__(self, component: str, *, role: str | None = None, **given: Any) -> None:
        super().__init__(component, **given)
        self._role = role

    @property
    def victim(self) -> Victim:
        if self._victim is None:
            raise FaultError(f"no pod of {self.component} was chosen yet")
        return self._victim

    @property
    def name(self) -> str:
        return f"SIGKILL of process {self.victim.process.name} of pod {self.victim.pod}"

    def select(self) -> Mapping[str, Any]:
        pod = choose_pod(self.cluster, self.component, self._role)
        process, listing = signallable(self.cluster, self.component, pod)
        container = pod.containers[0]
        self._victim = Victim(
            pod=pod.name,
            container=container.name,
            container_id=container.container_id,
            process=process,
            is_supervised=bool(self.cluster.target.component(self.component).process),
            seen_at=listing.at,
        )
        return {"pod": pod.name, "container_id": container.container_id}

    def inject(self) -> None:
        kill = f"kill -{_SIGKILL} {self.victim.process.pid}"
        result = self.cluster.exec(self.victim.pod, self.victim.container, ["sh", "-c", kill])
        # The shell may die with the container before it can tell how it ended; the proof will show what happened.
        if result.exit_code not in (0, None, _KILLED_EXIT_CODE):
            raise FaultError(f"{kill} in pod {self.victim.pod} failed: {result.stderr.strip() or result}")

    def wait_for_proof(self) -> str:
        return until(
            self._proof,
            within=self.deadlines.container_restarted_s,
            every=0.2,
            what=f"an end of process {self.victim.process.pid} of {self.victim.pod} by SIGKILL",
        )

    def _proof(self) -> str | None:
        pod = self.cluster.pod(self.victim.pod)
        proof = proof_of_kill(self.victim, pod)
        if proof is None and self.victim.is_supervised:
            return proof_of_absence(self.victim, list_processes(self.cluster, pod))
        return proof

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        until_noticed(cluster, [record.details["container_id"]], within=deadlines.exit_noticed_s)
        until_recovered(cluster, [record.component], deadlines)


def proof_of_kill(victim: Victim, pod: Pod) -> str | None:
    """What the kubelet reports of the very container that was killed; None while it reports no end of it.

    It may have to wait before it starts another one: that is recovery, and no part of the proof.
    """
    container = next((entry for entry in pod.containers if entry.name == victim.container), None)
    ended = container.last_termination if container else None
    if ended is None or ended.container_id != victim.container_id or ended.finished_at < int(victim.seen_at):
        return None
    # Who looks after a process ends in its own way when that one is gone.
    if not victim.is_supervised and ended.exit_code != _KILLED_EXIT_CODE and ended.signal != _SIGKILL:
        raise NotReached(
            f"{pod.name}/{victim.container} ended with code {ended.exit_code} ({ended.reason}), not by SIGKILL"
        )
    return f"container {victim.container} of {pod.name} ended, exit code {ended.exit_code}"


def proof_of_absence(victim: Victim, listing: Listing) -> str | None:
    """That the very process is no longer there, for a container that outlived it; None while it is."""
    if listing.same(victim.process) is not None:
        return None
    return f"process {victim.process.pid} ({victim.process.name}) of {victim.pod} is gone"
