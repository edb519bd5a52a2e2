"""What became of every write, on histories written by hand: each outcome once."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reports.records import History, Mark, Operation, Outcome
from suites.harness.checkers.ledger import lost_writes

INJECTED_S, OBSERVED_S, HEALED_S = 15.0, 16.0, 18.0
Stored = Mapping[str, Mapping[str, int] | None]


def write(at: float, id: str, outcome: Outcome = "ok", *, kind: str = "write") -> Operation:
    return Operation(
        client="write-new", kind=kind, intended=at, started=at, finished=at + 0.01, outcome=outcome, value=id,
        error=None if outcome == "ok" else "time-out",
    )  # fmt: skip


def history(*operations: Operation, without: str = "") -> History:
    moments = {"injecting": INJECTED_S, "observed": OBSERVED_S, "healed": HEALED_S}
    marks = tuple(
        Mark(mark=mark, fault="kill", at=at)  # type: ignore[arg-type]
        for mark, at in moments.items()
        if mark != without
    )
    return History(operations, marks)


# Ten writes a second from 10 to 20 s; what is asked between 15.2 and 16 s times out.
WRITES = [write(at / 10, f"w-{at}", "unknown" if 152 <= at < 160 else "ok") for at in range(100, 200)]
ACKNOWLEDGED = [str(each.value) for each in WRITES if each.outcome == "ok"]
ALL = dict.fromkeys(ACKNOWLEDGED, 1)


def test_every_acknowledged_write_is_on_every_instance() -> None:
    found = lost_writes(history(*WRITES), {"db-1": ALL, "db-2": ALL})
    assert (found.value, found.unit, found.samples, found.doubts) == (0.0, "count", 92, ())
    assert found.guards == {"duplicated": 0.0}
    assert found.facts["by_instance"] == {"db-1": {"present": 92, "lost": 0}, "db-2": {"present": 92, "lost": 0}}
    assert found.fault == "kill"


def test_one_that_is_missing_anywhere_is_lost_and_told() -> None:
    without = {id: 1 for id in ACKNOWLEDGED if id not in ("w-149", "w-161")}
    found = lost_writes(history(*WRITES), {"db-1": without, "db-2": {**ALL}})
    assert found.value == 2.0
    assert found.facts["by_instance"]["db-1"] == {"present": 90, "lost": 2}
    assert found.facts["lost"] == [
        "w-149: acknowledged to write-new, -0.090 s from the fault",
        "w-161: acknowledged to write-new, +1.110 s from the fault",
    ]


def test_a_time_out_may_be_there_or_not_and_is_never_lost() -> None:
    found = lost_writes(history(*WRITES), {"db-1": {**ALL, "w-152": 1, "w-153": 1}})
    assert found.value == 0.0
    assert found.facts["never_acknowledged"] == {
        "unknown_present": 2,
        "unknown_absent": 6,
        "refused_present": 0,
        "refused_absent": 0,
    }


def test_a_refusal_is_told_apart_from_a_time_out() -> None:
    refused = [write(15.5, "r-1", "fail"), write(15.6, "r-2", "fail")]
    told = lost_writes(history(*WRITES, *refused), {"db-1": {**ALL, "r-2": 1}}).facts["never_acknowledged"]
    assert (told["refused_present"], told["refused_absent"]) == (1, 1)


def test_a_write_that_was_asked_again_counts_once_and_acknowledged_once_is_acknowledged() -> None:
    again = [write(15.5, "w-152"), write(19.0, "w-190")]
    found = lost_writes(history(*WRITES, *again), {"db-1": ALL})
    assert (found.value, found.samples) == (1.0, 93)


def test_what_is_there_twice_is_a_duplicate_and_not_lost() -> None:
    found = lost_writes(history(*WRITES), {"db-1": {**ALL, "w-120": 2}})
    assert (found.value, found.guards["duplicated"], found.facts["duplicated"]) == (0.0, 1.0, ["w-120"])


def test_other_kinds_of_operation_are_none_of_its_business() -> None:
    assert lost_writes(history(*WRITES, write(15.0, "x", kind="search")), {"db-1": ALL}).samples == 92


@pytest.mark.parametrize(
    ("writes", "stored", "without", "doubt"),
    [
        (WRITES, {"db-1": ALL, "db-2": None}, "", "db-2 could not be read"),
        (WRITES, {}, "", "no instance was read"),
        (WRITES, {"db-1": ALL}, "injecting", "no fault was injected"),
        (WRITES, {"db-1": ALL}, "observed", "fault kill was never observed"),
        (WRITES, {"db-1": ALL}, "healed", "fault kill was never healed"),
        (WRITES[:40], {"db-1": ALL}, "", "no write was acknowledged in the 1 s before the fault"),
        (WRITES[:50], {"db-1": ALL}, "", "no write was acknowledged since the fault began"),
    ],
)  # fmt: skip
def test_what_may_not_be_believed_says_why(writes: list[Operation], stored: Stored, without: str, doubt: str) -> None:
    assert doubt in lost_writes(history(*writes, without=without), stored, doubts=["late"]).doubts


def test_no_acknowledged_write_and_no_instance_give_no_value() -> None:
    assert lost_writes(history(write(15.5, "w", "unknown")), {"db-1": {}}).value is None
    assert lost_writes(history(*WRITES), {"db-1": None}).value is None
    assert lost_writes(history(), {}).value is None
