"""Faults of an experiment: inject, prove, heal. Each returns the proof that it bit.

`role` chooses among a component's pods where the target tells them apart; a fault with `for_s` ends by itself after
that time, healed or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.stage import set_up_stage, stage
from suites.harness.faults.base import Fault
from suites.harness.faults.changes import PatchObject
from suites.harness.faults.deletion import DeletePod
from suites.harness.faults.disk import FillDisk
from suites.harness.faults.dns import DnsOutage
from suites.harness.faults.drain import DrainNode
from suites.harness.faults.freeze import FreezeProcess
from suites.harness.faults.latency import SlowDependency, SlowNetwork
from suites.harness.faults.memory import OutOfMemory
from suites.harness.faults.nodes import PauseNode, StopNode
from suites.harness.faults.partition import Partition
from suites.harness.faults.pods import KillProcess
from suites.harness.faults.policy import PolicyPartition


def kill_process(component: str, role: str | None = None) -> str:
    """SIGKILL for the main process of one of the component's pods."""
    return _proved(KillProcess, component, role=role)


def delete_pod(component: str, grace_s: float | None = None, role: str | None = None) -> str:
    """One of the component's pods deleted, with its own grace period unless another is given; 0 is without warning."""
    return _proved(DeletePod, component, grace_s=grace_s, role=role)


def freeze_process(component: str, for_s: float, role: str | None = None) -> str:
    """SIGSTOP for the processes of one of the component's pods."""
    return _proved(FreezeProcess, component, for_s=for_s, role=role)


def out_of_memory(component: str, for_s: float, role: str | None = None) -> str:
    """The memory of one of the component's pods used up, until the kernel ends its main process."""
    return _proved(OutOfMemory, component, for_s=for_s, role=role)


def fill_disk(component: str, for_s: float, role: str | None = None, volume: str | None = None) -> str:
    """The volume of one of the component's pods filled up."""
    return _proved(FillDisk, component, for_s=for_s, role=role, volume=volume)


def take_down(component: str) -> str:
    """All pods of the component taken away until it is healed: its workload is told to have none."""
    workload = stage().target.component(component)
    none = {"spec": {"replicas": 0}}
    return _proved(PatchObject, component, workload.kind, workload.name, none, becomes_ready=False)


def pause_node(component: str, for_s: float, role: str | None = None) -> str:
    """The node that runs one of the component's pods stopped where it is; later it goes on."""
    return _proved(PauseNode, component, for_s=for_s, role=role)


def stop_node(component: str, for_s: float, role: str | None = None) -> str:
    """The power of the node that runs one of the component's pods cut; later it boots."""
    return _proved(StopNode, component, for_s=for_s, role=role)


def drain_node(component: str, for_s: float, role: str | None = None) -> str:
    """The node that runs one of the component's pods cordoned, and its pods evicted."""
    return _proved(DrainNode, component, for_s=for_s, role=role)


def partition(component: str, peer: str, for_s: float, role: str | None = None, peer_role: str | None = None) -> str:
    """No packet passes between component and peer, by rules in the network of the component's pods."""
    return _proved(Partition, component, peer, for_s=for_s, role=role, peer_role=peer_role)


def policy_partition(
    component: str, peer: str, for_s: float, role: str | None = None, peer_role: str | None = None
) -> str:
    """No connection between component and peer, by a NetworkPolicy; for clusters that enforce it."""
    return _proved(PolicyPartition, component, peer, for_s=for_s, role=role, peer_role=peer_role)


def slow_network(component: str, peer: str, for_s: float, latency_ms: float = 0.0, loss_ratio: float = 0.0) -> str:
    """Packets between component and peer late or lost."""
    return _proved(SlowNetwork, component, peer, for_s=for_s, latency_ms=latency_ms, loss_ratio=loss_ratio)


def slow_dependency(component: str, peer: str, for_s: float, latency_ms: float) -> str:
    """The peer answers the component late, while it takes connections as fast as ever."""
    return _proved(SlowDependency, component, peer, for_s=for_s, latency_ms=latency_ms)


def dns_outage(component: str, for_s: float) -> str:
    """No DNS answer reaches the component's pods."""
    return _proved(DnsOutage, component, for_s=for_s)


def heal() -> None:
    """Undo what was broken and wait until the target has recovered. Twice is harmless, also without a fault."""
    here = set_up_stage()
    if here is not None:
        here.heal()


def _proved(make: Callable[..., Fault], *about: Any, **options: Any) -> str:
    """Inject the fault, and tell the proof that it bit. Raises NotReached when there is none."""
    here = stage()
    fault = make(*about, cluster=here.cluster, history=here.history, deadlines=here.deadlines, **options)
    here.faults.append(here.open.enter_context(fault))
    return fault.observed()
