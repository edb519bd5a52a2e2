"""Processes that hang: there, connected, and doing nothing."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, NotReached
from suites.harness.faults.base import Fault
from suites.harness.faults.processes import Process, list_processes, signallable
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_recovered
from suites.harness.faults.victims import choose_pod
from suites.harness.wait import until

# What the scripts share; $1 is the main process, $2 its start time. `tree` is the process and all that descend from it.
_TREE = """
main=$1 started=$2
fields() { { read -r stat < "/proc/$1/stat"; } 2>/dev/null; }
is_there() { fields "$main" && set -- ${stat##*) } && [ "${20}" = "$started" ]; }
processes() {
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    fields "$pid" && set -- ${stat##*) } && echo "$pid $2 $1"
  done
}
look() {
  all=$(processes) tree=" $main " grown=yes
  while [ "$grown" ]; do
    grown=
    while read -r pid parent state; do
      case "$tree" in
        *" $pid "*) ;;
        *" $parent "*) tree="$tree$pid " grown=yes ;;
      esac
    done <<END
$all
END
  done
}
# Those of the tree whose state is none of the letters in $1.
others_than() {
  look
  found=
  while read -r pid parent state; do
    case "$tree" in *" $pid "*) case "$1" in *"$state"*) ;; *) found="$found $pid" ;; esac ;; esac
  done <<END
$all
END
}
resume() {
  round=0
  while is_there && [ "$round" -lt 50 ]; do
    others_than RSDIZX
    [ "$found" ] || return 0
    kill -CONT $found
    round=$((round + 1))
  done
}
"""
_MARK = "site-search-freeze-"
# $3 is the token, $4 the seconds. The one that will resume them is there before the first is stopped. A stopped one has
# no new children, so after some rounds there is none left that runs. Z and X are dead.
_FREEZE = (
    _TREE
    + f"""
command -v setsid >/dev/null || {{ echo "there is no setsid" >&2; exit 1; }}
setsid sh -c "$5" "{_MARK}$3" "$main" "$started" "$4" </dev/null >/dev/null 2>&1 &
tree=$main round=0
while is_there && [ "$round" -lt 50 ]; do
  kill -0 $! 2>/dev/null || {{ echo "not all of $tree were stopped when they went on after $4 s" >&2; exit 1; }}
  others_than TtZX
  [ "$found" ] || exit 0
  # One that has just ended is no mistake.
  kill -STOP $found 2>/dev/null
  round=$((round + 1))
done
echo "not all of $tree could be stopped" >&2
exit 1
"""
)
_RESUME_LATER = _TREE + 'sleep "$3"\nresume\n'
# The group of the one that waits holds its sleep as well. The name it goes by is put together here, so that it is not
# in the command line of this script.
_RESUME_NOW = (
    _TREE
    + f"""
resume
mark={_MARK}
for folder in /proc/[0-9]*; do
  pid=${{folder#/proc/}}
  [ "$pid" != "$$" ] && grep -qs "$mark$3" "$folder/cmdline" && kill -s TERM -- "-$pid"
done
exit 0
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The pod whose processes are to be stopped, and the first of them."""

    pod: Pod
    process: Process


class FreezeProcess(Fault):
    """SIGSTOP to the main process of one of the component's pods and all its descendants: it hangs, and closes nothing.

    They go on after `for_s`, by a process of their own container that waits for it; a liveness probe may restart the
    container before. Of PostgreSQL the postmaster and all its children are stopped, the instance manager is not.
    """

    kind = "freeze_process"

    _frozen: Frozen | None = None

    def __init__(self, component: str, *, for_s: float, role: str | None = None, **given: Any) -> None:
        super().__init__(component, **given)
        self._for_s = for_s
        self._role = role

    @property
    def victim(self) -> Pod:
        return self._chosen.pod

    @property
    def name(self) -> str:
        return f"SIGSTOP of process {self._chosen.process.name} of pod {self.victim.name} for {self._for_s:g} s"

    @property
    def expires_after_s(self) -> float:
        return self._for_s

    def select(self) -> Mapping[str, Any]:
        pod = choose_pod(self.cluster, self.component, self._role)
        process, _ = signallable(self.cluster, self.component, pod)
        self._frozen = Frozen(pod=pod, process=process)
        return {
            "pod": pod.name,
            "container": pod.containers[0].name,
            "container_id": pod.containers[0].container_id,
            "process": [process.pid, process.started],
            "token": secrets.token_hex(8),
        }

    def inject(self) -> None:
        assert self._record is not None
        token, seconds = self._record.details["token"], str(math.ceil(self._for_s))
        process = [str(self._chosen.process.pid), str(self._chosen.process.started)]
        command = ["sh", "-c", _FREEZE, "sh", *process, token, seconds, _RESUME_LATER]
        result = self.cluster.exec(self.victim.name, self.victim.containers[0].name, command)
        if result.exit_code != 0:
            raise FaultError(f"stop of pod {self.victim.name}'s processes failed: {result.stderr.strip() or result}")

    def wait_for_proof(self) -> str:
        return until(
            self._proof,
            within=self.deadlines.call_answered_s,
            every=0.2,
            what=f"the processes of {self.victim.name} in state T",
        )

    def _proof(self) -> str | None:
        listing = list_processes(self.cluster, self.victim)
        main = listing.same(self._chosen.process)
        if main is None:
            raise NotReached(f"process {self._chosen.process.pid} of {self.victim.name} is gone instead of stopped")
        tree = listing.tree(main)
        if any(process.state not in "TtZX" for process in tree):
            return None
        return f"{len(tree)} processes of {self.victim.name}, {main.name} ({main.pid}) first, are in state T"

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        until(
            lambda: _is_resumed(record, cluster),
            within=deadlines.container_restarted_s,
            what=f"the processes of {record.details['pod']} going on",
        )
        until_recovered(cluster, [record.component], deadlines)

    @property
    def _chosen(self) -> Frozen:
        if self._frozen is None:
            raise FaultError(f"no pod of {self.component} was chosen yet")
        return self._frozen


def _is_resumed(record: UndoRecord, cluster: Cluster) -> bool:
    """Resume them; a container that is not the same any more took the stopped processes with it."""
    there = {container.container_id for pod in cluster.pods(record.component) for container in pod.containers}
    if record.details["container_id"] not in there:
        return True
    process = [str(number) for number in record.details["process"]]
    command = ["sh", "-c", _RESUME_NOW, "sh", *process, record.details["token"]]
    result = cluster.exec(record.details["pod"], record.details["container"], command)
    if result.exit_code != 0:
        raise ClientError(f"resume the processes of {record.details['pod']}: {result.stderr.strip() or result}")
    return True
