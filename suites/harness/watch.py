"""What is looked at while a check runs: which PostgreSQL instances take writes, many times a second on each."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from reports.records import History, HistoryWriter, Operation, Outcome
from suites.harness.clients.objects import Pod
from suites.harness.clients.sql import CONTAINER, Postgres
from suites.harness.clients.streams import LineStream
from suites.harness.errors import ClientError

_LOOK_FOR_PODS_EVERY_S = 1.0
_ENDS_WITHIN_S = 5.0
KIND = "try to write"
_OUTCOMES: dict[str, Outcome] = {"accepted": "ok", "silent": "unknown"}


class PrimaryWatch:
    """Tries to write on every instance by itself, ten times a second, and writes down what became of each try.

    Each line is an operation of the instance: `ok` is a write it acknowledged, `fail` one that it refused (a standby,
    read-only, no server), `unknown` half a second in which it did not answer. Times are the pod's own, so a slow
    connection moves nothing. The value says the answer, in which stream of lines it came, when it was received, and
    when the server had started. Instances that come back are watched again. One whose pod is gone is said to be, and
    listened to all the same: a node that is lost to the cluster may still run it.
    """

    def __init__(self, postgres: Postgres, path: Path) -> None:
        self.path = path
        self._postgres = postgres
        self._samples = HistoryWriter(path)
        self._stopping = threading.Event()
        # By container, so that one that is started anew is looked at anew.
        self._streams: dict[str, _Stream] = {}
        self._opened = 0
        self._thread = threading.Thread(target=self._keep_watching, name="primary watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def history(self) -> History:
        """Every try, once it was stopped."""
        return History.read(self.path)

    def stop(self) -> None:
        """Look no more; the samples are closed on disk. Twice is harmless."""
        self._stopping.set()
        self._thread.join(_ENDS_WITHIN_S)
        for stream in self._streams.values():
            stream.end()
        for stream in self._streams.values():
            stream.join(_ENDS_WITHIN_S)
        self._samples.close()

    def _keep_watching(self) -> None:
        while not self._stopping.is_set():
            # What cannot be listed now is listed a second later; a hole shows in the samples.
            with contextlib.suppress(ClientError):
                self._follow(self._postgres.pods())
            self._stopping.wait(_LOOK_FOR_PODS_EVERY_S)

    def _follow(self, pods: list[Pod]) -> None:
        running = {_container_id(pod): pod for pod in pods}
        for container_id, stream in list(self._streams.items()):
            if container_id not in running and not stream.is_gone:
                stream.is_gone = True
                self._samples.add(_sample(stream.instance, time.time(), "gone", stream=stream.number))
            if not stream.is_alive():
                self._streams.pop(container_id)
        for container_id, pod in running.items():
            if container_id and container_id not in self._streams:
                self._opened += 1
                self._streams[container_id] = _Stream(self._postgres, pod.name, self._opened, self._samples)
                self._streams[container_id].start()


class _Stream(threading.Thread):
    """One unbroken stream of answers of one instance."""

    def __init__(self, postgres: Postgres, instance: str, number: int, samples: HistoryWriter) -> None:
        super().__init__(name=f"watch {instance} {number}", daemon=True)
        self.instance = instance
        self.number = number
        self.is_gone = False
        self._postgres = postgres
        self._samples = samples
        self._ended = threading.Event()
        self._lines: LineStream | None = None

    def run(self) -> None:
        # A stream that breaks is opened again by whoever looks for pods.
        with contextlib.suppress(ClientError), self._postgres.watch(self.instance) as lines:
            self._lines = lines
            for line in lines:
                if self._ended.is_set():
                    return
                self._samples.add(sample_of(self.instance, line, stream=self.number, received=time.time()))

    def end(self) -> None:
        self._ended.set()
        if self._lines is not None:
            self._lines.close()


def sample_of(instance: str, line: str, *, stream: int, received: float) -> Operation:
    """A line of an instance's watch: the pod's time, and an answer, which stands between two times of the server."""
    words = line.split()
    try:
        if len(words) == 2:
            return _sample(instance, float(words[0]), words[1], stream=stream, received=received)
        at, asked, answer, server_start = words
        return _sample(
            instance, float(at), answer, asked=float(asked), stream=stream, received=received,
            server_start=float(server_start),
        )  # fmt: skip
    except ValueError:
        raise ClientError(f"{instance} answered its watch with {line[:200]!r}") from None


def _sample(
    instance: str,
    at: float,
    answer: str,
    *,
    stream: int,
    asked: float | None = None,
    received: float | None = None,
    server_start: float | None = None,
) -> Operation:
    value = {"answer": answer, "stream": stream, "received": received, "server_start": server_start}
    started = at if asked is None else asked
    outcome = _OUTCOMES.get(answer, "fail")
    return Operation(
        client=instance, kind=KIND, intended=started, started=started, finished=at, outcome=outcome, value=value
    )


def _container_id(pod: Pod) -> str:
    return next((container.container_id for container in pod.containers if container.name == CONTAINER), "")
