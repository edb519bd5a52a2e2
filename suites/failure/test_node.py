"""The node that holds the database's primary is lost, with everything on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.ledger import lost_writes
from suites.harness.checkers.recovery import journey_gap, write_gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.clients.sql import Postgres
    from suites.harness.faults.base import Fault
    from suites.harness.traffic import Traffic
    from suites.harness.workloads.ledger import Ledger

pytestmark = [pytest.mark.disruptive, pytest.mark.failure]

# Past the longest gap that is promised, so that one which is too long is seen to be.
GONE_FOR_S = 180.0
RECOVERED_WITHIN_S = 150.0


@pytest.mark.timeout(1200)
@pytest.mark.objective("failure.node_loss_gap_s")
def test_searches_and_writes_go_on_without_a_node(
    primary_on_worker: str,
    traffic: Callable[..., Traffic],
    fault: Callable[..., Fault],
    postgres: Postgres,
    ledger: Ledger,
    history: Recording,
    judge: Judge,
) -> None:
    """Searches and writes are answered again while the node is still away, and nothing acknowledged is lost."""
    with traffic("search", "write") as flow:
        flow.until_steady(for_s=10)
        with fault("stop_node", "postgresql", role="primary", for_s=GONE_FOR_S) as loss:
            loss.observed()
            recovered = flow.recovers(for_s=5, within_s=RECOVERED_WITHIN_S)
        flow.run_on(for_s=20)
    recorded = history.closed()
    searches = journey_gap(recorded, "search", doubts=flow.doubts)
    writes = write_gap(recorded, noticed_at=postgres.failover_decided_at())
    lost = lost_writes(recorded, ledger.stored())
    judge(
        "failure.node_loss_gap_s",
        replace(
            searches,
            guards={"write_gap_s": writes.value, "lost_writes": lost.value},
            doubts=tuple(dict.fromkeys((*searches.doubts, *writes.doubts, *lost.doubts))),
            facts={
                "primary_before": primary_on_worker,
                "recovered_without_the_node": recovered,
                "searches": searches.facts,
                "writes": writes.facts,
                "ledger": lost.facts,
            },
        ),
    )
