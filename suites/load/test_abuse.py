"""One client abuses the platform beside fifty that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.abuse import abuse_contained
from suites.harness.workloads.abuse import LIMIT_PER_MINUTE, TIMES_LIMIT
from suites.harness.workloads.machine import MachineSpeed
from suites.harness.workloads.searches import TIMEOUT_S

if TYPE_CHECKING:
    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.traffic import Traffic
    from suites.harness.workloads.abuse import AbusiveClient

FLOOD_S = 30.0
# A little longer than a connection may be kept that asks for nothing: there is no need to look on.
HOLD_S = 31.0


@pytest.mark.load
@pytest.mark.disruptive
@pytest.mark.objective("load.abuse_contained")
def test_fifty_clients_do_not_notice_one_that_abuses_the_platform(
    normal_searches: Traffic, abusive_client: AbusiveClient, history: Recording, judge: Judge
) -> None:
    """A flood at 20 times the limit, slow-loris and oversized bodies are refused, and the others are answered well."""
    with normal_searches, MachineSpeed() as machine:
        normal_searches.until_steady(for_s=5)
        abuse = abusive_client.abuse(flood_s=FLOOD_S, hold_s=HOLD_S)
    judge(
        "load.abuse_contained",
        abuse_contained(
            history.closed(),
            abuse,
            limit_per_minute=LIMIT_PER_MINUTE,
            times_limit=TIMES_LIMIT,
            timeout_ms=TIMEOUT_S * 1000.0,
            doubts=(*normal_searches.doubts, *abuse.flooding.doubts()),
            facts={"machine": machine.facts},
        ),
    )
