"""Scrapes that were asked for at once: which were not done once, and how many ran together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from reports.records import Measurement
from suites.harness.checkers.scrapes import concurrent_scrapes, running_together

LOST = Measurement(
    value=0.0, unit="count", samples=4, guards={"duplicated_effects": 0.0}, facts={"accepted": 4, "fates": {}}
)
SEARCHES = Measurement(value=20.0, unit="ms", samples=2000, guards={"error_ratio": 0.0}, facts={"p50_ms": 5.0})


@dataclass(frozen=True, slots=True)
class Ran:
    started_at: float | None
    finished_at: float | None
    attempts: int = 1


def measured(lost: Measurement = LOST, searches: Measurement = SEARCHES) -> Measurement:
    ran = [Ran(0.0, 10.0), Ran(0.0, 10.0), Ran(1.0, 10.0), Ran(10.0, 12.0)]
    return concurrent_scrapes(lost, ran, asked=4, searches=searches, searches_at_least=1000)


def test_all_done_once_while_searches_are_quick() -> None:
    found = measured()
    assert (found.value, found.samples, found.doubts) == (0.0, 4, ())
    assert found.guards == {"running_together": 3.0, "search_p95_ms": 20.0, "search_error_ratio": 0.0}
    assert found.facts["running_together_most"] == 3
    assert found.facts["from_first_start_to_last_end_s"] == 12.0


def test_what_was_not_accepted_was_lost_or_was_done_twice_was_not_done_once() -> None:
    lost = replace(LOST, value=1.0, guards={"duplicated_effects": 2.0}, facts={"accepted": 3})
    assert measured(lost).value == 1.0 + 1.0 + 2.0


def test_nothing_accepted_is_no_value() -> None:
    assert measured(replace(LOST, value=None, facts={"accepted": 0})).value is None


def test_too_few_searches_say_nothing_of_a_thousandth() -> None:
    assert measured(searches=replace(SEARCHES, samples=999)).doubts == (
        "999 searches meanwhile, at least 1,000 needed",
    )


@pytest.mark.parametrize(
    ("ran", "together"),
    [
        ([], None),
        ([Ran(0.0, None), Ran(None, None)], None),
        # One after the other.
        ([Ran(0.0, 1.0), Ran(1.0, 2.0)], 1.0),
        # Many at once, for less than half of the time.
        ([Ran(0.0, 10.0), *[Ran(0.0, 4.0)] * 9], 1.0),
        ([Ran(0.0, 10.0), *[Ran(0.0, 6.0)] * 9], 10.0),
        # When one ran that was attempted twice is not known.
        ([Ran(0.0, 10.0), Ran(0.0, 10.0, attempts=2)], 1.0),
    ],
)
def test_so_many_ran_together_for_half_of_the_time(ran: list[Ran], together: float | None) -> None:
    assert running_together(ran) == together
