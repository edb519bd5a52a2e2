"""One app pod's process is killed without warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.gaps import longest_gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.records import Measurement
    from suites.fixtures.benchmark import Benchmark
    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.faults.base import Fault
    from suites.harness.traffic import Traffic


pytestmark = pytest.mark.disruptive


@pytest.mark.failure
@pytest.mark.objective("failure.app_pod_gap_s")
def test_searches_are_answered_while_an_app_pod_is_lost(app_pod_lost: Measurement, judge: Judge) -> None:
    """No client waits longer than promised for its next good answer after one app pod's process got SIGKILL."""
    judge("failure.app_pod_gap_s", app_pod_lost)


@pytest.mark.benchmark
@pytest.mark.parametrize("loss", range(1, 11))
def test_the_gap_over_ten_losses(app_pod_lost: Measurement, benchmark: Benchmark, loss: int) -> None:  # noqa: ARG001
    """How much the gap varies from one loss to the next."""
    benchmark("failure.app_pod_gap_s", app_pod_lost)


@pytest.fixture
def app_pod_lost(search_traffic: Traffic, fault: Callable[..., Fault], history: Recording) -> Measurement:
    """The longest gap of any client around the kill."""
    with search_traffic:
        search_traffic.until_steady(for_s=10)
        with fault("kill_process", "app") as kill:
            kill.observed()
        search_traffic.run_on(for_s=20)
    return longest_gap(history.closed(), doubts=search_traffic.doubts)
