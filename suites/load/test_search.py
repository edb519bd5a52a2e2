"""Searches at the promised rate, from outside the ingress."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.latency import latency_facts, latency_p95_ms

if TYPE_CHECKING:
    from suites.fixtures.evidence import Judge
    from suites.harness.workloads.searches import Searches

RATE_HZ = 1000.0
# Fills the cache and the pools as a platform under lasting load has them. Not judged.
WARM_UP_S = 10.0


@pytest.mark.load
@pytest.mark.disruptive
@pytest.mark.timeout(2400)
@pytest.mark.objective("load.search_p95_ms")
def test_searches_are_quick_at_the_promised_rate(
    searches: Searches, load_s: float, load_uncached_s: float, judge: Judge
) -> None:
    """95 of 100 searches are answered in time at 1000 a second; beside it, the same searches with the cache off."""
    searches.run("warm-up", rate_hz=RATE_HZ, duration_s=WARM_UP_S)
    judged = searches.run("history", rate_hz=RATE_HZ, duration_s=load_s, stream=1)
    uncached = searches.run("uncached", rate_hz=RATE_HZ, duration_s=load_uncached_s, stream=1, use_cache=False)
    judge(
        "load.search_p95_ms",
        latency_p95_ms(
            judged.history,
            timeout_ms=searches.timeout_ms,
            doubts=(*judged.report.doubts(), *searches.corpus.doubts()),
            facts={
                "corpus_pages": searches.corpus.pages,
                "generator": judged.schedule_facts,
                "cache_off": {
                    **latency_facts(uncached.history.operations, searches.timeout_ms),
                    "generator": uncached.schedule_facts,
                    "doubts": uncached.report.doubts(),
                },
            },
        ),
    )
