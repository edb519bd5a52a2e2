"""The app's pods are replaced while users search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.failed import failed_requests

if TYPE_CHECKING:
    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.clients.kubernetes import Cluster
    from suites.harness.deadlines import Deadlines
    from suites.harness.faults.rollout import RollingRestart
    from suites.harness.traffic import Traffic


@pytest.mark.load
@pytest.mark.disruptive
@pytest.mark.objective("rollout.failed_requests")
def test_no_request_fails_while_the_app_is_rolled_out(
    search_traffic: Traffic, app_restart: RollingRestart, history: Recording, judge: Judge
) -> None:
    """Every search is answered while all app pods are replaced, on new and on reused connections."""
    with search_traffic:
        search_traffic.until_steady(for_s=10)
        with app_restart as restart:
            restart.observed()
        search_traffic.run_on(for_s=20)
    judge("rollout.failed_requests", failed_requests(history.closed(), doubts=search_traffic.doubts))


@pytest.fixture
def app_restart(healed_target: Cluster, history: Recording, deadlines: Deadlines) -> RollingRestart:
    """A rolling restart of the app, as an upgrade does it."""
    from suites.harness.faults.rollout import RollingRestart

    return RollingRestart("app", cluster=healed_target, history=history, deadlines=deadlines)
