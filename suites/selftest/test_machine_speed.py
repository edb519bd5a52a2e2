"""The speed of the machine is told as a range of positive numbers, whatever happened meanwhile."""

from __future__ import annotations

from suites.harness.workloads.machine import MachineSpeed


def test_a_window_of_no_length_still_has_a_speed() -> None:
    with MachineSpeed() as machine:
        pass
    facts = machine.facts
    assert 0 < facts["rounds_per_ms_min"] <= facts["rounds_per_ms_median"] <= facts["rounds_per_ms_max"]
