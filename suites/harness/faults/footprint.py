"""What faults could leave behind in the target, as far as it can be seen: two footprints are compared."""

from __future__ import annotations

import json

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Node
from suites.harness.errors import Unsupported
from suites.harness.faults.network import RulesFault
from suites.harness.faults.records import left_records
from suites.harness.faults.standing import fingerprint
from suites.harness.faults.tools import left_running, run_everywhere


def footprint(cluster: Cluster) -> dict[str, str]:
    """What there is and how it is, by kind and name; equal before and after when nothing was left behind.

    Objects by their specs, volume claims, network policies, the namespace's labels and annotations, nodes, components
    that are not all there, undo records, and packet rules in pods that have a container of ours. Restarts, names of
    pods and data may differ: that is what a fault is for. Raises ClientError naming the call that failed.
    """
    return {
        **fingerprint(cluster),
        **{f"PersistentVolumeClaim {name}": told for name, told in cluster.volumes.claims().items()},
        **{f"NetworkPolicy {policy['metadata']['name']}": "there" for policy in cluster.policies.all()},
        f"Namespace {cluster.namespace}": json.dumps(cluster.namespace_marks(), sort_keys=True),
        **{f"Node {node.name}": _condition(node) for node in cluster.nodes.all()},
        **{f"component {name}": _readiness(cluster, name) for name in cluster.target.components},
        **{
            f"undo record {record.id}": f"{record.kind} of {record.component}"
            for record in left_records(cluster, cluster.target.context, cluster.namespace)
        },
        **_rules(cluster),
    }


def left_behind(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """A line for each difference: what it is, how it was, how it is now."""
    return [
        f"{name}: {before.get(name, 'not there')} before, {after.get(name, 'not there')} after"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _condition(node: Node) -> str:
    return ("ready" if node.is_ready else "not ready") + (", cordoned" if node.is_cordoned else "")


def _readiness(cluster: Cluster, component: str) -> str:
    """How many there are is in the specs, or an autoscaler's to say."""
    readiness = cluster.readiness(component)
    return "ready" if readiness.is_ready else str(readiness)


def _rules(cluster: Cluster) -> dict[str, str]:
    """The tables of packet rules in pods where a container of ours still runs: only there could one be loaded."""
    try:
        kit = RulesFault.kit(cluster)
    except Unsupported:
        return {}
    tools = left_running(cluster, [pod for pod in cluster.all_pods() if pod.phase == "Running"], kit)
    written = run_everywhere(cluster, tools, "nft list tables")
    return {
        f"packet rules in {tool.pod.name}": text.strip()
        for tool, text in zip(tools, written, strict=True)
        if text.strip()
    }
