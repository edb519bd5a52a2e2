"""The network parts between two components; every packet between them is dropped, on connections old and new.

What proper handling means: a client is served as far as the parts that still reach each other can serve it, is refused
clearly and soon where they cannot, is never told that something is kept which is not, and is served as before soon
after the network is whole again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.ledger import lost_writes
from suites.harness.checkers.outage import error_ratio
from suites.harness.checkers.partition import LOOK_FOR_S, recovery
from suites.harness.checkers.primaries import writable_at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge, Recording
    from suites.fixtures.tasks import Tasks
    from suites.harness.faults.base import Fault
    from suites.harness.traffic import Traffic
    from suites.harness.watch import PrimaryWatch
    from suites.harness.workloads.ledger import Ledger

pytestmark = [pytest.mark.disruptive, pytest.mark.failure]

PARTED_FOR_S = 20.0
# Longer than it lasts when all goes well: the fault ends by itself when whoever made it is gone.
EXPIRES_AFTER_S = 60.0


@pytest.mark.objective("failure.partition_app_db")
def test_app_and_database_part(
    traffic: Callable[..., Traffic], fault: Callable[..., Fault], ledger: Ledger, history: Recording, judge: Judge
) -> None:
    """Searches go on from cache and engine; a write is refused with 503 before its client gives up waiting."""
    with traffic("search", "write") as flow:
        flow.until_steady(for_s=10)
        with fault("partition", "app", "postgresql", for_s=EXPIRES_AFTER_S) as parted:
            parted.observed()
            flow.run_on(for_s=PARTED_FOR_S)
        flow.recovers(for_s=10, within_s=LOOK_FOR_S)
    lost = lost_writes(history.closed(), ledger.stored())
    judge("failure.partition_app_db", recovery(history.closed(), lost, doubts=flow.doubts))


@pytest.mark.objective("failure.partition_db_replicas")
def test_primary_and_replicas_part(
    traffic: Callable[..., Traffic],
    fault: Callable[..., Fault],
    primary_watch: PrimaryWatch,
    ledger: Ledger,
    history: Recording,
    judge: Judge,
) -> None:
    """A commit that no replica confirms is not acknowledged but refused with 503 in time, and nobody is promoted.

    What needs no commit is served on: searches, and reads of what is stored.
    """
    with primary_watch, traffic("search", "read", "write") as flow:
        flow.until_steady(for_s=10)
        with fault(
            "partition", "postgresql", "postgresql", role="primary", peer_role="replica", for_s=EXPIRES_AFTER_S
        ) as parted:
            parted.observed()
            flow.run_on(for_s=PARTED_FOR_S)
        flow.recovers(for_s=10, within_s=LOOK_FOR_S)
    lost = lost_writes(history.closed(), ledger.stored())
    found = recovery(history.closed(), lost, doubts=flow.doubts)
    primaries = writable_at_once(primary_watch.history())
    reads = error_ratio(history.closed(), kind="read")
    judge(
        "failure.partition_db_replicas",
        replace(
            found,
            guards={**found.guards, "writable_at_once": primaries.value, "read_error_ratio": reads.value},
            doubts=tuple(dict.fromkeys((*found.doubts, *primaries.doubts, *reads.doubts))),
            facts={**found.facts, "primaries": primaries.facts, "reads": reads.facts},
        ),
    )


@pytest.mark.objective("failure.partition_app_redis")
def test_app_and_redis_part(
    traffic: Callable[..., Traffic],
    fault: Callable[..., Fault],
    ledger: Ledger,
    tasks: Tasks,
    history: Recording,
    judge: Judge,
) -> None:
    """Searches and writes go on, limits are kept by each replica alone; scrapes accepted meanwhile are done later."""
    with traffic("search", "write", "submit") as flow:
        flow.until_steady(for_s=10)
        with fault("partition", "app", "redis", for_s=EXPIRES_AFTER_S) as parted:
            parted.observed()
            flow.run_on(for_s=PARTED_FOR_S)
        flow.recovers(for_s=10, within_s=LOOK_FOR_S)
    lost = lost_writes(history.closed(), ledger.stored())
    writes = recovery(history.closed(), lost, doubts=flow.doubts)
    first, scrapes = tasks.first_after(), tasks.lost()
    value = None if writes.value is None or first.value is None else max(writes.value, first.value)
    judge(
        "failure.partition_app_redis",
        replace(
            writes,
            value=value,
            guards={**writes.guards, "lost_scrapes": scrapes.value},
            doubts=tuple(dict.fromkeys((*writes.doubts, *first.doubts, *scrapes.doubts))),
            facts={**writes.facts, "first_task": first.facts, "scrapes": scrapes.facts},
        ),
    )
