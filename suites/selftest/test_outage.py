"""What users get while something is away, on histories written by hand."""

from __future__ import annotations

import pytest

from reports.records import History, Mark, Measurement, Operation, Outcome
from suites.harness.checkers.outage import error_ratio, first_task_after_s, undegraded_after_s

INJECTED_S, OBSERVED_S, HEALED_S, END_S = 15.0, 16.0, 25.0, 60.0
BYPASSED, DEGRADED, CACHED = "popular:bypass", "popular:bypass:degraded", "popular:hit"


def answer(at: float, value: str = BYPASSED, outcome: Outcome = "ok", error: str | None = None) -> Operation:
    return Operation(
        client="c",
        kind="search",
        intended=at,
        started=at,
        finished=at + 0.01,
        outcome=outcome,
        value=value,
        error=error,
    )


def searches(
    *, degraded: tuple[float, float] = (0.0, 0.0), failed: tuple[float, float] = (0.0, 0.0)
) -> list[Operation]:
    """Ten searches a second, past the cache."""
    found = []
    for number in range(int(END_S * 10)):
        at = number / 10
        if failed[0] <= at < failed[1]:
            found.append(answer(at, "popular:", "fail", "HTTP 502"))
        else:
            found.append(answer(at, DEGRADED if degraded[0] <= at < degraded[1] else BYPASSED))
    return found


def history(*operations: Operation, without: str = "") -> History:
    moments = {"injecting": INJECTED_S, "observed": OBSERVED_S, "healed": HEALED_S}
    marks = tuple(
        Mark(mark=mark, fault="outage", at=at)  # type: ignore[arg-type]
        for mark, at in moments.items()
        if mark != without
    )
    return History(tuple(sorted(operations, key=lambda operation: operation.intended)), marks)


def test_errors_while_it_was_away_are_a_part_of_what_was_asked_meanwhile() -> None:
    found = error_ratio(history(*searches(failed=(15.0, 16.0))))
    assert found.value == pytest.approx(0.1, abs=0.01)
    assert (found.samples, found.doubts) == (100, ())
    assert found.facts["error_kinds"] == {"fail: HTTP 502": 10}
    assert found.facts["cache"] == {"bypass": 90, "unknown": 10}


def test_errors_before_and_after_it_was_away_do_not_count() -> None:
    assert error_ratio(history(*searches(failed=(5.0, 8.0)))).value == 0.0
    assert error_ratio(history(*searches(failed=(26.0, 30.0)))).value == 0.0


def test_what_was_under_way_when_it_went_away_counts() -> None:
    waiting = Operation(
        client="c", kind="search", intended=14.5, started=14.5, finished=16.5, outcome="unknown", error="time-out"
    )
    assert error_ratio(history(*searches(), waiting)).facts["errors"] == 1


def test_another_kind_is_looked_at_when_it_is_asked_for() -> None:
    found = error_ratio(history(*searches()), kind="write")
    assert (found.value, found.doubts) == (None, ("no write was recorded while the fault was on",))


def test_the_time_until_the_fallback_is_no_longer_needed_counts_from_the_return() -> None:
    found = undegraded_after_s(history(*searches(degraded=(15.5, 28.0))))
    assert found.value == pytest.approx(2.91, abs=0.02)
    assert (found.unit, found.doubts) == ("s", ())
    assert found.guards == {"error_ratio": 0.0, "unmarked_ratio": 0.0}
    assert found.facts["first_degraded_after_s"] == pytest.approx(0.51)
    assert found.facts["first_whole_since_return_s"] == pytest.approx(3.01)


def test_the_last_one_that_needs_the_fallback_counts_not_the_first_that_does_not() -> None:
    late = [answer(30.05, DEGRADED)]
    assert undegraded_after_s(history(*searches(degraded=(15.5, 26.0)), *late)).value == pytest.approx(5.06)


def test_who_was_connected_again_before_it_was_called_back_took_no_time() -> None:
    assert undegraded_after_s(history(*searches(degraded=(15.5, 20.0)))).value == 0.0


def test_a_cached_answer_tells_nothing() -> None:
    cached = [answer(20.05, CACHED), answer(26.05, CACHED)]
    found = undegraded_after_s(history(*searches(degraded=(15.5, 28.0)), *cached))
    assert found.value == pytest.approx(2.91, abs=0.02)
    assert found.guards["unmarked_ratio"] == 0.0


def test_answers_that_should_have_been_marked_and_errors_are_guards() -> None:
    found = undegraded_after_s(history(*searches(degraded=(15.5, 26.0), failed=(15.0, 15.5)), answer(20.05)))
    assert found.guards["unmarked_ratio"] == pytest.approx(1 / 96, rel=0.05)
    assert found.guards["error_ratio"] == pytest.approx(5 / 451, rel=0.05)


def test_a_fallback_that_stays_took_at_least_until_the_end() -> None:
    assert undegraded_after_s(history(*searches(degraded=(15.5, END_S)))).value == pytest.approx(34.9, abs=0.02)
    short = undegraded_after_s(history(*searches(degraded=(15.5, END_S))), look_for_s=40)
    assert short.value is None
    assert "not back in the 34.9 s that were looked at, 40 s needed to say more" in short.doubts


def test_errors_alone_are_felt_as_well() -> None:
    found = undegraded_after_s(history(*searches(failed=(15.5, 20.0))))
    assert found.doubts == () and found.guards["error_ratio"] == pytest.approx(45 / 450, rel=0.05)


def test_a_fault_that_nobody_felt_is_doubted() -> None:
    assert undegraded_after_s(history(*searches())).doubts == (
        "no answer was degraded: clients did not feel the fault",
    )


@pytest.mark.parametrize(
    "found",
    [
        error_ratio(history(*searches(), without="observed")),
        undegraded_after_s(history(*searches(), without="observed")),
        first_task_after_s(history(*searches(), without="observed"), [30.0], looked_until=60.0),
    ],
)
def test_a_fault_that_was_never_observed_is_doubted(found: Measurement) -> None:
    assert "fault outage was never observed" in found.doubts


def test_without_a_fault_nothing_is_measured() -> None:
    nothing = history(*searches(), without="injecting")
    measured = [error_ratio(nothing), undegraded_after_s(nothing)]
    assert [(found.value, "no fault was injected" in found.doubts) for found in measured] == [(None, True)] * 2


def submit(at: float, outcome: Outcome = "ok") -> Operation:
    return Operation(
        client="c", kind="submit", intended=at, started=at, finished=at + 0.01, outcome=outcome, value=f"t-{at}"
    )


def test_the_first_task_after_the_return_counts() -> None:
    found = first_task_after_s(history(submit(16.0), submit(17.0)), [14.0, 15.2, 29.0, 31.0], looked_until=60.0)
    assert (found.value, found.samples, found.doubts) == (4.0, 2, ())
    assert found.facts == {"accepted_meanwhile": 2, "completed_meanwhile": 1, "completed_since": 2}


def test_no_task_after_the_return_took_at_least_as_long_as_was_looked() -> None:
    assert first_task_after_s(history(submit(16.0)), [15.2], looked_until=145.0).value == 120.0
    assert first_task_after_s(history(submit(16.0)), [15.2], looked_until=30.0).value is None
    assert first_task_after_s(history(submit(16.0)), [15.2]).value is None


def test_without_a_task_that_waited_the_first_one_tells_nothing() -> None:
    found = first_task_after_s(history(submit(16.0, "unknown"), submit(26.0)), [29.0], looked_until=60.0)
    assert found.doubts == ("no submit was accepted while the fault was on",)
