"""Every outcome of the judge, each by a measurement written by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.judge import judge, unmeasured
from reports.objectives import Bound, Objective
from reports.records import Measurement, Verdict, Window
from suites.selftest.reports import written
from suites.selftest.reports.written import READY

SEARCH = replace(written.SEARCH, min_samples=50_000)


def measured(
    value: float | None = 150.0,
    *,
    unit: str = "ms",
    samples: int = 60_000,
    guards: Mapping[str, float | None] | None = None,
    doubts: tuple[str, ...] = (),
) -> Measurement:
    return Measurement(
        value=value,
        unit=unit,
        samples=samples,
        window=Window(start=1_795_000_000.0, end=1_795_000_060.0),
        guards={"error_ratio": 0.0} if guards is None else guards,
        doubts=doubts,
        fault="pod app-1 killed",
        facts={"rate": 1000},
    )


def judged(measurement: Measurement, objective: Objective = SEARCH) -> Verdict:
    return judge(
        objective, measurement, check="load/test_search", evidence="runs/r1/evidence/search", at=1_795_000_061.0
    )


def test_within_bound_and_guards_is_pass() -> None:
    verdict = judged(measured(150.0))
    assert verdict.word == "pass"
    assert verdict.margin == pytest.approx(0.25)
    assert verdict.bound == "≤ 200 ms, error_ratio ≤ 0.1 %"
    assert verdict.gate and verdict.facts == {"rate": 1000} and verdict.at == 1_795_000_061.0


@pytest.mark.parametrize(("value", "error_ratio"), [(200.0, 0.0), (150.0, 0.001), (200.0, 0.001)])
def test_exactly_at_the_bound_is_pass(value: float, error_ratio: float) -> None:
    assert judged(measured(value, guards={"error_ratio": error_ratio})).word == "pass"


def test_over_the_bound_is_fail_and_readable_without_the_code() -> None:
    verdict = judged(measured(312.0))
    assert verdict.word == "fail"
    assert verdict.margin == pytest.approx(-0.56)
    for part in (
        "load.search_p95_ms FAILED: search_p95_ms 312 ms, at most 200 ms allowed",
        "60,000 samples",
        "2026-11-18 11:06:40.0–11:07:40.0 UTC (60 s)",
        "fault pod app-1 killed",
        "evidence runs/r1/evidence/search",
        "owner platform",
        "runbook search-latency",
        "error_ratio 0 % (≤ 0.1 %)",
        SEARCH.description,
    ):
        assert part in verdict.reason


def test_violated_guard_is_fail_though_the_value_is_fine() -> None:
    verdict = judged(measured(10.0, guards={"error_ratio": 0.02}))
    assert verdict.word == "fail"
    assert "error_ratio 2 %, at most 0.1 % allowed" in verdict.reason
    assert verdict.margin == pytest.approx(-19.0), "the guard's, for the value's would look like a pass"


def test_value_and_guard_violated_are_both_named() -> None:
    reason = judged(measured(312.0, guards={"error_ratio": 0.02})).reason
    assert "312 ms, at most 200 ms" in reason and "error_ratio 2 %" in reason


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_no_number_is_inconclusive(value: float | None) -> None:
    verdict = judged(measured(value))
    assert verdict.word == "inconclusive"
    assert verdict.value is None and verdict.margin is None
    assert "search_p95_ms:" in verdict.reason


def test_no_number_beside_a_violated_guard_is_fail_since_the_promise_is_broken_whatever_the_number() -> None:
    verdict = judged(measured(None, guards={"error_ratio": 1.0}))
    assert verdict.word == "fail"
    assert "error_ratio 100 %" in verdict.reason and "search_p95_ms: no value" in verdict.reason


@pytest.mark.parametrize("guards", [{}, {"error_ratio": None}, {"error_ratio": math.nan}, {"errors": 0.0}])
def test_missing_guard_is_inconclusive(guards: Mapping[str, float | None]) -> None:
    verdict = judged(measured(150.0, guards=guards))
    assert verdict.word == "inconclusive"
    assert "error_ratio: " in verdict.reason


def test_missing_guard_beside_a_violated_bound_is_fail() -> None:
    assert judged(measured(312.0, guards={})).word == "fail"


@pytest.mark.parametrize("samples", [0, 1, 49_999])
def test_too_few_samples_are_inconclusive(samples: int) -> None:
    verdict = judged(measured(10.0, samples=samples))
    assert verdict.word == "inconclusive"
    assert "at least 50,000 needed" in verdict.reason


def test_just_enough_samples_are_judged() -> None:
    assert judged(measured(10.0, samples=50_000)).word == "pass"


def test_every_doubt_is_named_and_a_violation_with_doubts_is_not_believed() -> None:
    verdict = judged(measured(312.0, samples=7, doubts=("fault never observed", "generator 4 s late")))
    assert verdict.word == "inconclusive"
    for part in ("fault never observed", "generator 4 s late", "7 samples", "not believed: search_p95_ms 312 ms"):
        assert part in verdict.reason


def test_a_doubt_without_words_is_still_a_doubt() -> None:
    verdict = judged(measured(10.0, doubts=("",)))
    assert verdict.word == "inconclusive" and "does not say why" in verdict.reason


def test_another_unit_is_inconclusive_not_converted() -> None:
    verdict = judged(measured(0.15, unit="s"))
    assert verdict.word == "inconclusive" and verdict.margin is None
    assert "measured in 's', the objective is in 'ms'" in verdict.reason


def test_unmeasured_is_inconclusive_with_its_reason() -> None:
    verdict = judged(unmeasured(SEARCH, "skipped: no ingress"))
    assert verdict.word == "inconclusive" and "skipped: no ingress" in verdict.reason and "no value" in verdict.reason


@pytest.mark.parametrize(
    ("value", "word"), [(1.0, "pass"), (0.0, "fail"), (0.5, "inconclusive"), (None, "inconclusive")]
)
def test_true_or_false(value: float | None, word: str) -> None:
    verdict = judged(measured(value, unit="bool", samples=7, guards={}), READY)
    assert verdict.word == word
    assert verdict.bound == "true" and verdict.margin is None


def test_at_least_and_a_limit_of_zero() -> None:
    together = Bound(unit="count", limit=10.0, is_upper=False)
    assert together.holds(10) and not together.holds(9)
    assert together.margin(12) == pytest.approx(0.2) and together.margin(9) == pytest.approx(-0.1)
    none_lost = Bound(unit="count", limit=0.0, is_upper=True)
    assert none_lost.holds(0) and not none_lost.holds(1) and none_lost.margin(1) is None


@given(
    value=st.none() | st.floats(),
    samples=st.integers(min_value=0, max_value=100_000),
    error_ratio=st.none() | st.floats(),
    doubts=st.lists(st.text(max_size=5), max_size=2),
)
@settings(deadline=None)
def test_a_pass_needs_everything_and_a_fail_needs_a_believed_violation(
    value: float | None, samples: int, error_ratio: float | None, doubts: list[str]
) -> None:
    verdict = judged(measured(value, samples=samples, guards={"error_ratio": error_ratio}, doubts=tuple(doubts)))
    believed = samples >= 50_000 and not doubts
    finite = [number for number in (value, error_ratio) if number is not None and math.isfinite(number)]
    good = len(finite) == 2 and finite[0] <= 200 and finite[1] <= 0.001
    assert (verdict.word == "pass") == (believed and good)
    if verdict.word == "fail":
        assert believed and finite
