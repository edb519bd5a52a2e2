"""A fault touches nothing before it may, proves that it bit, and can be undone by somebody else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from reports.records import Mark
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Container, ExecResult, Pod, Readiness, Termination
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError, NothingSelected, NotReached, Refused, Unsupported
from suites.harness.faults import undo
from suites.harness.faults.base import ALLOW_LABEL
from suites.harness.faults.pods import KillProcess, main_process
from suites.harness.faults.records import UndoRecord, left_records, local_folder
from suites.harness.target import Target

SOON = Deadlines().stretched(0.001)
LISTING = """1795505845
12 (python3) S 0 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5000 1 1
30 (worker (1)) S 12 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5100 1 1
77 (sh) S 0 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 9900 1 1
"""


@dataclass
class ToyCluster:
    """A namespace with one component, in memory: enough to see what a fault reads and in which order it acts."""

    pods_there: list[Pod]
    labels: dict[str, str] = field(default_factory=lambda: {ALLOW_LABEL: "allowed"})
    target: Target = field(default_factory=lambda: Target.load("kind"))
    listing: ExecResult = field(default_factory=lambda: ExecResult(stdout=LISTING, stderr="", exit_code=0))
    kill: ExecResult = field(default_factory=lambda: ExecResult(stdout="", stderr="", exit_code=None))
    kill_works: bool = True
    kept: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    namespace: str = "site-search"

    def namespace_labels(self) -> dict[str, str]:
        return self.labels

    def ready_pods(self, component: str) -> list[Pod]:
        if not self.pods_there:
            raise NothingSelected(f"no ready pod matches component={component}")
        return self.pods_there

    def pods(self, component: str) -> list[Pod]:  # noqa: ARG002
        return self.pods_there

    def pod(self, name: str) -> Pod:
        return next(pod for pod in self.pods_there if pod.name == name)

    def exec(self, pod: str, container: str, command: Sequence[str]) -> ExecResult:  # noqa: ARG002
        if not command[-1].startswith("kill"):
            return self.listing
        self.done.append(f"{command[-1]} in {pod} with {len(self.kept)} record kept")
        if self.kill_works:
            self.pods_there = [killed(entry) if entry.name == pod else entry for entry in self.pods_there]
        return self.kill

    def readiness(self, component: str) -> Readiness:
        return Readiness(component=component, ready=3, wanted=3)

    def write_note(self, name: str, labels: dict[str, str], text: str) -> None:  # noqa: ARG002
        self.kept[name] = text

    def notes(self, selector: str) -> dict[str, str]:  # noqa: ARG002
        return self.kept

    def delete_note(self, name: str) -> None:
        self.kept.pop(name, None)


class Marks(list[Mark]):
    def add(self, mark: Mark, /) -> None:
        self.append(mark)

    @property
    def kinds(self) -> list[str]:
        return [entry.mark for entry in self]


def pod(name: str = "app-0", *, restarts: int = 0, shared: bool = True) -> Pod:
    container = Container(
        name="app",
        container_id="c-1",
        image="i",
        image_digest="d",
        restarts=restarts,
        is_ready=True,
        last_termination=None,
    )
    return Pod(
        name=name,
        uid="u",
        phase="Running",
        node="n",
        address="10.0.0.1",
        is_ready=True,
        is_terminating=False,
        shares_process_namespace=shared,
        containers=(container,),
    )


def killed(before: Pod, **ended: object) -> Pod:
    """The pod after its container was restarted, as its kubelet reports it."""
    container = before.containers[0]
    end = Termination(
        container_id=container.container_id, exit_code=137, signal=None, finished_at=1795505845.0, reason="Error"
    )
    end = replace(end, **ended)  # type: ignore[arg-type]
    after = replace(container, container_id="c-2", restarts=container.restarts + 1, last_termination=end)
    return replace(before, containers=(after,))


def kill_process(cluster: ToyCluster, marks: Marks, component: str = "app") -> KillProcess:
    return KillProcess(component, cluster=cast(Cluster, cluster), history=marks, deadlines=SOON)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    return tmp_path


def test_it_injects_proves_and_heals_and_leaves_no_record() -> None:
    cluster, marks = ToyCluster([pod("app-0", restarts=2), pod("app-1")]), Marks()
    with kill_process(cluster, marks) as fault:
        assert fault.observed() == "app-1 restarted (0 → 1), exit code 137"
    assert cluster.done == ["kill -9 12 in app-1 with 1 record kept"]
    assert marks.kinds == ["injecting", "observed", "healing", "healed"]
    assert not cluster.kept and not list(local_folder().iterdir())


def test_healing_twice_is_harmless() -> None:
    marks = Marks()
    with kill_process(ToyCluster([pod()]), marks) as fault:
        fault.heal()
    assert marks.kinds == ["injecting", "healing", "healed"]


def test_it_heals_when_the_block_fails() -> None:
    cluster, marks = ToyCluster([pod()]), Marks()
    with pytest.raises(KeyboardInterrupt), kill_process(cluster, marks):
        raise KeyboardInterrupt
    assert marks.kinds[-1] == "healed" and not cluster.kept


@pytest.mark.parametrize(
    ("cluster", "error", "says"),
    [
        (
            ToyCluster([pod()], labels={}),
            Refused,
            "kubectl .*site-search sre.site-search/faults=allowed",
        ),
        (ToyCluster([pod()], labels={ALLOW_LABEL: "no"}), Refused, "does not allow faults"),
        (ToyCluster([pod()], target=Target.load("production")), Refused, "does not allow faults on app .*: none"),
        (ToyCluster([]), NothingSelected, "no ready pod matches"),
        (ToyCluster([pod(shared=False)]), Unsupported, "main process is PID 1"),
        (
            ToyCluster([pod()], listing=ExecResult(stdout="", stderr="no sh", exit_code=127)),
            Unsupported,
            "cannot list its processes: no sh",
        ),
    ],
)
def test_nothing_is_touched_where_it_may_not_or_cannot(cluster: ToyCluster, error: type[Exception], says: str) -> None:
    marks = Marks()
    with pytest.raises(error, match=says), kill_process(cluster, marks):
        pass
    assert not cluster.done and not cluster.kept and not marks
    assert not local_folder().exists()


def test_a_kill_that_fails_is_an_error_and_is_healed() -> None:
    cluster, marks = ToyCluster([pod()], kill=ExecResult(stdout="", stderr="not permitted", exit_code=1)), Marks()
    with pytest.raises(FaultError, match="kill -9 12 in pod app-0 failed: not permitted"), kill_process(cluster, marks):
        pass
    assert marks.kinds == ["injecting", "healing", "healed"] and not cluster.kept


def test_a_kill_that_left_no_trace_was_not_observed() -> None:
    marks = Marks()
    with (
        pytest.raises(NotReached, match="a restart of app-0"),
        kill_process(ToyCluster([pod()], kill_works=False), marks) as fault,
    ):
        fault.observed()
    assert "observed" not in marks.kinds


@pytest.mark.parametrize(
    "ended",
    [{"container_id": "another"}, {"finished_at": 1795505000.0}, {"exit_code": 1, "reason": "OOMKilled"}],
    ids=["another container", "before the kill", "another end"],
)
def test_another_end_than_the_kill_is_no_proof(ended: dict[str, object]) -> None:
    cluster = ToyCluster([pod()], kill_works=False)
    with pytest.raises(NotReached), kill_process(cluster, Marks()) as fault:
        cluster.pods_there = [killed(pod(), **ended)]
        fault.observed()


def test_the_main_process_is_the_first_that_the_runtime_started() -> None:
    assert main_process(LISTING, "app-0") == (12, 1795505845.0)


def test_no_main_process_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="no main process"):
        main_process("1795505845\n30 (child) S 12 12 12 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 5100 1 1\n", "app-0")


def record(**changes: object) -> UndoRecord:
    now = time.time()
    made = UndoRecord(
        id="a1", kind="kill_process", context="kind-site-search", namespace="site-search", component="app",
        made_at=now, expires_at=now + 600, details={"pod": "app-0", "container_id": "c-1"},
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "abandoned"),
    [
        (record(), False),
        (record(expires_at=0.0), True),
        # No process can have this number: it is beyond the kernel's limit.
        (record(pid=2**22 + 1), True),
        (record(pid=2**22 + 1, host="elsewhere"), False),
    ],
    ids=["its process lives", "expired", "its process is gone", "on another machine"],
)
def test_a_record_is_abandoned_when_nobody_heals_it(left: UndoRecord, abandoned: bool) -> None:
    assert left.is_abandoned(time.time()) is abandoned


@pytest.mark.parametrize("lost", ["nothing", "in the cluster", "here"])
def test_what_was_left_is_undone_from_either_copy(lost: str) -> None:
    cluster = ToyCluster([pod()])
    record(pid=2**22 + 1).write(cluster)
    record(id="b2", context="another").write(ToyCluster([]))
    if lost == "in the cluster":
        cluster.kept.clear()
    if lost == "here":
        (local_folder() / "sre-fault-a1.json").unlink()
    healed, held = undo.replay(cast(Cluster, cluster), SOON, only_abandoned=True)
    assert ([entry.id for entry in healed], held) == (["a1"], [])
    assert not cluster.kept and [path.stem for path in local_folder().iterdir()] == ["sre-fault-b2"]


def test_what_another_process_still_heals_is_left_to_it() -> None:
    cluster = ToyCluster([pod()])
    record(pid=os.getppid()).write(cluster)
    healed, held = undo.replay(cast(Cluster, cluster), SOON, only_abandoned=True)
    assert (healed, [entry.id for entry in held]) == ([], ["a1"])
    assert undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)[0] and not cluster.kept


def test_a_record_of_a_kind_that_is_not_known_is_kept() -> None:
    cluster = ToyCluster([pod()])
    record(kind="partition").write(cluster)
    with pytest.raises(FaultError, match="'partition', which this version cannot undo"):
        undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)
    assert json.loads(cluster.kept["sre-fault-a1"])["kind"] == "partition"


def test_what_is_no_record_is_an_error_that_names_it() -> None:
    cluster = ToyCluster([], kept={"sre-fault-x": "{}"})
    with pytest.raises(FaultError, match="ConfigMap sre-fault-x is not an undo record"):
        left_records(cluster, "kind-site-search", "site-search")
