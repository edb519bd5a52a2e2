"""What is done to one pod hits the one that was asked for, is proved by its end, and is undone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import pytest
from kubernetes import client

from suites.harness.clients import objects
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import ExecResult
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, NothingSelected, NotReached, TargetError, Unsupported
from suites.harness.faults import undo
from suites.harness.faults.base import Fault
from suites.harness.faults.deletion import DeletePod
from suites.harness.faults.freeze import FreezeProcess
from suites.harness.faults.pods import KillProcess
from suites.harness.faults.processes import Listing, Process
from suites.harness.faults.records import left_records, local_folder
from suites.harness.wait import until
from suites.selftest.toy_cluster import LISTING, Marks, ToyCluster, killed, pod

SOON = Deadlines().stretched(0.001)
# PID 1, the instance manager, is not listed; the postmaster's children are also called postgres.
POSTGRES = """1795505845
27 (postgres) S 25 27 27 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5100 1 1
25 (postgres) S 1 25 25 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5000 1 1
77 (sh) R 0 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 9900 1 1
"""
PRIMARY = {"postgresql-0": "replica", "postgresql-1": "primary", "postgresql-2": "replica"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def database(**changes: Any) -> ToyCluster:
    listing = ExecResult(stdout=POSTGRES, stderr="", exit_code=0)
    return ToyCluster([pod(name, shared=False) for name in PRIMARY], roles=PRIMARY, listing=listing, **changes)


def made(kind: Callable[..., Fault], cluster: object, component: str, deadlines: Deadlines = SOON, **given: Any) -> Any:
    return kind(component, cluster=cast(Cluster, cluster), history=Marks(), deadlines=deadlines, **given)


def untouched(cluster: ToyCluster) -> bool:
    return not cluster.done and not cluster.kept and not local_folder().exists()


# Who is hit


def test_the_pod_in_the_role_that_was_asked_for_is_hit() -> None:
    cluster = database()
    with made(KillProcess, cluster, "postgresql", role="primary"):
        pass
    assert cluster.done == ["kill -9 25 in postgresql-1 with 1 record kept"]


@pytest.mark.parametrize(
    ("kind", "given"),
    [(KillProcess, {}), (DeletePod, {"grace_s": 0}), (FreezeProcess, {"for_s": 5})],
    ids=["kill", "delete", "freeze"],
)
def test_a_role_that_nobody_has_is_an_error_before_anything_is_touched(
    kind: type[Fault], given: dict[str, Any]
) -> None:
    cluster = database()
    cluster.roles = {}
    with pytest.raises(NothingSelected), made(kind, cluster, "postgresql", role="primary", **given):
        pass
    with (
        pytest.raises(TargetError, match="no role 'leader'; it has primary, replica"),
        made(kind, cluster, "postgresql", role="leader", **given),
    ):
        pass
    assert untouched(cluster)


def test_the_main_container_is_the_pods_first_or_the_one_it_names() -> None:
    statuses = [
        client.V1ContainerStatus(name=name, image="i", image_id="d", ready=True, restart_count=0)
        for name in ("exporter", "redis")
    ]
    containers = [client.V1Container(name="redis"), client.V1Container(name="exporter")]
    metadata = client.V1ObjectMeta(name="redis-0", uid="u")
    item = client.V1Pod(
        metadata=metadata,
        spec=client.V1PodSpec(containers=containers),
        status=client.V1PodStatus(container_statuses=statuses),
    )
    assert [entry.name for entry in objects.pod(item).containers] == ["redis", "exporter"]
    metadata.annotations = {"kubectl.kubernetes.io/default-container": "exporter"}
    assert [entry.name for entry in objects.pod(item).containers] == ["exporter", "redis"]


def test_the_main_process_is_the_first_that_the_runtime_started() -> None:
    listing = Listing.parse(LISTING)
    assert (listing.main("app-0").pid, listing.at) == (12, 1795505845.0)
    assert [process.pid for process in listing.tree(listing.main("app-0"))] == [12, 30]


def test_no_main_process_is_unsupported() -> None:
    listing = Listing.parse("1795505845\n30 (child) S 12 12 12 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 5100 1 1\n")
    with pytest.raises(Unsupported, match="no main process"):
        listing.main("app-0")
    with pytest.raises(Unsupported, match="no postgres that could be signalled"):
        listing.main("db-0", name="postgres")


# SIGKILL


@pytest.mark.parametrize(
    "ended",
    [{"container_id": "another"}, {"finished_at": 1795505000.0}, {"exit_code": 1, "reason": "OOMKilled"}],
    ids=["another container", "before the kill", "another end"],
)
def test_another_end_than_the_kill_is_no_proof(ended: dict[str, object]) -> None:
    cluster = ToyCluster([pod()], kill_works=False)
    with pytest.raises(NotReached), made(KillProcess, cluster, "app") as fault:
        cluster.pods_there = [killed(pod(), **ended)]
        fault.observed()


def test_who_looks_after_a_killed_process_ends_in_its_own_way() -> None:
    cluster = database(kill_works=False)
    with made(KillProcess, cluster, "postgresql", role="primary") as fault:
        cluster.pods_there = [
            killed(entry, exit_code=0, reason="Completed") if entry.name == "postgresql-1" else entry
            for entry in cluster.pods_there
        ]
        assert fault.observed() == "container postgresql of postgresql-1 ended, exit code 0"


@pytest.mark.parametrize("started", [5000, 8000], ids=["the same process", "another one with its PID"])
def test_a_process_whose_container_outlives_it_is_proved_by_its_absence(started: int) -> None:
    cluster = database(kill_works=False)
    cluster.kill = ExecResult(stdout="", stderr="", exit_code=0)
    with made(KillProcess, cluster, "postgresql", role="primary") as fault:
        cluster.listing = replace(cluster.listing, stdout=POSTGRES.replace("5000", str(started)))
        if started == 5000:
            with pytest.raises(NotReached):
                fault.observed()
        else:
            assert fault.observed() == "process 25 (postgres) of postgresql-1 is gone"


# Deletion


@pytest.mark.parametrize("grace_s", [0, 12.0, None])
def test_a_deleted_pod_is_proved_by_its_replacement(grace_s: float | None) -> None:
    cluster = database()
    with made(DeletePod, cluster, "postgresql", role="primary", grace_s=grace_s) as fault:
        assert fault.observed() == (
            "postgresql-1 is gone (UID u-postgresql-1), replaced by postgresql-1 (UID u-postgresql-1+)"
        )
    assert cluster.done == [f"delete postgresql-1 with grace {grace_s} and 1 record kept"]
    assert fault._history.kinds == ["injecting", "observed", "healing", "healed"] and not cluster.kept


@pytest.mark.parametrize(
    ("component", "changes"),
    [
        ("app", {"deletes": False}),
        ("app", {"remake": lambda _: None}),
        ("redis", {"remake": lambda gone: replace(gone, name="redis-1", uid="new")}),
    ],
    ids=["it is still there", "nothing in its place", "a StatefulSet's pod of another name"],
)
def test_a_deletion_without_replacement_was_not_observed(component: str, changes: dict[str, Any]) -> None:
    cluster = ToyCluster([pod(f"{component}-0"), pod(f"{component}-2")], **changes)
    fault = made(DeletePod, cluster, component, grace_s=0)
    with pytest.raises(NotReached, match=f"{component}-0 .UID u-{component}-0. replaced"):
        fault.__enter__().observed()
    assert "observed" not in fault._history.kinds


def test_any_new_pod_of_a_deployment_replaces_one_but_none_that_was_there() -> None:
    cluster = ToyCluster([pod("app-0"), pod("app-1")], remake=lambda gone: replace(gone, name="app-z", uid="new"))
    with made(DeletePod, cluster, "app", grace_s=None) as fault:
        assert fault.observed().endswith("replaced by app-z (UID new)")


def test_a_deletion_that_is_forbidden_touches_nothing() -> None:
    cluster = ToyCluster([pod()], forbidden="403 Forbidden")
    with pytest.raises(ClientError, match="delete pod app-0: 403"), made(DeletePod, cluster, "app", grace_s=0):
        pass
    assert untouched(cluster)


def test_a_target_that_does_not_recover_keeps_its_record() -> None:
    cluster = ToyCluster([pod()], remake=lambda gone: replace(gone, uid="new", is_ready=False))
    with pytest.raises(NotReached, match="app ready again"), made(DeletePod, cluster, "app", grace_s=0) as fault:
        fault.observed()
    assert len(cluster.kept) == 1 and fault._history.kinds[-1] == "healing"


def test_a_database_is_recovered_when_its_pods_are_and_not_only_its_operators_word() -> None:
    cluster = database(remake=lambda gone: replace(gone, uid="new", is_ready=False))
    all_is_well = cluster.readiness("postgresql")
    with (
        patch.object(cluster, "readiness", lambda _: all_is_well),
        pytest.raises(NotReached, match="postgresql: 2 ready pods of 3"),
        made(DeletePod, cluster, "postgresql", role="primary", grace_s=0),
    ):
        pass


# SIGSTOP, by a real shell on real processes of this machine


class RealShell(ToyCluster):
    """Pods whose container is this machine: what is executed there is executed here."""

    def exec(self, pod: str, container: str, command: Sequence[str]) -> ExecResult:  # noqa: ARG002
        ended = subprocess.run(list(command), capture_output=True, text=True, check=False, timeout=20)  # noqa: S603
        return ExecResult(stdout=ended.stdout, stderr=ended.stderr, exit_code=ended.returncode)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[str]:
    """A program with two children, by a name that no other process of this machine has."""
    name = f"toy-{tmp_path.parent.name[-3:]}-{tmp_path.name[-6:]}"[:15]
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / name).symlink_to(Path(shell).resolve())
    # The children have its name as well: they are its own forks, not other programs.
    script = "(while :; do sleep 1; done) & (while :; do sleep 1; done) & wait"
    with subprocess.Popen([str(tmp_path / name), "-c", script], start_new_session=True) as process:  # noqa: S603
        yield name
        subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=False)  # noqa: S603, S607


@pytest.fixture
def here(program: str) -> RealShell:
    cluster = RealShell([pod()])
    app = replace(cluster.target.component("app"), process=program)
    cluster.target = replace(cluster.target, components={**cluster.target.components, "app": app})
    return cluster


def states(cluster: RealShell, main: Process) -> set[str]:
    listing = Listing.parse(cluster.exec("", "", ["sh", "-c", LIST_ALL]).stdout)
    found = listing.same(main)
    return {process.state for process in listing.tree(found)} if found else set()


LIST_ALL = "date +%s; cat /proc/[0-9]*/stat 2>/dev/null; true"


def waiting_for(cluster: RealShell, token: str) -> bool:
    """Whether the process that would resume them is still there."""
    # The name is put together by the shell, so that it is not in the command line of the one that looks.
    look = 'for file in /proc/[0-9]*/cmdline; do grep -qs "site-search-freeze-$1" "$file" && echo yes; done; true'
    return bool(cluster.exec("", "", ["sh", "-c", look, "sh", token]).stdout)


def test_a_frozen_process_stops_with_all_its_children_and_goes_on_when_healed(here: RealShell) -> None:
    with made(FreezeProcess, here, "app", Deadlines(), for_s=60) as fault:
        main = fault._chosen.process
        token = left_records(here, here.target.context, here.namespace)[0].details["token"]
        assert "are in state T" in fault.observed()
        assert states(here, main) <= {"T", "Z"} and waiting_for(here, token)
        fault.heal()
        assert "T" not in states(here, main)
        # Nothing is left in the pod.
        until(lambda: not waiting_for(here, token), within=10, what="the end of the one that waits")
    assert fault._history.kinds == ["injecting", "observed", "healing", "healed"]


def test_a_frozen_process_goes_on_by_itself_and_healing_it_then_is_harmless(here: RealShell) -> None:
    with made(FreezeProcess, here, "app", Deadlines(), for_s=4) as fault:
        main = fault._chosen.process
        until(lambda: states(here, main), where=lambda seen: "T" not in seen, within=20, what="the process going on")


def test_who_comes_next_resumes_a_process_from_its_record(here: RealShell) -> None:
    fault = made(FreezeProcess, here, "app", Deadlines(), for_s=60).__enter__()
    fault.observed()
    main = fault._chosen.process
    assert [entry.kind for entry in undo.replay(cast(Cluster, here), Deadlines(), only_abandoned=False)[0]] == [
        "freeze_process"
    ]
    assert "T" not in states(here, main) and not here.kept


def test_a_process_that_is_gone_is_no_frozen_one(here: RealShell) -> None:
    with made(FreezeProcess, here, "app", Deadlines(), for_s=60) as fault:
        fault.observed()
        main = fault._chosen.process
        here.exec("", "", ["kill", "-KILL", str(main.pid)])
        until(lambda: not (states(here, main) - {"Z"}), within=10, what="the end of the process")
        with pytest.raises(NotReached, match="gone instead of stopped"):
            fault.observed()


def test_a_process_that_cannot_be_stopped_is_an_error_and_is_healed() -> None:
    cluster = ToyCluster([pod()])
    answers = iter([cluster.listing, ExecResult(stdout="", stderr="there is no setsid", exit_code=1)])
    healed = ExecResult(stdout="", stderr="", exit_code=0)
    with (
        patch.object(cluster, "exec", lambda *_: next(answers, healed)),
        pytest.raises(FaultError, match="stop of pod app-0's processes failed: there is no setsid"),
        made(FreezeProcess, cluster, "app", for_s=5),
    ):
        pass
    assert not cluster.kept


def test_a_container_that_was_restarted_took_its_frozen_processes_along() -> None:
    cluster = ToyCluster([pod()])
    stopped = LISTING.replace(") S ", ") T ")
    with made(FreezeProcess, cluster, "app", for_s=5) as fault:
        cluster.listing = ExecResult(stdout=stopped, stderr="", exit_code=0)
        assert fault.observed() == "2 processes of app-0, python3 (12) first, are in state T"
        cluster.pods_there = [killed(entry) for entry in cluster.pods_there]
        # In the old container nothing can be executed any more.
        with patch.object(cluster, "exec", side_effect=ClientError("container not found")):
            fault.heal()
    assert not cluster.kept


def test_a_process_that_still_runs_is_no_proof() -> None:
    cluster = ToyCluster([pod()])
    with pytest.raises(NotReached, match="in state T"), made(FreezeProcess, cluster, "app", for_s=5) as fault:
        fault.observed()


@pytest.mark.parametrize("kind", [KillProcess, FreezeProcess])
def test_a_process_that_is_pid_1_is_unsupported(kind: type[Fault]) -> None:
    cluster = ToyCluster([pod(shared=False)])
    given: dict[str, Any] = {"for_s": 5} if kind is FreezeProcess else {}
    with pytest.raises(Unsupported, match="set shareProcessNamespace: true"), made(kind, cluster, "app", **given):
        pass
    assert untouched(cluster)


def test_no_pod_was_chosen_before_it_is_entered() -> None:
    cluster = ToyCluster([])
    for fault in (
        made(KillProcess, cluster, "app"),
        made(DeletePod, cluster, "app", grace_s=0),
        made(FreezeProcess, cluster, "app", for_s=5),
    ):
        with pytest.raises(FaultError, match="no pod of app was chosen yet"):
            _ = fault.name
