"""Refused clearly, nothing lost, and back soon: each outcome of a partition once."""

from __future__ import annotations

import pytest

from reports.records import History, Mark, Measurement, Operation, Outcome
from suites.harness.checkers.partition import LOOK_FOR_S, recovery

FAULT = "partition between app and postgresql"
MARKS = (
    Mark(mark="injecting", fault=FAULT, at=10),
    Mark(mark="observed", fault=FAULT, at=11),
    Mark(mark="healing", fault=FAULT, at=30),
    Mark(mark="healed", fault=FAULT, at=31),
)
NOTHING_LOST = Measurement(value=0.0, unit="count", samples=100)


def write(at: float, outcome: Outcome = "ok", *, error: str | None = None, took_s: float = 0.1) -> Operation:
    return Operation(
        client="write-new", kind="write", intended=at, started=at, finished=at + took_s, outcome=outcome, error=error
    )


def search(at: float, outcome: Outcome = "ok") -> Operation:
    return Operation(client="search-new", kind="search", intended=at, started=at, finished=at + 0.01, outcome=outcome)


def judged(*operations: Operation, lost: Measurement = NOTHING_LOST) -> Measurement:
    searches = [search(at) for at in range(5, 40)]
    ordered = sorted([*operations, *searches], key=lambda operation: operation.intended)
    return recovery(History(tuple(ordered), MARKS), lost)


REFUSED = write(15, "unknown", error="HTTP 503 database_unavailable", took_s=4.0)


def test_back_is_after_the_last_refusal_since_healing() -> None:
    found = judged(write(5), REFUSED, write(30.5, "unknown", error="HTTP 503 database_unavailable"), write(33))
    assert found.value == pytest.approx(0.6)
    assert found.guards == {"lost_writes": 0.0, "unclear_errors": 0.0, "search_error_ratio": 0.0}
    assert not found.doubts


def test_one_that_was_never_refused_needs_no_recovery() -> None:
    assert judged(write(5), write(20), write(33)).value == 0.0


@pytest.mark.parametrize(
    ("error", "took_s"),
    [("time-out: no answer within 5 s", 5.0), ("HTTP 500", 0.1), ("HTTP 503 database_unavailable", 6.0)],
)
def test_a_client_that_cannot_know_or_waits_too_long_was_not_refused_clearly(error: str, took_s: float) -> None:
    found = judged(write(5), write(15, "unknown", error=error, took_s=took_s), write(33))
    assert found.guards["unclear_errors"] == 1.0


def test_a_client_that_is_never_served_again_fails_once_it_was_looked_for_long_enough() -> None:
    late = 30 + LOOK_FOR_S
    found = judged(write(5), REFUSED, write(late, "unknown", error="HTTP 503 database_unavailable"))
    assert found.value == pytest.approx(LOOK_FOR_S + 0.1)
    assert found.facts["never_served_again"] == ["write-new"] and not found.doubts


def test_and_is_unknown_before() -> None:
    found = judged(write(5), REFUSED, write(35, "unknown", error="HTTP 503 database_unavailable"))
    assert found.value is None
    assert any("not served again" in doubt for doubt in found.doubts)


def test_what_was_lost_and_searches_are_guarded() -> None:
    lost = Measurement(value=2.0, unit="count", samples=9, doubts=("db-2 could not be read",))
    found = judged(write(5), write(33), search(20.5, "fail"), lost=lost)
    assert found.guards["lost_writes"] == 2.0
    assert found.guards["search_error_ratio"] == pytest.approx(1 / 22)
    assert "db-2 could not be read" in found.doubts


def test_nothing_recorded_measures_nothing() -> None:
    found = recovery(History((), ()), NOTHING_LOST)
    assert found.value is None and "no write was recorded" in found.doubts
