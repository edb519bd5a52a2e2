"""What several passes over the same checks are summed up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reports.records import Verdict
from suites.fixtures.benchmark import passes

if TYPE_CHECKING:
    from reports.records import Word


def verdict(check: str, value: float | None, word: Word = "pass", objective: str = "failure.app_pod_gap_s") -> Verdict:
    return Verdict(
        objective=objective, word=word, reason="", value=value, unit="s", bound="≤ 1 s", margin=None, samples=1,
        window=None, guards={}, fault=None, facts={}, gate=True, check=check, evidence="", at=0.0,
    )  # fmt: skip


def test_a_value_is_told_by_its_smallest_its_median_and_its_largest() -> None:
    found = passes(verdict(f"test_it.py::test_gap[{index}-3]", value) for index, value in enumerate((3.0, 1.0, 2.0), 1))
    assert found == ["failure.app_pod_gap_s  3 pass; min 1 s, median 2 s, max 3 s"]


def test_variants_of_a_check_are_told_apart() -> None:
    checks = ("test_it.py::test_gap[new-1-2]", "test_it.py::test_gap[reused-1-2]", "test_it.py::test_gap[new-2-2]")
    assert passes(verdict(check, 1.0) for check in checks) == [
        "failure.app_pod_gap_s (new)  2 pass; min 1 s, median 1 s, max 1 s",
        "failure.app_pod_gap_s (reused)  1 pass; min 1 s, median 1 s, max 1 s",
    ]


def test_two_checks_of_one_objective_are_told_apart() -> None:
    found = passes([verdict("t.py::this[1-2]", 1.0), verdict("t.py::that[1-2]", 2.0)])
    assert found == [
        "failure.app_pod_gap_s  1 pass; min 2 s, median 2 s, max 2 s",
        "failure.app_pod_gap_s  1 pass; min 1 s, median 1 s, max 1 s",
    ]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ((2.0, "fail"), "1 pass, 1 fail; min 1 s, median 1.5 s, max 2 s"),
        ((None, "inconclusive"), "1 pass, 1 inconclusive; min 1 s, median 1 s, max 1 s"),
    ],
)
def test_a_word_that_flips_is_told(second: tuple[float | None, Word], told: str) -> None:
    found = passes([verdict("t.py::t[1-2]", 1.0), verdict("t.py::t[2-2]", *second)])
    assert found == [f"failure.app_pod_gap_s  {told}"]


def test_nothing_measured_has_no_spread() -> None:
    found = passes([verdict("t.py::t[1-1]", None, "inconclusive")])
    assert found == ["failure.app_pod_gap_s  1 inconclusive; no value"]
