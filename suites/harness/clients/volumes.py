"""Which pod keeps its data where: the claims that pods mount."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from suites.harness.clients.api import CALL_ANSWERED_S, named


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A claim as a pod's main container sees it."""

    pod: str
    claim: str
    # The pod's own name for it.
    volume: str
    path: str


class Volumes:
    """The namespace's mounted claims. Every error of the API is a ClientError naming the call."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._namespace = namespace
        self._core = client.CoreV1Api(api)

    def mounts(self) -> list[Mount]:
        """Every claim that the first container of a pod mounts."""
        with named("list pods"):
            response = self._core.list_namespaced_pod(
                self._namespace, _preload_content=False, _request_timeout=CALL_ANSWERED_S
            )
        return [mount for pod in json.loads(response.data)["items"] for mount in _mounts(pod)]

    def claims(self) -> dict[str, str]:
        """Every claim of the namespace by name: its phase and how much it asks for."""
        with named("list PersistentVolumeClaims"):
            found = self._core.list_namespaced_persistent_volume_claim(
                self._namespace, _request_timeout=CALL_ANSWERED_S
            )
        return {
            item.metadata.name: f"{item.status.phase}, {item.spec.resources.requests['storage']}"
            for item in found.items
        }


def _mounts(pod: Mapping[str, Any]) -> list[Mount]:
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"].get("volumes") or ()
        if "persistentVolumeClaim" in volume
    }
    return [
        Mount(
            pod=pod["metadata"]["name"],
            claim=claims[mount["name"]],
            volume=mount["name"],
            path=mount["mountPath"],
        )
        for mount in pod["spec"]["containers"][0].get("volumeMounts") or ()
        if mount["name"] in claims
    ]
