"""What users noticed of a release, on histories written by hand: each outcome once."""

from __future__ import annotations

from typing import Any

import pytest

from reports import objectives
from reports.judge import judge
from reports.records import History, Mark, Measurement, Operation
from suites.harness.checkers.latency import read_value
from suites.harness.checkers.releases import failed_by_bad_release, failed_by_release, version_of

RATE_HZ = 200
# Injected, the new version from, observed and alone from, healing, the old version from, healed.
INJECTED_S, FIRST_S, ALONE_S, HEALING_S, BACK_S, HEALED_S, END_S = 12.0, 15.0, 25.0, 30.0, 35.0, 40.0, 63.0
DONE = Measurement(value=0.0, unit="count", samples=9, guards={"duplicated_effects": 0.0}, facts={"accepted": 9})


def version_at(at: float) -> str:
    if at < FIRST_S or at >= BACK_S:
        return "1"
    return "2" if at >= ALONE_S else f"{1 + round(at * RATE_HZ) % 2}"


def search(at: float, **changed: Any) -> Operation:
    given = {"outcome": "ok", "value": f"popular:hit@{version_at(at)}", "kind": "search", **changed}
    return Operation(client="search", intended=at, started=at, finished=at + 0.001, **given)


def history(*instead: Operation) -> History:
    moments = [number / RATE_HZ for number in range(int(END_S * RATE_HZ))]
    odd = {operation.intended: operation for operation in instead}
    marks = {"injecting": INJECTED_S, "observed": ALONE_S, "healing": HEALING_S, "healed": HEALED_S}
    return History(
        tuple(odd.get(at) or search(at) for at in moments),
        tuple(Mark(mark=mark, fault="release of app", at=at) for mark, at in marks.items()),  # type: ignore[arg-type]
    )


def released(recorded: History, tasks: Measurement = DONE, *, after: str = "2") -> Measurement:
    return failed_by_release(recorded, tasks, before="1", after=after)


def word(objective: str, measurement: Measurement) -> str:
    return judge(objectives.load()[f"rollout.{objective}"], measurement, check="c", evidence="e", at=0.0).word


def test_a_release_that_nobody_noticed_passes() -> None:
    found = released(history())
    assert (found.value, found.guards) == (0.0, {"lost_tasks": 0.0, "duplicated_effects": 0.0})
    assert found.facts["answers_by_version"].keys() == {"1", "2"} and not found.doubts
    assert found.facts["both_versions_for_s"] == pytest.approx(ALONE_S - FIRST_S, abs=0.02)
    assert word("failed_requests", found) == "pass"


@pytest.mark.parametrize("at", [20.0, 32.0], ids=["on the way out", "on the way back"])
def test_one_failed_request_is_one_too_many(at: float) -> None:
    found = released(history(search(at, outcome="unknown", value="ledger-1", kind="submit", error="HTTP 503")))
    assert (found.value, found.facts["failed_by_kind"]) == (1.0, {"submit": 1})
    assert word("failed_requests", found) == "fail"


def test_a_lost_task_fails_though_every_request_was_answered() -> None:
    lost = Measurement(value=1.0, unit="count", samples=9, guards={"duplicated_effects": 0.0})
    assert word("failed_requests", released(history(), lost)) == "fail"


def test_tasks_that_cannot_be_believed_make_the_release_doubtful() -> None:
    unread = Measurement(value=None, unit="count", samples=0, guards={"duplicated_effects": 0.0}, doubts=("no look",))
    found = released(history(), unread)
    assert found.doubts == ("no look",) and word("failed_requests", found) == "inconclusive"


def test_a_version_that_never_answered_proves_no_release() -> None:
    found = released(history(), after="3")
    assert found.doubts == ("no answer came from version 3",)
    assert word("failed_requests", found) == "inconclusive"


def bad(recorded: History, *, stayed: bool = False) -> Measurement:
    return failed_by_bad_release(recorded, version="2", stayed=stayed, took_s=93.04, said="timed out")


def test_a_bad_release_that_was_taken_back_unnoticed_passes_and_tells_how_long_it_took() -> None:
    found = bad(history())
    assert (found.value, found.facts["taken_back_after_s"], found.facts["said"]) == (0.0, 93.0, "timed out")
    assert found.facts["answers_of_the_bad_one"] > 0
    assert word("bad_release_stopped", found) == "pass"


def test_a_bad_release_that_users_noticed_or_that_stayed_fails() -> None:
    noticed = bad(history(search(20.0, outcome="fail", value="popular:@2", error="HTTP 503 never_ready")))
    assert word("bad_release_stopped", noticed) == "fail"
    stayed = bad(history(), stayed=True)
    assert stayed.facts["deployed_after_s"] == 93.0
    assert word("bad_release_stopped", stayed) == "fail"


@pytest.mark.parametrize(
    ("value", "version", "read"),
    [
        ("popular:hit@1.2", "1.2", ("popular", "hit", False)),
        ("popular:miss:degraded@1.2", "1.2", ("popular", "miss", True)),
        # An answer of the ingress itself, and none.
        ("popular:@", None, ("popular", "", False)),
        ("popular:", None, ("popular", "", False)),
        (None, None, ("", "", False)),
    ],
)
def test_an_answer_tells_its_version(value: Any, version: str | None, read: tuple[str, str, bool]) -> None:
    assert version_of(search(1.0, value=value)) == version
    assert read_value(value) == read
