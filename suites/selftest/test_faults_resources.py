"""Faults that use something up take no more than they may, and only where nobody else is hit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.volumes import Mount
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError, NothingSelected, NotReached, Unsupported
from suites.harness.faults import undo
from suites.harness.faults.disk import FillDisk
from suites.harness.faults.memory import OutOfMemory, memory
from suites.harness.faults.records import UndoRecord, local_folder
from suites.selftest.toy_cluster import Marks, killed, pod
from suites.selftest.toy_network import ToyNet

SOON = Deadlines().stretched(0.001)
UNKNOWN_PID = 2**22 + 1


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    return tmp_path


def on(cluster: ToyNet, marks: Marks | None = None) -> dict[str, Any]:
    return {
        "cluster": cast(Cluster, cluster),
        "history": marks if marks is not None else Marks(),
        "deadlines": SOON,
    }


def out_of_memory(cluster: ToyNet, marks: Marks | None = None) -> OutOfMemory:
    return OutOfMemory("worker", for_s=20, **on(cluster, marks))


def test_memory_is_taken_in_parts_smaller_than_the_main_process() -> None:
    cluster, marks = ToyNet([pod("worker-0")]), Marks()
    with out_of_memory(cluster, marks) as fault:
        assert fault.name == "out of memory in pod worker-0 (768 MiB)"
        assert fault.observed() == "worker-0's container worker (start 1) was ended: OOMKilled"
    assert cluster.done == ["take 30 × 26843546 bytes for 20 s in worker-0, process 12"]
    assert marks.kinds == ["injecting", "observed", "healing", "healed"] and not cluster.kept


def test_in_a_namespace_of_its_own_the_main_process_is_the_first() -> None:
    cluster = ToyNet([pod("worker-0", shared=False)])
    with out_of_memory(cluster):
        pass
    assert cluster.done[0].endswith("process 1")


def test_a_container_that_did_not_run_out_of_memory_was_not_hit_and_gets_it_back() -> None:
    cluster, marks = ToyNet([pod("worker-0")], end_of_memory=""), Marks()
    with (
        pytest.raises(NotReached, match="an end of worker-0 for want of memory"),
        out_of_memory(cluster, marks) as fault,
    ):
        fault.observed()
    assert cluster.done[-1] == "give back in worker-0: process 12 to 995"
    assert "observed" not in marks.kinds and not cluster.kept


def test_another_end_is_no_end_for_want_of_memory() -> None:
    cluster = ToyNet([pod("worker-0")], end_of_memory="Error")
    with (
        pytest.raises(NotReached, match=r"ended with code 137 \(Error\), not for memory"),
        out_of_memory(cluster) as it,
    ):
        it.observed()


def test_an_end_from_before_is_none_either() -> None:
    cluster = ToyNet([killed(pod("worker-0"), container_id="an earlier one", reason="OOMKilled")], end_of_memory="")
    with pytest.raises(NotReached, match="an end of worker-0"), out_of_memory(cluster) as fault:
        fault.observed()


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)], ids=["cgroup v2", "cgroup v1"])
def test_without_a_limit_the_node_would_run_out(limit: str) -> None:
    cluster = ToyNet([pod("worker-0")], memory=f"{limit}\n110000000\n995\n")
    with pytest.raises(Unsupported, match="worker-0 has no memory limit: it would take the node's memory"):
        out_of_memory(cluster).__enter__()
    assert not cluster.done and not cluster.kept


def test_a_container_that_outlives_its_process_is_not_ended_by_the_kernel() -> None:
    cluster = ToyNet([pod("postgresql-0")])
    with pytest.raises(Unsupported, match="postgresql's container outlives its postgres"):
        OutOfMemory("postgresql", **on(cluster)).__enter__()


def test_the_number_of_processes_has_an_end() -> None:
    assert memory("1000000000\n1000\n0\n", "p").processes == 200


def fill(cluster: ToyNet, marks: Marks | None = None, **given: Any) -> FillDisk:
    return FillDisk("redis", for_s=20, **{**on(cluster, marks), **given})


def test_a_disk_is_filled_and_emptied() -> None:
    cluster, marks = ToyNet([pod("redis-0")]), Marks()
    with fill(cluster, marks) as fault:
        assert fault.name == "full volume data of pod redis-0"
        assert fault.observed() == "redis-0 has 16 KiB left on /data"
    assert not cluster.filled and not cluster.kept
    (container,) = cluster.ephemeral.of("redis-0")
    assert (container.name, container.volume) == ("sre-disk-1", "data")


@pytest.mark.parametrize(
    ("volume", "given", "says"),
    [
        ("/pvc-1\n1048576 200 150\n", {}, "a folder of a larger file system"),
        ("/\n1048576 204800 150\n", {}, "has 200.0 GiB, more than the 20 GiB that may be filled"),
        ("/\n1048576 200 150\n", {"at_most_gib": 0.1}, "has 0.2 GiB, more than the 0.1 GiB"),
        ("/\n1048576 200 0\n", {}, "is full already: 0 KiB left"),
    ],
    ids=["its node's disk", "too large", "larger than allowed", "full"],
)
def test_a_volume_that_is_not_its_pods_alone_is_never_filled(volume: str, given: dict[str, Any], says: str) -> None:
    cluster = ToyNet([pod("redis-0")], volume=volume)
    with pytest.raises(Unsupported, match=says):
        fill(cluster, **given).__enter__()
    assert not cluster.filled and not cluster.kept and not local_folder().exists()


def test_of_several_volumes_one_must_be_named() -> None:
    cluster = ToyNet([pod("redis-0")])
    cluster.volumes.mounted += [Mount(pod="redis-0", claim="log-0", volume="log", path="/log")]
    with pytest.raises(FaultError, match="has volumes data, log: name one"):
        fill(cluster).__enter__()
    with fill(cluster, volume="log") as fault:
        assert fault.victim.claim == "log-0"
    cluster.volumes.mounted = []
    with pytest.raises(NothingSelected, match="pod redis-0 mounts no claim"):
        fill(cluster).__enter__()


def test_a_disk_is_emptied_through_the_pod_that_has_the_claim_now() -> None:
    cluster = ToyNet([pod("redis-0")])
    fill(cluster).__enter__()
    (text,) = cluster.kept.values()
    replace(UndoRecord.parse("here", text), pid=UNKNOWN_PID).write(cluster)
    cluster.pods_there = [pod("redis-1")]
    cluster.volumes.mounted = [replace(cluster.volumes.mounted[0], pod="redis-1")]
    undo.replay(cast(Cluster, cluster), SOON, only_abandoned=True)
    assert not cluster.filled and not cluster.kept and cluster.ephemeral.of("redis-1")
