"""The generator's own process: sends by the clock whatever the target does, and writes every operation down.

Run by `OpenLoop`, never by hand: `python -m suites.harness.workloads.generator`, a pickled Plan on standard input.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import gc
import itertools
import json
import math
import os
import pickle
import queue
import resource
import socket
import ssl
import sys
import threading
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from reports.records import Outcome
from suites.harness.workloads.http1 import Connection, Response
from suites.harness.workloads.outcome import outcome_of, value_of
from suites.harness.workloads.plan import STARVED_SLICE_S, Counts, Plan, ScheduleReport
from suites.harness.workloads.priority import take_real_time
from suites.harness.workloads.request import Request

# Often enough for someone who waits for traffic to flow, rare enough to cost nothing.
FLUSH_INTERVAL_S = 0.25
# The timers of the loop count whole milliseconds.
TICK_S = 0.001


class Flight:
    """A request from its intended start to its outcome."""

    __slots__ = ("connecting", "connection", "intended", "over", "request", "started")

    def __init__(self, request: Request, intended: float, started: float) -> None:
        self.request = request
        self.intended = intended
        self.started = started
        self.over = False
        self.connection: Connection | None = None
        self.connecting: asyncio.Task[None] | None = None


class HistoryFile:
    """Appends to a history from a thread of its own: a disk that is slow to take it must not make the sender late."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="history")
        self._thread.start()

    def add(self, lines: bytes) -> None:
        self._waiting.put(lines)

    def close(self) -> None:
        """Everything that was added is in the file. Not synced: that takes minutes while others write to the disk."""
        self._waiting.put(None)
        self._thread.join()
        os.close(self._descriptor)

    def _write(self) -> None:
        while (data := self._waiting.get()) is not None:
            while data:
                data = data[os.write(self._descriptor, data) :]


class Generator:
    """Sends the n-th request at t0 + n / rate, answered or not the ones before it."""

    def __init__(self, plan: Plan, loop: asyncio.AbstractEventLoop, history: HistoryFile) -> None:
        self.plan = plan
        self.finished = loop.create_future()
        self._loop = loop
        self._history = history
        requests = iter(plan.requests)
        # The first one is made now, with all that the others need: none of that may happen on the schedule's time.
        self._requests = itertools.chain(tuple(itertools.islice(requests, 1)), requests)
        self._reuse = plan.connections == "reused"
        url = urlsplit(plan.base_url)
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._host = url.netloc
        self._server_name = url.hostname or ""
        # Looked up once: what is measured is the target, not the resolver.
        self._address = socket.getaddrinfo(
            url.hostname, url.port or (443 if self._tls else 80), type=socket.SOCK_STREAM
        )[0][4][:2]
        self._prefix = url.path.rstrip("/")
        self._idle: list[Connection] = []
        self._in_flight = 0
        self._in_flight_max = 0
        self._by_start: deque[Flight] = deque()
        self._late_s = array.array("d")
        self._lines: list[str] = []
        self._outcomes: dict[Outcome, int] = {"ok": 0, "fail": 0, "unknown": 0}
        self._due = 0
        self._missed = 0
        self._scheduling = True
        self._client_json = json.dumps(plan.client)

    def start(self) -> None:
        self._epoch_s = time.time() - time.monotonic()
        self._cpu_start_s = time.process_time()
        self._t0 = self._t_last = self._sent_until = time.monotonic() + TICK_S
        self._end = self._t0 + self.plan.duration_s if self.plan.duration_s is not None else math.inf
        self._tick()
        self._flush_regularly()
        if self.plan.starve:
            self._starve()

    def stop(self) -> None:
        """Nothing more is sent; what is under way is awaited until its time-out."""
        self._scheduling = False

    def report(self) -> ScheduleReport:
        late = sorted(self._late_s)
        elapsed_s = self._due / self.plan.rate_hz if self._due else 0.0
        elapsed_s = max(elapsed_s, self._t_last - self._t0)
        counts = self._counts()
        return ScheduleReport(
            client=self.plan.client,
            sent=counts.sent,
            ok=counts.ok,
            failed=counts.failed,
            unknown=counts.unknown,
            missed=self._missed,
            asked_rate_hz=self.plan.rate_hz,
            rate_hz=counts.sent / elapsed_s if elapsed_s else 0.0,
            late_p50_ms=late[len(late) // 2] * 1000.0 if late else None,
            late_p99_ms=late[math.ceil(len(late) * 0.99) - 1] * 1000.0 if late else None,
            late_max_ms=late[-1] * 1000.0 if late else None,
            in_flight_max=self._in_flight_max,
            in_flight_bound=self.plan.max_in_flight,
            started_at=self._t0 + self._epoch_s,
            ended_at=self._t_last + self._epoch_s,
            cpu_s=time.process_time() - self._cpu_start_s,
            facts={
                "connections": self.plan.connections,
                "real_time": os.sched_getscheduler(0) == os.SCHED_RR,
            },
        )

    def flush(self) -> None:
        """Hand over everything that is over, in whole lines."""
        if self._lines:
            self._history.add("".join(self._lines).encode())
            self._lines.clear()

    def _counts(self) -> Counts:
        return Counts(
            sent=self._due - self._missed,
            ok=self._outcomes["ok"],
            failed=self._outcomes["fail"],
            unknown=self._outcomes["unknown"],
            sent_until=self._sent_until + self._epoch_s,
        )

    def _tick(self) -> None:
        now = time.monotonic()
        self._expire(now)
        due_at = self._t0 + self._due / self.plan.rate_hz
        while self._scheduling and due_at <= now:
            request = next(self._requests, None) if due_at < self._end else None
            if request is None:
                self._scheduling = False
                break
            if self._in_flight >= self.plan.max_in_flight:
                self._missed += 1
            else:
                self._send(request, due_at)
            self._due += 1
            due_at = self._t0 + self._due / self.plan.rate_hz
        if not self._scheduling and not self._in_flight:
            if not self.finished.done():
                self.finished.set_result(None)
            return
        wait_s = due_at - time.monotonic() if self._scheduling else TICK_S
        # A delay below the loop's resolution would be taken as "at once", and the loop would spin.
        self._loop.call_later(min(max(wait_s, TICK_S), 50 * TICK_S), self._tick)

    def _send(self, request: Request, intended: float) -> None:
        started = time.monotonic()
        self._late_s.append(started - intended)
        self._t_last, self._sent_until = started, intended
        flight = Flight(request, intended, started)
        self._in_flight += 1
        self._in_flight_max = max(self._in_flight_max, self._in_flight)
        self._by_start.append(flight)
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                self._exchange(flight, connection)
                return
        flight.connecting = self._loop.create_task(self._connect(flight))

    async def _connect(self, flight: Flight) -> None:
        try:
            _, connection = await self._loop.create_connection(
                Connection,
                *self._address,
                ssl=self._tls,
                server_hostname=self._server_name if self._tls else None,
            )
        except OSError as error:
            # Nothing was sent, so nothing can have happened: this is a failure and no unknown.
            self._over(flight, "fail", f"cannot connect: {error.strerror or error}")
            return
        self._exchange(flight, connection)

    def _exchange(self, flight: Flight, connection: Connection) -> None:
        flight.connection = connection
        connection.exchange(
            flight.request,
            self._render(flight.request),
            lambda response: self._answered(flight, response),
            lambda why: self._over(flight, "fail" if flight.request.reads_only else "unknown", why),
        )

    def _render(self, request: Request) -> bytes:
        head = f"{request.method} {self._prefix}{request.path} HTTP/1.1\r\nHost: {self._host}\r\n"
        for name, value in request.headers:
            head += f"{name}: {value}\r\n"
        if request.body or not request.reads_only:
            head += f"Content-Length: {len(request.body)}\r\n"
        head += "\r\n" if self._reuse else "Connection: close\r\n\r\n"
        return head.encode("latin-1") + request.body

    def _answered(self, flight: Flight, response: Response) -> None:
        connection = flight.connection
        if connection is not None and not connection.closed:
            if self._reuse:
                self._idle.append(connection)
            else:
                connection.abort()
        request = flight.request
        value = value_of(request, lambda name: response.header(name.encode()))
        self._over(flight, *outcome_of(request, response.status, response.body), value)

    def _expire(self, now: float) -> None:
        oldest = self._by_start
        while oldest and (oldest[0].over or now - oldest[0].started >= self.plan.timeout_s):
            flight = oldest.popleft()
            if flight.over:
                continue
            sent = flight.connection is not None
            if flight.connection is not None:
                flight.connection.abort()
            elif flight.connecting is not None:
                flight.connecting.cancel()
            doing = "no answer" if sent else "not connected"
            self._over(flight, "unknown", f"time-out: {doing} within {self.plan.timeout_s:g} s")

    def _over(self, flight: Flight, outcome: Outcome, error: str | None, value: str | None = None) -> None:
        if flight.over:
            return
        flight.over = True
        flight.connection = flight.connecting = None
        if value is None:
            value = value_of(flight.request, None)
        self._in_flight -= 1
        self._outcomes[outcome] += 1
        epoch = self._epoch_s
        self._lines.append(
            f'{{"client":{self._client_json},"kind":"{flight.request.kind}",'
            f'"intended":{epoch + flight.intended:.6f},"started":{epoch + flight.started:.6f},'
            f'"finished":{epoch + time.monotonic():.6f},"outcome":"{outcome}",'
            f'"value":{json.dumps(value) if value else "null"},"error":{json.dumps(error) if error else "null"}}}\n'
        )

    def _flush_regularly(self) -> None:
        self.flush()
        # Someone who does not read must not be able to stop the generator.
        with contextlib.suppress(BlockingIOError):
            os.write(sys.stdout.fileno(), json.dumps({"counts": asdict(self._counts())}).encode() + b"\n")
        self._loop.call_later(FLUSH_INTERVAL_S, self._flush_regularly)

    def _starve(self) -> None:
        time.sleep(STARVED_SLICE_S * self.plan.starve)
        self._loop.call_later(STARVED_SLICE_S * (1.0 - self.plan.starve), self._starve)


def say(message: dict[str, object]) -> None:
    os.set_blocking(sys.stdout.fileno(), True)
    os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")
    os.set_blocking(sys.stdout.fileno(), False)


async def run(plan: Plan, history: HistoryFile) -> ScheduleReport | None:
    """Carry the plan out. None when whoever wanted it is gone."""
    loop = asyncio.get_running_loop()
    generator = Generator(plan, loop, history)
    orphaned = loop.create_future()

    def hear() -> None:
        said = os.read(sys.stdin.fileno(), 1024)
        if said:
            generator.stop()
        elif not orphaned.done():
            orphaned.set_result(None)

    loop.add_reader(sys.stdin.fileno(), hear)
    # A full collection takes 150 ms with all the queries asked so far. What exists now stays, and what requests leave
    # behind holds no cycles that outlive the two young generations.
    gc.collect()
    gc.freeze()
    gc.set_threshold(2000, 10, 1_000_000)
    generator.start()
    say({"started_at": generator.report().started_at})
    await asyncio.wait((generator.finished, orphaned), return_when=asyncio.FIRST_COMPLETED)
    generator.flush()
    return generator.report() if generator.finished.done() else None


def main() -> int:
    # Written by the process that started this one, over a pipe that no other process can reach.
    plan: Plan = pickle.load(sys.stdin.buffer)  # noqa: S301
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, plan.max_in_flight + 256)), hard))
    take_real_time()
    history = HistoryFile(Path(plan.history))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(run(plan, history))
    finally:
        history.close()
    if report is not None:
        say({"report": asdict(report)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
