"""The generator against a server whose every answer is known: outcomes, schedule, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from reports.records import History
from suites.harness.wait import until
from suites.harness.workloads.openloop import REPOSITORY, STARVE_VARIABLE, GeneratorError, OpenLoop
from suites.harness.workloads.plan import Connections, ScheduleReport
from suites.harness.workloads.request import Repeat, Request
from suites.selftest.workloads.toy import Toy


def run(
    url: str,
    history: Path,
    *requests: Request,
    rate_hz: float = 50,
    duration_s: float = 0.5,
    connections: Connections = "reused",
    timeout_s: float = 1.0,
    max_in_flight: int | None = None,
) -> tuple[ScheduleReport, History]:
    report = (
        OpenLoop(
            base_url=url,
            rate_hz=rate_hz,
            duration_s=duration_s,
            requests=Repeat(*requests),
            connections=connections,
            history=history,
            timeout_s=timeout_s,
            max_in_flight=max_in_flight,
        )
        .start()
        .wait()
    )
    return report, History.read(history)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


@pytest.mark.parametrize("connections", ["new", "reused"])
def test_every_way_to_answer_is_understood(toy: Toy, history: Path, connections: Connections) -> None:
    ways = ("/search?q=a", "/chunked", "/close", "/until-close", "/slow/20")
    requests = [Request(path=path, expect=b'"hits"') for path in ways]
    report, found = run(toy.url, history, *requests, connections=connections)
    assert report.sent == report.ok == len(found.operations) == 25
    assert {operation.error for operation in found.operations} == {None}


def test_an_outcome_says_what_may_have_happened(toy: Toy, history: Path) -> None:
    cut = "closed by the server before the answer was whole"
    expected = {
        Request(kind="1", path="/status/503"): ("fail", "HTTP 503"),
        Request(kind="2", path="/status/429"): ("fail", "HTTP 429"),
        Request(kind="3", path="/status/503", method="POST", body=b"{}"): ("unknown", "HTTP 503"),
        Request(kind="4", path="/status/409", method="POST", body=b"{}"): ("fail", "HTTP 409"),
        Request(kind="5", path="/status/200", expect=b"hits"): ("fail", "HTTP 200 without b'hits' in its body"),
        Request(kind="6", path="/cut"): ("fail", cut),
        Request(kind="7", path="/cut", method="DELETE"): ("unknown", cut),
        Request(kind="8", path="/silent"): ("unknown", "time-out: no answer within 0.2 s"),
        Request(kind="9", path="/search"): ("ok", None),
        Request(kind="10", path="/refused/503/database_unavailable"): ("fail", "HTTP 503 database_unavailable"),
        Request(kind="11", path="/refused/503/outcome_unknown", method="POST"): ("unknown", "HTTP 503 outcome_unknown"),
    }
    _, found = run(toy.url, history, *expected, timeout_s=0.2)
    assert {operation.kind: (operation.outcome, operation.error) for operation in found.operations} == {
        request.kind: outcome for request, outcome in expected.items()
    }


@pytest.mark.parametrize("connections", ["new", "reused"])
def test_a_refused_connection_is_a_failure_of_each_request(history: Path, connections: Connections) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    report, found = run(f"http://127.0.0.1:{port}", history, Request(path="/"), connections=connections)
    assert report.failed == len(found.operations) == 25
    assert all("cannot connect" in (operation.error or "") for operation in found.operations)
    assert report.missed == 0


def test_the_value_tells_label_and_cache(toy: Toy, history: Path) -> None:
    _, found = run(toy.url, history, Request(path="/", label="popular"))
    assert {operation.value for operation in found.operations} == {"popular:hit"}


def test_the_value_is_the_clients_own_id_however_it_was_answered(toy: Toy, history: Path) -> None:
    requests = [Request(kind=path, path=path, method="POST", id=f"id of {path}") for path in ("/", "/silent", "/cut")]
    _, found = run(toy.url, history, *requests, timeout_s=0.2)
    assert {operation.kind: operation.value for operation in found.operations} == {
        path: f"id of {path}" for path in ("/", "/silent", "/cut")
    }


@pytest.mark.parametrize("connections", ["new", "reused"])
def test_the_schedule_is_kept_at_1000_a_second(toy: Toy, history: Path, connections: Connections) -> None:
    report, found = run(
        toy.url, history, Request(path="/search"), rate_hz=1000, duration_s=1, connections=connections, timeout_s=5
    )
    intended = [operation.intended for operation in found.operations]
    assert report.sent == len(intended) == 1000
    assert report.late_max_ms is not None
    assert 1000 / (1.001 + report.late_max_ms / 1000) <= report.rate_hz <= 1000
    assert all(later - earlier == pytest.approx(0.001, abs=1e-5) for earlier, later in pairwise(intended))
    assert report.started_at == pytest.approx(intended[0], abs=1e-3)
    assert report.cpu_ms_per_request


def test_a_silent_server_does_not_slow_the_schedule_down(toy: Toy, history: Path) -> None:
    """Latency counts from the intended start, so a stall of one second is seen by every request that was due in it."""
    stream = OpenLoop(
        base_url=toy.url, rate_hz=200, requests=Repeat(Request(path="/")), history=history, timeout_s=5
    ).start()
    until(lambda: stream.counts.ok > 20, within=10, every=0.05, what="traffic")
    toy.order("stall", 1.0)
    stall = toy.carried_out()
    report = stream.stop()
    assert report.missed == report.unknown == report.failed == 0
    due = [
        found for found in History.read(history).operations if stall["began"] <= found.intended <= stall["ended"] - 0.1
    ]
    assert len(due) == pytest.approx(200 * (stall["ended"] - 0.1 - stall["began"]), abs=2)
    assert all(found.finished >= stall["ended"] - 0.002 for found in due[1:])


def test_requests_over_the_bound_are_missed_and_doubted(toy: Toy, history: Path) -> None:
    report, found = run(toy.url, history, Request(path="/silent"), timeout_s=0.6, max_in_flight=10)
    assert (report.sent, report.missed, report.in_flight_max) == (10, 15, 10)
    assert len(found.operations) == 10
    assert "did not send 15 of 25 requests: 10 were waiting" in report.doubts()[-1]


@pytest.mark.parametrize(("share", "late_ms"), [("0.5", 50), ("0.9", 100)])
def test_a_starved_generator_is_doubted(
    toy: Toy, history: Path, monkeypatch: pytest.MonkeyPatch, share: str, late_ms: float
) -> None:
    monkeypatch.setenv(STARVE_VARIABLE, share)
    report, _ = run(toy.url, history, Request(path="/"), rate_hz=200, duration_s=1)
    assert report.late_p99_ms is not None
    assert report.late_p99_ms > late_ms
    assert "was late: p99" in report.doubts()[0]


def test_a_generator_that_sent_nothing_is_doubted(toy: Toy, history: Path) -> None:
    report, _ = run(toy.url, history, Request(path="/"), duration_s=0)
    assert report.doubts() == ("generator openloop sent nothing",)


def test_a_killed_generator_is_an_error(toy: Toy, history: Path) -> None:
    stream = OpenLoop(base_url=toy.url, rate_hz=50, requests=Repeat(Request(path="/")), history=history).start()
    os.kill(stream.pid, signal.SIGKILL)
    with pytest.raises(GeneratorError, match=r"generator openloop died before it reported \(exit -9\)"):
        stream.stop()


def test_a_generator_that_cannot_start_says_why(tmp_path: Path) -> None:
    stream = OpenLoop(
        base_url="http://name.invalid", rate_hz=1, requests=Repeat(Request(path="/")), history=tmp_path / "h.jsonl"
    )
    with pytest.raises(GeneratorError, match=r"did not start .*gaierror"):
        stream.start()


def test_stopping_twice_is_harmless(toy: Toy, history: Path) -> None:
    stream = OpenLoop(base_url=toy.url, rate_hz=50, requests=Repeat(Request(path="/")), history=history).start()
    assert stream.stop() == stream.stop()
    assert list(history.parent.iterdir()) == [history]


PARENT = """
import sys, time
from pathlib import Path
from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.request import Repeat, Request
stream = OpenLoop(base_url=sys.argv[1], rate_hz=50, requests=Repeat(Request(path="/")), history=Path(sys.argv[2]))
print(stream.start().pid, flush=True)
time.sleep(60)
"""


def test_the_death_of_its_parent_ends_it(toy: Toy, history: Path) -> None:
    """A test run that is killed leaves no traffic behind, and what was done until then can be read."""
    parent = subprocess.Popen(  # noqa: S603 fixed words
        [sys.executable, "-c", PARENT, toy.url, str(history)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert parent.stdout is not None
    generator = int(parent.stdout.readline())
    until(lambda: history.exists() and history.stat().st_size, within=10, every=0.05, what="traffic")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(
        lambda: not Path(f"/proc/{generator}/stat").exists() or _is_zombie(generator), within=5, every=0.05, what="end"
    )
    ended = time.time()
    assert History.read(history).operations[-1].finished <= ended


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
