"""One worker pod's process is killed without warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge
    from suites.fixtures.tasks import Tasks
    from suites.harness.faults.base import Fault
    from suites.harness.traffic import Traffic

pytestmark = [pytest.mark.disruptive, pytest.mark.failure]


@pytest.mark.objective("failure.worker_pod_lost_tasks")
def test_accepted_scrapes_are_done_once_though_a_worker_is_lost(
    traffic: Callable[..., Traffic], fault: Callable[..., Fault], tasks: Tasks, judge: Judge
) -> None:
    """Every scrape that was accepted around the SIGKILL of a worker completes, and stores each page once."""
    with traffic("submit") as flow:
        flow.until_steady(for_s=10)
        with fault("kill_process", "worker") as kill:
            kill.observed()
        flow.run_on(for_s=10)
    judge("failure.worker_pod_lost_tasks", tasks.lost(doubts=flow.doubts))
