"""What faults have in common that hit how the victims' pods reach others.

Rules live in the network namespace of each victim's pod: one table of nftables of their own, loaded from an ephemeral
container. Whom they hit stands in sets whose elements the kernel lets expire: the fault ends by itself even if every
process that knows of it is gone. A process left in the pod then takes the table away as well.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from suites.harness.clients.ephemeral import Kit
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.network import Reach, Way
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError, Unsupported
from suites.harness.faults.base import Fault, check_allowed
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_recovered
from suites.harness.faults.tools import Tool, left_running, open_tools, run_everywhere, tools_image
from suites.harness.wait import until

# What a handshake between two pods never takes, unless its packets are lost.
_CONNECTED_S = 1
# Longer than it takes to load the rules, so that nothing is taken away that is still on.
_SWEEP_AFTER_S = 2


class PodsFault(Fault):
    """A fault on each of the component's pods, or of those in `role`, for at most `for_s` seconds.

    A container of ours in each of them sees what the pod's own containers see. Pods that appear while the fault is on
    are not hit.
    """

    def __init__(self, component: str, *, for_s: float, role: str | None = None, **given: Any) -> None:
        super().__init__(component, **given)
        if for_s <= 0:
            raise FaultError(f"a fault must last: {for_s:g} s is no time")
        self.for_s = for_s
        self.role = role
        self._tools: tuple[Tool, ...] = ()

    @classmethod
    @abstractmethod
    def kit(cls, cluster: Cluster) -> Kit:
        """What the container of ours is given."""

    @abstractmethod
    def prepare(self) -> Mapping[str, Any]:
        """See that what is to be broken works, and tell what undoing needs. Raises FaultError, and changes nothing."""

    @property
    def expires_after_s(self) -> float:
        return self.for_s

    @property
    def victims(self) -> str:
        return ", ".join(tool.pod.name for tool in self._tools)

    def select(self) -> Mapping[str, Any]:
        pods = running(self.cluster, self.component, self.role)
        # Refuses pods on their node's network: what hits them would hit the node.
        self.cluster.network.reach(pods)
        self._tools = open_tools(self.cluster, pods, self.kit(self.cluster), self.deadlines)
        return {"pods": [pod.uid for pod in pods], "components": [self.component], **self.prepare()}

    def run(self, script: str) -> dict[str, str]:
        """What the script wrote in each victim's pod, by the pod's name."""
        written = run_everywhere(self.cluster, self._tools, script, for_s=self.for_s)
        return {tool.pod.name: text for tool, text in zip(self._tools, written, strict=True)}


class RulesFault(PodsFault):
    """A fault that is rules in the network namespaces of the victims' pods."""

    @classmethod
    def kit(cls, cluster: Cluster) -> Kit:
        return Kit(purpose="network", image=tools_image(cluster), changes_network=True)

    @abstractmethod
    def rules(self, table: str) -> str:
        """The shell script that loads the rules in one pod, as a table of that name."""

    @classmethod
    def sweep(cls, table: str) -> str:
        """The shell script that takes away what `rules` loaded, if that is there; fails where something stays."""
        return f"nft delete table inet {table} 2>/dev/null; ! nft list table inet {table} >/dev/null 2>&1"

    @property
    def table(self) -> str:
        """The name of the table in each pod."""
        assert self._record is not None
        return _table_of(self._record)

    def inject(self) -> None:
        later = math.ceil(self.for_s) + _SWEEP_AFTER_S
        sweeper = f"(set +e; sleep {later}; {self.sweep(self.table)}) </dev/null >/dev/null 2>&1 &"
        self.run(f"set -e\n{self.rules(self.table)}\n{sweeper}")

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        uids = set(record.details["pods"])
        pods = [pod for pod in cluster.all_pods() if pod.uid in uids and pod.phase == "Running"]
        kit = cls.kit(cluster)
        # Of an expired fault a container that is still there may have something to take away; none is made for it.
        is_over = time.time() > record.expires_at + _SWEEP_AFTER_S
        tools = left_running(cluster, pods, kit) if is_over else open_tools(cluster, pods, kit, deadlines)
        run_everywhere(cluster, tools, cls.sweep(_table_of(record)))
        until_recovered(cluster, record.details["components"], deadlines)


class PeerFault(PodsFault):
    """A fault on what passes between the component's pods and a peer's, or those in `peer_role`.

    It stands on the component's side, where a connection through a Service still bears the Service's address. A Service
    that leads to the peer is hit as a whole, also where it leads to other pods as well.
    """

    _reach: Reach
    _before: Mapping[str, frozenset[Way]]

    def __init__(self, component: str, peer: str, *, peer_role: str | None = None, **given: Any) -> None:
        super().__init__(component, **given)
        self.peer = peer
        self.peer_role = peer_role

    @property
    def pair(self) -> tuple[str, str]:
        """Both sides in words."""
        return _in_role(self.component, self.role), _in_role(self.peer, self.peer_role)

    def prepare(self) -> Mapping[str, Any]:
        check_allowed(self.cluster.target, self.cluster.namespace_labels(), self.peer)
        peers = running(self.cluster, self.peer, self.peer_role)
        if both := {pod.name for pod in peers} & {tool.pod.name for tool in self._tools}:
            raise FaultError(f"{', '.join(sorted(both))} would be on both sides of the fault")
        self._reach = self.cluster.network.reach(peers)
        if not self._reach.ways:
            raise Unsupported(f"{self.pair[1]} listens on no TCP port: name it first and {self.pair[0]} as its peer")
        self._before = self.open_ways()
        if without := sorted(pod for pod, ways in self._before.items() if not ways):
            raise Unsupported(f"{', '.join(without)} cannot connect to {self.pair[1]} even without a fault")
        return {"components": sorted({self.component, self.peer})}

    def open_ways(self) -> dict[str, frozenset[Way]]:
        """On which ways to the peer each victim gets a connection right now, by the victim's pod."""
        attempts = "\n".join(f"try {way.address} {way.port} &" for way in self._reach.ways)
        script = f"""
try() {{ timeout {_CONNECTED_S} bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null && echo "$1 $2"; }}
{attempts}
wait
"""
        return {pod: frozenset(_ways(text)) for pod, text in self.run(script).items()}

    def addresses(self, version: int) -> list[str]:
        """The peer's addresses that are of this version of IP, its Services' included."""
        return [address for address in self._reach.addresses if ip_address(address).version == version]

    def peers(self) -> str:
        """The sets `peers4` and `peers6` with every address of the peer."""
        return "\n".join(
            timed_set(f"peers{version}", f"ipv{version}_addr", self.addresses(version), self.for_s)
            for version in (4, 6)
        )

    def until_cut(self) -> str:
        """That every way to the peer that was open before is closed. Raises NotReached when one stays open."""
        until(
            self._still_open,
            where=lambda left: not left,
            within=self.deadlines.call_answered_s,
            every=0.1,
            what="no way from {} to {} open".format(*self.pair),
        )
        ways = sum(len(ways) for ways in self._before.values())
        return f"none of {ways} connections from {self.victims} to {self.pair[1]} that were possible before is now"

    def _still_open(self) -> list[str]:
        now = self.open_ways()
        return [
            f"{pod} → {way.address}:{way.port}"
            for pod, before in self._before.items()
            for way in sorted(before & now[pod])
        ]


def running(cluster: Cluster, component: str, role: str | None) -> list[Pod]:
    """The component's pods that run, ready or not. Raises NothingSelected when none of them is ready."""
    cluster.ready_pods(component, role)
    return [pod for pod in cluster.pods(component, role) if pod.phase == "Running" and not pod.is_terminating]


def timed_set(name: str, kind: str, elements: Iterable[object], for_s: float) -> str:
    """A set whose elements the kernel takes out again after `for_s`, in the language of nft."""
    timed = ", ".join(f"{element} timeout {math.ceil(for_s)}s" for element in elements)
    return f"set {name} {{ type {kind}; flags timeout; {f'elements = {{ {timed} }};' if timed else ''} }}"


def load(table: str, body: str) -> str:
    """The shell command that loads a whole table or nothing."""
    return f"nft -f - <<'END_OF_RULES'\ntable inet {table} {{\n{body}\n}}\nEND_OF_RULES"


def _table_of(record: UndoRecord) -> str:
    return f"sre_{record.id}"


def _in_role(component: str, role: str | None) -> str:
    return f"{component} ({role})" if role else component


def _ways(text: str) -> Iterable[Way]:
    for line in text.splitlines():
        address, port = line.split()
        yield Way(address=address, port=int(port))
