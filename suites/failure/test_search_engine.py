"""The search engine's process is killed; it starts again by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.outage import undegraded_after_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.evidence import Judge, Recording
    from suites.harness.faults.base import Fault
    from suites.harness.traffic import Traffic

pytestmark = [pytest.mark.disruptive, pytest.mark.failure]


@pytest.mark.objective("failure.search_engine_reconnect_s")
def test_searches_fall_back_and_come_back(
    traffic: Callable[..., Traffic], fault: Callable[..., Fault], history: Recording, judge: Judge
) -> None:
    """The database answers searches meanwhile and says so; soon after the engine's return they are whole again."""
    with traffic("search", use_cache=False) as flow:
        flow.until_steady(for_s=10)
        with fault("kill_process", "meilisearch") as kill:
            kill.observed()
        flow.run_on(for_s=20)
    judge("failure.search_engine_reconnect_s", undegraded_after_s(history.closed(), doubts=flow.doubts))
