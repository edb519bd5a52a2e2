"""One way to wait, and an error that tells what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from suites.harness.errors import ClientError, NotReached, Violated
from suites.harness.wait import never, until


def reading(values: Iterable[object]) -> Callable[[], object]:
    """Gives the values one after another, then the last for ever; an exception among them is raised."""
    left = list(values)

    def read() -> object:
        value = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(value, BaseException):
            raise value
        return value

    return read


def test_the_first_good_value_is_returned() -> None:
    assert until(reading([None, False, [], "leader"]), within=5, every=0.001, what="a leader") == "leader"


def test_a_condition_of_its_own_decides_what_is_good() -> None:
    assert until(reading([2, 1, 0]), where=lambda left: left == 0, within=5, every=0.001, what="nothing left") == 0


def test_errors_of_a_target_in_trouble_are_polled_through() -> None:
    errors = [ClientError("refused"), ConnectionResetError("reset")]
    assert until(reading([*errors, "up"]), within=5, every=0.001, what="an answer") == "up"


def test_the_error_tells_polls_the_last_value_and_the_last_error() -> None:
    with pytest.raises(
        NotReached, match=r"a new primary: not within 0\.05 s \(\d+ polls\); last seen \[\]; last error: refused"
    ):
        until(reading([ClientError("refused"), []]), within=0.05, every=0.01, what="a new primary")


def test_a_long_value_does_not_bury_the_error() -> None:
    with pytest.raises(NotReached) as told:
        until(lambda: "x" * 10_000, where=lambda _: False, within=0, what="it")
    assert len(str(told.value)) < 500


def test_a_mistake_of_the_caller_surfaces_at_once() -> None:
    with pytest.raises(KeyError):
        until(reading([KeyError("typo"), "good"]), within=5, what="a value")


def test_it_is_looked_once_more_at_the_deadline() -> None:
    assert until(reading([None, "late"]), within=0.05, every=60, what="a value") == "late"


def test_never_counts_the_looks() -> None:
    assert never(list, during=0.05, every=0.01, what="two primaries") >= 2


def test_never_ends_with_what_was_seen() -> None:
    primaries = iter([1, 1, 2])
    with pytest.raises(Violated, match="two primaries: never was to happen, seen at poll 3: 2"):
        never(lambda: next(primaries), where=lambda count: count > 1, during=5, every=0.001, what="two primaries")


def test_never_cannot_be_claimed_without_a_look() -> None:
    with pytest.raises(NotReached, match="a look at two primaries"):
        never(reading([ClientError("refused")]), during=0.03, every=0.01, what="two primaries")
