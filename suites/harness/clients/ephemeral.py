"""Ephemeral containers in running pods: tools in a pod's own network, where the pod's image and user have none.

Such a container cannot be taken out of its pod again. It idles, is used again by whoever comes next and ends by itself
ten minutes after its last command; an entry in the pod's description stays as long as the pod does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from suites.harness.clients.api import CALL_ANSWERED_S, named
from suites.harness.errors import ClientError, Unsupported

IDLE_S = 600
_UNTIL = "/tmp/sre-until"  # noqa: S108 in a container of our own
# As PID 1 a shell ignores SIGTERM unless it is told not to, and the pod's end would wait for its whole grace period.
_IDLE = f"""
trap 'exit 0' TERM
echo $(($(date +%s) + {IDLE_S})) > {_UNTIL}
while [ "$(date +%s)" -lt "$(cat {_UNTIL})" ]; do sleep 10 & wait $!; done
"""
# Written aside and moved, so that the loop above never reads half a number.
_PROLONG = f"""
until=$(($(date +%s) + {IDLE_S} + {{for_s}}))
[ "$until" -le "$(cat {_UNTIL})" ] || {{{{ echo "$until" > {_UNTIL}.$$ && mv {_UNTIL}.$$ {_UNTIL}; }}}}
"""
_IMAGE_ANNOTATION = "sre.site-search/faults-image"
# A reason to wait that waiting does not mend.
_STUCK = ("ErrImage", "ImagePull", "CreateContainer", "RunContainer", "InvalidImage")
_PREFIX = "sre-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What a container is for and what it is given; one that runs with the same kit is used again.

    With `changes_network` it is root with NET_ADMIN and nothing else; without, it is whoever the pod's containers are.
    `volume` is mounted at `mounted_at`.
    """

    purpose: str
    image: str
    changes_network: bool = False
    volume: str = ""
    mounted_at: str = ""

    def container(self, number: int) -> dict[str, Any]:
        security: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        if self.changes_network:
            security["capabilities"]["add"] = ["NET_ADMIN"]
            security |= {"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False}
        mounts = [{"name": self.volume, "mountPath": self.mounted_at}] if self.volume else []
        return {
            "name": f"{_PREFIX}{self.purpose}-{number}",
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", _IDLE],
            "securityContext": security,
            "volumeMounts": mounts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ephemeral:
    """An ephemeral container of ours as the API last told."""

    name: str
    image: str
    volume: str
    is_running: bool
    # Why it does not run yet, or no more.
    detail: str = ""

    def serves(self, kit: Kit) -> bool:
        return (
            self.is_running
            and self.name.startswith(f"{_PREFIX}{kit.purpose}-")
            and (self.image, self.volume) == (kit.image, kit.volume)
        )


class EphemeralContainers:
    """Those that the suites put into the namespace's pods. Every error of the API is a ClientError naming the call."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._namespace = namespace
        self._core = client.CoreV1Api(api)

    def image(self) -> str:
        """The image that whoever deployed the platform has put on its nodes for this, or an empty text."""
        with named(f"read namespace {self._namespace}"):
            namespace = self._core.read_namespace(self._namespace, _request_timeout=CALL_ANSWERED_S)
        return str((namespace.metadata.annotations or {}).get(_IMAGE_ANNOTATION, ""))

    def of(self, pod: str) -> list[Ephemeral]:
        """The pod's containers of ours, those that ended included, oldest first."""
        return ours(self._read(pod))

    def add(self, pod: str, kit: Kit, *, dry_run: bool = False) -> str:
        """Put one into the pod; its name. Raises Unsupported when the cluster does not admit it."""
        container = kit.container(len(self.of(pod)) + 1)
        with named(f"put an ephemeral container into pod {pod}"):
            try:
                self._core.patch_namespaced_pod_ephemeralcontainers(
                    pod,
                    self._namespace,
                    {"spec": {"ephemeralContainers": [container]}},
                    dry_run="All" if dry_run else None,
                    _content_type="application/strategic-merge-patch+json",
                    _preload_content=False,
                    _request_timeout=CALL_ANSWERED_S,
                )
            except ApiException as error:
                if error.status in (403, 422):
                    raise Unsupported(
                        f"pod {pod} may not be given a container for {kit.purpose}: {_message(error)}"
                    ) from error
                raise
        return str(container["name"])

    def is_running(self, pod: str, name: str) -> bool:
        """Whether it runs; False while it is being started. Raises Unsupported when it will not."""
        found = next((entry for entry in self.of(pod) if entry.name == name), None)
        if found is None:
            raise ClientError(f"pod {pod} has no container {name} any more")
        if found.detail.startswith(_STUCK) or found.detail.startswith("ended"):
            raise Unsupported(f"container {name} of pod {pod} does not run ({found.detail}), image {found.image}")
        return found.is_running

    def left(self) -> dict[str, list[Ephemeral]]:
        """What there is of ours in the namespace's pods, by pod."""
        with named("list pods"):
            response = self._core.list_namespaced_pod(
                self._namespace, _preload_content=False, _request_timeout=CALL_ANSWERED_S
            )
        found = {item["metadata"]["name"]: ours(item) for item in json.loads(response.data)["items"]}
        return {pod: containers for pod, containers in found.items() if containers}

    def _read(self, pod: str) -> dict[str, Any]:
        with named(f"read pod {pod}"):
            response = self._core.read_namespaced_pod(
                pod, self._namespace, _preload_content=False, _request_timeout=CALL_ANSWERED_S
            )
        found: dict[str, Any] = json.loads(response.data)
        return found


def kept_busy(script: str, *, for_s: float = 0) -> Sequence[str]:
    """The command that runs a shell script in a container of ours, which then stays for `for_s` and its idle time."""
    return ["sh", "-c", _PROLONG.format(for_s=math.ceil(for_s)) + script]


def ours(pod: Mapping[str, Any]) -> list[Ephemeral]:
    """The ephemeral containers of ours that a pod, as the API writes it, has."""
    states = {
        status["name"]: status.get("state") or {} for status in pod["status"].get("ephemeralContainerStatuses") or ()
    }
    return [
        Ephemeral(
            name=entry["name"],
            image=entry["image"],
            volume=next((mount["name"] for mount in entry.get("volumeMounts") or ()), ""),
            is_running="running" in states.get(entry["name"], {}),
            detail=_detail(states.get(entry["name"], {})),
        )
        for entry in pod["spec"].get("ephemeralContainers") or ()
        if entry["name"].startswith(_PREFIX)
    ]


def _detail(state: Mapping[str, Any]) -> str:
    if ended := state.get("terminated"):
        return f"ended with code {ended.get('exitCode')}"
    waiting = state.get("waiting") or {}
    return " ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))


def _message(error: ApiException) -> str:
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)
