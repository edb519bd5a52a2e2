"""What became of every accepted scrape, on histories written by hand: each outcome once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from reports.records import History, Mark, Measurement, Operation, Outcome
from suites.harness.checkers.tasks import lost_tasks

SERVED = {"s1": {"/a": "1", "/b": "2"}, "s2": {"/c": "3"}}
STORED: dict[str, list[tuple[str, str]] | None] = {"s1": [("/a", "1"), ("/b", "2")], "s2": [("/c", "3")]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    key: str
    site: str
    status: str = "completed"
    attempts: int = 1


def submit(at: float, id: str, outcome: Outcome = "ok") -> Operation:
    return Operation(
        client="submit-new", kind="submit", intended=at, started=at, finished=at + 0.01, outcome=outcome, value=id
    )


def history(*operations: Operation, without: str = "") -> History:
    moments = {"injecting": 15.0, "observed": 16.0, "healed": 18.0}
    marks = tuple(
        Mark(mark=mark, fault="kill", at=at)  # type: ignore[arg-type]
        for mark, at in moments.items()
        if mark != without
    )
    return History(operations, marks)


# The second is asked for twice with one key, as clients do who got no answer.
SUBMITTED = history(
    submit(14.0, "t1"), submit(16.0, "t2", "unknown"), submit(17.0, "t2"), submit(17.5, "t3", "unknown")
)
DONE = [Scrape(key="t1", site="s1"), Scrape(key="t2", site="s2", attempts=2), Scrape(key="t3", site="s1")]


def measured(
    *scrapes: Scrape, stored: dict[str, list[tuple[str, str]] | None] | None = None, submitted: History = SUBMITTED
) -> Measurement:
    return lost_tasks(submitted, scrapes, served=SERVED, stored=STORED | (stored or {}))


def test_accepted_scrapes_that_completed_once_are_all_done() -> None:
    found = measured(*DONE)
    assert (found.value, found.unit, found.samples, found.doubts) == (0.0, "count", 2, ())
    assert found.guards == {"duplicated_effects": 0.0}
    assert found.facts["fates"] == {"completed": 2}
    assert (found.facts["never_accepted_but_there"], found.facts["attempted_again"]) == (1, 1)


@pytest.mark.parametrize(
    ("scrapes", "fate"),
    [
        ([DONE[0]], "t2: not there"),
        ([DONE[0], Scrape(key="t2", site="s2", status="running")], "t2: running"),
        ([DONE[0], Scrape(key="t2", site="s2", status="failed")], "t2: failed"),
    ],
)
def test_an_accepted_scrape_that_did_not_complete_is_lost(scrapes: list[Scrape], fate: str) -> None:
    found = measured(*scrapes)
    assert (found.value, found.facts["lost"]) == (1.0, [fate])


@pytest.mark.parametrize(
    ("pages", "damage"),
    [([("/a", "1")], {"missing": ["/b"]}), ([("/a", "1"), ("/b", "x")], {"altered": ["/b"]})],
)
def test_a_scrape_without_effect_is_lost_whatever_it_says(
    pages: list[tuple[str, str]], damage: dict[str, list[str]]
) -> None:
    found = measured(*DONE, stored={"s1": pages})
    assert (found.value, found.facts["lost"]) == (1.0, ["t1: completed without effect"])
    assert found.facts["damaged_sites"] == {"s1": damage}


def test_two_scrapes_of_one_key_and_a_page_stored_twice_are_duplicates() -> None:
    found = measured(*DONE, Scrape(key="t1", site="s1"), stored={"s2": [("/c", "3"), ("/c", "3")]})
    assert (found.value, found.guards["duplicated_effects"]) == (0.0, 2.0)
    assert (found.facts["scrapes_with_one_key"], found.facts["pages_stored_twice"]) == (["t1"], ["/c"])


@pytest.mark.parametrize(
    ("found", "doubt"),
    [
        (measured(*DONE, stored={"s2": None}), "the pages of site s2 could not be read"),
        (measured(submitted=history(submit(14.0, "t1"))), "no submit was accepted while the fault was on"),
        (measured(submitted=history(submit(16.0, "t1"), without="injecting")), "no fault was injected"),
        (measured(submitted=history(submit(16.0, "t1"), without="observed")), "fault kill was never observed"),
        (measured(submitted=history(submit(16.0, "t1"), without="healed")), "fault kill was never healed"),
    ],
)
def test_what_may_not_be_believed_says_why(found: Measurement, doubt: str) -> None:
    assert doubt in found.doubts


def test_nothing_accepted_gives_no_value() -> None:
    assert measured(submitted=history(submit(16.0, "t1", "unknown"))).value is None
