"""What a fault may leave behind is seen, and what it must change is not counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from suites.harness.clients.ephemeral import Kit
from suites.harness.clients.kubernetes import Cluster
from suites.harness.faults.footprint import footprint, left_behind
from suites.selftest.toy_cluster import pod
from suites.selftest.toy_network import ToyNet


@dataclass
class Footed(ToyNet):
    """A toy cluster that can be asked for all that a footprint is made of."""

    replicas: int = 3
    marks: dict[str, dict[str, str]] = field(default_factory=lambda: {"labels": {}, "annotations": {}})

    def manifests(self, kind: str) -> dict[str, dict[str, Any]]:
        return {"app": {"spec": {"replicas": self.replicas}}} if kind == "Deployment" else {}

    def namespace_marks(self) -> dict[str, dict[str, str]]:
        return self.marks


def prints(cluster: Footed) -> dict[str, str]:
    return footprint(cast(Cluster, cluster))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Footed:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    cluster = Footed([pod("app-0"), pod("redis-0")])
    cluster.ephemeral.add("app-0", Kit(purpose="network", image="faults:1", changes_network=True))
    return cluster


def test_a_target_that_is_as_it_was_has_no_differences(cluster: Footed) -> None:
    before = prints(cluster)
    cluster.pods_there = [pod("app-7", restarts=3), pod("redis-0")]
    assert left_behind(before, prints(cluster)) == []


def test_each_thing_that_may_stay_behind_is_told(cluster: Footed) -> None:
    before = prints(cluster)
    cluster.replicas = 2
    cluster.marks = {"labels": {}, "annotations": {"left": "there"}}
    cluster.nodes.change("w0", is_cordoned=True)
    cluster.policies.there["sre-cut"] = {}
    cluster.volumes.asked["data-0"] = "Pending, 1Gi"
    cluster.tables["app-0"] = {"sre_abc"}
    cluster.pods_there = [pod("app-0")]
    told = left_behind(before, prints(cluster))
    assert [line.split(":")[0] for line in told] == [
        "Deployment app", "Namespace site-search", "NetworkPolicy sre-cut", "Node w0", "PersistentVolumeClaim data-0",
        "component redis", "packet rules in app-0",
    ]  # fmt: skip
    assert told[3] == "Node w0: ready before, ready, cordoned after"
