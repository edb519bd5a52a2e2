"""The database's primary is killed without grace: its pod and every process in it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.ledger import lost_writes
from suites.harness.checkers.primaries import replaced_at, writable_at_once
from suites.harness.checkers.recovery import write_gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.clients.sql import Postgres
    from suites.harness.faults.base import Fault
    from suites.harness.traffic import Traffic
    from suites.harness.watch import PrimaryWatch
    from suites.harness.workloads.ledger import Ledger

pytestmark = [pytest.mark.disruptive, pytest.mark.failure]


@pytest.mark.objective("failure.db_failover_gap_s")
@pytest.mark.objective("failure.db_lost_writes")
@pytest.mark.objective("failure.db_split_brain")
def test_a_standby_takes_over_and_nothing_acknowledged_is_lost(
    traffic: Callable[..., Traffic],
    fault: Callable[..., Fault],
    primary_watch: PrimaryWatch,
    postgres: Postgres,
    ledger: Ledger,
    history: Recording,
    judge: Judge,
) -> None:
    """Writes are acknowledged again soon, every acknowledged one is on every instance, and never do two take writes."""
    with primary_watch, traffic("write") as flow:
        flow.until_steady(for_s=10)
        with fault("delete_pod", "postgresql", role="primary", grace_s=0) as loss:
            loss.observed()
        flow.run_on(for_s=20)
    recorded, samples = history.closed(), primary_watch.history()
    injecting = recorded.first("injecting")
    replaced = replaced_at(samples, since=injecting.at) if injecting else None
    gap = write_gap(recorded, noticed_at=postgres.failover_decided_at(), replaced_at=replaced, doubts=flow.doubts)
    judge.each(
        {
            "failure.db_failover_gap_s": gap,
            "failure.db_lost_writes": lost_writes(recorded, ledger.stored(), doubts=flow.doubts),
            "failure.db_split_brain": writable_at_once(samples, fault=loss.name),
        }
    )
