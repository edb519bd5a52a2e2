"""A fault touches nothing before it may, proves that it bit, and can be undone by somebody else."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import ExecResult
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError, NothingSelected, NotReached, Refused, Unsupported
from suites.harness.faults import undo
from suites.harness.faults.base import ALLOW_LABEL
from suites.harness.faults.pods import KillProcess
from suites.harness.faults.records import UndoRecord, left_records, local_folder
from suites.harness.target import Target
from suites.selftest.toy_cluster import Marks, ToyCluster, pod

SOON = Deadlines().stretched(0.001)


def kill_process(cluster: ToyCluster, marks: Marks, component: str = "app") -> KillProcess:
    return KillProcess(component, cluster=cast(Cluster, cluster), history=marks, deadlines=SOON)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    return tmp_path


def test_it_injects_proves_and_heals_and_leaves_no_record() -> None:
    cluster, marks = ToyCluster([pod("app-0", restarts=2), pod("app-1")]), Marks()
    with kill_process(cluster, marks) as fault:
        assert fault.observed() == "container app of app-1 ended, exit code 137"
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
        pytest.raises(NotReached, match="an end of process 12 of app-0"),
        kill_process(ToyCluster([pod()], kill_works=False), marks) as fault,
    ):
        fault.observed()
    assert "observed" not in marks.kinds


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
    record(kind="eclipse").write(cluster)
    with pytest.raises(FaultError, match="'eclipse', which this version cannot undo"):
        undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)
    assert json.loads(cluster.kept["sre-fault-a1"])["kind"] == "eclipse"


def test_what_is_no_record_is_an_error_that_names_it() -> None:
    cluster = ToyCluster([], kept={"sre-fault-x": "{}"})
    with pytest.raises(FaultError, match="ConfigMap sre-fault-x is not an undo record"):
        left_records(cluster, "kind-site-search", "site-search")
