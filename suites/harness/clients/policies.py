"""NetworkPolicies of ours: made with an end of their own, and taken away."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from suites.harness.clients.api import CALL_ANSWERED_S, named


class Policies:
    """The namespace's NetworkPolicies. Every error of the API is a ClientError naming the call."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._namespace = namespace
        self._networking = client.NetworkingV1Api(api)
        self._batch = client.BatchV1Api(api)

    def all(self) -> list[dict[str, Any]]:
        """Every policy as the API writes it."""
        with named("list NetworkPolicies"):
            response = self._networking.list_namespaced_network_policy(
                self._namespace, _preload_content=False, _request_timeout=CALL_ANSWERED_S
            )
        found: list[dict[str, Any]] = json.loads(response.data)["items"]
        return found

    def make(self, name: str, spec: Mapping[str, Any], *, image: str, for_s: float, dry_run: bool = False) -> None:
        """Make a policy that the cluster itself takes away after `for_s`.

        It belongs to a Job that does nothing but end then, and that is deleted as soon as it has ended; what belongs to
        a deleted object is deleted too.
        """
        dry = "All" if dry_run else None
        with named(f"make Job {name}"):
            owner = self._batch.create_namespaced_job(
                self._namespace, _job(name, image, math.ceil(for_s)), dry_run=dry, _request_timeout=CALL_ANSWERED_S
            )
        reference = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": owner.metadata.uid}
        policy = {"metadata": {"name": name, "ownerReferences": [reference]}, "spec": dict(spec)}
        with named(f"make NetworkPolicy {name}"):
            self._networking.create_namespaced_network_policy(
                self._namespace, policy, dry_run=dry, _request_timeout=CALL_ANSWERED_S
            )

    def remove(self, name: str) -> None:
        """Take the policy and its Job away. Twice is harmless."""
        with named(f"delete NetworkPolicy {name}"):
            _unless_gone(self._networking.delete_namespaced_network_policy, name, self._namespace)
        with named(f"delete Job {name}"):
            _unless_gone(self._batch.delete_namespaced_job, name, self._namespace, propagation_policy="Background")


def _unless_gone(delete: Any, name: str, namespace: str, **options: Any) -> None:
    try:
        delete(name, namespace, _request_timeout=CALL_ANSWERED_S, **options)
    except ApiException as error:
        if error.status != 404:
            raise


def _job(name: str, image: str, for_s: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {
            # Also when its pod never starts.
            "activeDeadlineSeconds": for_s,
            "ttlSecondsAfterFinished": 0,
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 0,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65534,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "wait",
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "command": ["sleep", str(for_s)],
                            "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "16Mi"}},
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]},
                                "readOnlyRootFilesystem": True,
                            },
                        }
                    ],
                }
            },
        },
    }
