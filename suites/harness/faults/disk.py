"""Disks that are full."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suites.harness.clients.ephemeral import Kit
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.volumes import Mount
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, NothingSelected, Unsupported
from suites.harness.faults.base import Fault
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_recovered
from suites.harness.faults.tools import Tool, open_tools, run_everywhere, tools_image
from suites.harness.faults.victims import choose_pod
from suites.harness.wait import until

_MIB, _GIB = 1 << 20, 1 << 30
_MOUNTED_AT = "/sre-volume"
# Which folder of its file system is mounted; then that one's block size, its blocks, and those a user may still take.
_MEASURE = f"""
while read -r _ _ _ root point _; do [ "$point" != {_MOUNTED_AT} ] || echo "$root"; done < /proc/self/mountinfo
stat --file-system --format '%S %b %a' {_MOUNTED_AT}
"""
# What fills it and who takes that away again come from one process, so that neither is there without the other.
_FILL = """
(sleep {for_s}; rm -f {file}) </dev/null >/dev/null 2>&1 &
set -- $(stat --file-system --format '%S %a' {volume})
most=$(($1 * $2 - {last}))
[ "$most" -le 0 ] || fallocate --length "$most" {file}
cat /dev/zero >> {file} 2>/dev/null || :
"""
# The most is taken without writing; what the file's own bookkeeping needs of the rest nobody knows beforehand.
_LAST_BYTES = 16 * _MIB
# Less than a database's next pages need, and more than the last block that a file system may not give.
_FULL_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A mounted volume: which folder of its file system it is, how large that file system is and what is left of it."""

    root: str
    size_bytes: int
    available_bytes: int


class FillDisk(Fault):
    """All of the volume that one of the component's pods keeps its data on is taken, for `for_s`.

    Only a volume that is a file system of its own, no larger than `at_most_gib`, is filled: one that is a folder of its
    node's disk would fill that for everybody. Where a pod has several claims, `volume` names the one that is meant.
    If the pod is deleted meanwhile the space stays taken until the fault is undone.
    """

    kind = "fill_disk"

    _mount: Mount | None = None
    _tool: Tool

    def __init__(
        self,
        component: str,
        *,
        for_s: float,
        role: str | None = None,
        volume: str | None = None,
        at_most_gib: float = 20.0,
        **given: Any,
    ) -> None:
        super().__init__(component, **given)
        self.for_s = for_s
        self.role = role
        self._volume = volume
        self._at_most_bytes = at_most_gib * _GIB

    @property
    def victim(self) -> Mount:
        if self._mount is None:
            raise FaultError(f"no pod of {self.component} was chosen yet")
        return self._mount

    @property
    def name(self) -> str:
        return f"full volume {self.victim.volume} of pod {self.victim.pod}"

    @property
    def expires_after_s(self) -> float:
        return self.for_s

    def select(self) -> Mapping[str, Any]:
        pod = choose_pod(self.cluster, self.component, self.role)
        self._mount = self._choose(pod.name)
        (self._tool,) = open_tools(self.cluster, [pod], _kit(self.cluster, self._mount), self.deadlines)
        (measured,) = run_everywhere(self.cluster, [self._tool], _MEASURE)
        self._check(space(measured))
        return {"claim": self._mount.claim}

    def inject(self) -> None:
        assert self._record is not None
        fill = _FILL.format(for_s=math.ceil(self.for_s), file=_file(self._record), volume=_MOUNTED_AT, last=_LAST_BYTES)
        run_everywhere(self.cluster, [self._tool], fill, for_s=self.for_s)

    def wait_for_proof(self) -> str:
        left = until(
            self._left_bytes,
            where=lambda left: left <= _FULL_BYTES,
            within=self.deadlines.call_answered_s,
            every=0.2,
            what=f"at most {_FULL_BYTES >> 10} KiB left on {self.victim.path} of {self.victim.pod}",
        )
        return f"{self.victim.pod} has {left >> 10} KiB left on {self.victim.path}"

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        until(
            lambda: _is_emptied(record, cluster, deadlines),
            within=deadlines.component_ready_again_s,
            what=f"{_file(record)} gone from the volume of claim {record.details['claim']}",
        )
        until_recovered(cluster, [record.component], deadlines)

    def _choose(self, pod: str) -> Mount:
        mounts = [mount for mount in self.cluster.volumes.mounts() if mount.pod == pod]
        chosen = [mount for mount in mounts if self._volume in (None, mount.volume)]
        if not chosen:
            raise NothingSelected(f"pod {pod} mounts no claim{f' as {self._volume}' if self._volume else ''}")
        if len(chosen) > 1:
            raise FaultError(f"pod {pod} has volumes {', '.join(mount.volume for mount in chosen)}: name one")
        return chosen[0]

    def _check(self, found: Space) -> None:
        """Raises Unsupported, telling why, for a volume that must not be filled."""
        which = f"volume {self.victim.volume} of pod {self.victim.pod}"
        if found.root != "/":
            raise Unsupported(
                f"{which} is a folder of a larger file system ({found.root}), its node's disk maybe: all that is on "
                "that one would be hit; this needs a volume that is a file system of its own"
            )
        if found.size_bytes > self._at_most_bytes:
            size, most = (size_bytes / _GIB for size_bytes in (found.size_bytes, self._at_most_bytes))
            raise Unsupported(f"{which} has {size:.1f} GiB, more than the {most:g} GiB that may be filled")
        if found.available_bytes <= _FULL_BYTES:
            raise Unsupported(f"{which} is full already: {found.available_bytes >> 10} KiB left")

    def _left_bytes(self) -> int:
        """What the pod's own container may still write."""
        script = ["stat", "--file-system", "--format", "%S %a", self.victim.path]
        result = self.cluster.exec(self.victim.pod, self._tool.pod.containers[0].name, script)
        if result.exit_code != 0:
            raise ClientError(f"{self.victim.pod} does not tell what is left: {result.stderr.strip() or result}")
        block, blocks = result.stdout.split()
        return int(block) * int(blocks)


def space(text: str) -> Space:
    """What the shell script that measures a volume wrote."""
    root, sizes = text.strip().splitlines()[-2:]
    block, blocks, available = (int(number) for number in sizes.split())
    return Space(root=root, size_bytes=block * blocks, available_bytes=block * available)


def _kit(cluster: Cluster, mount: Mount) -> Kit:
    return Kit(purpose="disk", image=tools_image(cluster), volume=mount.volume, mounted_at=_MOUNTED_AT)


def _file(record: UndoRecord) -> str:
    return f"{_MOUNTED_AT}/.sre-fault-{record.id}"


def _is_emptied(record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> bool:
    """Remove the file through the pod that has the claim now; while nobody has it, the file stays."""
    mount = next((mount for mount in cluster.volumes.mounts() if mount.claim == record.details["claim"]), None)
    if mount is None:
        return False
    tools = open_tools(cluster, [cluster.pod(mount.pod)], _kit(cluster, mount), deadlines)
    run_everywhere(cluster, tools, f"rm -f {_file(record)}")
    return True
