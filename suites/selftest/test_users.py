"""The checker of users, on histories written by hand."""

from __future__ import annotations

import pytest

from reports.records import History, Operation, Outcome
from suites.harness.checkers.users import concurrent_users
from suites.harness.workloads.user_report import UserReport


def look(at: float, users: int) -> Operation:
    return Operation(
        client="locust", kind="count users", intended=at, started=at, finished=at, outcome="ok", value={"users": users}
    )


def request(at: float, user: int, outcome: Outcome = "ok") -> Operation:
    return Operation(
        client=f"user-{user}", kind="search", intended=at, started=at, finished=at + 0.02, outcome=outcome,
        value="popular:hit", error=None if outcome == "ok" else "HTTP 503",
    )  # fmt: skip


def looks(*users: int) -> History:
    return History(tuple(look(float(at), count) for at, count in enumerate(users)), ())


def history(*operations: Operation) -> History:
    return History(operations, ())


THREE = tuple(request(2.0 + at, user) for user in (1, 2, 3) for at in range(3))
HELD = looks(1, 2, 3, 3, 3, 3, 3, 1, 0)


def test_users_who_were_there_and_asked_are_counted() -> None:
    found = concurrent_users(history(*THREE), HELD, asked=3, for_s=5, timeout_ms=5000)
    assert (found.value, found.unit, found.samples, found.doubts) == (3.0, "count", 9, ())
    assert found.window is not None and (found.window.start, found.window.end) == (2.0, 6.0)
    assert found.guards == {"error_ratio": 0.0}
    assert found.facts["requests"] == {"search": 9} and found.facts["p95_ms"] == pytest.approx(20, abs=0.1)


def test_who_never_asks_anything_is_no_user() -> None:
    found = concurrent_users(history(*THREE[:6]), HELD, asked=3, for_s=5, timeout_ms=5000)
    assert found.value == 2.0 and found.facts["users_counted"] == 3


def test_errors_before_all_are_there_and_after_do_not_count_and_those_meanwhile_do() -> None:
    bad = request(3.0, 1, "unknown")
    found = concurrent_users(
        history(request(0.5, 1, "fail"), *THREE, bad, request(8.0, 1, "fail")), HELD, asked=3, for_s=5, timeout_ms=5000
    )
    assert found.guards == {"error_ratio": 0.1} and found.samples == 10
    assert found.facts["errors"] == {"HTTP 503": 1}


def test_fewer_users_than_asked_for_are_no_measurement() -> None:
    found = concurrent_users(history(*THREE), looks(1, 2, 2, 2), asked=3, for_s=5, timeout_ms=5000)
    assert found.value is None and found.doubts == ("never more than 2 of 3 users were there",)


def test_users_who_leave_meanwhile_are_doubted() -> None:
    found = concurrent_users(history(*THREE), looks(3, 3, 2, 3, 3, 3), asked=3, for_s=5, timeout_ms=5000)
    assert found.doubts == ("only 2 of 3 users were there meanwhile",) and found.value == 2.0


def test_too_short_a_time_is_doubted() -> None:
    found = concurrent_users(history(*THREE), looks(3, 3, 3, 3, 3), asked=3, for_s=60, timeout_ms=5000)
    assert found.doubts == ("3 users were there for 4.0 s, 60 s needed",)


def test_no_look_at_all_is_no_measurement() -> None:
    found = concurrent_users(history(*THREE), History((), ()), asked=3, for_s=5, timeout_ms=5000)
    assert found.value is None and found.doubts == ("never more than 0 of 3 users were there",)


def report(**other: object) -> UserReport:
    usual: dict[str, object] = {
        "processes": 1, "users_most": 3, "late_p50_ms": 0.3, "late_p99_ms": 4.0, "cpu_s": 10.0, "cpu_cores": 0.3,
        "cpu_warnings": (), "scrapes_submitted": 1, "real_time": True, "unexpected": (),
    }  # fmt: skip
    return UserReport(**{**usual, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "doubt"),
    [
        ({}, None),
        ({"late_p99_ms": 180.0}, "was late: p99 180 ms, at most 100 ms"),
        ({"late_p99_ms": None}, "kept no clock"),
        ({"cpu_warnings": (91.0, 97.2)}, "97 % of a core, Locust says CPU usage above 90%"),
        ({"unexpected": ("KeyError: 'id'",)}, "broke: KeyError: 'id'"),
    ],
)
def test_a_generator_that_was_the_limit_is_doubted(other: dict[str, object], doubt: str | None) -> None:
    doubts = report(**other).doubts()
    assert doubts == () if doubt is None else doubt in " ".join(doubts)


def test_several_processes_are_as_good_as_the_worst_of_them() -> None:
    found = UserReport.together([report(cpu_warnings=(95.0,)), report(users_most=1, late_p99_ms=180.0)])
    assert (found.processes, found.users_most, found.late_p99_ms, found.cpu_s) == (2, 3, 180.0, 20.0)
    assert (found.cpu_warnings, found.scrapes_submitted) == ((95.0,), 2) and len(found.doubts()) == 2
    assert UserReport.together([report(), report(late_p99_ms=None)]).late_p99_ms is None
