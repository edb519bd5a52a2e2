"""Open-model traffic: requests start by the clock, never by the answers to earlier ones.

The generator is a process of its own, so a busy test process cannot make it late; it ends when the process that
started it ends, however that dies.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from suites.harness.errors import HarnessError
from suites.harness.workloads.plan import STOP, Connections, Counts, Plan, ScheduleReport
from suites.harness.workloads.request import Requests

# Takes this share of its time away from every generator, to show that a starved one is found out (suites/mutants).
STARVE_VARIABLE = "SRE_STARVE_GENERATOR"
# An interpreter that has not started within this time is on a machine where nothing can be measured.
START_WITHIN_S = 60.0
# Beyond the plan and its last time-out: writing the history's tail and the report.
FINISH_WITHIN_S = 30.0
REPOSITORY = Path(__file__).resolve().parents[3]


class GeneratorError(HarnessError):
    """The generator did not start, or died before it reported: nothing that it wrote may be judged."""


class OpenLoop:
    """A generator that keeps `rate_hz` whatever the target does, and writes each operation to `history`.

    Outcomes: `ok` is a 2xx with the request's `expect` in its body. `unknown` is a time-out, and for a request that may
    have had an effect also a lost connection or a 5xx. Everything else is `fail`. Nothing is ever sent twice.
    """

    def __init__(
        self,
        *,
        base_url: str,
        rate_hz: float,
        requests: Requests,
        history: Path,
        connections: Connections = "reused",
        duration_s: float | None = None,
        client: str = "openloop",
        timeout_s: float = 5.0,
        max_in_flight: int | None = None,
    ) -> None:
        # As many as can wait at once when nothing is answered: a dead target alone never reaches the bound.
        waiting_at_most = math.ceil(rate_hz * timeout_s) + max(100, math.ceil(rate_hz))
        self.plan = Plan(
            base_url=base_url,
            rate_hz=rate_hz,
            duration_s=duration_s,
            requests=requests,
            connections=connections,
            client=client,
            history=str(history.resolve()),
            timeout_s=timeout_s,
            max_in_flight=max_in_flight or waiting_at_most,
            starve=float(os.environ.get(STARVE_VARIABLE, "0")),
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._settled = threading.Event()
        self._began = False
        self._counts = Counts()
        self._report: ScheduleReport | None = None
        self._log = history.with_name(f"{history.stem}.{client}.log")

    @property
    def counts(self) -> Counts:
        """What was sent and answered so far, at most a quarter of a second ago."""
        return self._counts

    @property
    def pid(self) -> int:
        """The generator's process."""
        if self._process is None:
            raise RuntimeError("a generator that was not started has no process")
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the generator's process had to say beside its report; gone when that was nothing."""
        return self._log

    def start(self) -> Self:
        """Return once the first request is due. Raises GeneratorError when it does not come to that."""
        if self._process is not None:
            raise RuntimeError("a generator is started once")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH", ""))))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "suites.harness.workloads.generator"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
            )
        self._reader = threading.Thread(target=self._listen, name=f"generator {self.plan.client}", daemon=True)
        self._reader.start()
        self._tell(pickle.dumps(self.plan))
        if not self._settled.wait(START_WITHIN_S) or not self._began:
            self._kill()
            raise self._error("did not start")
        return self

    def wait(self) -> ScheduleReport:
        """The report once the plan is carried out; only for a plan with an end."""
        if self.plan.duration_s is None:
            raise RuntimeError("a plan without an end is ended by stop()")
        return self._finish(self.plan.duration_s)

    def stop(self) -> ScheduleReport:
        """Send nothing more, await what is under way, and report. Twice is harmless."""
        self._tell(STOP)
        return self._finish(0.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self.stop()
        else:
            self._kill()

    def _finish(self, more_s: float) -> ScheduleReport:
        if self._process is None or self._reader is None:
            raise RuntimeError("a generator that was not started has no report")
        self._reader.join(more_s + self.plan.timeout_s + FINISH_WITHIN_S)
        if self._report is None:
            self._kill()
            raise self._error("died before it reported")
        self._process.wait(FINISH_WITHIN_S)
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._log.exists() and not self._log.stat().st_size:
            self._log.unlink()
        return self._report

    def _tell(self, said: bytes) -> None:
        if self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return
        try:
            self._process.stdin.write(said)
            self._process.stdin.flush()
        except BrokenPipeError:
            # It has ended; whether that was well is for the one who asks for the report.
            return

    def _listen(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._heard(json.loads(line))
        self._settled.set()

    def _heard(self, message: dict[str, Any]) -> None:
        if "counts" in message:
            self._counts = Counts(**message["counts"])
        elif "report" in message:
            self._report = ScheduleReport(**message["report"])
        else:
            self._began = True
            self._settled.set()

    def _kill(self) -> None:
        if self._process is None:
            return
        try:
            # One that closed its output is about to end by itself; its own exit status says more than a kill's.
            self._process.wait(1.0 if self._reader is not None and not self._reader.is_alive() else 0.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _error(self, what: str) -> GeneratorError:
        tail = self._log.read_text(errors="replace").strip().splitlines()[-1:]
        status = self._process.returncode if self._process is not None else None
        said = tail[0] if tail else "it said nothing"
        return GeneratorError(f"generator {self.plan.client} {what} (exit {status}): {said}; log {self._log}")
