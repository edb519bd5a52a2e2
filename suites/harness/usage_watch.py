"""What is looked at while a check runs: what every container of the cluster uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from reports.records import History, HistoryWriter, Operation
from suites.harness.clients.api import api_client
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.usage import ContainerUsage, Kubelets
from suites.harness.errors import ClientError

# Kubelets measure every 10 s or so; asked more often they say the same again, and each answer costs them 50 ms.
_LOOK_EVERY_S = 4.0
KIND = "use"


class UsageWatch:
    """Asks every node's kubelet again and again, and writes down each answer as operations of the containers.

    A client is `pod/container`, its `group` the component it belongs to, or else its namespace. A kubelet that does not
    answer, or may not be asked, is an `unknown` operation of its node. `beside_pods`: also what nodes run themselves,
    in a group without a name.
    """

    def __init__(
        self,
        cluster: Cluster,
        path: Path,
        *,
        kubelets: Kubelets | None = None,
        every_s: float = _LOOK_EVERY_S,
        beside_pods: bool = False,
    ) -> None:
        self.path = path
        self._cluster = cluster
        self._kubelets = kubelets or Kubelets(api_client(cluster.target))
        self._every_s = every_s
        self._beside_pods = beside_pods
        self._nodes: list[str] = []
        self._looks = HistoryWriter(path)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="watch usage", daemon=True)

    def __enter__(self) -> Self:
        started = time.time()
        try:
            self._nodes = self._kubelets.nodes()
        except ClientError as error:
            self._add("nodes", started, None, str(error))
        self._look()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Every call ends by itself.
        self._stopping.set()
        self._thread.join()
        if kind is None:
            self._look()
        self._looks.close()

    def history(self) -> History:
        """Every look, once the `with` block is over."""
        return History.read(self.path)

    def _keep_looking(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._look()

    def _look(self) -> None:
        try:
            groups = self._groups()
        except ClientError:
            # What cannot be told apart now was told apart before, or is by its namespace.
            groups = {}
        for node in self._nodes:
            started = time.time()
            try:
                found = self._kubelets.usage(node)
                if self._beside_pods:
                    found += self._kubelets.beside_pods(node)
            except ClientError as error:
                self._add(node, started, None, str(error))
                continue
            for usage in found:
                group = groups.get((usage.namespace, usage.pod), usage.namespace)
                self._add(f"{usage.pod}/{usage.container}", started, _value(usage, group), None)

    def _groups(self) -> dict[tuple[str, str], str]:
        namespace = self._cluster.namespace
        return {
            (namespace, pod.name): component
            for component in self._cluster.target.components
            for pod in self._cluster.pods(component)
        }

    def _add(self, client: str, started: float, value: Mapping[str, object] | None, error: str | None) -> None:
        self._looks.add(
            Operation(
                client=client, kind=KIND, intended=started, started=started, finished=time.time(),
                outcome="unknown" if value is None else "ok", value=value, error=error,
            )
        )  # fmt: skip


def _value(usage: ContainerUsage, group: str) -> dict[str, object]:
    return {
        "group": group,
        "at": usage.at,
        "cpu_s": usage.cpu_s,
        "memory_bytes": usage.memory_bytes,
        "descriptors": usage.descriptors,
        "sockets": usage.sockets,
    }
