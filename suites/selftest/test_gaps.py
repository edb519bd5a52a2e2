"""The longest gap, on histories written by hand: each outcome once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.records import History, Mark, Measurement, Operation
from suites.harness.checkers.gaps import longest_gap

INTERVAL_S = 0.05
# The fault of every history here: injected at 15 s, observed at 16 s, healed at 18 s; traffic from 0 to 40 s.
INJECTED_S, OBSERVED_S, HEALED_S, END_S = 15.0, 16.0, 18.0, 40.0


def answer(client: str, at: float, outcome: str = "ok") -> Operation:
    return Operation(
        client=client,
        kind="probe",
        intended=at,
        started=at,
        finished=at + 0.001,
        outcome=outcome,  # type: ignore[arg-type]
        error=None if outcome == "ok" else "refused",
    )


def probes(client: str = "new", *, bad: tuple[float, float] | None = None, outcome: str = "fail") -> list[Operation]:
    """Probes at 20 Hz that are answered well, but for those that start within `bad`."""
    moments = (number * INTERVAL_S for number in range(int(END_S / INTERVAL_S)))
    return [answer(client, at, outcome if bad and bad[0] <= at < bad[1] else "ok") for at in moments]


def history(*operations: Operation, without: str = "") -> History:
    moments = {"injecting": INJECTED_S, "observed": OBSERVED_S, "healed": HEALED_S}
    marks = tuple(
        Mark(mark=mark, fault="kill", at=at)  # type: ignore[arg-type]
        for mark, at in moments.items()
        if mark != without
    )
    return History(tuple(sorted(operations, key=lambda operation: operation.intended)), marks)


def test_without_an_outage_the_gap_is_the_interval() -> None:
    gap = longest_gap(history(*probes()))
    assert gap.value == pytest.approx(INTERVAL_S)
    assert (gap.doubts, gap.guards["error_ratio"], gap.facts["errors"]) == ((), 0.0, 0)
    assert gap.samples == (END_S - INJECTED_S) / INTERVAL_S
    assert gap.fault == "kill"


def test_the_gap_is_that_of_the_client_that_waited_longest() -> None:
    gap = longest_gap(history(*probes("new"), *probes("reused", bad=(15.5, 18.0))))
    assert gap.value == pytest.approx(2.55)
    assert gap.facts["gap_s_by_client"] == {"new": pytest.approx(INTERVAL_S), "reused": pytest.approx(2.55)}
    assert gap.facts["error_kinds"] == {"fail: refused": 50}
    assert gap.guards["error_ratio"] == pytest.approx(50 / 800, rel=0.01)
    assert gap.doubts == ()


def test_the_steps_of_the_recovery_are_told() -> None:
    facts = longest_gap(history(*probes(bad=(15.5, 17.0)))).facts
    told = {name: facts[name] for name in facts if name.endswith("after_s")}
    assert told == pytest.approx(
        {
            "first_error_after_s": 0.501,
            "last_error_after_s": 1.951,
            "answered_again_after_s": 2.001,
            "observed_after_s": 1.0,
            "healed_after_s": 3.0,
        },
        abs=0.051,
    )


def test_a_client_that_never_recovers_has_a_gap_up_to_its_end() -> None:
    gap = longest_gap(history(*probes(bad=(16.0, END_S))))
    assert gap.value == pytest.approx(END_S - 16.0, abs=2 * INTERVAL_S)
    assert gap.doubts == ()


def test_a_client_that_never_got_an_answer_has_a_gap_of_all_its_time() -> None:
    assert longest_gap(history(*probes(bad=(0.0, END_S)))).value == pytest.approx(END_S - INTERVAL_S)


def test_a_time_out_counts_as_an_error() -> None:
    gap = longest_gap(history(*probes(bad=(15.5, 16.0), outcome="unknown")))
    assert gap.guards["error_ratio"] == pytest.approx(10 / 400, rel=0.01)
    assert gap.facts["error_seconds"] == 1


def test_more_traffic_afterwards_makes_the_same_errors_no_smaller() -> None:
    whole = history(*probes(bad=(15.5, 16.0)))
    shorter = History(tuple(operation for operation in whole.operations if operation.intended < 36.0), whole.marks)
    assert longest_gap(whole).guards == longest_gap(shorter, steady_after_s=10).guards


def test_errors_far_apart_are_not_added_up() -> None:
    gap = longest_gap(history(*probes("a", bad=(15.5, 16.0)), *probes("b", bad=(38.0, 38.5))))
    assert gap.guards["error_ratio"] == pytest.approx(10 / 800, rel=0.01)
    assert gap.facts["errors"] == 20


def test_an_outage_before_the_fault_is_not_the_faults() -> None:
    gap = longest_gap(history(*probes(bad=(5.0, 8.0))))
    assert gap.value == pytest.approx(INTERVAL_S)
    assert gap.guards["error_ratio"] == 0.0
    assert gap.facts["gap_before_fault_s"] == pytest.approx(3.05)


def test_a_gap_that_began_before_the_fault_and_reaches_into_it_counts_whole() -> None:
    assert longest_gap(history(*probes(bad=(14.5, 15.5)))).value == pytest.approx(1.05)


@given(start=st.floats(15.0, 30.0), length=st.floats(0.0, 8.0))
def test_any_outage_is_reported_to_within_two_intervals(start: float, length: float) -> None:
    gap = longest_gap(history(*probes(bad=(start, start + length))))
    assert gap.value is not None
    assert length - INTERVAL_S <= gap.value <= length + 2 * INTERVAL_S + 1e-6


@pytest.mark.parametrize(
    ("measured", "doubt"),
    [
        (longest_gap(history(*probes(), without="observed")), "fault kill was never observed"),
        (longest_gap(history(*probes(), without="healed")), "fault kill was never healed"),
        (longest_gap(history(*probes()), steady_before_s=20), "15.0 s of traffic before the fault, 20 s needed"),
        (longest_gap(history(*probes()), steady_after_s=30), "s of traffic after healing, 30 s needed"),
        (longest_gap(history(*probes()[::2])), "client new planned no request for 0.100 s: fewer than 20 a second"),
        (longest_gap(history(*probes()[:320], *probes()[330:])), "client new planned no request for 0.550 s"),
        (longest_gap(history(*probes(), answer("other", 20.0))), "client other sent one request"),
        (longest_gap(history(*probes()), doubts=["generator was late"]), "generator was late"),
    ],
)
def test_what_may_not_be_believed_says_why(measured: Measurement, doubt: str) -> None:
    assert any(doubt in told for told in measured.doubts), measured.doubts
    assert measured.value is not None


def test_a_sender_that_paused_is_doubted_though_its_plan_had_no_hole() -> None:
    late = [
        replace(entry, started=16.5, finished=16.6) if 16.0 < entry.intended < 16.5 else entry for entry in probes()
    ]
    assert any("client new sent nothing for 0.500 s" in doubt for doubt in longest_gap(history(*late)).doubts)


def test_no_traffic_and_no_fault_give_no_value() -> None:
    nothing = longest_gap(history())
    assert (nothing.value, nothing.doubts) == (None, ("no traffic was recorded",))
    untouched = longest_gap(history(*probes(), without="injecting"))
    assert (untouched.value, untouched.doubts) == (None, ("no fault was injected",))
