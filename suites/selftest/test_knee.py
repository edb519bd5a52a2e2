"""The highest rate that holds, of steps written by hand, and what is drawn of them."""

from __future__ import annotations

import pytest

from suites.fixtures.sweep import parts, plot_of
from suites.harness.checkers.knee import Step, highest_rate


def step(
    rate_hz: float,
    p95_ms: float = 20.0,
    *,
    errors: float = 0.0,
    doubts: tuple[str, ...] = (),
    cores: dict[str, float | None] | None = None,
) -> Step:
    return Step(
        rate_hz=rate_hz, samples=100, p50_ms=2.0, p95_ms=p95_ms, p99_ms=2 * p95_ms, error_ratio=errors,
        cache_hit_ratio=0.8, doubts=doubts, cores=cores or {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "knee", "doubt"),
    [
        ([step(250), step(500), step(750, 400)], 500, None),
        ([step(250), step(500, errors=0.02)], 250, None),
        ([step(250, 900)], None, None),
        ([], None, "no rate was tried"),
        ([step(250), step(500)], 500, "500 requests a second were held, and no more were tried"),
        ([step(250), step(500, doubts=("late",))], 250, "at 500 requests a second the generator was the limit: late"),
        ([step(250), step(500, 900, doubts=("late",))], 250, None),
        # One that holds again after one that did not says nothing.
        ([step(250), step(500, 400), step(750)], 250, None),
    ],
)
def test_the_knee_is_the_last_rate_before_the_first_that_broke(
    steps: list[Step], knee: float | None, doubt: str | None
) -> None:
    found = highest_rate(steps, p95_ms=200, error_ratio=0.001)
    assert (found.value, found.unit, found.doubts) == (knee, "req/s", () if doubt is None else (doubt,))
    assert found.samples == 100 * len(steps)


def test_the_parts_that_use_most_are_drawn_and_the_rest_put_together() -> None:
    many: dict[str, float | None] = {f"part{number}": 0.01 * number for number in range(12)}
    drawn = parts([step(250, cores=many), step(500, cores={**many, "part3": None})])
    assert list(drawn) == [*(f"part{number}" for number in range(11, 4, -1)), "others"]
    assert drawn["others"] == [pytest.approx(0.1), pytest.approx(0.07)]


def test_a_part_that_was_not_measured_is_a_hole() -> None:
    assert parts([step(250, cores={"app": 0.2}), step(500, cores={"app": None})]) == {"app": [0.2, None]}


def test_the_plot_has_the_numbers_the_bounds_and_the_knee() -> None:
    steps = [step(250, cores={"app": 0.2}), step(500, 400, cores={"app": 0.5})]
    knee = highest_rate(steps, p95_ms=200, error_ratio=0.001)
    plot = plot_of(steps, knee, title="t", p95_ms=200, error_ratio=0.001)
    assert [panel.name for panel in plot.panels] == ["latency", "not answered well", "processor time of each part"]
    assert plot.panels[0].curves[1].points == ((250, 20.0), (500, 400))
    assert plot.panels[2].curves[0].points == ((250, 0.2), (500, 0.5))
    assert (plot.mark, plot.mark_name) == (250, "250 requests a second hold")
