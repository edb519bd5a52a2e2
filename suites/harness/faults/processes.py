"""The processes of one container, as a shell inside it sees them."""

from __future__ import annotations

from dataclasses import dataclass

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.errors import ClientError, Unsupported

# The node's time, then the stat line of each process of this container but the shell that asks. Another container's
# processes differ in their mount namespace.
_PROCESSES_OF_CONTAINER = """
date +%s
for folder in /proc/[0-9]*; do
  pid=${folder#/proc/}
  [ "$pid" != 1 ] && [ "$pid" != "$$" ] || continue
  [ "$folder/ns/mnt" -ef /proc/self/ns/mnt ] || continue
  { read -r stat < "$folder/stat"; } 2>/dev/null || continue
  echo "$stat"
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process; its PID may be given to another one later, together with its start time it may not."""

    pid: int
    name: str
    # The kernel's letter: T is stopped.
    state: str
    parent: int
    # In the kernel's ticks since the node's start.
    started: int

    def is_same(self, other: Process) -> bool:
        return (self.pid, self.started) == (other.pid, other.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All processes of a container but PID 1, at one moment of the node's clock."""

    at: float
    processes: tuple[Process, ...]

    @classmethod
    def parse(cls, text: str) -> Listing:
        now, *stats = text.splitlines()
        return cls(at=float(now), processes=tuple(_process(stat) for stat in stats))

    def main(self, pod: str, *, name: str = "") -> Process:
        """The first process the runtime started, or of that name. Raises Unsupported when there is none to signal."""
        if name:
            named = [process for process in self.processes if process.name == name]
            children = {process.pid for process in named}
            found = [process for process in named if process.parent not in children]
        else:
            found = [process for process in self.processes if process.parent == 0]
        if not found:
            raise Unsupported(f"pod {pod} shows no {name or 'main process'} that could be signalled: is it PID 1?")
        return min(found, key=lambda process: (process.started, process.pid))

    def same(self, process: Process) -> Process | None:
        """How that process is now; None when it is gone."""
        return next((entry for entry in self.processes if entry.is_same(process)), None)

    def tree(self, root: Process) -> list[Process]:
        """The process and all that descend from it."""
        found, ancestors = [root], {root.pid}
        while more := [entry for entry in self.processes if entry.parent in ancestors and entry not in found]:
            found += more
            ancestors = {entry.pid for entry in more}
        return found


def list_processes(cluster: Cluster, pod: Pod) -> Listing:
    """The processes of the pod's main container. Raises ClientError when it does not tell."""
    container = pod.containers[0].name
    result = cluster.exec(pod.name, container, ["sh", "-c", _PROCESSES_OF_CONTAINER])
    if result.exit_code != 0:
        raise ClientError(f"pod {pod.name} cannot list its processes: {result.stderr.strip() or result}")
    return Listing.parse(result.stdout)


def signallable(cluster: Cluster, component: str, pod: Pod) -> tuple[Process, Listing]:
    """The process that does the component's work, among those of its container. Raises Unsupported if none can be hit.

    The pod must share its process namespace (`shareProcessNamespace: true`), or the target must name what its PID 1
    looks after: in its own namespace the main process is PID 1, and the kernel drops a SIGKILL or SIGSTOP from within.
    """
    name = cluster.target.component(component).process
    if not name and not pod.shares_process_namespace:
        raise Unsupported(
            f"pod {pod.name} does not share its process namespace: its main process is PID 1, which cannot be "
            "killed or stopped from within; set shareProcessNamespace: true"
        )
    try:
        listing = list_processes(cluster, pod)
    except ClientError as error:
        raise Unsupported(str(error)) from error
    return listing.main(pod.name, name=name), listing


def _process(stat: str) -> Process:
    # `pid (name) state ppid …`; the name may hold spaces and brackets. Field 22 is the start time.
    pid, _, rest = stat.partition(" (")
    name, _, more = rest.rpartition(") ")
    fields = more.split()
    return Process(pid=int(pid), name=name, state=fields[0], parent=int(fields[1]), started=int(fields[19]))
