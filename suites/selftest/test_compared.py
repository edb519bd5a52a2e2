"""A load check's verdict carries the machine and the comparison; what is not believed is not kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.earlier import FILE, read
from reports.records import Measurement
from reports.run import Run
from suites.fixtures.earlier import Compared
from suites.harness.workloads.machine import busy_before


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, argv=["pytest"], seed=1)


def measured(value: float | None) -> Measurement:
    return Measurement(
        value=value, unit="ms", samples=1, facts={"machine": {"rounds_per_ms_median": 9.0}, "p50_ms": 1.0}
    )


def test_a_value_that_is_believed_is_there_for_the_next_run(run: Run) -> None:
    compared = Compared(run, {"busy_cores": 0.3})
    first = compared("load.x_ms", measured(10.0), believed=True)
    second = compared("load.x_ms", measured(20.0), believed=True)
    assert first.facts["machine_before"] == {"busy_cores": 0.3} and first.facts["p50_ms"] == 1.0
    assert first.facts["earlier"]["runs"] == 0
    assert (second.facts["earlier"]["ratio"], second.facts["earlier"]["runs"]) == (2.0, 1)
    assert [each.speed for each in read(run.path.parent / FILE)] == [9.0, 9.0]


@pytest.mark.parametrize(("value", "believed"), [(10.0, False), (None, True)])
def test_what_is_not_believed_is_not_kept(run: Run, value: float | None, believed: bool) -> None:
    Compared(run, {})("load.x_ms", measured(value), believed=believed)
    assert read(run.path.parent / FILE) == []


def test_the_machine_says_what_it_does_before() -> None:
    before = busy_before()
    assert before["cores"] >= 1 and before["load_average_1_min"] >= 0
    assert before["busy_cores"] is None or 0 <= before["busy_cores"] <= before["cores"]
