"""Redis is away: its only pod is taken down, and comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.outage import error_ratio

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge, Recording
    from suites.fixtures.tasks import Tasks
    from suites.harness.faults.base import Fault
    from suites.harness.target import Target
    from suites.harness.traffic import Traffic

pytestmark = [pytest.mark.disruptive, pytest.mark.failure]

GONE_FOR_S = 20.0


@pytest.mark.objective("failure.redis_outage_search_errors")
@pytest.mark.objective("failure.redis_outage_lost_scrapes")
def test_searches_and_accepted_scrapes_survive_without_redis(
    traffic: Callable[..., Traffic],
    fault: Callable[..., Fault],
    target: Target,
    tasks: Tasks,
    history: Recording,
    judge: Judge,
) -> None:
    """Searches go on; what is accepted meanwhile is scraped once Redis is back, by workers that consume again."""
    redis = target.component("redis")
    taken_down = {"spec": {"replicas": 0}}
    with traffic("search", "submit") as flow:
        flow.until_steady(for_s=10)
        with fault("patch_object", "redis", redis.kind, redis.name, taken_down, becomes_ready=False) as away:
            away.observed()
            flow.run_on(for_s=GONE_FOR_S)
        flow.run_on(for_s=20)
    lost, first = tasks.lost(doubts=flow.doubts), tasks.first_after()
    judge.each(
        {
            "failure.redis_outage_search_errors": error_ratio(history.closed(), doubts=flow.doubts),
            "failure.redis_outage_lost_scrapes": replace(
                lost,
                guards={**lost.guards, "first_task_after_s": first.value},
                doubts=tuple(dict.fromkeys((*lost.doubts, *first.doubts))),
                facts={**lost.facts, "first_task": first.facts},
            ),
        }
    )
