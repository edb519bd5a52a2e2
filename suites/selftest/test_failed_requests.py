"""Failed requests, on histories written by hand: each outcome once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports import objectives
from reports.judge import judge
from reports.records import History, Mark, Measurement, Operation
from suites.harness.checkers.failed import failed_requests

RATE_HZ = 100
INJECTED_S, OBSERVED_S, HEALED_S, END_S = 12.0, 40.0, 40.5, 63.0


def history(*failed_at: float, without: str = "", end: float = END_S) -> History:
    """Answers at 100 Hz; the request that was due at one of those moments was not answered well."""
    moments = [number / RATE_HZ for number in range(int(end * RATE_HZ))]
    operations = tuple(
        Operation(
            client="search",
            kind="search",
            intended=at,
            started=at,
            finished=at + 0.001,
            outcome="unknown" if at in failed_at else "ok",
            error="time-out" if at in failed_at else None,
        )
        for at in moments
    )
    marks = {"injecting": INJECTED_S, "observed": OBSERVED_S, "healed": HEALED_S}
    return History(
        operations,
        tuple(
            Mark(mark=mark, fault="rolling restart of app", at=at)  # type: ignore[arg-type]
            for mark, at in marks.items()
            if mark != without
        ),
    )


def word(measurement: Measurement) -> str:
    objective = objectives.load()["rollout.bad_release_stopped"]
    return judge(objective, replace(measurement, guards={"stayed": 0.0}), check="c", evidence="e", at=0.0).word


def test_none_failed() -> None:
    found = failed_requests(history())
    assert (found.value, found.unit, found.doubts, found.guards) == (0.0, "count", (), {})
    assert found.samples == (END_S - INJECTED_S) * RATE_HZ
    assert word(found) == "pass"


def test_one_failed_is_one_too_many_also_when_it_was_a_time_out() -> None:
    found = failed_requests(history(20.0))
    assert (found.value, found.facts["error_kinds"]) == (1.0, {"unknown: time-out": 1})
    assert found.facts["longest_gap_s"] == pytest.approx(0.02)
    assert word(found) == "fail"


def test_what_failed_before_is_not_the_rollouts() -> None:
    assert failed_requests(history(5.0)).value == 0.0


@pytest.mark.parametrize(
    ("recorded", "doubt"),
    [
        (history(20.0, without="observed"), "was never observed"),
        (history(20.0, without="healed"), "was never healed"),
        (history(20.0, end=50.0), "of traffic after healing"),
        (history(without="injecting"), "no fault was injected"),
        (History((), ()), "no traffic was recorded"),
    ],
)
def test_a_rollout_that_was_not_seen_whole_is_inconclusive(recorded: History, doubt: str) -> None:
    found = failed_requests(recorded)
    assert any(doubt in entry for entry in found.doubts) and found.unit == "count"
    assert word(found) == "inconclusive"
