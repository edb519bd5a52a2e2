"""The target's namespace through the Kubernetes API: pods, readiness, events, logs, exec, and what faults write down."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml
from kubernetes import client, config, stream
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from suites.harness.errors import ClientError, NothingSelected, TargetError
from suites.harness.target import HOW_TO_GET_ONE, Component, SecretRef, Target

# An API server that does not answer within this is not there; the calls here are all small.
_CALL_ANSWERED_S = (5, 20)


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
    """One pod as the API last told."""

    name: str
    uid: str
    phase: str
    node: str
    address: str
    is_ready: bool
    is_terminating: bool
    shares_process_namespace: bool
    containers: tuple[Container, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """What a command in a container wrote and how it ended; `exit_code` None when the connection broke first."""

    stdout: str
    stderr: str
    exit_code: int | None


class Cluster:
    """The target's namespace. Every error of the API is a ClientError naming the call."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.namespace = target.namespace
        self._api = _api_client(target)
        self._core = client.CoreV1Api(self._api)
        self._apps = client.AppsV1Api(self._api)
        self._custom = client.CustomObjectsApi(self._api)

    def check_reachable(self) -> None:
        """Raises TargetError, in one line with the way out, unless the API answers and the namespace exists."""
        where = f"context {self.target.context}"
        try:
            with _named(f"read namespace {self.namespace}"):
                self._core.read_namespace(self.namespace, _request_timeout=_CALL_ANSWERED_S)
        except ClientError as error:
            if isinstance(error.__cause__, ApiException) and error.__cause__.status == 404:
                raise TargetError(f"{where} has no namespace {self.namespace}: {HOW_TO_GET_ONE}") from error
            raise TargetError(f"{where} does not answer ({error}): {HOW_TO_GET_ONE}") from error

    def pods(self, component: str) -> list[Pod]:
        """The component's pods by name, those being deleted included."""
        selector = self.target.component(component).selector
        with _named(f"list pods {selector}"):
            found = self._core.list_namespaced_pod(
                self.namespace, label_selector=selector, _request_timeout=_CALL_ANSWERED_S
            )
        return sorted((_pod(item) for item in found.items), key=lambda pod: pod.name)

    def all_pods(self) -> list[Pod]:
        """Every pod of the namespace by name."""
        with _named("list pods"):
            found = self._core.list_namespaced_pod(self.namespace, _request_timeout=_CALL_ANSWERED_S)
        return sorted((_pod(item) for item in found.items), key=lambda pod: pod.name)

    def pod(self, name: str) -> Pod:
        with _named(f"read pod {name}"):
            return _pod(self._core.read_namespaced_pod(name, self.namespace, _request_timeout=_CALL_ANSWERED_S))

    def ready_pods(self, component: str) -> list[Pod]:
        """The component's ready pods. Raises NothingSelected when there is none."""
        ready = [pod for pod in self.pods(component) if pod.is_ready and not pod.is_terminating]
        if not ready:
            selector = self.target.component(component).selector
            raise NothingSelected(f"no ready pod matches {selector} in namespace {self.namespace}")
        return ready

    def readiness(self, component: str) -> Readiness:
        """What the component's own workload says about its replicas."""
        workload = self.target.component(component)
        with _named(f"read {workload.kind} {workload.name}"):
            return _readiness(component, workload, self._workload(workload))

    def exec(self, pod: str, container: str, command: Sequence[str]) -> ExecResult:
        """Run a command in a container. A connection that breaks is a result without exit code, not an error."""
        # `stream` swaps a method of the API client while it connects, so exec gets a client of its own.
        core = client.CoreV1Api(_api_client(self.target))
        with _named(f"exec in {pod}/{container}"):
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
            socket.run_forever(timeout=_CALL_ANSWERED_S[1])
            stdout, stderr = socket.read_stdout(timeout=0), socket.read_stderr(timeout=0)
            return ExecResult(stdout=stdout or "", stderr=stderr or "", exit_code=_exit_code(socket))
        finally:
            socket.close()

    def events(self, since: float) -> list[Event]:
        """The namespace's events last seen at or after `since`, in order of time."""
        with _named("list events"):
            found = self._core.list_namespaced_event(self.namespace, _request_timeout=_CALL_ANSWERED_S)
        events = [_event(item) for item in found.items]
        return sorted((event for event in events if event.at >= since), key=lambda event: event.at)

    def logs(self, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """The last lines a container wrote; with `previous`, those of the process before the last restart."""
        with _named(f"read log of {pod}/{container}"):
            response = self._core.read_namespaced_pod_log(
                pod,
                self.namespace,
                container=container,
                tail_lines=lines,
                previous=previous,
                timestamps=True,
                _preload_content=False,
                _request_timeout=_CALL_ANSWERED_S,
            )
        return bytes(response.data).decode("utf-8", errors="replace")

    def secret(self, ref: SecretRef) -> str:
        with _named(f"read secret {ref.name}"):
            secret = self._core.read_namespaced_secret(ref.name, self.namespace, _request_timeout=_CALL_ANSWERED_S)
        if ref.key not in (secret.data or {}):
            raise ClientError(f"secret {ref.name} has no key {ref.key}")
        return base64.b64decode(secret.data[ref.key]).decode()

    def service_get(self, service: str, path: str) -> bytes:
        """What a service inside the cluster answers to GET, through the API server's proxy; `service` is name:port."""
        with _named(f"GET {service}/{path}"):
            response = self._core.connect_get_namespaced_service_proxy_with_path(
                service, self.namespace, path, _preload_content=False, _request_timeout=_CALL_ANSWERED_S
            )
        return bytes(response.data)

    def ingress_url(self) -> str:
        """The address that the namespace's one Ingress publishes. Raises TargetError when there is no such address."""
        networking = client.NetworkingV1Api(self._api)
        with _named("list ingresses"):
            found = networking.list_namespaced_ingress(self.namespace, _request_timeout=_CALL_ANSWERED_S).items
        for ingress in found:
            scheme = "https" if ingress.spec.tls else "http"
            hosts = [rule.host for rule in ingress.spec.rules or () if rule.host]
            balancer = (ingress.status.load_balancer.ingress if ingress.status.load_balancer else None) or ()
            addresses = [entry.hostname or entry.ip for entry in balancer]
            if hosts or addresses:
                return f"{scheme}://{(hosts or addresses)[0]}"
        raise TargetError(f"no Ingress of namespace {self.namespace} says where it answers: give --base-url")

    def chart_version(self) -> str | None:
        """The `helm.sh/chart` label of the platform's workloads; None when the platform was not installed by a chart."""
        for workload in self.target.components.values():
            if workload.kind == "Cluster":
                continue
            with _named(f"read {workload.kind} {workload.name}"):
                found = self._workload(workload)
            labels = found.metadata.labels or {}
            if "helm.sh/chart" in labels:
                return str(labels["helm.sh/chart"])
        return None

    def image_digests(self) -> dict[str, str]:
        """The digest of every image that runs in the namespace, by the name it was asked for."""
        return {
            container.image: container.image_digest
            for pod in self.all_pods()
            for container in pod.containers
            if container.image_digest
        }

    def namespace_labels(self) -> dict[str, str]:
        with _named(f"read namespace {self.namespace}"):
            namespace = self._core.read_namespace(self.namespace, _request_timeout=_CALL_ANSWERED_S)
        return dict(namespace.metadata.labels or {})

    def write_note(self, name: str, labels: dict[str, str], text: str) -> None:
        """Keep a text in the namespace, as a ConfigMap; an existing note of that name is replaced."""
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data={"note": text})
        with _named(f"write ConfigMap {name}"):
            try:
                self._core.create_namespaced_config_map(self.namespace, body, _request_timeout=_CALL_ANSWERED_S)
            except ApiException as error:
                if error.status != 409:
                    raise
                self._core.replace_namespaced_config_map(
                    name, self.namespace, body, _request_timeout=_CALL_ANSWERED_S
                )

    def notes(self, selector: str) -> dict[str, str]:
        """The texts kept under that label selector, by name."""
        with _named(f"list ConfigMaps {selector}"):
            found = self._core.list_namespaced_config_map(
                self.namespace, label_selector=selector, _request_timeout=_CALL_ANSWERED_S
            )
        return {item.metadata.name: (item.data or {}).get("note", "") for item in found.items}

    def delete_note(self, name: str) -> None:
        """Remove a kept text; one that is gone already is no error."""
        with _named(f"delete ConfigMap {name}"):
            try:
                self._core.delete_namespaced_config_map(name, self.namespace, _request_timeout=_CALL_ANSWERED_S)
            except ApiException as error:
                if error.status != 404:
                    raise

    def _workload(self, workload: Component) -> Any:
        if workload.kind == "Deployment":
            return self._apps.read_namespaced_deployment(
                workload.name, self.namespace, _request_timeout=_CALL_ANSWERED_S
            )
        if workload.kind == "StatefulSet":
            return self._apps.read_namespaced_stateful_set(
                workload.name, self.namespace, _request_timeout=_CALL_ANSWERED_S
            )
        return self._custom.get_namespaced_custom_object(
            "postgresql.cnpg.io",
            "v1",
            self.namespace,
            "clusters",
            workload.name,
            _request_timeout=_CALL_ANSWERED_S,
        )


def _api_client(target: Target) -> Any:
    if not target.kubeconfig.is_file():
        raise TargetError(f"no kubeconfig at {target.kubeconfig}: {HOW_TO_GET_ONE}")
    try:
        contexts, _ = config.list_kube_config_contexts(str(target.kubeconfig))
        names = sorted(str(context["name"]) for context in contexts)
        if target.context not in names:
            raise TargetError(
                f"no context {target.context!r} in {target.kubeconfig}; it has {', '.join(names) or 'none'}"
                f": {HOW_TO_GET_ONE}"
            )
        return config.new_client_from_config(str(target.kubeconfig), context=target.context)
    except (ConfigException, yaml.YAMLError, OSError) as error:
        raise TargetError(f"{target.kubeconfig} is not a kubeconfig: {_one_line(error)}") from error


@contextlib.contextmanager
def _named(call: str) -> Iterator[None]:
    """Turn whatever the driver raises during `call` into a ClientError that names it."""
    try:
        yield
    except ApiException as error:
        raise ClientError(f"{call}: {error.status} {error.reason}: {_one_line(error.body or '')}") from error
    except (HTTPError, OSError) as error:
        raise ClientError(f"{call}: {_one_line(error)}") from error


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:300]


def _exit_code(socket: Any) -> int | None:
    # The error channel is empty when the container died with the command; the driver then fails on it.
    try:
        code = socket.returncode
    except (TypeError, KeyError, ValueError):
        return None
    return None if code is None else int(code)


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _pod(item: Any) -> Pod:
    conditions = {condition.type: condition.status for condition in item.status.conditions or ()}
    return Pod(
        name=item.metadata.name,
        uid=item.metadata.uid,
        phase=item.status.phase or "Unknown",
        node=item.spec.node_name or "",
        address=item.status.pod_ip or "",
        is_ready=conditions.get("Ready") == "True",
        is_terminating=item.metadata.deletion_timestamp is not None,
        shares_process_namespace=bool(item.spec.share_process_namespace),
        containers=tuple(_container(status) for status in item.status.container_statuses or ()),
    )


def _container(status: Any) -> Container:
    ended = status.last_state.terminated if status.last_state else None
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


def _event(item: Any) -> Event:
    return Event(
        at=_seconds(item.last_timestamp or item.event_time or item.metadata.creation_timestamp),
        kind=item.involved_object.kind or "",
        name=item.involved_object.name or "",
        reason=item.reason or "",
        message=item.message or "",
    )


def _readiness(component: str, workload: Component, found: Any) -> Readiness:
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
