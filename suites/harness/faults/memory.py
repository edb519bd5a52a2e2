"""Memory that runs out."""

from __future__ import annotations

import contextlib
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, NotReached, Unsupported
from suites.harness.faults.base import Fault
from suites.harness.faults.processes import signallable
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_noticed, until_recovered
from suites.harness.faults.victims import choose_pod
from suites.harness.wait import until

_MARK = "site-search-memory-"
# $1 is the main process. Its memory, its standing with the kernel, and what the container may have.
_LOOK = """
for program in head tail setsid; do
  command -v "$program" >/dev/null || { echo "there is no $program" >&2; exit 1; }
done
cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes || exit 1
while read -r key value _; do [ "$key" != VmRSS: ] || echo "$((value * 1024))"; done < "/proc/$1/status"
cat "/proc/$1/oom_score_adj"
"""
# $1 is the main process, $2 how many take memory, $3 how much each, $4 for how many seconds, $5 a name to find them by.
# A line without an end is something that `tail` must keep until there is one.
_TAKE = """
echo 1000 > "/proc/$1/oom_score_adj" || exit 1
setsid sh -c 'i=0
  while [ "$i" -lt "$1" ]; do
    { head -c "$2" /dev/zero; sleep "$3"; } | tail >/dev/null &
    i=$((i + 1))
  done
  wait' "$5" "$2" "$3" "$4" </dev/null >/dev/null 2>&1 &
"""
# $1 is the main process, $2 how it stood with the kernel, $3 the name. The name is put together here, so that it is not
# in the command line of this script.
_GIVE_BACK = f"""
for folder in /proc/[0-9]*; do
  pid=${{folder#/proc/}} mark={_MARK}
  [ "$pid" != "$$" ] && grep -qs "$mark$3" "$folder/cmdline" && kill -s KILL -- "-$pid"
done
echo "$2" > "/proc/$1/oom_score_adj"
"""
# What one of them takes, at most, of what the main process has: so that the kernel does not choose one of them.
_SHARE_OF_MAIN = 0.25
_MOST_PROCESSES = 200
# Far beyond any machine: the kernel's way to say that there is no limit.
_NO_LIMIT_BYTES = 1 << 60
_LONGEST_BACK_OFF_S = 300.0
_KILLED_FOR_MEMORY = "OOMKilled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the main process of a container has, and what the container may have."""

    limit_bytes: int
    main_bytes: int
    # How much earlier than others the kernel ends it: from -1000 to 1000.
    adjustment: int

    @property
    def processes(self) -> int:
        """How many it takes to use up the limit, each of them much smaller than the main process."""
        return min(_MOST_PROCESSES, math.ceil(self.limit_bytes / (self.main_bytes * _SHARE_OF_MAIN)))


class OutOfMemory(Fault):
    """The container of one of the component's pods uses all memory it may have, and the kernel ends its main process.

    Other processes take the memory, in parts much smaller than the main process has, and the kernel is told to prefer
    that one: without both it would end the largest of them, and the component would not notice. With cgroup v2 all
    processes of the container end together.
    """

    kind = "out_of_memory"

    _pod: Pod | None = None
    _main: int
    _memory: Memory

    def __init__(self, component: str, *, for_s: float = 30.0, role: str | None = None, **given: Any) -> None:
        super().__init__(component, **given)
        self.for_s = for_s
        self.role = role

    @property
    def victim(self) -> Pod:
        if self._pod is None:
            raise FaultError(f"no pod of {self.component} was chosen yet")
        return self._pod

    @property
    def name(self) -> str:
        return f"out of memory in pod {self.victim.name} ({self._memory.limit_bytes >> 20} MiB)"

    @property
    def expires_after_s(self) -> float:
        return self.for_s + _LONGEST_BACK_OFF_S

    def select(self) -> Mapping[str, Any]:
        if process := self.cluster.target.component(self.component).process:
            raise Unsupported(f"{self.component}'s container outlives its {process}: the kernel would not end it")
        pod = choose_pod(self.cluster, self.component, self.role)
        self._main = signallable(self.cluster, self.component, pod)[0].pid if pod.shares_process_namespace else 1
        container = pod.containers[0]
        looked = self.cluster.exec(pod.name, container.name, ["sh", "-c", _LOOK, "sh", str(self._main)])
        if looked.exit_code != 0:
            raise Unsupported(f"pod {pod.name} does not tell its memory: {looked.stderr.strip() or looked}")
        self._memory = memory(looked.stdout, pod.name)
        self._pod = pod
        return {
            "pod": pod.name,
            "container": container.name,
            "container_id": container.container_id,
            "main": self._main,
            "adjustment": self._memory.adjustment,
            "token": secrets.token_hex(8),
        }

    def inject(self) -> None:
        assert self._record is not None
        each = math.ceil(self._memory.limit_bytes / self._memory.processes)
        words = (self._main, self._memory.processes, each, math.ceil(self.for_s))
        command = ["sh", "-c", _TAKE, "sh", *map(str, words), _MARK + self._record.details["token"]]
        result = self.cluster.exec(self.victim.name, self.victim.containers[0].name, command)
        # The shell may have ended with the container already.
        if result.exit_code not in (0, None, 137):
            raise FaultError(f"memory of pod {self.victim.name} not taken: {result.stderr.strip() or result}")

    def wait_for_proof(self) -> str:
        return until(
            lambda: proof_of_end(self.victim, self.cluster.pod(self.victim.name)),
            within=self.deadlines.container_restarted_s,
            every=0.2,
            what=f"an end of {self.victim.name} for want of memory",
        )

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        details = record.details
        there = {container.container_id for pod in cluster.pods(record.component) for container in pod.containers}
        if details["container_id"] in there:
            words = [str(details["main"]), str(details["adjustment"]), details["token"]]
            # Its kubelet may not have noticed yet that it has ended.
            with contextlib.suppress(ClientError):
                cluster.exec(details["pod"], details["container"], ["sh", "-c", _GIVE_BACK, "sh", *words])
        until_noticed(cluster, [details["container_id"]], within=deadlines.exit_noticed_s)
        until_recovered(cluster, [record.component], deadlines)


def memory(text: str, pod: str) -> Memory:
    """The limit, the main process's memory and its standing, as a shell in the container wrote them."""
    limit, main, adjustment = text.split()
    if limit == "max" or int(limit) >= _NO_LIMIT_BYTES:
        raise Unsupported(f"pod {pod} has no memory limit: it would take the node's memory, and others' with it")
    return Memory(limit_bytes=int(limit), main_bytes=int(main), adjustment=int(adjustment))


def proof_of_end(before: Pod, now: Pod) -> str | None:
    """What the kubelet reports of the very container whose memory was taken; None while it reports no end of it."""
    victim = before.containers[0]
    container = next((entry for entry in now.containers if entry.name == victim.name), None)
    ended = container.last_termination if container else None
    if container is None or ended is None or ended.container_id != victim.container_id:
        return None
    if ended.reason != _KILLED_FOR_MEMORY:
        raise NotReached(f"{now.name}/{victim.name} ended with code {ended.exit_code} ({ended.reason}), not for memory")
    return f"{now.name}'s container {victim.name} (start {victim.restarts + 1}) was ended: {ended.reason}"
