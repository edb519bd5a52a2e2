"""The target's namespace through the Kubernetes API: pods, readiness, events, logs, exec, and notes kept in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml
from kubernetes import client, stream
from kubernetes.client.exceptions import ApiException
from kubernetes.stream.ws_client import ERROR_CHANNEL

from suites.harness.clients import objects
from suites.harness.clients.api import CALL_ANSWERED_S, api_client, named
from suites.harness.clients.ephemeral import EphemeralContainers
from suites.harness.clients.network import Network
from suites.harness.clients.nodes import Nodes
from suites.harness.clients.objects import Event, ExecResult, Pod, Readiness
from suites.harness.clients.policies import Policies
from suites.harness.clients.scaler import Scaler
from suites.harness.clients.volumes import Volumes
from suites.harness.errors import ClientError, NothingSelected, TargetError
from suites.harness.target import HOW_TO_GET_ONE, Component, SecretRef, Target

_CNPG = ("postgresql.cnpg.io", "v1")
# With this annotation CloudNativePG's operator looks away.
_HELD_BY = "cnpg.io/reconciliationLoop"
# Kinds that operators bring: only read as they are written.
_OPERATORS_KINDS = {"Cluster": (*_CNPG, "clusters"), "ScaledObject": ("keda.sh", "v1alpha1", "scaledobjects")}
# The kinds whose objects can be read and changed as they are written, by the driver's name for them.
_MANIFESTS = {
    "Deployment": (client.AppsV1Api, "deployment"),
    "StatefulSet": (client.AppsV1Api, "stateful_set"),
    "Pod": (client.CoreV1Api, "pod"),
    "Service": (client.CoreV1Api, "service"),
    "Ingress": (client.NetworkingV1Api, "ingress"),
    "PodDisruptionBudget": (client.PolicyV1Api, "pod_disruption_budget"),
}


class Cluster:
    """The target's namespace. Every error of the API is a ClientError naming the call."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.namespace = target.namespace
        self._api = api_client(target)
        self._core = client.CoreV1Api(self._api)
        self._apps = client.AppsV1Api(self._api)
        self._custom = client.CustomObjectsApi(self._api)
        self.nodes = Nodes(self._api, self.namespace)
        self.network = Network(self._api, self.namespace)
        self.ephemeral = EphemeralContainers(self._api, self.namespace)
        self.policies = Policies(self._api, self.namespace)
        self.volumes = Volumes(self._api, self.namespace)
        self.scaler = Scaler(self._api, self.namespace, target.scaler) if target.scaler else None

    def check_reachable(self) -> None:
        """Raises TargetError, in one line with the way out, unless the API answers and the namespace exists."""
        where = f"context {self.target.context}"
        try:
            with named(f"read namespace {self.namespace}"):
                self._core.read_namespace(self.namespace, _request_timeout=CALL_ANSWERED_S)
        except ClientError as error:
            if isinstance(error.__cause__, ApiException) and error.__cause__.status == 404:
                raise TargetError(f"{where} has no namespace {self.namespace}: {HOW_TO_GET_ONE}") from error
            raise TargetError(f"{where} does not answer ({error}): {HOW_TO_GET_ONE}") from error

    def pods(self, component: str, role: str | None = None) -> list[Pod]:
        """The component's pods, or those in that role, by name; those being deleted included."""
        selector = self.target.component(component).selector_of(role)
        with named(f"list pods {selector}"):
            found = self._core.list_namespaced_pod(
                self.namespace, label_selector=selector, _request_timeout=CALL_ANSWERED_S
            )
        return sorted((objects.pod(item) for item in found.items), key=lambda pod: pod.name)

    def all_pods(self) -> list[Pod]:
        """Every pod of the namespace by name."""
        with named("list pods"):
            found = self._core.list_namespaced_pod(self.namespace, _request_timeout=CALL_ANSWERED_S)
        return sorted((objects.pod(item) for item in found.items), key=lambda pod: pod.name)

    def pod(self, name: str) -> Pod:
        with named(f"read pod {name}"):
            return objects.pod(self._core.read_namespaced_pod(name, self.namespace, _request_timeout=CALL_ANSWERED_S))

    def ready_pods(self, component: str, role: str | None = None) -> list[Pod]:
        """The component's ready pods, or those in that role. Raises NothingSelected when there is none."""
        ready = [pod for pod in self.pods(component, role) if pod.is_ready and not pod.is_terminating]
        if not ready:
            selector = self.target.component(component).selector_of(role)
            raise NothingSelected(f"no ready pod matches {selector} in namespace {self.namespace}")
        return ready

    def delete_pod(self, pod: Pod, *, grace_s: float | None, dry_run: bool = False) -> None:
        """Delete that very pod, not a later one of its name. `grace_s` None leaves it its own time to end, 0 none."""
        options = client.V1DeleteOptions(
            grace_period_seconds=None if grace_s is None else int(grace_s),
            preconditions=client.V1Preconditions(uid=pod.uid),
            dry_run=["All"] if dry_run else None,
        )
        with named(f"delete pod {pod.name}"):
            self._core.delete_namespaced_pod(pod.name, self.namespace, body=options, _request_timeout=CALL_ANSWERED_S)

    def readiness(self, component: str) -> Readiness:
        """What the component's own workload says about its replicas; one that is not there is not ready."""
        workload = self.target.component(component)
        with named(f"read {workload.kind} {workload.name}"):
            try:
                return objects.readiness(component, workload, self._workload(workload))
            except ApiException as error:
                if error.status != 404:
                    raise
        return Readiness(component=component, ready=0, wanted=0, detail=f"there is no {workload.kind} {workload.name}")

    def exec(self, pod: str, container: str, command: Sequence[str]) -> ExecResult:
        """Run a command in a container. A connection that breaks is a result without exit code, not an error."""
        # `stream` swaps a method of the API client while it connects, so exec gets a client of its own.
        core = client.CoreV1Api(api_client(self.target))
        with named(f"exec in {pod}/{container}"):
            socket = stream.stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                self.namespace,
                container=container,
                command=list(command),
                stdin=False,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )
        try:
            socket.run_forever(timeout=CALL_ANSWERED_S[1])
            stdout, stderr = socket.read_stdout(timeout=0) or "", socket.read_stderr(timeout=0) or ""
            exit_code, failure = _end_of(socket)
            return ExecResult(stdout=stdout, stderr=stderr or failure, exit_code=exit_code)
        finally:
            socket.close()

    def events(self, since: float) -> list[Event]:
        """The namespace's events last seen at or after `since`, in order of time."""
        with named("list events"):
            found = self._core.list_namespaced_event(self.namespace, _request_timeout=CALL_ANSWERED_S)
        events = [objects.event(item) for item in found.items]
        return sorted((event for event in events if event.at >= since), key=lambda event: event.at)

    def logs(self, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """The last lines a container wrote; with `previous`, those of the process before the last restart."""
        with named(f"read log of {pod}/{container}"):
            response = self._core.read_namespaced_pod_log(
                pod,
                self.namespace,
                container=container,
                tail_lines=lines,
                previous=previous,
                timestamps=True,
                _preload_content=False,
                _request_timeout=CALL_ANSWERED_S,
            )
        return bytes(response.data).decode("utf-8", errors="replace")

    def secret(self, ref: SecretRef) -> str:
        with named(f"read secret {ref.name}"):
            secret = self._core.read_namespaced_secret(ref.name, self.namespace, _request_timeout=CALL_ANSWERED_S)
        if ref.key not in (secret.data or {}):
            raise ClientError(f"secret {ref.name} has no key {ref.key}")
        return base64.b64decode(secret.data[ref.key]).decode()

    def service_get(self, service: str, path: str) -> bytes:
        """What a service inside the cluster answers to GET, through the API server's proxy; `service` is name:port."""
        with named(f"GET {service}/{path}"):
            response = self._core.connect_get_namespaced_service_proxy_with_path(
                service, self.namespace, path, _preload_content=False, _request_timeout=CALL_ANSWERED_S
            )
        return bytes(response.data)

    def ingress_url(self) -> str:
        """The address that the namespace's one Ingress publishes. Raises TargetError when there is no such address."""
        networking = client.NetworkingV1Api(self._api)
        with named("list ingresses"):
            found = networking.list_namespaced_ingress(self.namespace, _request_timeout=CALL_ANSWERED_S).items
        for ingress in found:
            scheme = "https" if ingress.spec.tls else "http"
            hosts = [rule.host for rule in ingress.spec.rules or () if rule.host]
            balancer = (ingress.status.load_balancer.ingress if ingress.status.load_balancer else None) or ()
            addresses = [entry.hostname or entry.ip for entry in balancer]
            if hosts or addresses:
                return f"{scheme}://{(hosts or addresses)[0]}"
        raise TargetError(f"no Ingress of namespace {self.namespace} says where it answers: give --base-url")

    def chart_version(self) -> str | None:
        """The `helm.sh/chart` label of the platform's workloads; None when it was not installed by a chart."""
        for workload in self.target.components.values():
            if workload.kind == "Cluster":
                continue
            with named(f"read {workload.kind} {workload.name}"):
                found = self._workload(workload)
            labels = found.metadata.labels or {}
            if "helm.sh/chart" in labels:
                return str(labels["helm.sh/chart"])
        return None

    def image_digests(self) -> dict[str, str]:
        """The image digest of every component that runs; several, sorted, where its pods differ."""
        digests = {
            component: sorted({container.image_digest for pod in self.pods(component) for container in pod.containers})
            for component in self.target.components
        }
        return {component: ", ".join(found) for component, found in digests.items() if any(found)}

    def namespace_labels(self) -> dict[str, str]:
        return self.namespace_marks()["labels"]

    def namespace_marks(self) -> dict[str, dict[str, str]]:
        """The namespace's `labels` and `annotations`."""
        with named(f"read namespace {self.namespace}"):
            metadata = self._core.read_namespace(self.namespace, _request_timeout=CALL_ANSWERED_S).metadata
        return {"labels": dict(metadata.labels or {}), "annotations": dict(metadata.annotations or {})}

    def manifests(self, kind: str) -> dict[str, dict[str, Any]]:
        """Every object of that kind in the namespace as the API writes it, by name."""
        with named(f"list {kind}s"):
            if kind in _OPERATORS_KINDS:
                group, version, plural = _OPERATORS_KINDS[kind]
                found = self._custom.list_namespaced_custom_object(
                    group, version, self.namespace, plural, _request_timeout=CALL_ANSWERED_S
                )
            else:
                api, noun = _manifest_kind(kind)
                read = getattr(api(self._api), f"list_namespaced_{noun}")
                response = read(self.namespace, _preload_content=False, _request_timeout=CALL_ANSWERED_S)
                found = json.loads(response.data)
        return {item["metadata"]["name"]: item for item in found["items"]}

    def patch(
        self, kind: str, name: str, patch: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, dry_run: bool = False
    ) -> dict[str, Any]:
        """The object as it then is. A mapping is a strategic merge patch, a list a JSON patch."""
        api, noun = _manifest_kind(kind)
        way = "strategic-merge-patch" if isinstance(patch, Mapping) else "json-patch"
        with named(f"patch {kind} {name}"):
            response = getattr(api(self._api), f"patch_namespaced_{noun}")(
                name,
                self.namespace,
                patch,
                dry_run="All" if dry_run else None,
                _content_type=f"application/{way}+json",
                _preload_content=False,
                _request_timeout=CALL_ANSWERED_S,
            )
        found: dict[str, Any] = json.loads(response.data)
        return found

    def hand_over(self, component: str, pod: str) -> None:
        """Ask the database's operator to make that instance the primary, the way its own tool does."""
        name = self.target.component(component).name
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        wish = {
            "targetPrimary": pod,
            "targetPrimaryTimestamp": now,
            "phase": "Switchover in progress",
            "phaseReason": f"Switching over to {pod}",
        }
        with named(f"hand {name} over to {pod}"):
            self._custom.patch_namespaced_custom_object_status(
                *_CNPG, self.namespace, "clusters", name, {"status": wish}, _request_timeout=CALL_ANSWERED_S
            )

    def hold_operator(self, component: str, *, held: bool) -> None:
        """Have the database's operator leave what it made alone until it is let go; where there is none, nothing."""
        workload = self.target.component(component)
        if workload.kind != "Cluster":
            return
        # A merge patch: what is None is removed.
        annotations = {"metadata": {"annotations": {_HELD_BY: "disabled" if held else None}}}
        with named(f"{'hold' if held else 'let go of'} the operator of {workload.name}"):
            self._custom.patch_namespaced_custom_object(
                *_CNPG, self.namespace, "clusters", workload.name, annotations,
                _content_type="application/merge-patch+json", _request_timeout=CALL_ANSWERED_S,
            )  # fmt: skip

    def write_note(self, name: str, labels: dict[str, str], text: str) -> None:
        """Keep a text in the namespace, as a ConfigMap; an existing note of that name is replaced."""
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data={"note": text})
        with named(f"write ConfigMap {name}"):
            try:
                self._core.create_namespaced_config_map(self.namespace, body, _request_timeout=CALL_ANSWERED_S)
            except ApiException as error:
                if error.status != 409:
                    raise
                self._core.replace_namespaced_config_map(name, self.namespace, body, _request_timeout=CALL_ANSWERED_S)

    def notes(self, selector: str) -> dict[str, str]:
        """The texts kept under that label selector, by name."""
        with named(f"list ConfigMaps {selector}"):
            found = self._core.list_namespaced_config_map(
                self.namespace, label_selector=selector, _request_timeout=CALL_ANSWERED_S
            )
        return {item.metadata.name: (item.data or {}).get("note", "") for item in found.items}

    def delete_note(self, name: str) -> None:
        """Remove a kept text; one that is gone already is no error."""
        with named(f"delete ConfigMap {name}"):
            try:
                self._core.delete_namespaced_config_map(name, self.namespace, _request_timeout=CALL_ANSWERED_S)
            except ApiException as error:
                if error.status != 404:
                    raise

    def _workload(self, workload: Component) -> Any:
        if workload.kind == "Deployment":
            return self._apps.read_namespaced_deployment(
                workload.name, self.namespace, _request_timeout=CALL_ANSWERED_S
            )
        if workload.kind == "StatefulSet":
            return self._apps.read_namespaced_stateful_set(
                workload.name, self.namespace, _request_timeout=CALL_ANSWERED_S
            )
        return self._custom.get_namespaced_custom_object(
            *_CNPG,
            self.namespace,
            "clusters",
            workload.name,
            _request_timeout=CALL_ANSWERED_S,
        )


def _manifest_kind(kind: str) -> tuple[Any, str]:
    try:
        return _MANIFESTS[kind]
    except KeyError:
        raise ClientError(f"objects of kind {kind} are not read here; known: {', '.join(_MANIFESTS)}") from None


def _end_of(socket: Any) -> tuple[int | None, str]:
    """The exit code, and why there is none. Nothing is told when the container died with the command."""
    status = yaml.safe_load(socket.read_channel(ERROR_CHANNEL, timeout=0) or "") or {}
    if status.get("status") == "Success":
        return 0, ""
    causes = (status.get("details") or {}).get("causes") or ()
    codes = [int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"]
    return (codes[0] if codes else None), status.get("message", "the connection broke")
