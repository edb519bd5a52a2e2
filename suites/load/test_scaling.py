"""As many workers as the queue needs: soon when it grows, from none at all, and no scrape lost when they go again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suites.fixtures.evidence import Judge
    from suites.fixtures.scaling import Scaling

pytestmark = [pytest.mark.load, pytest.mark.disruptive]

WORKERS_MOST = 10
# For twelve scrapes, at five each.
WORKERS_ENOUGH = 3


@pytest.mark.objective("scaling.reaction_s")
def test_a_queue_over_its_target_gets_another_worker(scaling: Scaling, judge: Judge) -> None:
    """Ninety scrapes are asked for while as few workers run as may; every hop from there to a new one is timed."""
    judge("scaling.reaction_s", scaling.reaction())


@pytest.mark.objective("scaling.zero_to_ten_s")
def test_a_queue_gets_ten_workers_where_there_was_none(scaling: Scaling, judge: Judge) -> None:
    """The same while the autoscaler may do with no worker at all, until ten are ready."""
    judge("scaling.zero_to_ten_s", scaling.from_zero(ready=WORKERS_MOST))


@pytest.mark.objective("scaling.scale_in_lost_tasks")
def test_no_scrape_is_lost_when_workers_are_taken_away(scaling: Scaling, judge: Judge) -> None:
    """Ten workers run twelve long scrapes, and the autoscaler finds that three would do."""
    judge("scaling.scale_in_lost_tasks", scaling.scale_in(most=WORKERS_MOST, to=WORKERS_ENOUGH))
