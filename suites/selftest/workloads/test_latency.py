"""The latency checker on histories written by hand."""

from __future__ import annotations

import pytest

from reports.records import History, Operation, Outcome, Window
from suites.harness.checkers.latency import latency_p95_ms, percentile, read_value


def operation(
    at: float, latency_ms: float, outcome: Outcome = "ok", value: str | None = None, late_ms: float = 0
) -> Operation:
    return Operation(
        client="c",
        kind="search",
        intended=at,
        started=at + late_ms / 1000,
        finished=at + latency_ms / 1000,
        outcome=outcome,
        value=value,
        error=None if outcome == "ok" else "HTTP 503",
    )


def history(*operations: Operation) -> History:
    return History(tuple(operations), ())


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(1, 0.95, 1), (20, 0.95, 19), (100, 0.95, 95), (100, 1.0, 100), (100, 0.001, 1), (101, 0.95, 96), (3, 0.5, 2)],
)
def test_a_percentile_is_the_nearest_rank(count: int, share: float, expected: float) -> None:
    assert percentile([float(number) for number in range(1, count + 1)], share) == expected


@pytest.mark.parametrize(("values", "share"), [([], 0.95), ([1.0], 0.0), ([1.0], 1.1)])
def test_there_is_no_percentile_of_nothing(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match=r"percentile|share"):
        percentile(values, share)


def test_p95_counts_from_the_intended_start() -> None:
    found = latency_p95_ms(history(*(operation(n, 40, late_ms=30) for n in range(100))), timeout_ms=5000)
    assert found.value == pytest.approx(40, abs=1e-3)
    assert found.samples == 100
    assert found.guards == {"error_ratio": 0.0}
    assert found.window == Window(start=0, end=99)


def test_one_slow_request_in_ten_is_the_p95() -> None:
    found = latency_p95_ms(history(*(operation(n, 310 if n % 10 == 0 else 10) for n in range(100))), timeout_ms=5000)
    assert found.value == pytest.approx(310, abs=1e-3)


def test_a_quick_error_counts_as_a_time_out() -> None:
    found = latency_p95_ms(
        history(*(operation(n, 1, "fail" if n % 10 == 0 else "ok") for n in range(100))), timeout_ms=5000
    )
    assert found.value == 5000
    assert found.guards == {"error_ratio": 0.1}
    assert found.facts["errors"] == {"HTTP 503": 10}


def test_an_unknown_counts_as_an_error() -> None:
    found = latency_p95_ms(history(operation(0, 5000, "unknown"), operation(1, 1)), timeout_ms=5000)
    assert found.guards == {"error_ratio": 0.5}


def test_nothing_measured_is_no_value() -> None:
    found = latency_p95_ms(history(), timeout_ms=5000, doubts=("late",))
    assert (found.value, found.samples, found.guards, found.doubts) == (None, 0, {"error_ratio": None}, ("late",))


def test_only_what_was_intended_in_the_window_counts() -> None:
    found = latency_p95_ms(
        history(operation(0, 900), operation(10, 20), operation(99, 900)),
        timeout_ms=5000,
        window=Window(start=5, end=50),
    )
    assert found.value == pytest.approx(20, abs=1e-3)
    assert found.samples == 1


def test_facts_tell_what_cache_and_fallback_did() -> None:
    facts = latency_p95_ms(
        history(
            operation(0, 1, value="popular:hit"),
            operation(1, 1, value="popular:hit"),
            operation(2, 1, value="popular:hit"),
            operation(3, 30, value="unseen:miss:degraded"),
            operation(4, 1, "fail", value="unseen:"),
        ),
        timeout_ms=5000,
    ).facts
    assert facts["cache_hit_ratio"] == 0.75
    assert facts["degraded_ratio"] == 0.25
    assert facts["share_by_label"] == {"popular": 0.6, "unseen": 0.4}
    assert facts["p95_ms_by_label"]["unseen"] == 5000


def test_a_bypassed_cache_has_no_hit_ratio() -> None:
    facts = latency_p95_ms(history(operation(0, 1, value="popular:bypass")), timeout_ms=5000).facts
    assert (facts["cache_hit_ratio"], facts["cache_bypassed_ratio"]) == (None, 1.0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("popular:hit", ("popular", "hit", False)),
        ("unseen:miss:degraded", ("unseen", "miss", True)),
        (":", ("", "", False)),
        (None, ("", "", False)),
        ({"id": 7}, ("", "", False)),
    ],
)
def test_an_operation_value_is_read_as_the_generator_writes_it(value: object, expected: tuple[str, str, bool]) -> None:
    assert read_value(value) == expected
