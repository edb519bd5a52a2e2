"""Searches at the promised rate, from outside the ingress."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.latency import latency_facts, latency_p95_ms

if TYPE_CHECKING:
    from suites.fixtures.evidence import Judge
    from suites.harness.workloads.searches import Searches

RATE_HZ = 1000.0
# Fills cache and pools step by step, so that what is judged is a platform under lasting load. Not judged itself.
WARM_UP_RATES_HZ = (RATE_HZ / 4, RATE_HZ / 2, RATE_HZ * 3 / 4)
WARM_UP_STEP_S = 10.0


@pytest.mark.load
@pytest.mark.disruptive
@pytest.mark.timeout(2400)
@pytest.mark.objective("load.search_p95_ms")
def test_searches_are_quick_at_the_promised_rate(
    searches: Searches, load_s: float, load_uncached_s: float, judge: Judge
) -> None:
    """95 of 100 searches are answered in time at 1000 a second; beside it, the same searches with the cache off."""
    for step, rate_hz in enumerate(WARM_UP_RATES_HZ):
        searches.run(f"warm-up-{rate_hz:.0f}", rate_hz=rate_hz, duration_s=WARM_UP_STEP_S, stream=10 + step)
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
                "machine": judged.machine,
                "generator": judged.schedule_facts,
                "cache_off": {
                    **latency_facts(uncached.history.operations, searches.timeout_ms),
                    "machine": uncached.machine,
                    "generator": uncached.schedule_facts,
                    "doubts": uncached.report.doubts(),
                },
            },
        ),
    )
