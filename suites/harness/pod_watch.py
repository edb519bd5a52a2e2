"""What is looked at while a check runs: how many of a component's pods are in service, six times a second."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from reports.records import History, HistoryWriter, Operation
from suites.harness.clients.kubernetes import Cluster
from suites.harness.errors import ClientError

# Each look costs client and API server 10 ms of a processor that the platform may need.
_LOOK_EVERY_S = 0.16
_ASK_WHAT_IS_WANTED_EVERY_S = 1.0
KIND = "count pods"


class PodWatch:
    """Asks the API server again and again, and writes down each look as an operation of the component.

    `ok` is an answer: how many pods were ready, how many were in service, and how many its workload wanted. In service
    is a pod from when it was first ready until it is to be deleted: on a busy machine one that nobody touches may miss
    a probe. `unknown` is a look that was not answered.
    """

    def __init__(self, cluster: Cluster, component: str, path: Path) -> None:
        self.path = path
        self._cluster = cluster
        self._component = component
        self._looks = HistoryWriter(path)
        self._stopping = threading.Event()
        self._were_ready: set[str] = set()
        self._wanted = 0
        self._asked_at = 0.0
        self._thread = threading.Thread(target=self._keep_looking, name=f"watch pods of {component}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Every call ends by itself.
        self._stopping.set()
        self._thread.join()
        self._looks.close()

    def history(self) -> History:
        """Every look, once the `with` block is over."""
        return History.read(self.path)

    def _keep_looking(self) -> None:
        while not self._stopping.is_set():
            look = self._look()
            self._looks.add(look)
            self._stopping.wait(look.started + _LOOK_EVERY_S - time.time())

    def _look(self) -> Operation:
        started = time.time()
        value: dict[str, int] | None = None
        why: str | None = None
        try:
            pods = self._cluster.pods(self._component)
            if started - self._asked_at >= _ASK_WHAT_IS_WANTED_EVERY_S:
                self._wanted = self._cluster.readiness(self._component).wanted
                self._asked_at = started
            # One that is being deleted gets no more requests, whatever its kubelet still says of it.
            staying = [pod for pod in pods if not pod.is_terminating]
            ready = [pod.uid for pod in staying if pod.is_ready]
            self._were_ready.update(ready)
            in_service = sum(pod.uid in self._were_ready for pod in staying)
            value = {"ready": len(ready), "in_service": in_service, "wanted": self._wanted}
        except ClientError as error:
            why = str(error)
        return Operation(
            client=self._component,
            kind=KIND,
            intended=started,
            started=started,
            finished=time.time(),
            outcome="unknown" if value is None else "ok",
            value=value,
            error=why,
        )
