"""Whoever breaks something may die in the middle of it: the target heals all the same."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from reports.records import Measurement

if TYPE_CHECKING:
    from suites.fixtures.benchmark import Benchmark
    from suites.harness.clients.kubernetes import Cluster
    from suites.harness.deadlines import Deadlines

pytestmark = [pytest.mark.benchmark, pytest.mark.disruptive, pytest.mark.timeout(600)]

FOR_S = 15.0
# After the fault is over by itself, all must be as it was within this.
AFTERWARDS_S = 30.0
# One kind after the other and then again: a container that has to start again and again is made to wait by its kubelet.
TIMES = 3

FAULTS: dict[str, dict[str, Any]] = {
    "delete_pod": {"component": "worker", "grace_s": 0},
    "dns_outage": {"component": "app", "for_s": FOR_S},
    # Budgets let its pods go one after the other, and it is proved once they have gone.
    "drain_node": {"component": "app", "for_s": 3 * FOR_S},
    "fill_disk": {"component": "postgresql", "role": "primary", "for_s": FOR_S},
    "freeze_process": {"component": "redis", "for_s": FOR_S},
    "kill_process": {"component": "app"},
    "out_of_memory": {"component": "worker", "for_s": FOR_S},
    "partition": {"component": "app", "peer": "redis", "for_s": FOR_S},
    "pause_node": {"component": "app", "for_s": FOR_S},
    "slow_dependency": {"component": "app", "peer": "meilisearch", "latency_ms": 300, "for_s": FOR_S},
    "slow_network": {"component": "app", "peer": "redis", "latency_ms": 50, "for_s": FOR_S},
    "stop_node": {"component": "app", "for_s": FOR_S},
}
# What no timer ends: the next run's start undoes it, or `python -m suites.undo`.
STANDING: dict[str, dict[str, Any]] = {
    "change_values": {"component": "worker", "values": {"worker": {"concurrency": 5}}},
    "patch_object": {
        "component": "redis",
        "object_kind": "StatefulSet",
        "object_name": "site-search-redis",
        "patch": {"spec": {"replicas": 0}},
        "becomes_ready": False,
    },
    "promote_standby": {"component": "postgresql"},
    "set_scaler": {"component": "worker", "least": 3},
}


@pytest.mark.parametrize("kind", sorted(FAULTS))
@pytest.mark.parametrize("loss", range(TIMES))
def test_the_target_heals_when_the_runner_is_killed(
    kind: str,
    loss: int,
    healed_target: Cluster,
    primary_on_worker: str,  # noqa: ARG001 a control plane that holds the primary is not taken away
    deadlines: Deadlines,
    benchmark: Benchmark,
) -> None:
    """The process that holds the fault gets SIGKILL; nobody undoes it, and 30 s after its end all is as it was."""
    from suites.harness.faults.footprint import footprint, left_behind
    from suites.harness.faults.records import left_records
    from suites.harness.faults.standing import settle
    from suites.harness.faults.undo import replay
    from suites.harness.wait import until

    settle(healed_target, deadlines)
    before = footprint(healed_target)
    proof = killed_in_the_middle(healed_target, kind, FAULTS[kind])
    (record,) = left_records(healed_target, healed_target.target.context, healed_target.namespace)
    # What has no duration is over at once; its record stands for as long as anybody might want to heal it.
    over_at = record.expires_at if "for_s" in FAULTS[kind] else time.time()
    # Before that it may look as if nothing were wrong: a frozen process is not unready at once.
    until(lambda: time.time() >= over_at, within=over_at - time.time() + 1, what=f"the end of {kind}")
    until(
        lambda: [line for line in left_behind(before, footprint(healed_target)) if not line.startswith("undo record")],
        where=lambda left: not left,
        within=over_at + AFTERWARDS_S - time.time(),
        what=f"the target as it was before {kind}",
    )
    found = Measurement(value=time.time() - over_at, unit="s", samples=1, facts={"proof": proof, "loss": loss})
    assert [left.id for left in replay(healed_target, deadlines, only_abandoned=True)[0]] == [record.id]
    benchmark(f"runner_killed.{kind}", found)


@pytest.mark.parametrize("kind", sorted(STANDING))
@pytest.mark.parametrize("loss", range(TIMES))
def test_undo_heals_what_no_timer_ends(
    kind: str, loss: int, healed_target: Cluster, deadlines: Deadlines, benchmark: Benchmark
) -> None:
    """The process that holds the change gets SIGKILL; once `python -m suites.undo` has returned, all is as it was."""
    from suites import undo
    from suites.harness.faults.footprint import footprint, left_behind
    from suites.harness.faults.standing import settle

    settle(healed_target, deadlines)
    before, target = footprint(healed_target), healed_target.target
    proof = killed_in_the_middle(healed_target, kind, STANDING[kind])
    begun_at = time.time()
    named = ["--target", target.name, "--context", target.context, "--namespace", target.namespace]
    assert undo.main(named) == 0
    found = Measurement(value=time.time() - begun_at, unit="s", samples=1, facts={"proof": proof, "loss": loss})
    settle(healed_target, deadlines)
    assert not left_behind(before, footprint(healed_target))
    benchmark(f"undone.{kind}", found)


def killed_in_the_middle(cluster: Cluster, kind: str, about: dict[str, Any]) -> str:
    """Break the target in a process that gets SIGKILL once the fault is proved; what the proof was."""
    with held(cluster, kind, about) as process:
        assert process.stdout is not None and process.stderr is not None
        proof = process.stdout.readline()
        problem = "" if proof else process.stderr.read().strip()
        process.kill()
    if problem.startswith("Unsupported"):
        pytest.skip(problem)
    assert proof, problem
    return proof.strip()


def held(cluster: Cluster, kind: str, about: dict[str, Any]) -> subprocess.Popen[str]:
    """A process that breaks the target and says so in one line."""
    target = cluster.target
    return subprocess.Popen(  # noqa: S603 our own module
        [
            sys.executable, "-m", "suites.harness.faults.held", "--target", target.name,
            "--context", target.context, "--namespace", target.namespace, kind, json.dumps(about),
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
