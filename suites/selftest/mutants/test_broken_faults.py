"""Faults that are broken on purpose do not bite, or are left for somebody else to heal."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import NotReached
from suites.harness.faults import undo
from suites.harness.faults.base import NO_BITE_VARIABLE, NO_HEALING_VARIABLE
from suites.harness.faults.pods import KillProcess
from suites.selftest.toy_cluster import Marks, ToyCluster, pod

SOON = Deadlines().stretched(0.001)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))


def kill_process(cluster: ToyCluster, marks: Marks) -> KillProcess:
    return KillProcess("app", cluster=cast(Cluster, cluster), history=marks, deadlines=SOON)


def test_a_fault_that_does_not_bite_was_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_BITE_VARIABLE, "yes")
    cluster, marks = ToyCluster([pod()]), Marks()
    with pytest.raises(NotReached), kill_process(cluster, marks) as fault:
        fault.observed()
    assert not cluster.done and marks.kinds == ["injecting", "healing", "healed"]


def test_healing_is_left_to_whoever_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_HEALING_VARIABLE, "yes")
    cluster, marks = ToyCluster([pod()]), Marks()
    with kill_process(cluster, marks) as fault:
        fault.observed()
    assert marks.kinds == ["injecting", "observed", "healing"] and len(cluster.kept) == 1
    monkeypatch.delenv(NO_HEALING_VARIABLE)
    undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)
    assert not cluster.kept
