"""What is looked at while a component scales: the metric, the autoscaler and the pods, each several times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from reports.records import HistoryWriter, Operation
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.scaler import Scaler
from suites.harness.errors import HarnessError, Unsupported
from suites.harness.wait import until

# Hops are told in tenths of a second where the promise is in tens of seconds.
_LOOK_EVERY_S = 0.3
METRIC, AUTOSCALER, WORKERS = KINDS = "look at metric", "look at autoscaler", "look at workers"


class Stopwatch:
    """Writes each look into the check's history while its `with` block runs, as an operation of the component.

    `look at metric`: what Prometheus answers to the autoscaler's own query, None where there is no answer.
    `look at autoscaler`: what it saw last for one pod, and its trouble.
    `look at workers`: how many are wanted; which are there, are ready, are leaving.
    """

    def __init__(self, cluster: Cluster, component: str, history: HistoryWriter) -> None:
        if cluster.scaler is None or cluster.scaler.ref.component != component:
            raise Unsupported(f"target {cluster.target.name} names no scaler of {component}")
        self._cluster = cluster
        self._scaler: Scaler = cluster.scaler
        self._component = component
        self._history = history
        self._stopping = threading.Event()
        looks: dict[str, Callable[[], Any]] = {
            METRIC: self._metric, AUTOSCALER: self._autoscaler, WORKERS: self._workers,
        }  # fmt: skip
        # One that has to wait for its answer must not keep the others from looking.
        self._threads = [
            threading.Thread(target=self._keep_looking, args=look, name=look[0], daemon=True) for look in looks.items()
        ]
        self._question: tuple[str, str] | None = None
        self._looked: set[str] = set()

    def __enter__(self) -> Self:
        self._question = self._scaler.question()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Every call ends by itself.
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def until_looked(self, *, within: float) -> None:
        """Return once everything was looked at, so that what is there is known before something is done."""
        until(lambda: self._looked, where=lambda looked: len(looked) == len(KINDS), within=within, what="a first look")

    @property
    def query(self) -> str:
        """What the autoscaler asks Prometheus; empty where that cannot be told."""
        return self._question[1] if self._question else ""

    def _keep_looking(self, kind: str, look: Callable[[], Any]) -> None:
        while not self._stopping.is_set():
            started = time.time()
            value, why = None, None
            try:
                value = look()
            except HarnessError as error:
                why = str(error)
            self._history.add(
                Operation(
                    client=self._component,
                    kind=kind,
                    intended=started,
                    started=started,
                    finished=time.time(),
                    outcome="unknown" if why else "ok",
                    value=value,
                    error=why,
                )
            )
            self._looked.add(kind)
            self._stopping.wait(started + _LOOK_EVERY_S - time.time())

    def _metric(self) -> dict[str, float | None]:
        if self._question is None:
            raise Unsupported("it is not told what the autoscaler asks")
        return {"queued": self._scaler.answer(*self._question)}

    def _autoscaler(self) -> dict[str, Any]:
        state = self._scaler.state()
        return {"per_pod": state.metric_per_pod, "trouble": state.trouble}

    def _workers(self) -> dict[str, Any]:
        pods = self._cluster.pods(self._component)
        return {
            "wanted": self._cluster.readiness(self._component).wanted,
            "there": [pod.uid for pod in pods if not pod.is_terminating],
            "ready": [pod.uid for pod in pods if pod.is_ready and not pod.is_terminating],
            "leaving": [pod.uid for pod in pods if pod.is_terminating],
        }
