"""A second witness: what pods, restarts and logs say of the time in which something was done to the target."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from suites.harness.checkers.witness import ContainerSeen, LogLine, what_happened
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Container, Pod
from suites.harness.errors import ClientError

# Read more of a log until it reaches back far enough: most containers say little, an app says a line for each write.
_LINES = (500, 4000, 20_000)
_KILLED_FOR_MEMORY = "OOMKilled"


class Witness:
    """Looks at every component once when it is made, and again when it testifies."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._since = time.time()
        self._before = self._pods()

    def testify(self, *, fault: str | None = None, victims: Collection[str] = ()) -> dict[str, Any]:
        """What happened since the first look, beside what was done to the victims.

        Those are the components that are given, and those which the fault's name gives away. What cannot be read any
        more is said: `unread`.
        """
        after = self._pods()
        victims = {*victims, *victims_of(fault or "", self._before), *victims_of(fault or "", after)}
        unread: list[str] = []
        lines = list(self._lines(after, unread))
        told = what_happened(_containers(self._before), _containers(after), lines, since=self._since, victims=victims)
        return told | ({"unread": unread} if unread else {})

    def _pods(self) -> Mapping[str, list[Pod]]:
        return {component: self._cluster.pods(component) for component in self._cluster.target.components}

    def _lines(self, pods: Mapping[str, list[Pod]], unread: list[str]) -> Iterator[LogLine]:
        was = {
            (pod.uid, container.name): container.restarts
            for found in self._before.values()
            for pod in found
            for container in pod.containers
        }
        for component, found in pods.items():
            for pod in found:
                for container in pod.containers:
                    restarted = container.restarts > was.get((pod.uid, container.name), 0)
                    for previous in (True, False) if restarted else (False,):
                        for text in self._log(pod, container, unread, previous=previous):
                            yield LogLine(component=component, pod=pod.name, text=text)

    def _log(self, pod: Pod, container: Container, unread: list[str], *, previous: bool) -> list[str]:
        name = f"{pod.name}/{container.name}{' before its restart' if previous else ''}"
        for lines in _LINES:
            try:
                log = self._cluster.logs(pod.name, container.name, lines=lines, previous=previous)
            except ClientError as error:
                unread.append(f"{name}: {error}")
                return []
            stamped = [line for line in map(_stamped, log.splitlines()) if line is not None]
            if len(stamped) < lines or stamped[0][0] < self._since:
                return [text for at, text in stamped if at >= self._since]
        unread.append(f"{name}: all but the last {lines} lines")
        return [text for at, text in stamped if at >= self._since]


def victims_of(fault: str, pods: Mapping[str, list[Pod]]) -> set[str]:
    """The components that are named in the fault's name, that have a pod named there, or one on a node named there."""
    words = set(re.findall(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", fault))
    return {
        component
        for component, found in pods.items()
        if component in words or any(pod.name in words or pod.node in words for pod in found)
    }


def _containers(pods: Mapping[str, list[Pod]]) -> list[ContainerSeen]:
    return [
        ContainerSeen(
            component=component,
            pod=pod.name,
            pod_uid=pod.uid,
            name=container.name,
            restarts=container.restarts,
            killed_for_memory_at=_killed_for_memory_at(container),
        )
        for component, found in pods.items()
        for pod in found
        for container in pod.containers
    ]


def _killed_for_memory_at(container: Container) -> float | None:
    ended = container.last_termination
    return ended.finished_at if ended is not None and ended.reason == _KILLED_FOR_MEMORY else None


def _stamped(line: str) -> tuple[float, str] | None:
    """When a line was written, and what it says."""
    stamp, _, text = line.partition(" ")
    try:
        return datetime.fromisoformat(stamp).timestamp(), text
    except ValueError:
        return None
