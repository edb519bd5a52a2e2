"""How the target stands: what its objects are told to be, and which components are not what they are told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.wait import until

# A restart leaves this behind on purpose: to take it away would be another restart.
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"

# Read and patched as they are written; the database's Cluster is only read.
KINDS = ("Deployment", "StatefulSet", "Service", "Ingress", "PodDisruptionBudget")
_ENDED = ("Succeeded", "Failed")


def fingerprint(cluster: Cluster) -> dict[str, str]:
    """A digest of each object's spec, by kind and name: two that are equal describe the same platform."""
    return {
        f"{kind} {name}": digest(_but_for_its_scaler(cluster, kind, name, manifest["spec"]))
        for kind in _kinds(cluster)
        for name, manifest in sorted(cluster.manifests(kind).items())
    }


def _kinds(cluster: Cluster) -> tuple[str, ...]:
    has_database = any(component.kind == "Cluster" for component in cluster.target.components.values())
    scaler = cluster.target.scaler
    is_scaled_by_keda = scaler is not None and scaler.kind == "ScaledObject"
    return (*KINDS, *(["Cluster"] if has_database else []), *(["ScaledObject"] if is_scaled_by_keda else []))


def _but_for_its_scaler(cluster: Cluster, kind: str, name: str, spec: dict[str, Any]) -> Mapping[str, Any]:
    """How many pods there are to be is the autoscaler's to say, and may differ at any time."""
    scaler = cluster.target.scaler
    if scaler is None or kind == "ScaledObject":
        return spec
    component = cluster.target.component(scaler.component)
    if (kind, name) != (component.kind, component.name):
        return spec
    return {key: value for key, value in spec.items() if key != "replicas"}


def digest(spec: Mapping[str, Any]) -> str:
    """The same for specs that ask for the same."""
    text = json.dumps(spec, sort_keys=True)
    if f'"{RESTARTED_AT}"' in text:
        spec = json.loads(text)
        annotations = spec["template"]["metadata"]["annotations"]
        del annotations[RESTARTED_AT]
        if not annotations:
            del spec["template"]["metadata"]["annotations"]
        text = json.dumps(spec, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The objects that are not what they were, were not there, or are gone."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def not_settled(cluster: Cluster, *, but: str | None = None) -> list[str]:
    """The components, but for one, whose pods are not all there, ready, current and alone."""
    return [
        why
        for component in cluster.target.components
        if component != but
        for why in why_not_settled(cluster, component)
    ]


def settle(cluster: Cluster, deadlines: Deadlines, *, unready: str | None = None) -> None:
    """Return once every rollout is over; of the component that is not to become ready, once its newest pods are not."""
    until(
        lambda: not_settled(cluster, but=unready),
        where=lambda left: not left,
        within=deadlines.component_ready_again_s,
        what="every component rolled out",
    )
    if unready is not None:
        until(
            lambda: _stands_unready(cluster, unready),
            within=deadlines.component_ready_again_s,
            what=f"{unready} rolled out but not ready",
        )


def why_not_settled(cluster: Cluster, component: str) -> list[str]:
    """What keeps the component from having all its pods there, ready, current and alone; empty when it has."""
    readiness = cluster.readiness(component)
    if not readiness.is_ready:
        return [str(readiness)]
    if cluster.target.component(component).kind == "Cluster":
        # Its operator's jobs carry its label as well; its own word is the surer one.
        return []
    pods = [pod for pod in cluster.pods(component) if pod.phase not in _ENDED]
    odd = [pod.name for pod in pods if pod.is_terminating or not pod.is_ready]
    if odd or len(pods) != readiness.wanted:
        return [f"{component}: {len(pods)} pods of {readiness.wanted}, not settled: {', '.join(odd) or 'none'}"]
    return []


def _stands_unready(cluster: Cluster, component: str) -> bool:
    """The controller has acted on the latest change, and what runs since does not serve."""
    readiness = cluster.readiness(component)
    pods = [pod for pod in cluster.pods(component) if pod.phase not in _ENDED]
    if readiness.is_ready or readiness.detail or any(pod.is_terminating for pod in pods):
        return False
    if readiness.wanted == 0:
        return not pods
    return any(pod.phase == "Running" and not pod.is_ready for pod in pods)
