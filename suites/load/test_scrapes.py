"""Many scrapes are asked for at once while users search."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reports.records import Measurement
    from suites.fixtures.benchmark import Benchmark
    from suites.fixtures.evidence import Judge

pytestmark = pytest.mark.disruptive


@pytest.mark.load
@pytest.mark.objective("load.concurrent_scrapes")
def test_a_hundred_scrapes_at_once_are_all_done_and_searches_stay_quick(
    scrapes_at_once: Callable[[int], Measurement], judge: Judge
) -> None:
    """Each is done exactly once, at least ten at a time, and searches keep their objective meanwhile."""
    judge("load.concurrent_scrapes", scrapes_at_once(100))


@pytest.mark.benchmark
@pytest.mark.timeout(3600)
def test_a_thousand_scrapes_at_once(scrapes_at_once: Callable[[int], Measurement], benchmark: Benchmark) -> None:
    """The same with ten times as many."""
    benchmark("load.concurrent_scrapes", scrapes_at_once(1000))
