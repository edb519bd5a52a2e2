"""The way back after a fault, on histories written by hand."""

from __future__ import annotations

import pytest

from reports.records import History, Mark, Operation, Outcome
from suites.harness.checkers.recovery import journey_gap, write_gap

INTERVAL_S = 0.05
INJECTED_S, OBSERVED_S, HEALED_S, END_S = 15.0, 16.0, 18.0, 40.0


def stream(
    client: str,
    *,
    kind: str = "write",
    bad: tuple[float, float] = (0.0, 0.0),
    took_s: float = 0.01,
    until: float = END_S,
) -> list[Operation]:
    """Operations at 20 Hz, answered well but for those that start within `bad`."""
    found = []
    for number in range(int(until / INTERVAL_S)):
        at = number * INTERVAL_S
        outcome: Outcome = "fail" if bad[0] <= at < bad[1] else "ok"
        found.append(
            Operation(client=client, kind=kind, intended=at, started=at, finished=at + took_s, outcome=outcome)
        )
    return found


def history(*operations: Operation, without: str = "") -> History:
    moments = {"injecting": INJECTED_S, "observed": OBSERVED_S, "healed": HEALED_S}
    marks = tuple(
        Mark(mark=mark, fault="kill", at=at)  # type: ignore[arg-type]
        for mark, at in moments.items()
        if mark != without
    )
    return History(tuple(sorted(operations, key=lambda operation: operation.intended)), marks)


def test_only_the_kind_that_is_asked_for_counts() -> None:
    both = history(*stream("w", bad=(16.0, 17.0)), *stream("s", kind="search", bad=(16.0, 20.0)))
    assert write_gap(both).value == pytest.approx(1.05, abs=0.01)
    assert journey_gap(both, "search").value == pytest.approx(4.05, abs=0.01)
    assert write_gap(both).samples == (END_S - INJECTED_S) / INTERVAL_S
    assert journey_gap(both, "read").doubts == ("no read was recorded",)


def test_the_way_back_is_told_step_by_step() -> None:
    """One client comes back at 20 s, the other at 21 s; nobody fails after that."""
    found = write_gap(
        history(*stream("new", bad=(16.0, 20.0)), *stream("reused", bad=(16.5, 21.0))),
        noticed_at=17.0,
        replaced_at=19.5,
    )
    assert found.doubts == ()
    assert found.facts["recovery_s"] == pytest.approx(
        {"noticed": 2.0, "replaced": 4.5, "first_success": 6.01, "steady": 6.01}, abs=0.051
    )


def test_what_was_noticed_before_the_fault_is_not_of_this_one() -> None:
    told = write_gap(history(*stream("new", bad=(16.0, 20.0))), noticed_at=INJECTED_S - 300).facts["recovery_s"]
    assert "noticed" not in told


def test_a_failure_after_the_first_success_puts_off_the_steady_time() -> None:
    relapse = Operation(client="new", kind="write", intended=25.0, started=25.0, finished=25.2, outcome="unknown")
    told = write_gap(history(*stream("new", bad=(16.0, 20.0)), relapse)).facts["recovery_s"]
    assert told == pytest.approx({"first_success": 5.01, "steady": 10.2}, abs=0.051)


def test_who_never_came_back_is_not_steady() -> None:
    told = write_gap(history(*stream("new", bad=(16.0, END_S)), *stream("reused"))).facts["recovery_s"]
    assert "steady" not in told


def test_p95_is_told_before_during_and_after_and_a_failure_counts_as_a_time_out() -> None:
    operations = [
        *stream("new", took_s=0.01, until=15.0),
        *stream("new", took_s=0.03, bad=(15.0, 16.0), until=18.0)[300:],
        *stream("new", took_s=0.02)[360:],
    ]
    found = write_gap(history(*operations))
    assert found.facts["p95_ms"] == pytest.approx({"before": 10.0, "during": 5000.0, "after": 20.0})


def test_without_a_fault_or_traffic_there_is_no_way_back() -> None:
    assert write_gap(history()).value is None
    assert write_gap(history(*stream("new"), without="injecting")).value is None
