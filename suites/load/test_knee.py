"""How far the promise reaches: the highest rate of searches that still holds it, and who is the limit there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.benchmark import Benchmark
    from suites.fixtures.earlier import Compared
    from suites.fixtures.sweep import Sweep

FIRST_RATE_HZ = 250.0
STEP_HZ = 250.0
LAST_RATE_HZ = 4000.0
# The cache keeps an answer for minutes: the popular queries of the step before are still there.
LEAD_S = 10.0
# With the lead it holds two measurements of every kubelet.
STEP_S = 20.0
WARM_UP_S = 30.0
P95_LIMIT_MS = 200.0
ERROR_RATIO_LIMIT = 0.001


@pytest.mark.benchmark
@pytest.mark.disruptive
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "uncached"])
def test_the_highest_rate_that_holds_the_objective(
    sweep: Sweep, use_cache: bool, benchmark: Benchmark, compared: Compared, say: Callable[[str], None]
) -> None:
    """The rate is raised step by step until p95 or errors leave their bounds, or the generator its schedule."""
    rate_hz = FIRST_RATE_HZ
    with sweep:
        sweep.warm_up(FIRST_RATE_HZ, for_s=WARM_UP_S, use_cache=use_cache)
        while rate_hz <= LAST_RATE_HZ:
            step = sweep.step(rate_hz, lead_s=LEAD_S, for_s=STEP_S, use_cache=use_cache)
            say(
                f"{rate_hz:.0f} req/s: p50 {step.p50_ms:.1f} ms, p95 {step.p95_ms:.1f} ms, p99 {step.p99_ms:.1f} ms, "
                f"errors {step.error_ratio:.2%}, cache hits {step.cache_hit_ratio or 0:.0%}; "
                f"{'; '.join(step.doubts) or 'schedule kept'}"
            )
            if step.doubts or not step.holds(p95_ms=P95_LIMIT_MS, error_ratio=ERROR_RATIO_LIMIT):
                break
            rate_hz += STEP_HZ
    name = f"knee-{'cached' if use_cache else 'uncached'}"
    title = f"Searches {'with the cache' if use_cache else 'past the cache'}, one rate after another"
    knee = sweep.finish(name, title=title, p95_ms=P95_LIMIT_MS, error_ratio=ERROR_RATIO_LIMIT)
    benchmark(name, compared(name, knee, believed=not knee.doubts))
    say("; ".join([f"highest rate that holds {P95_LIMIT_MS:g} ms: {knee.value or 0:.0f} req/s", *knee.doubts]))
    used = {part: "?" if value is None else f"{value:.2f}" for part, value in knee.facts["cores_at_knee"].items()}
    say(f"cores there: {', '.join(f'{part} {value}' for part, value in used.items())}")
    assert knee.value, f"not even {FIRST_RATE_HZ:g} req/s"
