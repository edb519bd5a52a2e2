"""The kind cluster itself: containers, network, kubeconfig. Names are fixed, so that `down` knows what is ours."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from . import isolation, shortcut
from .paths import cache, kubeconfig, tool
from .process import run, succeeds

NAME = "site-search"
CONTEXT = f"kind-{NAME}"
NETWORK = "site-search"
INGRESS_NODE_PORT = 9080
API_ANSWERS_S = 60
# Kubernetes takes a node for lost after 50 s of silence, and what ran there waits for that. This is four missed leases.
LOST_NODE_S = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the cluster is to look like; a cluster of another shape is made anew."""

    node_image: str
    workers: int
    http_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node's container; `state` is Docker's word (running, exited, paused…)."""

    name: str
    state: str
    image: str


def nodes() -> list[Node]:
    """The cluster's containers, whatever their state."""
    listed = run(
        "docker", "ps", "--all", "--filter", f"label=io.x-k8s.kind.cluster={NAME}", "--format",
        "{{.Names}}\t{{.State}}\t{{.Image}}",
    )  # fmt: skip
    rows = (line.split("\t") for line in sorted(listed.splitlines()))
    return [Node(name=name, state=state, image=image) for name, state, image in rows]


def workers() -> list[str]:
    return [node.name for node in nodes() if "control-plane" not in node.name]


CONTROL_PLANE = f"{NAME}-control-plane"
API_PORT = 6443
# Four times Docker's default.
CONTROL_PLANE_CPU_SHARES = 4096


def published_port(inside: int = INGRESS_NODE_PORT) -> int | None:
    """The port of this host that leads to a port of the control plane; by default the one where the ingress answers."""
    found = run("docker", "port", CONTROL_PLANE, f"{inside}/tcp", check=False).strip()
    return int(found.rsplit(":", 1)[1]) if found else None


def address(node: str) -> str:
    """Where a node's container is on the cluster's network; another one may be its own after a restart."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return run("docker", "inspect", "--format", form, node).strip()


def shorten_paths() -> None:
    """Let connections to the published ports take the kernel's way."""
    published = {published_port(inside): inside for inside in (INGRESS_NODE_PORT, API_PORT)}
    shortcut.open_to(address(CONTROL_PLANE), {port: inside for port, inside in published.items() if port})


def favour_control_plane() -> None:
    """Give the node that every request and every API call passes through the CPU first when all of them want it.

    Docker gives each node the same share, and the ingress on its third of a busy machine would make all others wait.
    """
    run("docker", "update", "--cpu-shares", str(CONTROL_PLANE_CPU_SHARES), CONTROL_PLANE)


def kubectl(
    *arguments: str | Path, stdin: str | None = None, check: bool = True, timeout_s: float | None = None
) -> str:
    return run(
        tool("kubectl"), "--kubeconfig", kubeconfig(), "--context", CONTEXT, *arguments,
        stdin=stdin, check=check, timeout_s=timeout_s,
    )  # fmt: skip


def api_answers() -> bool:
    return kubeconfig().exists() and succeeds(
        tool("kubectl"), "--kubeconfig", str(kubeconfig()), "--context", CONTEXT, "get", "--raw", "/readyz", timeout_s=5
    )


def fits(shape: Shape) -> bool:
    """Whether the containers that are there are of this shape, running or not."""
    present = nodes()
    return (
        len(present) == shape.workers + 1
        and all(node.image == shape.node_image for node in present)
        and kubeconfig().exists()
        and _created_from().exists()
        and yaml.safe_load(_created_from().read_text()) == _config(shape)
    )


def start_stopped() -> bool:
    """Start what is stopped or paused and let the published ports lead there; whether the API then answered in time."""
    for node in nodes():
        if node.state == "paused":
            run("docker", "unpause", node.name)
        elif node.state != "running":
            run("docker", "start", node.name)
    # They lead to where the control plane was before, and may be all that keeps it from answering.
    shorten_paths()
    stop_at = time.monotonic() + API_ANSWERS_S
    while not api_answers():
        if time.monotonic() > stop_at:
            return False
        time.sleep(0.5)
    return True


def create(shape: Shape) -> None:
    """Make the cluster; what a failed attempt made is removed."""
    isolation.make_network(NETWORK)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        yaml.safe_dump(_config(shape), config)
        config.flush()
        try:
            _kind("create", "cluster", "--image", shape.node_image, "--config", config.name, "--wait", "0s")
        except BaseException:
            delete()
            raise
    _created_from().write_text(yaml.safe_dump(_config(shape)))


def delete() -> None:
    """Remove the cluster's containers, their volumes, network and kubeconfig; nothing else."""
    if tool("kind").exists():
        _kind("delete", "cluster")
    for node in nodes():
        run("docker", "rm", "-f", "-v", node.name)
    shortcut.close()
    isolation.remove_network(NETWORK)
    kubeconfig().unlink(missing_ok=True)
    _created_from().unlink(missing_ok=True)


def _created_from() -> Path:
    """The configuration the present cluster was made from: much of it cannot be changed afterwards."""
    return cache() / "kind.yaml"


def _kind(*arguments: str) -> None:
    run(
        tool("kind"), *arguments, "--name", NAME, "--kubeconfig", kubeconfig(),
        env={"KIND_EXPERIMENTAL_DOCKER_NETWORK": NETWORK},
    )  # fmt: skip


def _config(shape: Shape) -> dict[str, object]:
    kubeadm = {
        "kind": "ClusterConfiguration",
        # One control plane: nobody to elect.
        "controllerManager": {"extraArgs": {"leader-elect": "false", "node-monitor-grace-period": f"{LOST_NODE_S}s"}},
        "scheduler": {"extraArgs": {"leader-elect": "false"}},
    }
    kubelet = {
        "kind": "KubeletConfiguration",
        # A kubelet renews its lease four times within its duration.
        "nodeLeaseDurationSeconds": LOST_NODE_S,
        # Hosts on version 1 of control groups do: what is served here asks for none of the newer one's.
        "failCgroupV1": False,
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"ipFamily": "ipv4", "apiServerAddress": "127.0.0.1"},
        "kubeadmConfigPatches": [yaml.safe_dump(kubeadm), yaml.safe_dump(kubelet)],
        "nodes": [
            {
                "role": "control-plane",
                "extraPortMappings": [
                    {"containerPort": INGRESS_NODE_PORT, "hostPort": shape.http_port, "listenAddress": "127.0.0.1"}
                ],
            },
            *({"role": "worker"} for _ in range(shape.workers)),
        ],
    }
