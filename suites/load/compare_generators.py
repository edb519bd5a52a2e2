"""Holds the generator against Locust's FastHttpUser and vegeta: CPU per request, schedule kept, truth about a stall.

`python -m suites.load.compare_generators --locust FILE --vegeta FILE [--rate 1000] [--duration 20]`, by hand; the
numbers that made us keep our own are in suites/load/measured.md. Each generator meets the same toy server twice: once
steady, and once while the server does nothing at all for one second.
"""

from __future__ import annotations

import argparse
import array
import csv
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reports.records import History
from suites.harness.checkers.latency import percentile
from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.request import Repeat, Request

SEARCH = "/search?site=1&q=river+stone&limit=20&offset=0"
STALL_S = 1.0
# Each Locust user is one client that waits for its answer; so many of them share the rate.
LOCUST_USER_RATE_HZ = 10
LOCUST_FILE = f"""
from locust import FastHttpUser, constant_throughput, task

class Searcher(FastHttpUser):
    wait_time = constant_throughput({LOCUST_USER_RATE_HZ})

    @task
    def search(self):
        self.client.get("{SEARCH}", name="search")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a generator says of its own run."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one generator against the toy server, which keeps count of what arrives when."""

    folder: Path
    url: str
    rate_hz: int
    duration_s: int


@contextmanager
def toy_server(arrivals: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    server = subprocess.Popen(  # noqa: S603 fixed words
        [sys.executable, "-m", "suites.selftest.workloads.toy_server", "--arrivals", str(arrivals)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}", server
    finally:
        server.stdin.close()
        server.wait(30)


def run_own(run: Run, connections: str) -> Said:
    history = run.folder / f"own-{time.monotonic_ns()}.jsonl"
    OpenLoop(
        base_url=run.url,
        rate_hz=run.rate_hz,
        duration_s=run.duration_s,
        requests=Repeat(Request(path=SEARCH)),
        connections="new" if connections == "new" else "reused",
        history=history,
    ).start().wait()
    latencies = sorted(operation.latency_ms for operation in History.read(history).operations)
    return Said(p50_ms=percentile(latencies, 0.5), p99_ms=percentile(latencies, 0.99))


def run_vegeta(run: Run, program: str) -> Said:
    results = run.folder / "vegeta.bin"
    subprocess.run(  # noqa: S603 the program is the caller's choice
        [
            program, "attack", f"-rate={run.rate_hz}/1s", f"-duration={run.duration_s}s", "-timeout=5s",
            f"-output={results}",
        ],
        input=f"GET {run.url}{SEARCH}\n", text=True, check=True,
    )  # fmt: skip
    report = subprocess.run(  # noqa: S603
        [program, "report", "-type=json", str(results)], capture_output=True, check=True
    )
    latencies = json.loads(report.stdout)["latencies"]
    return Said(p50_ms=latencies["50th"] / 1e6, p99_ms=latencies["99th"] / 1e6)


def run_locust(run: Run, program: str) -> Said:
    locustfile = run.folder / "locustfile.py"
    locustfile.write_text(LOCUST_FILE)
    users = str(run.rate_hz // LOCUST_USER_RATE_HZ)
    subprocess.run(  # noqa: S603 the program is the caller's choice
        [
            program, "--headless", "--only-summary", "-f", str(locustfile), "-H", run.url, "-u", users, "-r", users,
            "-t", f"{run.duration_s}s", "--csv", str(run.folder / "locust"), "--loglevel", "ERROR",
        ],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with (run.folder / "locust_stats.csv").open() as rows:
        total = next(row for row in csv.DictReader(rows) if row["Name"] == "Aggregated")
    return Said(p50_ms=float(total["50%"]), p99_ms=float(total["99%"]))


def schedule_error_ms(arrivals: array.array[float], rate_hz: int) -> float:
    """How far 99 of 100 arrivals are from where the rate wants them, in the middle half of a run."""
    middle = sorted(arrivals)[len(arrivals) // 4 : len(arrivals) * 3 // 4]
    offsets = [at - number / rate_hz for number, at in enumerate(middle)]
    wanted = statistics.median(offsets)
    return percentile(sorted(abs(offset - wanted) * 1000 for offset in offsets), 0.99)


def measure(name: str, go: Callable[[Run], Said], rate_hz: int, duration_s: int, folder: Path) -> str:
    steady_arrivals, stalled_arrivals = folder / f"{name}-steady", folder / f"{name}-stalled"
    with toy_server(steady_arrivals) as (url, _):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        steady = go(Run(folder=folder, url=url, rate_hz=rate_hz, duration_s=duration_s))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    with toy_server(stalled_arrivals) as (url, server):
        # The generator blocks this process, so the order to stall is given by one of its own.
        assert server.stdin is not None
        order = subprocess.Popen(  # noqa: S603 fixed words
            [sys.executable, "-c", f"import time; time.sleep({duration_s / 2}); print('stall {STALL_S}', flush=True)"],
            stdout=server.stdin,
        )
        stalled = go(Run(folder=folder, url=url, rate_hz=rate_hz, duration_s=duration_s))
        order.wait()
    arrivals = array.array("d", steady_arrivals.read_bytes())
    return (
        f"| {name} | {len(arrivals)} | {cpu_s * 1000 / len(arrivals):.3f} | {schedule_error_ms(arrivals, rate_hz):.1f} "
        f"| {steady.p50_ms:.2f} | {steady.p99_ms:.2f} | {stalled.p99_ms:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locust", help="the locust program of an environment that has it")
    parser.add_argument("--vegeta", help="vegeta's program, built from its Go module")
    parser.add_argument("--rate", type=int, default=1000, help="requests per second")
    parser.add_argument("--duration", type=int, default=20, help="seconds of each of the two runs")
    options = parser.parse_args()
    generators: dict[str, Callable[[Run], Said]] = {
        "own, reused": lambda run: run_own(run, "reused"),
        "own, new": lambda run: run_own(run, "new"),
    }
    if options.vegeta:
        generators["vegeta"] = lambda run: run_vegeta(run, options.vegeta)
    if options.locust:
        generators["Locust FastHttpUser"] = lambda run: run_locust(run, options.locust)
    # Hit by the stall: one request in `duration`, equally spread over 0 … 1 s. The p99 of all is known from that.
    true_p99_ms = STALL_S * 1000 * (1 - 0.01 * options.duration / STALL_S)
    print(f"{options.rate} req/s for {options.duration} s; true p99 with the stall: {true_p99_ms:.0f} ms")  # noqa: T201
    print("| generator | arrived | CPU ms/request | off schedule p99 ms | p50 ms | p99 ms | p99 ms with the stall |")  # noqa: T201
    print("|---|---|---|---|---|---|---|")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        for name, go in generators.items():
            print(measure(name, go, options.rate, options.duration, Path(folder)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
