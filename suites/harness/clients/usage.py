"""What containers use, by the nodes' kubelets (cAdvisor): processor time, memory, open descriptors and sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kubernetes import client

from suites.harness.clients.api import CALL_ANSWERED_S, named

_SERIES: dict[str, Callable[[ContainerUsage, float, float], ContainerUsage]] = {
    "container_cpu_usage_seconds_total": lambda usage, value, at: replace(usage, cpu_s=value, at=at),
    # What processes hold by themselves. The working set counts files that were read as well, which comes and goes.
    "container_memory_rss": lambda usage, value, _: replace(usage, memory_bytes=int(value)),
    "container_file_descriptors": lambda usage, value, _: replace(usage, descriptors=int(value)),
    "container_sockets": lambda usage, value, _: replace(usage, sockets=int(value)),
}
_LINE = re.compile(r"^(\w+)\{([^}]*)\} (\S+) (\d+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
# The summary's name for what all pods use; those for kubelet and runtime are not there on every node, or hold zeros.
_ALL_PODS = "pods"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage:
    """One container as it was measured `at`: `cpu_s` is all it ever used. None: the kubelet does not say."""

    namespace: str
    pod: str
    container: str
    at: float | None = None
    cpu_s: float | None = None
    memory_bytes: int | None = None
    descriptors: int | None = None
    sockets: int | None = None


class Kubelets:
    """Asks kubelets through the API server; needs the right to `get nodes/proxy`. Errors are ClientErrors."""

    def __init__(self, api: Any) -> None:
        self._core = client.CoreV1Api(api)

    def nodes(self) -> list[str]:
        with named("list nodes"):
            found = self._core.list_node(_request_timeout=CALL_ANSWERED_S).items
        return sorted(node.metadata.name for node in found)

    def usage(self, node: str) -> list[ContainerUsage]:
        """Every container of the node, each as it was last measured: every 10 s or so."""
        with named(f"ask the kubelet of {node} for its containers' usage"):
            response = self._core.connect_get_node_proxy_with_path(
                node, "metrics/cadvisor", _preload_content=False, _request_timeout=CALL_ANSWERED_S
            )
        return usage_of(response.data.decode("utf-8", errors="replace"))

    def beside_pods(self, node: str) -> list[ContainerUsage]:
        """Kubelet, runtime and system of the node together, as a container of no namespace in a pod of its name."""
        with named(f"ask the kubelet of {node} for what the node itself uses"):
            response = self._core.connect_get_node_proxy_with_path(
                node, "stats/summary", _preload_content=False, _request_timeout=CALL_ANSWERED_S
            )
            return beside_pods_of(node, json.loads(response.data))


def usage_of(metrics: str) -> list[ContainerUsage]:
    """The containers that a kubelet's metrics tell of, without what holds a pod together."""
    found: dict[tuple[str, str, str], ContainerUsage] = {}
    for name, labels, value, at in _samples(metrics):
        key = labels.get("namespace", ""), labels.get("pod", ""), labels.get("container", "")
        if all(key):
            namespace, pod, container = key
            usage = found.get(key) or ContainerUsage(namespace=namespace, pod=pod, container=container)
            found[key] = _SERIES[name](usage, value, at)
    return list(found.values())


def beside_pods_of(node: str, summary: Mapping[str, Any]) -> list[ContainerUsage]:
    """What a kubelet's summary tells of the whole node less what it tells of all pods; nothing where it does not."""
    whole = summary["node"]
    pods: Mapping[str, Any] = next(
        (told for told in whole.get("systemContainers", ()) if told["name"] == _ALL_PODS), {}
    )
    if "usageCoreNanoSeconds" not in whole.get("cpu", {}) or "usageCoreNanoSeconds" not in pods.get("cpu", {}):
        return []
    return [
        ContainerUsage(
            namespace="",
            pod=node,
            container="system",
            at=datetime.fromisoformat(whole["cpu"]["time"]).timestamp(),
            cpu_s=(whole["cpu"]["usageCoreNanoSeconds"] - pods["cpu"]["usageCoreNanoSeconds"]) / 1e9,
            memory_bytes=whole["memory"]["rssBytes"] - pods["memory"]["rssBytes"],
        )
    ]


def _samples(metrics: str) -> Iterator[tuple[str, dict[str, str], float, float]]:
    for line in metrics.splitlines():
        # Most of the text is about something else, and a match costs more than a look.
        if line.startswith(tuple(_SERIES)) and (told := _LINE.match(line)) and told[1] in _SERIES:
            yield told[1], dict(_LABEL.findall(told[2])), float(told[3]), int(told[4]) / 1000.0
