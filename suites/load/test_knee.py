"""How far the promise reaches: the highest rate of searches that still holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suites.harness.checkers.latency import latency_p95_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.harness.workloads.searches import Searches

FIRST_RATE_HZ = 250.0
STEP_HZ = 250.0
LAST_RATE_HZ = 4000.0
# One cache lifetime is 60 s; after the lead the popular queries of the step before are still there.
LEAD_S = 5.0
STEP_S = 15.0
P95_LIMIT_MS = 200.0
ERROR_RATIO_LIMIT = 0.001


@pytest.mark.benchmark
@pytest.mark.disruptive
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "uncached"])
def test_the_highest_rate_that_holds_the_objective(
    searches: Searches, use_cache: bool, say: Callable[[str], None]
) -> None:
    """The rate is raised step by step until p95 or errors leave their bounds, or the generator its schedule."""
    knee_hz = 0.0
    rate_hz = FIRST_RATE_HZ
    while rate_hz <= LAST_RATE_HZ:
        step = int(rate_hz / STEP_HZ)
        searches.run(f"lead-{rate_hz:.0f}", rate_hz=rate_hz, duration_s=LEAD_S, stream=2 * step, use_cache=use_cache)
        run = searches.run(
            f"step-{rate_hz:.0f}", rate_hz=rate_hz, duration_s=STEP_S, stream=2 * step + 1, use_cache=use_cache
        )
        found = latency_p95_ms(run.history, timeout_ms=searches.timeout_ms, doubts=run.report.doubts())
        error_ratio = found.guards["error_ratio"]
        assert found.value is not None and error_ratio is not None
        say(
            f"{rate_hz:.0f} req/s: p50 {found.facts['p50_ms']:.1f} ms, p95 {found.value:.1f} ms, "
            f"p99 {found.facts['p99_ms']:.1f} ms, errors {error_ratio:.2%}, "
            f"cache hits {found.facts['cache_hit_ratio'] or 0:.0%}; {'; '.join(found.doubts) or 'schedule kept'}"
        )
        if found.doubts or found.value > P95_LIMIT_MS or error_ratio > ERROR_RATIO_LIMIT:
            break
        knee_hz = rate_hz
        rate_hz += STEP_HZ
    say(f"highest rate that holds {P95_LIMIT_MS:g} ms: {knee_hz:.0f} req/s")
    assert knee_hz, f"not even {FIRST_RATE_HZ:g} req/s"
