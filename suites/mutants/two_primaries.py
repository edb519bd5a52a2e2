"""What the watch for split brain sees when there is one. Only for a mutant: it is no promise that this is survived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.primaries import writable_at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge
    from suites.harness.faults.base import Fault
    from suites.harness.traffic import Traffic
    from suites.harness.watch import PrimaryWatch

pytestmark = pytest.mark.disruptive


@pytest.mark.objective("failure.db_split_brain")
def test_a_standby_that_is_promoted_by_hand_takes_no_writes(
    traffic: Callable[..., Traffic], fault: Callable[..., Fault], primary_watch: PrimaryWatch, judge: Judge
) -> None:
    """Where a commit waits for a standby it finds none, and is not acknowledged; else there are two primaries."""
    with primary_watch, traffic("write") as flow:
        flow.until_steady(for_s=10)
        with fault("promote_standby", "postgresql") as promoted:
            promoted.observed()
            flow.run_on(for_s=10)
    judge("failure.db_split_brain", writable_at_once(primary_watch.history(), fault=promoted.name, doubts=flow.doubts))
