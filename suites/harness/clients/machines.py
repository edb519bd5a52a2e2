"""What takes a whole node away and brings it back: an interface, and the one for clusters that kind made."""

from __future__ import annotations

import importlib
import shutil
from typing import Literal, Protocol

from suites.harness.clients import expiry
from suites.harness.clients.programs import said_by
from suites.harness.errors import ClientError, TargetError, Unsupported
from suites.harness.target import Target

# paused: nothing on it runs on, nothing is closed, its memory stays. stopped: its power is cut.
Loss = Literal["paused", "stopped"]

_CONTEXT_PREFIX = "kind-"
# The cluster and the role as kind labels its containers, and the container's state in Docker's word.
_SHOWN = (
    '{{index .Config.Labels "io.x-k8s.kind.cluster"}} {{index .Config.Labels "io.x-k8s.kind.role"}} {{.State.Status}}'
)
# Docker waits for a container's process to be gone, and for its network to be made.
_CALL_ENDED_S = 60.0


class NodeProvider(Protocol):
    """Whatever owns the machines that the nodes are. Made from the target, which may name one as `module:Class`."""

    def check(self, node: str, loss: Loss) -> None:
        """Raises Unsupported, touching nothing, unless the node can be lost in this way and brought back."""

    def lose(self, node: str, loss: Loss, *, for_s: float) -> None:
        """Take the node away. It comes back after `for_s`, whatever becomes of the caller, unless restored before."""

    def restore(self, node: str) -> None:
        """Bring the node back if it is lost; returns when it was started, not when it serves. Twice is harmless."""

    def is_lost(self, node: str) -> bool:
        """Whether the node is away, as its owner sees it."""


def provider_of(target: Target) -> NodeProvider:
    """The target's node provider. Raises Unsupported when it has none."""
    if target.node_provider == "none":
        raise Unsupported(f"target {target.name} has nobody who could take a node away (nodes.provider: none)")
    if target.node_provider == "kind":
        return KindNodes(target)
    module, _, name = target.node_provider.partition(":")
    try:
        provider: NodeProvider = getattr(importlib.import_module(module), name)(target)
    except (ImportError, AttributeError) as error:
        raise TargetError(f"target {target.name}: nodes.provider {target.node_provider}: {error}") from error
    return provider


class KindNodes:
    """Nodes that are containers of kind. Touches only those of the cluster that the target's context names."""

    def __init__(self, target: Target) -> None:
        self._context = target.context

    def check(self, node: str, loss: Loss) -> None:
        if shutil.which("docker") is None:
            raise Unsupported("nodes of kind are lost through Docker: there is no docker program on the PATH")
        state = self._state(node)
        if state != "running":
            raise Unsupported(f"node {node} cannot be {loss}: its container is {state}")

    def lose(self, node: str, loss: Loss, *, for_s: float) -> None:
        self.check(node, loss)
        act, back = ("pause", "unpause") if loss == "paused" else ("kill", "start")
        expiry.arm(self._expiry(node), ["docker", back, node], after_s=for_s)
        _docker(act, node)

    def restore(self, node: str) -> None:
        state = self._state(node)
        if state != "running":
            try:
                _docker("unpause" if state == "paused" else "start", node)
            except ClientError:
                # Its time may have been over in this very moment.
                if self.is_lost(node):
                    raise
        # Last: whoever is killed before this leaves a node that still comes back.
        expiry.disarm(self._expiry(node))

    def is_lost(self, node: str) -> bool:
        return self._state(node) != "running"

    def _expiry(self, node: str) -> str:
        return f"{self._context}.{node}"

    def _state(self, node: str) -> str:
        """Docker's word for how the node's container is. Raises Unsupported for what is no worker of this cluster."""
        if not self._context.startswith(_CONTEXT_PREFIX):
            raise Unsupported(f"context {self._context} is none of kind's (kind-…): its nodes are no containers here")
        # A label that is not there leaves nothing between the blanks.
        cluster, role, state = (
            _docker("inspect", "--type", "container", "--format", _SHOWN, node).strip("\n").split(" ")
        )
        if cluster != self._context.removeprefix(_CONTEXT_PREFIX):
            raise Unsupported(f"container {node} is no node of the kind cluster of context {self._context}")
        if role != "worker":
            raise Unsupported(f"node {node} is a {role or 'node of unknown role'}: only workers are taken away")
        return state


def _docker(*arguments: str) -> str:
    return said_by("docker", *arguments, call=f"docker {arguments[0]} {arguments[-1]}", within_s=_CALL_ENDED_S)
