"""One app pod's process is killed without warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.gaps import longest_gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.faults.base import Fault
    from suites.harness.traffic import Traffic

pytestmark = [pytest.mark.disruptive, pytest.mark.failure]


@pytest.mark.objective("failure.app_pod_gap_s")
def test_searches_are_answered_while_an_app_pod_is_lost(
    search_traffic: Traffic, fault: Callable[..., Fault], history: Recording, judge: Judge
) -> None:
    """No client waits longer than promised for its next good answer after one app pod's process got SIGKILL."""
    with search_traffic:
        search_traffic.until_steady(for_s=10)
        with fault("kill_process", "app") as kill:
            kill.observed()
        search_traffic.run_on(for_s=20)
    judge("failure.app_pod_gap_s", longest_gap(history.closed(), doubts=search_traffic.doubts))
