"""Containers of ours in the victims' pods, and what is run in all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from suites.harness.clients.ephemeral import Kit, kept_busy
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, Unsupported
from suites.harness.wait import until

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A container of ours that runs in a pod."""

    pod: Pod
    container: str


def tools_image(cluster: Cluster) -> str:
    """The image for containers of ours. Raises Unsupported when nobody has named one."""
    image = cluster.target.faults_image or cluster.ephemeral.image()
    if not image:
        raise Unsupported(
            f"no image with nft, iptables, python3 and bash is named for faults in pods: give target "
            f"{cluster.target.name} one (faults.image), or deploy the platform again (`tox -e up`)"
        )
    return image


def open_tools(cluster: Cluster, pods: Sequence[Pod], kit: Kit, deadlines: Deadlines) -> tuple[Tool, ...]:
    """A running container of ours in each pod, the one that is there or a new one. Raises Unsupported if it is refused.

    An instrument and no fault: until it is told to do something, such a container sleeps.
    """
    present = dict(zip(pods, in_parallel(lambda pod: _running(cluster, pod, kit), pods), strict=True))
    lacking = [pod for pod, tool in present.items() if tool is None]
    # All or none: a pod that refuses is found before the first one is given anything.
    in_parallel(lambda pod: cluster.ephemeral.add(pod.name, kit, dry_run=True), lacking)
    names = in_parallel(lambda pod: cluster.ephemeral.add(pod.name, kit), lacking)
    for pod, name in zip(lacking, names, strict=True):
        _until_it_runs(cluster, pod, name, deadlines)
        present[pod] = Tool(pod=pod, container=name)
    return tuple(tool for tool in present.values() if tool is not None)


def run_everywhere(cluster: Cluster, tools: Sequence[Tool], script: str, *, for_s: float = 0) -> list[str]:
    """What the shell script wrote in each. Raises ClientError naming the pod where it failed."""

    def run(tool: Tool) -> str:
        result = cluster.exec(tool.pod.name, tool.container, kept_busy(script, for_s=for_s))
        if result.exit_code != 0:
            raise ClientError(f"in {tool.pod.name}/{tool.container}: {result.stderr.strip() or result}")
        return result.stdout

    return in_parallel(run, tools)


def left_running(cluster: Cluster, pods: Iterable[Pod], kit: Kit) -> tuple[Tool, ...]:
    """The containers of ours that still run in these pods."""
    return tuple(tool for tool in in_parallel(lambda pod: _running(cluster, pod, kit), list(pods)) if tool)


def in_parallel(act: Callable[[T], R], things: Sequence[T]) -> list[R]:
    """The same done to each at once. All have ended when it returns or raises."""
    if not things:
        return []
    with ThreadPoolExecutor(max_workers=len(things)) as pool:
        return list(pool.map(act, things))


def _running(cluster: Cluster, pod: Pod, kit: Kit) -> Tool | None:
    """One that runs with this kit and goes on doing so: it may have been about to end."""
    for entry in cluster.ephemeral.of(pod.name):
        if entry.serves(kit) and cluster.exec(pod.name, entry.name, kept_busy("true")).exit_code == 0:
            return Tool(pod=pod, container=entry.name)
    return None


def _until_it_runs(cluster: Cluster, pod: Pod, name: str, deadlines: Deadlines) -> None:
    until(
        lambda: cluster.ephemeral.is_running(pod.name, name),
        within=deadlines.tools_started_s,
        every=0.2,
        what=f"container {name} running in pod {pod.name}",
    )
