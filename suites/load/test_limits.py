"""How near the platform comes to what limits it: the bare framework, and the search engine asked directly."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from suites.fixtures.limits import Asked, Limits
from suites.harness.workloads.constant_answer import constant_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.benchmark import Benchmark
    from suites.fixtures.earlier import Compared


@pytest.mark.benchmark
@pytest.mark.disruptive
@pytest.mark.timeout(3000)
def test_the_platform_beside_its_limits(
    limits: Limits, benchmark: Benchmark, compared: Compared, say: Callable[[str], None]
) -> None:
    """Each is asked the same at ever higher rates by the same generator, one after another on the same machine."""
    size = limits.answer_bytes()
    say(f"an answer has {size} bytes")
    for this in (
        Asked(name="platform, cached", way=limits.at_the_platform),
        Asked(name="platform, uncached", way=limits.at_the_platform, use_cache=False),
        Asked(name="bare framework", way=partial(constant_answer, size), is_limit=True),
        Asked(name="engine directly", way=limits.at_the_engine, is_limit=True, asked=limits.of_the_engine),
    ):
        found = limits.sweep(this, say)
        if found.knee is not None:
            name = f"limits-{this.name.replace(', ', '-').replace(' ', '-')}"
            benchmark(name, compared(name, found.knee, believed=not found.knee.doubts))
    for line in limits.finish():
        say(line)
    assert all(found.knee and found.knee.value for found in limits.swept if not found.is_limit)
