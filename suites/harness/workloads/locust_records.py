"""Locust's requests written down as operations of our history, and its users counted; runs in Locust's own process.

Imports nothing of Locust: `python -m pytest` can read this module without its monkey patching.
"""

from __future__ import annotations

import array
import os
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

from reports.records import HistoryWriter, Operation, Outcome
from suites.harness.workloads.openloop import STARVE_VARIABLE
from suites.harness.workloads.plan import STARVED_SLICE_S
from suites.harness.workloads.priority import take_real_time
from suites.harness.workloads.user_report import HISTORY, LOOKS, REPORT, UserReport

KIND = "count users"
# Where in a request's context of Locust.
TOLD = "told"
# Where in a worker's report to its master.
_SENT = "sre"
_LOOK_EVERY_S = 1.0
# Fine enough to see a loop that is held up, coarse enough to cost nothing.
_CLOCK_S = 0.05


class Told(TypedDict):
    """What a request's own user says of it."""

    client: str
    kind: str
    value: str | None


class BadAnswer(Exception):
    """What Locust is told of a request that was not answered well; carries what became of it."""

    def __init__(self, outcome: Outcome, error: str) -> None:
        super().__init__(error)
        self.outcome = outcome


class LocustRecords:
    """Listens to an environment of Locust from its start to its end, in each of Locust's processes.

    A request carries in its `context` what Locust does not know of it, in the end with the value that the answer gave.
    Users wait for their answers, so `intended` is when they asked. A worker (`is_worker`) sends what it has to its
    master with Locust's own reports, wherever that is; the one who has no master writes all of it down.
    """

    def __init__(self, environment: Any, folder: Path, *, is_worker: bool = False) -> None:
        self._environment = environment
        self._is_worker = is_worker
        self._folder = folder
        self._started_s = time.monotonic()
        self._late_s = array.array("d")
        self._users_most = 0
        self._cpu_warnings: list[float] = []
        self._unexpected: list[str] = []
        self._over = threading.Event()
        self._parent = os.getppid()
        self._real_time = take_real_time()
        self._unsent: list[dict[str, Any]] = []
        self._workers: dict[str, UserReport] = {}
        self.scrapes_submitted = 0
        events = environment.events
        events.request.add_listener(self._on_request)
        events.cpu_warning.add_listener(self._on_cpu_warning)
        events.user_error.add_listener(self._on_user_error)
        if is_worker:
            events.report_to_master.add_listener(self._on_report_to_master)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._history = HistoryWriter(folder / HISTORY)
            self._looks = HistoryWriter(folder / LOOKS)
            events.worker_report.add_listener(self._on_worker_report)
            events.quitting.add_listener(self._on_quitting)
        # Locust has made a greenlet of every thread.
        self._clock = threading.Thread(target=self._watch, name="users", daemon=True)
        self._clock.start()
        if starve := float(os.environ.get(STARVE_VARIABLE, "0")):
            threading.Thread(target=_starve, args=(starve,), name="starve", daemon=True).start()

    def _on_request(
        self,
        *,
        name: str,
        response_time: float,
        exception: BaseException | None,
        context: Any,
        start_time: float,
        **_: Any,
    ) -> None:
        outcome: Outcome = "ok"
        if exception is not None:
            # What nobody looked at more closely may have taken effect.
            outcome = exception.outcome if isinstance(exception, BadAnswer) else "unknown"
        told: Told = context.get(TOLD) or Told(client="user", kind=name, value=None)
        operation = Operation(
            client=told["client"],
            kind=told["kind"],
            intended=start_time,
            started=start_time,
            finished=start_time + response_time / 1000.0,
            outcome=outcome,
            value=told["value"],
            error=None if exception is None else str(exception),
        )
        if self._is_worker:
            self._unsent.append(asdict(operation))
        else:
            self._history.add(operation)

    def _on_cpu_warning(self, *, cpu_usage: float, **_: Any) -> None:
        self._cpu_warnings.append(cpu_usage)

    def _on_user_error(self, *, exception: BaseException, **_: Any) -> None:
        self._unexpected.append(f"{type(exception).__name__}: {exception}")

    def _on_report_to_master(self, *, data: dict[str, Any], **_: Any) -> None:
        data[_SENT] = {"operations": self._unsent, "report": asdict(self._report())}
        self._unsent = []

    def _on_worker_report(self, *, client_id: str, data: dict[str, Any], **_: Any) -> None:
        sent = data[_SENT]
        for row in sent["operations"]:
            self._history.add(Operation(**row))
        self._workers[client_id] = UserReport.of(sent["report"])

    def _on_quitting(self, **_: Any) -> None:
        """Everything is on disk when Locust ends; the report comes last and says that it is whole."""
        self._over.set()
        self._clock.join()
        self._history.close()
        self._looks.close()
        UserReport.together([self._report(), *self._workers.values()]).write(self._folder / REPORT)

    def _report(self) -> UserReport:
        late = sorted(self._late_s)
        cpu_s = time.process_time()
        return UserReport(
            processes=1,
            users_most=self._users_most,
            late_p50_ms=late[len(late) // 2] * 1000.0 if late else None,
            late_p99_ms=late[int(len(late) * 0.99)] * 1000.0 if late else None,
            cpu_s=cpu_s,
            cpu_cores=cpu_s / (time.monotonic() - self._started_s),
            cpu_warnings=tuple(self._cpu_warnings),
            scrapes_submitted=self.scrapes_submitted,
            real_time=self._real_time,
            unexpected=tuple(self._unexpected[:20]),
        )

    def _watch(self) -> None:
        look_at = time.monotonic()
        while not self._over.is_set():
            due = time.monotonic() + _CLOCK_S
            time.sleep(_CLOCK_S)
            now = time.monotonic()
            # How late it was while it started, or waited for others to, is nobody's wait.
            if self._environment.runner is not None and self._environment.runner.user_count:
                self._late_s.append(now - due)
            if now >= look_at:
                look_at = now + _LOOK_EVERY_S
                self._look()

    def _look(self) -> None:
        runner = self._environment.runner
        if runner is None or self._is_worker:
            return
        if os.getppid() != self._parent:
            # Whoever wanted these users is gone.
            runner.quit()
        users = int(runner.user_count)
        self._users_most = max(self._users_most, users)
        at = time.time()
        self._looks.add(
            Operation(
                client="locust", kind=KIND, intended=at, started=at, finished=at, outcome="ok", value={"users": users}
            )
        )


def _starve(share: float) -> None:
    """Hold the whole process up, as no sleep of Locust's would."""
    from gevent.monkey import get_original  # type: ignore[import-untyped]

    hold_up = get_original("time", "sleep")
    while True:
        hold_up(STARVED_SLICE_S * share)
        time.sleep(STARVED_SLICE_S * (1.0 - share))
