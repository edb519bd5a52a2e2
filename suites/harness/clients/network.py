"""How pods are reached: their own addresses, and the Services in front of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from suites.harness.clients.api import CALL_ANSWERED_S, named
from suites.harness.clients.objects import Pod
from suites.harness.errors import Unsupported

_SERVICE_OF_SLICE = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Way:
    """An address and port where a connection may be tried."""

    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Every address that leads to some pods: their own, and those of the Services that lead to any of them."""

    addresses: tuple[str, ...]
    ways: tuple[Way, ...]


class Network:
    """The namespace's addresses. Every error of the API is a ClientError naming the call."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._namespace = namespace
        self._core = client.CoreV1Api(api)
        self._discovery = client.DiscoveryV1Api(api)

    def reach(self, pods: Sequence[Pod]) -> Reach:
        """How these pods are reached from another pod. Raises Unsupported for pods without a network of their own."""
        return reach_of(
            {pod.uid for pod in pods},
            pods=self._list(self._core.list_namespaced_pod, "pods"),
            services=self._list(self._core.list_namespaced_service, "Services"),
            slices=self._list(self._discovery.list_namespaced_endpoint_slice, "EndpointSlices"),
        )

    def _list(self, read: Any, what: str) -> list[dict[str, Any]]:
        with named(f"list {what}"):
            response = read(self._namespace, _preload_content=False, _request_timeout=CALL_ANSWERED_S)
        found: list[dict[str, Any]] = json.loads(response.data)["items"]
        return found


def reach_of(
    uids: set[str],
    *,
    pods: Sequence[Mapping[str, Any]],
    services: Sequence[Mapping[str, Any]],
    slices: Sequence[Mapping[str, Any]],
) -> Reach:
    """How the pods of these UIDs are reached, by what the API tells of pods, Services and EndpointSlices."""
    chosen = [pod for pod in pods if pod["metadata"]["uid"] in uids]
    for pod in chosen:
        if pod["spec"].get("hostNetwork"):
            raise Unsupported(f"pod {pod['metadata']['name']} is on its node's network: it has no address of its own")
    addresses = {entry["ip"] for pod in chosen for entry in pod["status"].get("podIPs") or ()}
    by_name = {service["metadata"]["name"]: service for service in services}
    in_front: set[str] = set()
    ways: set[Way] = set()
    for part in slices:
        own = {
            address
            for endpoint in part.get("endpoints") or ()
            if (endpoint.get("targetRef") or {}).get("uid") in uids
            for address in endpoint["addresses"]
        }
        if not own:
            continue
        ways |= {Way(address=address, port=port) for address in own for port in _tcp_ports(part, "port")}
        service = by_name.get((part["metadata"].get("labels") or {}).get(_SERVICE_OF_SLICE, ""), {"spec": {}})
        virtual = {address for address in service["spec"].get("clusterIPs") or () if address != "None"}
        ways |= {Way(address=address, port=port) for address in virtual for port in _tcp_ports(service["spec"], "port")}
        in_front |= virtual
    if not ways:
        ways = {
            Way(address=pod["status"]["podIP"], port=port)
            for pod in chosen
            for container in pod["spec"]["containers"]
            for port in _tcp_ports(container, "containerPort")
            if pod["status"].get("podIP")
        }
    return Reach(addresses=tuple(sorted(addresses | in_front)), ways=tuple(sorted(ways)))


def _tcp_ports(holder: Mapping[str, Any], key: str) -> set[int]:
    return {entry[key] for entry in holder.get("ports") or () if entry.get("protocol", "TCP") == "TCP"}
