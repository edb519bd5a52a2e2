"""A worker node is emptied for maintenance while users search and add sites."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.pods import pods_missing_in_drain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.clients.kubernetes import Cluster
    from suites.harness.deadlines import Deadlines
    from suites.harness.faults.drain import DrainNode
    from suites.harness.pod_watch import PodWatch
    from suites.harness.traffic import Traffic

# What is gone with the node is to be missed by those who search and write, not only while it goes.
EMPTY_FOR_S = 10.0


@pytest.mark.load
@pytest.mark.disruptive
@pytest.mark.timeout(1200)
@pytest.mark.objective("rollout.drain_pods_missing")
def test_app_pods_go_one_at_a_time_when_a_node_is_drained(
    app_drain: DrainNode, app_watch: PodWatch, traffic: Callable[..., Traffic], history: Recording, judge: Judge
) -> None:
    """Searches and writes go on while a worker is emptied and comes back; never is more than one app pod missing."""
    with app_watch, traffic("search", "write") as flow:
        flow.until_steady(for_s=10)
        with app_drain as drain:
            drain.observed()
            flow.run_on(for_s=EMPTY_FOR_S)
        flow.run_on(for_s=20)
    found = pods_missing_in_drain(history.closed(), app_watch.history(), doubts=flow.doubts)
    drained = {"node": drain.drained.node, "pods": [pod.name for pod in drain.drained.pods]}
    judge("rollout.drain_pods_missing", replace(found, facts={**found.facts, "drained": drained}))


@pytest.fixture
def app_drain(healed_target: Cluster, history: Recording, deadlines: Deadlines) -> DrainNode:
    """A drain of the worker that carries most app pods, which the database's primary has left as before any drain.

    Three pods on two workers: there are two of them on one.
    """
    from suites.harness.faults.drain import DrainNode
    from suites.harness.faults.victims import choose_pod_on_worker
    from suites.harness.handover import primary_elsewhere

    node = choose_pod_on_worker(healed_target, "app", None, fullest=True).node
    primary_elsewhere(healed_target, deadlines, than=node)
    return DrainNode("app", cluster=healed_target, history=history, deadlines=deadlines)


@pytest.fixture
def app_watch(cluster: Cluster, evidence_dir: Path) -> PodWatch:
    """Looks at the app's pods while its `with` block runs; the looks are in app-pods.jsonl."""
    from suites.harness.pod_watch import PodWatch

    return PodWatch(cluster, "app", evidence_dir / "app-pods.jsonl")
