"""What decides how many pods a component has, as KEDA, Kubernetes and Prometheus tell, and how to set it otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.utils.quantity import parse_quantity

from suites.harness.clients.api import CALL_ANSWERED_S, named
from suites.harness.errors import ClientError, Unsupported
from suites.harness.target import ScalerRef

# With this annotation KEDA keeps so many pods, whatever the metric says.
HELD_AT = "autoscaling.keda.sh/paused-replicas"
_KEDA = ("keda.sh", "v1alpha1")
_SCALED_OBJECTS = "scaledobjects"
_IN_CLUSTER = re.compile(r"(https?)://([\w-]+)\.([\w-]+)(?:\.svc[\w.-]*)?(?::(\d+))?/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerState:
    """What it is told, and how it does.

    `metric_per_pod` is what it saw last, for one pod; `trouble` why it cannot scale, in its own words.
    """

    least: int
    most: int
    target_per_pod: float | None
    is_working: bool
    metric_per_pod: float | None
    trouble: str


class Scaler:
    """One component's autoscaler. Every error of the API is a ClientError naming the call."""

    def __init__(self, api: Any, namespace: str, ref: ScalerRef) -> None:
        self.ref = ref
        self._namespace = namespace
        self._api = api
        self._custom = client.CustomObjectsApi(api)
        self._autoscaling = client.AutoscalingV2Api(api)

    def manifest(self) -> dict[str, Any]:
        """The object that the target names, as the API writes it."""
        if self.ref.kind == "HorizontalPodAutoscaler":
            return self._autoscaler(self.ref.name) or {}
        with named(f"read {self.ref.kind} {self.ref.name}"):
            found: dict[str, Any] = self._custom.get_namespaced_custom_object(
                *_KEDA, self._namespace, _SCALED_OBJECTS, self.ref.name, _request_timeout=CALL_ANSWERED_S
            )
        return found

    def state(self) -> ScalerState:
        """What it is told and what it last saw. Without a HorizontalPodAutoscaler nothing works yet."""
        manifest = self.manifest()
        autoscaler = manifest if self.ref.kind == "HorizontalPodAutoscaler" else self._autoscaler(_hpa_of(manifest))
        spec = manifest.get("spec", {})
        status = (autoscaler or {}).get("status", {})
        troubles = [*_troubles(status.get("conditions", ()), "ScalingActive", "AbleToScale")]
        if autoscaler is not manifest:
            troubles += _troubles(manifest.get("status", {}).get("conditions", ()), "Ready")
        return ScalerState(
            least=int(spec.get("minReplicaCount", spec.get("minReplicas", 0 if "maxReplicaCount" in spec else 1))),
            most=int(spec.get("maxReplicaCount", spec.get("maxReplicas", 0))),
            target_per_pod=_external((autoscaler or {}).get("spec", {}).get("metrics"), "target")
            or _threshold(manifest),
            is_working=bool(autoscaler) and not is_held(manifest),
            metric_per_pod=_external(status.get("currentMetrics"), "current"),
            trouble="; ".join(troubles),
        )

    def question(self) -> tuple[str, str] | None:
        """The server that KEDA asks and its query; None where that cannot be told."""
        for trigger in self.manifest().get("spec", {}).get("triggers", ()):
            if trigger.get("type") == "prometheus":
                return str(trigger["metadata"]["serverAddress"]), str(trigger["metadata"]["query"])
        return None

    def answer(self, server: str, query: str) -> float | None:
        """What Prometheus, a service of the cluster, says to the query; None when it has no answer."""
        found = _IN_CLUSTER.fullmatch(server)
        if found is None:
            raise Unsupported(f"{server} is no service of the cluster")
        scheme, service, namespace, port = found.groups()
        with named(f"ask {server} for {query}"):
            response = self._api.call_api(
                *self._api.param_serialize(
                    "GET",
                    f"/api/v1/namespaces/{namespace}/services/{scheme}:{service}:{port or '80'}/proxy/api/v1/query",
                    query_params=[("query", query)],
                    auth_settings=["BearerToken"],
                ),
                _request_timeout=CALL_ANSWERED_S,
            )
            response.read()
        if response.status != 200:
            raise ClientError(f"ask {server} for {query}: {response.status} {response.data[:200]!r}")
        result = json.loads(response.data)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def change(self, patch: Mapping[str, Any]) -> None:
        """A merge patch: what is None is removed."""
        if self.ref.kind == "HorizontalPodAutoscaler":
            with named(f"patch {self.ref.kind} {self.ref.name}"):
                self._autoscaling.patch_namespaced_horizontal_pod_autoscaler(
                    self.ref.name, self._namespace, dict(patch), _content_type="application/merge-patch+json",
                    _request_timeout=CALL_ANSWERED_S,
                )  # fmt: skip
            return
        with named(f"patch {self.ref.kind} {self.ref.name}"):
            self._custom.patch_namespaced_custom_object(
                *_KEDA, self._namespace, _SCALED_OBJECTS, self.ref.name, dict(patch),
                _content_type="application/merge-patch+json", _request_timeout=CALL_ANSWERED_S,
            )  # fmt: skip

    def _autoscaler(self, name: str) -> dict[str, Any] | None:
        with named(f"read HorizontalPodAutoscaler {name}"):
            try:
                response = self._autoscaling.read_namespaced_horizontal_pod_autoscaler(
                    name, self._namespace, _preload_content=False, _request_timeout=CALL_ANSWERED_S
                )
            except ApiException as error:
                if error.status != 404:
                    raise
                return None
        # The generated reader raises on 404 only when it loads the content itself.
        return None if response.status == 404 else dict(json.loads(response.data))


def is_held(manifest: Mapping[str, Any]) -> bool:
    """Whether KEDA keeps the number of pods as it is told by an annotation."""
    return HELD_AT in (manifest.get("metadata", {}).get("annotations") or {})


def _hpa_of(scaled_object: Mapping[str, Any]) -> str:
    config = scaled_object.get("spec", {}).get("advanced", {}).get("horizontalPodAutoscalerConfig", {})
    return str(config.get("name") or f"keda-hpa-{scaled_object['metadata']['name']}")


def _troubles(conditions: Any, *kinds: str) -> list[str]:
    return [
        f"{each['reason']}: {each.get('message', '')}"
        for each in conditions
        # Without a pod it does not look; that is KEDA's to mend.
        if each["type"] in kinds and each["status"] == "False" and each.get("reason") != "ScalingDisabled"
    ]


def _external(metrics: Any, place: str) -> float | None:
    for metric in metrics or ():
        value = metric.get("external", {}).get(place, {}).get("averageValue")
        if value is not None:
            return float(parse_quantity(value))
    return None


def _threshold(scaled_object: Mapping[str, Any]) -> float | None:
    """What KEDA will tell the HorizontalPodAutoscaler that is not there yet."""
    for trigger in scaled_object.get("spec", {}).get("triggers", ()):
        if "threshold" in trigger.get("metadata", {}):
            return float(trigger["metadata"]["threshold"])
    return None
