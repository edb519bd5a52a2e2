"""What a second witness tells: restarts, out-of-memory kills and errors of those that nothing was done to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from reports.run import Run
from suites.harness.checkers.witness import ContainerSeen, LogLine, what_happened
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Container, Pod, Termination
from suites.harness.errors import ClientError
from suites.harness.target import Target
from suites.harness.witness import Witness, victims_of

pytest_plugins = ["pytester"]

SINCE = 1000.0
APP = ContainerSeen(component="app", pod="app-0", pod_uid="u-app", name="app", restarts=1)
WORKER = ContainerSeen(component="worker", pod="worker-0", pod_uid="u-worker", name="worker", restarts=0)
BEFORE = [APP, WORKER]


def test_nothing_happened() -> None:
    assert what_happened(BEFORE, BEFORE, [], since=SINCE, victims=["app"]) == {
        "victims": ["app"],
        "bystander_restarts": 0,
        "bystander_oom_kills": 0,
        "bystander_pods_gone": 0,
        "unexpected_errors": 0,
    }


def test_a_restart_is_the_victims_or_a_bystanders() -> None:
    after = [replace(APP, restarts=2), replace(WORKER, restarts=2)]
    told = what_happened(BEFORE, after, [], since=SINCE, victims=["app"])
    assert told["bystander_restarts"] == 2
    assert told["restarts"] == ["app-0/app restarted once", "worker-0/worker restarted 2 times"]
    assert what_happened(BEFORE, after, [], since=SINCE, victims=["app", "worker"])["bystander_restarts"] == 0


def test_a_new_pod_counts_its_restarts_from_nothing_and_the_old_one_is_gone() -> None:
    after = [APP, replace(WORKER, pod="worker-1", pod_uid="u-new", restarts=1)]
    told = what_happened(BEFORE, after, [], since=SINCE, victims=["app"])
    assert (told["bystander_restarts"], told["bystander_pods_gone"], told["pods_gone"]) == (1, 1, ["worker-0"])


def test_a_kill_for_memory_counts_when_it_came_since() -> None:
    killed = [replace(APP, killed_for_memory_at=1001.0), replace(WORKER, killed_for_memory_at=999.0)]
    told = what_happened(BEFORE, killed, [], since=SINCE, victims=[])
    assert (told["bystander_oom_kills"], told["oom_kills"]) == (1, ["app-0/app"])


@pytest.mark.parametrize(
    ("text", "of_bystander", "of_victim"),
    [
        ('{"level": "error", "message": "outbox failed"}', 1, 0),
        ('{"level":"error","logger":"instance-manager"}', 1, 0),
        ('{"record":{"error_severity":"FATAL","message":"terminating connection"}}', 1, 0),
        ("ERROR:    Exception in ASGI application", 1, 0),
        ("time=2026 level=error msg=refused", 1, 0),
        ("Traceback (most recent call last):", 1, 1),
        ('{"level": "error", "exception": "Traceback (most recent call last):\\n"}', 1, 1),
        ("panic: runtime error: index out of range", 1, 1),
        ('{"record":{"error_severity":"PANIC"}}', 1, 1),
        ("# Out Of Memory allocating 64 bytes", 1, 1),
        ('{"level": "warning", "message": "dependency unavailable"}', 0, 0),
        ("GET /search?q=fatal+error 200", 0, 0),
        ("INFO:     Started server process", 0, 0),
    ],
)
def test_an_error_is_expected_of_the_victim_and_a_crash_of_nobody(text: str, of_bystander: int, of_victim: int) -> None:
    line = LogLine(component="app", pod="app-0", text=text)
    assert what_happened([], [], [line], since=SINCE, victims=[])["unexpected_errors"] == of_bystander
    assert what_happened([], [], [line], since=SINCE, victims=["app"])["unexpected_errors"] == of_victim


def test_errors_are_shown_by_component() -> None:
    lines = [LogLine(component="worker", pod=f"worker-{number}", text="panic: no") for number in range(25)]
    told = what_happened([], [], lines, since=SINCE, victims=[])
    assert told["unexpected_errors"] == 25
    assert told["errors"]["worker"][0] == "worker-0: panic: no"
    assert told["errors"]["worker"][-1] == "and 5 more"


def pod(name: str, *, restarts: int = 0, node: str = "node-1", ended: Termination | None = None) -> Pod:
    container = Container(
        name="main", container_id="c", image="i", image_digest="d", restarts=restarts, is_ready=True,
        last_termination=ended,
    )  # fmt: skip
    return Pod(
        name=name, uid=f"u-{name}", phase="Running", node=node, address="10.0.0.1", is_ready=True, is_terminating=False,
        shares_process_namespace=False, containers=(container,),
    )  # fmt: skip


@dataclass
class ToyCluster:
    """One pod of each of two components, with logs as lines of a moment and a text."""

    logs_of: dict[tuple[str, bool], list[str]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    target: Target = field(
        default_factory=lambda: replace(
            Target.load("kind"),
            components={name: Target.load("kind").component(name) for name in ("app", "worker")},
        )
    )

    def pods(self, component: str) -> list[Pod]:
        name = f"{component}-0"
        return [pod(name, restarts=self.restarts.get(name, 0))]

    def logs(self, pod: str, container: str, *, lines: int, previous: bool = False) -> str:  # noqa: ARG002
        found = self.logs_of.get((pod, previous))
        if found is None:
            raise ClientError(f"no log of {pod}")
        return "\n".join(found[-lines:])


def log_line(at: str, text: str) -> str:
    return f"2100-01-01T00:{at}.123456789Z {text}"


def test_logs_are_read_from_the_first_look_on_also_those_of_a_process_that_is_gone() -> None:
    cluster = ToyCluster({("app-0", False): [], ("worker-0", False): []})
    witness = Witness(cast(Cluster, cluster))
    cluster.restarts = {"worker-0": 1}
    cluster.logs_of |= {
        ("app-0", False): ["2001-01-01T00:00:00Z panic: long ago", log_line("00:01", "panic: now"), "cut off"],
        ("worker-0", True): [log_line("00:02", "panic: in its last moment")],
    }
    told = witness.testify(fault="SIGKILL of the process of pod app-0")
    assert told["victims"] == ["app"]
    assert told["bystander_restarts"] == 1
    assert told["errors"] == {"app": ["app-0: panic: now"], "worker": ["worker-0: panic: in its last moment"]}
    assert "unread" not in told


def test_a_long_log_is_read_as_far_back_as_needed_or_it_is_said() -> None:
    chatty = [log_line("00:00", "panic: first"), *[log_line("00:01", "well")] * 3000]
    cluster = ToyCluster({("app-0", False): chatty, ("worker-0", False): [log_line("00:01", "well")] * 30_000})
    told = Witness(cast(Cluster, cluster)).testify()
    assert told["unexpected_errors"] == 1
    assert told["unread"] == ["worker-0/main: all but the last 20000 lines"]


def test_a_log_that_cannot_be_read_is_said() -> None:
    told = Witness(cast(Cluster, ToyCluster({("app-0", False): []}))).testify()
    assert told["unread"] == ["worker-0/main: no log of worker-0"]


@pytest.mark.parametrize(
    ("fault", "victims"),
    [
        ("SIGKILL of the process of pod app-0", {"app"}),
        ("node node-2 paused", {"worker"}),
        ("no packets between app and worker", {"app", "worker"}),
        ("disk of pod app-01 full", set()),
        ("", set()),
    ],
)
def test_a_faults_name_gives_its_victims_away(fault: str, victims: set[str]) -> None:
    assert victims_of(fault, {"app": [pod("app-0")], "worker": [pod("worker-0", node="node-2")]}) == victims


CHECKS = """
import pytest
from reports.records import Measurement
import suites.harness.witness
from pathlib import Path

class ToyWitness:
    def __init__(self, cluster):
        self.looked_before = Path("broken").exists() is False
    def testify(self, *, fault=None, victims=()):
        return {"bystander_restarts": 0, "looked_before": self.looked_before, "fault": fault}

suites.harness.witness.Witness = ToyWitness
true = Measurement(value=1.0, unit="bool", samples=1, fault="kill", facts={"own": 1})

@pytest.fixture
def cluster():
    return None

@pytest.fixture
def broken():
    Path("broken").touch()
    return true

@pytest.mark.failure
@pytest.mark.objective("smoke.components_ready")
def test_that_breaks_something(broken, judge):
    judge("smoke.components_ready", broken)

@pytest.mark.objective("smoke.search_roundtrip")
def test_that_breaks_nothing(judge):
    judge("smoke.search_roundtrip", true)
"""


def test_a_check_that_breaks_something_is_judged_with_the_testimony(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(tmp_path / "runs", argv=["selftest"])
    monkeypatch.setenv("SRE_RUN_DIR", str(run.path))
    monkeypatch.setattr("suites.harness.witness.Witness", Witness)
    pytester.makeini("[pytest]\nmarkers =\n    objective\n    failure\n    smoke")
    pytester.makepyfile(test_it=CHECKS)
    plugins = ("-p", "suites.fixtures.evidence", "-p", "suites.fixtures.witness", "-p", "no:cacheprovider")
    assert pytester.runpytest_inprocess(*plugins).ret == pytest.ExitCode.OK
    broken, whole = run.verdicts()
    assert broken.facts == {"own": 1, "witness": {"bystander_restarts": 0, "looked_before": True, "fault": "kill"}}
    assert whole.facts == {"own": 1}
    assert (Path(broken.evidence) / "witness.json").is_file()
