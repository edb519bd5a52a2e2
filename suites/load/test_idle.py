"""What the target costs while nobody asks anything of it, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from suites.fixtures.benchmark import Benchmark
    from suites.fixtures.earlier import Compared
    from suites.fixtures.idle import Idle


@pytest.mark.benchmark
@pytest.mark.disruptive
def test_what_every_part_costs_at_rest(
    idle: Idle, benchmark: Benchmark, compared: Compared, say: Callable[[str], None]
) -> None:
    """Processor time and memory of every part on every node. Disruptive: beside another check there is no rest."""
    parts, cost = idle.measure()
    for part in parts:
        used = "?" if part.millicores is None else f"{part.millicores:.1f}"
        held = "?" if part.memory_bytes is None else f"{part.memory_bytes / 1024**2:.0f}"
        say(f"{part.name:45} {part.containers:3} × {used:>7} millicores {held:>6} MiB")
    say(f"together {cost.value or 0:.3f} cores and {cost.facts['memory_mib']} MiB; {'; '.join(cost.doubts)}")
    say(f"this machine meanwhile: {cost.facts['machine_busy_cores']} cores")
    benchmark("idle", compared("idle", cost, believed=not cost.doubts))
    assert cost.value, "no part was measured"
