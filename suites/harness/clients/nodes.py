"""The cluster's nodes through the Kubernetes API: what they say, whether they answer, how pods are sent away."""

from __future__ import annotations

import copy
import json
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from suites.harness.clients import objects
from suites.harness.clients.api import CALL_ANSWERED_S, named
from suites.harness.clients.objects import Node, Pod
from suites.harness.errors import ClientError

# A kubelet answers in milliseconds; one that takes this long is not there.
_KUBELET_ANSWERS_S = (2, 3)
_LEASES = "kube-node-lease"


class Nodes:
    """Every error of the API is a ClientError naming the call."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._core = client.CoreV1Api(api)
        self._leases = client.CoordinationV1Api(api)

    def all(self) -> list[Node]:
        """Every node by name."""
        with named("list nodes"):
            found = self._core.list_node(_request_timeout=CALL_ANSWERED_S)
        return sorted((objects.node(item) for item in found.items), key=lambda node: node.name)

    def node(self, name: str) -> Node:
        with named(f"read node {name}"):
            return objects.node(self._core.read_node(name, _request_timeout=CALL_ANSWERED_S))

    def kubelet_answers(self, name: str) -> bool:
        """Whether the API server reaches the node's kubelet right now, whatever the node's conditions still say."""
        once = copy.deepcopy(self._api.configuration)
        # The driver would ask three times more.
        once.retries = False
        core = client.CoreV1Api(client.ApiClient(once))
        try:
            with named(f"ask the kubelet of {name}"):
                core.connect_get_node_proxy_with_path(
                    name, "healthz", _preload_content=False, _request_timeout=_KUBELET_ANSWERS_S
                )
        except ClientError as error:
            if isinstance(error.__cause__, ApiException) and error.__cause__.status in (401, 403, 404):
                raise
            return False
        return True

    def heartbeat(self, name: str) -> str:
        """When the kubelet last renewed its lease, as it wrote it: another answer means that it was there meanwhile."""
        with named(f"read lease of node {name}"):
            response = self._leases.read_namespaced_lease(
                name, _LEASES, _preload_content=False, _request_timeout=CALL_ANSWERED_S
            )
        return str(json.loads(response.data)["spec"].get("renewTime", ""))

    def cordon(self, name: str, *, dry_run: bool = False) -> None:
        """No new pod gets onto the node."""
        self._set_unschedulable(name, True, dry_run=dry_run)

    def uncordon(self, name: str) -> None:
        """Pods may come again. Twice is harmless."""
        self._set_unschedulable(name, None, dry_run=False)

    def evict(self, pod: Pod, *, dry_run: bool = False) -> str | None:
        """Ask for that very pod to be deleted as its disruption budget allows; why it may not be, None when it may."""
        eviction = client.V1Eviction(
            metadata=client.V1ObjectMeta(name=pod.name, namespace=self._namespace),
            delete_options=client.V1DeleteOptions(
                preconditions=client.V1Preconditions(uid=pod.uid), dry_run=["All"] if dry_run else None
            ),
        )
        with named(f"evict pod {pod.name}"):
            try:
                self._core.create_namespaced_pod_eviction(
                    pod.name, self._namespace, eviction, _request_timeout=CALL_ANSWERED_S
                )
            except ApiException as error:
                if error.status == 429:
                    return _refusal(error)
                # It is gone, or another one has its name by now.
                if error.status not in (404, 409):
                    raise
        return None

    def _set_unschedulable(self, name: str, value: bool | None, *, dry_run: bool) -> None:
        with named(f"{'cordon' if value else 'uncordon'} node {name}"):
            self._core.patch_node(
                name,
                {"spec": {"unschedulable": value}},
                dry_run="All" if dry_run else None,
                _request_timeout=CALL_ANSWERED_S,
            )


def _refusal(error: ApiException) -> str:
    try:
        answer = json.loads(error.body or "")
    except ValueError:
        return str(error.reason)
    causes = [cause.get("message", "") for cause in (answer.get("details") or {}).get("causes") or ()]
    return "; ".join([str(answer.get("message", error.reason)), *causes])
