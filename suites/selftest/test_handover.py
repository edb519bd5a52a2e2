"""A primary that is where it must not be for a fault hands over to a standby that is not, and only then."""

from __future__ import annotations

from typing import cast

import pytest

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import NothingSelected, NotReached
from suites.harness.handover import primary_elsewhere, primary_on_worker
from suites.selftest.toy_cluster import ToyCluster, pod

SOON = Deadlines().stretched(0.001)


def database(*nodes: str, hands_over: bool = True) -> ToyCluster:
    """The first instance is the primary; each is on the node that is named."""
    pods = [pod(f"postgresql-{number}", on=on) for number, on in enumerate(nodes)]
    roles = {entry.name: "replica" for entry in pods} | {"postgresql-0": "primary"}
    return ToyCluster(pods, roles=roles, hands_over=hands_over)


def test_a_primary_on_a_worker_stays_there() -> None:
    cluster = database("w0", "cp", "w1")
    assert primary_on_worker(cast(Cluster, cluster), SOON) == "postgresql-0"
    assert not cluster.done


def test_a_primary_on_the_control_plane_hands_over_to_a_standby_on_a_worker() -> None:
    cluster = database("cp", "cp", "w1")
    assert primary_on_worker(cast(Cluster, cluster), SOON) == "postgresql-2"
    assert cluster.done == ["hand postgresql over to postgresql-2"]


def test_without_a_standby_on_a_worker_nothing_is_touched() -> None:
    cluster = database("cp", "cp")
    with pytest.raises(NothingSelected, match="no standby of postgresql is on a worker, the primary postgresql-0"):
        primary_on_worker(cast(Cluster, cluster), SOON)
    assert not cluster.done


def test_a_handover_that_does_not_come_is_told() -> None:
    cluster = database("cp", "w0", hands_over=False)
    with pytest.raises(NotReached, match="postgresql-1 the only primary"):
        primary_on_worker(cast(Cluster, cluster), SOON)


def test_a_primary_on_another_node_than_the_one_to_be_emptied_stays_there() -> None:
    cluster = database("w0", "w1", "w1")
    assert primary_elsewhere(cast(Cluster, cluster), SOON, than="w1") == "postgresql-0"
    assert not cluster.done


def test_a_primary_on_the_node_to_be_emptied_hands_over_to_a_standby_on_another_one() -> None:
    cluster = database("w1", "w1", "cp")
    assert primary_elsewhere(cast(Cluster, cluster), SOON, than="w1") == "postgresql-2"
    assert cluster.done == ["hand postgresql over to postgresql-2"]


def test_without_a_standby_on_another_node_nothing_is_touched() -> None:
    cluster = database("w1", "w1")
    with pytest.raises(
        NothingSelected, match="no standby of postgresql is on another node than w1, where postgresql-0"
    ):
        primary_elsewhere(cast(Cluster, cluster), SOON, than="w1")
    assert not cluster.done
