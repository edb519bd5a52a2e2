"""The next version goes out while users search and scrapes run, and is rolled back again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.releases import failed_by_release

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge, Recording
    from suites.fixtures.tasks import Tasks
    from suites.harness.faults.rollout import NewRelease
    from suites.harness.traffic import Traffic

# What is judged is two versions side by side, then the new one alone.
ALONE_FOR_S = 10.0


@pytest.mark.load
@pytest.mark.disruptive
@pytest.mark.objective("rollout.failed_requests")
def test_no_request_fails_while_a_release_goes_out_and_is_rolled_back(
    release_traffic: Traffic, fault: Callable[..., NewRelease], tasks: Tasks, history: Recording, judge: Judge
) -> None:
    """Every search and every submitted scrape is answered while all app and worker pods are replaced, there and back.

    The release brings a change of the schema that both versions live with.
    """
    with release_traffic as flow:
        flow.until_steady(for_s=10)
        with fault("new_release", "app", {"migrate": {"rehearsal": True}}, with_=("worker",)) as release:
            release.observed()
            flow.run_on(for_s=ALONE_FOR_S)
        flow.run_on(for_s=20)
    found = failed_by_release(
        history.closed(), tasks.lost(), before=release.version_before, after=release.version, doubts=flow.doubts
    )
    judge("rollout.failed_requests", found)
