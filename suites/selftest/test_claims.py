"""Yes-or-no measurements: nothing looked at is no yes."""

from __future__ import annotations

from suites.harness.checkers.claims import all_true, pages_stored

SERVED = {"/1": "a", "/2": "b"}


def test_all_claims_must_hold() -> None:
    assert all_true({"app ready": True, "worker ready": True}).value == 1
    measured = all_true({"app ready": True, "worker ready": False})
    assert (measured.value, measured.samples, measured.facts) == (0, 2, {"not_true": ["worker ready"]})


def test_nothing_claimed_is_no_value() -> None:
    assert all_true({}).value is None
    assert pages_stored({}, []).value is None


def test_every_page_stored_as_served_is_true() -> None:
    measured = pages_stored(SERVED, [("/2", "b"), ("/1", "a")], scrape="completed")
    assert (measured.value, measured.samples, measured.facts["scrape"]) == (1, 2, "completed")


def test_each_way_to_be_wrong_is_named() -> None:
    assert pages_stored(SERVED, [("/1", "a")]).facts["missing"] == ["/2"]
    assert pages_stored(SERVED, [("/1", "a"), ("/2", "x")]).facts["altered"] == ["/2"]
    assert pages_stored(SERVED, [("/1", "a"), ("/2", "b"), ("/3", "c")]).facts["unexpected"] == ["/3"]
    assert pages_stored(SERVED, [("/1", "a"), ("/2", "b"), ("/2", "b")]).facts["stored_twice"] == ["/2"]
    assert pages_stored(SERVED, []).value == 0


def test_a_long_list_is_cut_and_counted() -> None:
    missing = pages_stored({f"/{number}": "a" for number in range(100)}, []).facts["missing"]
    assert (len(missing), missing[-1]) == (21, "and 80 more")
