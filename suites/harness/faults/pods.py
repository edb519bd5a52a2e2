"""Faults that hit one pod."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError, NotReached, Unsupported
from suites.harness.faults.base import Fault
from suites.harness.faults.records import UndoRecord
from suites.harness.wait import until

_SIGKILL = 9
_KILLED_EXIT_CODE = 128 + _SIGKILL

# The node's time, then the stat line of each process of this container but the shell that asks. Another container's
# processes differ in their mount namespace.
_PROCESSES_OF_CONTAINER = """
date +%s
own=$(readlink /proc/self/ns/mnt)
for folder in /proc/[0-9]*; do
  pid=${folder#/proc/}
  [ "$pid" != 1 ] && [ "$pid" != "$$" ] || continue
  [ "$(readlink "$folder/ns/mnt" 2>/dev/null)" = "$own" ] || continue
  stat=$(cat "$folder/stat" 2>/dev/null) || continue
  echo "$stat"
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """The process to be killed, and its container as it was before."""

    pod: str
    container: str
    container_id: str
    restarts: int
    pid: int
    # By the node's clock, which is also the one that the container's end is told in.
    seen_at: float


class KillProcess(Fault):
    """SIGKILL to the main process of one of the component's pods, from inside the pod: no warning, no drain.

    The pod must share its process namespace (`shareProcessNamespace: true`): in its own, the process is PID 1, and the
    kernel drops a SIGKILL that comes from within.
    """

    kind = "kill_process"
    # The kill itself is over at once; the longest restart back-off is 5 minutes.
    expires_after_s = 600.0

    _victim: Victim | None = None

    @property
    def victim(self) -> Victim:
        if self._victim is None:
            raise FaultError(f"no pod of {self.component} was chosen yet")
        return self._victim

    @property
    def name(self) -> str:
        return f"SIGKILL of the process of pod {self.victim.pod}"

    def select(self) -> Mapping[str, Any]:
        # The pod that restarted least: its kubelet starts it again without back-off.
        pod = min(self.cluster.ready_pods(self.component), key=lambda pod: (_restarts(pod), pod.name))
        if not pod.shares_process_namespace:
            raise Unsupported(
                f"pod {pod.name} does not share its process namespace: its main process is PID 1, which cannot be "
                "killed from within; set shareProcessNamespace: true"
            )
        container = pod.containers[0]
        listing = self.cluster.exec(pod.name, container.name, ["sh", "-c", _PROCESSES_OF_CONTAINER])
        if listing.exit_code != 0:
            raise Unsupported(f"pod {pod.name} cannot list its processes: {listing.stderr.strip() or listing}")
        pid, seen_at = main_process(listing.stdout, pod.name)
        self._victim = Victim(
            pod=pod.name,
            container=container.name,
            container_id=container.container_id,
            restarts=container.restarts,
            pid=pid,
            seen_at=seen_at,
        )
        return {"pod": pod.name, "container_id": container.container_id}

    def inject(self) -> None:
        kill = f"kill -{_SIGKILL} {self.victim.pid}"
        result = self.cluster.exec(self.victim.pod, self.victim.container, ["sh", "-c", kill])
        # The shell may die with the container before it can tell how it ended; the proof will show what happened.
        if result.exit_code not in (0, None, _KILLED_EXIT_CODE):
            raise FaultError(f"{kill} in pod {self.victim.pod} failed: {result.stderr.strip() or result}")

    def wait_for_proof(self) -> str:
        return until(
            lambda: proof_of_kill(self.victim, self.cluster.pod(self.victim.pod)),
            within=self.deadlines.container_restarted_s,
            every=0.2,
            what=f"a restart of {self.victim.pod} after SIGKILL",
        )

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        # Until its kubelet has noticed, a pod whose process is gone is still called ready.
        with contextlib.suppress(NotReached):
            until(
                lambda: _has_ended(record, cluster.pods(record.component)),
                within=deadlines.exit_noticed_s,
                every=0.2,
                what=f"the end of {record.details['container_id']}",
            )
        until(
            lambda: cluster.readiness(record.component),
            where=lambda readiness: readiness.is_ready,
            within=deadlines.component_ready_again_s,
            every=0.2,
            what=f"{record.component} ready again",
        )


def main_process(listing: str, pod: str) -> tuple[int, float]:
    """The PID of the container's main process and the node's time. Raises Unsupported when there is none to kill."""
    now, *stats = listing.splitlines()
    started_by_runtime = []
    for stat in stats:
        # `pid (name) state ppid …`; the name may hold spaces and brackets. Field 22 is the start time.
        pid, _, rest = stat.partition(" (")
        fields = rest.rpartition(") ")[2].split()
        if len(fields) > 19 and fields[1] == "0":
            started_by_runtime.append((int(fields[19]), int(pid)))
    if not started_by_runtime:
        raise Unsupported(f"pod {pod} shows no main process that could be killed: is it PID 1?")
    _, pid_of_first = min(started_by_runtime)
    return pid_of_first, float(now)


def proof_of_kill(victim: Victim, pod: Pod) -> str | None:
    """What the kubelet reports of the very container that was killed; None while it reports no such thing."""
    container = next((entry for entry in pod.containers if entry.name == victim.container), None)
    if container is None or container.restarts <= victim.restarts:
        return None
    ended = container.last_termination
    if ended is None or ended.container_id != victim.container_id or ended.finished_at < int(victim.seen_at):
        return None
    if ended.exit_code != _KILLED_EXIT_CODE and ended.signal != _SIGKILL:
        raise NotReached(
            f"{pod.name}/{container.name} ended with code {ended.exit_code} ({ended.reason}), not by SIGKILL"
        )
    return f"{pod.name} restarted ({victim.restarts} → {container.restarts}), exit code {ended.exit_code}"


def _has_ended(record: UndoRecord, pods: Sequence[Pod]) -> bool:
    return not any(
        container.container_id == record.details["container_id"] and container.is_ready
        for pod in pods
        for container in pod.containers
    )


def _restarts(pod: Pod) -> int:
    return sum(container.restarts for container in pod.containers)
