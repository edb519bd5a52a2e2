"""Pods, nodes, events and readiness as the harness sees them, read from what the Kubernetes API answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from suites.harness.target import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class Termination:
    """How a container's process last ended."""

    container_id: str
    exit_code: int
    signal: int | None
    finished_at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a pod as its kubelet last reported it."""

    name: str
    container_id: str
    image: str
    image_digest: str
    restarts: int
    is_ready: bool
    last_termination: Termination | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod as the API last told. Its main container is the first."""

    name: str
    uid: str
    phase: str
    node: str
    address: str
    is_ready: bool
    is_terminating: bool
    shares_process_namespace: bool
    containers: tuple[Container, ...]
    node_address: str = ""
    # The kind of what made it: a DaemonSet's pod belongs to its node.
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node as the API last told."""

    name: str
    is_ready: bool
    is_cordoned: bool
    is_control_plane: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A Kubernetes event of the namespace."""

    at: float
    kind: str
    name: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """How many of a component's wanted replicas are ready, and what its workload says."""

    component: str
    ready: int
    wanted: int
    detail: str = ""

    @property
    def is_ready(self) -> bool:
        """Nothing wanted is not ready: a component scaled to nothing serves nobody."""
        return self.wanted > 0 and self.ready >= self.wanted and not self.detail

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.component}: {self.ready} of {self.wanted} ready{detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """What a command in a container wrote and how it ended; `exit_code` None when the connection broke first."""

    stdout: str
    stderr: str
    exit_code: int | None


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


# Which container is meant when none is named; without it, the first one.
_MAIN_CONTAINER = "kubectl.kubernetes.io/default-container"
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def pod(item: Any) -> Pod:
    conditions = {condition.type: condition.status for condition in item.status.conditions or ()}
    # The API tells states by name; the pod's own order says which container it is about.
    order = [(item.metadata.annotations or {}).get(_MAIN_CONTAINER), *(entry.name for entry in item.spec.containers)]
    statuses = sorted(item.status.container_statuses or (), key=lambda status: order.index(status.name))
    return Pod(
        name=item.metadata.name,
        uid=item.metadata.uid,
        phase=item.status.phase or "Unknown",
        node=item.spec.node_name or "",
        address=item.status.pod_ip or "",
        node_address=item.status.host_ip or "",
        is_ready=conditions.get("Ready") == "True",
        is_terminating=item.metadata.deletion_timestamp is not None,
        shares_process_namespace=bool(item.spec.share_process_namespace),
        containers=tuple(_container(status) for status in statuses),
        owner=next((owner.kind for owner in item.metadata.owner_references or () if owner.controller), ""),
        labels=dict(item.metadata.labels or {}),
    )


def node(item: Any) -> Node:
    conditions = {condition.type: condition.status for condition in item.status.conditions or ()}
    return Node(
        name=item.metadata.name,
        is_ready=conditions.get("Ready") == "True",
        is_cordoned=bool(item.spec.unschedulable),
        is_control_plane=_CONTROL_PLANE in (item.metadata.labels or {}),
    )


def _container(status: Any) -> Container:
    # Before it is started again, a container that ended is told in its present state.
    ended = (status.state.terminated if status.state else None) or (
        status.last_state.terminated if status.last_state else None
    )
    return Container(
        name=status.name,
        container_id=status.container_id or "",
        image=status.image,
        image_digest=status.image_id or "",
        restarts=status.restart_count,
        is_ready=bool(status.ready),
        last_termination=Termination(
            container_id=ended.container_id or "",
            exit_code=ended.exit_code,
            signal=ended.signal,
            finished_at=_seconds(ended.finished_at),
            reason=ended.reason or "",
        )
        if ended
        else None,
    )


def event(item: Any) -> Event:
    return Event(
        at=_seconds(item.last_timestamp or item.event_time or item.metadata.creation_timestamp),
        kind=item.involved_object.kind or "",
        name=item.involved_object.name or "",
        reason=item.reason or "",
        message=item.message or "",
    )


def readiness(component: str, workload: Component, found: Any) -> Readiness:
    if workload.kind == "Cluster":
        status = found.get("status", {})
        phase = status.get("phase", "no status yet")
        return Readiness(
            component=component,
            ready=status.get("readyInstances", 0),
            wanted=found["spec"]["instances"],
            detail="" if phase == "Cluster in healthy state" else phase,
        )
    is_current = (found.status.observed_generation or 0) >= found.metadata.generation
    return Readiness(
        component=component,
        ready=min(found.status.ready_replicas or 0, found.status.updated_replicas or 0),
        wanted=found.spec.replicas,
        detail="" if is_current else "the controller has not seen the latest change",
    )
