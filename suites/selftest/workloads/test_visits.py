"""What a user does next follows from what was answered."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from suites.harness.workloads.queries import QueryMix
from suites.harness.workloads.request import Request
from suites.harness.workloads.visits import Habits, Visit, Visits, query_of

TITLES = {"s1": ["river stone morning", "quiet harbour light"], "s2": ["winter orchard gate"]}
# As the platform answers each kind of step.
GOOD: dict[str, Any] = {
    "hits": [{"title": "River stone morning walk"}],
    "total": 25,
    "items": [],
    "id": "scrape-1",
    "status": "queued",
}


def visits(habits: Habits | None = None, *, scrapes_at_most: int = 5, sites: tuple[str, ...] = ("t1", "t2")) -> Visits:
    queries = iter(QueryMix.of_titles(TITLES, seed=1))
    return Visits(queries, scrape_sites=sites, api_key="a key", seed=1, scrapes_at_most=scrapes_at_most, habits=habits)


def steps(visit: Visit, count: int) -> list[Request]:
    """The first steps of a user who is always answered."""
    found = [next(visit)]
    found.extend(visit.send(GOOD) for _ in range(count - 1))
    return found


def test_a_visit_looks_at_the_sites_before_it_searches_one() -> None:
    first, second, third = steps(visits().of_user(1), 3)
    assert (first.kind, second.kind, third.kind) == ("browse", "site", "search")
    assert second.path == f"/sites/{query_of(third.path).site}"


def test_a_refined_search_asks_for_more_words_of_what_was_found() -> None:
    visit = visits(Habits(refine=1.0, page_on=0.0)).of_user(1)
    *_, search, refined = steps(visit, 4)
    added = set(query_of(refined.path).words) - set(query_of(search.path).words)
    assert refined.label == "refined" and query_of(refined.path).site == query_of(search.path).site
    assert added and added <= {"river", "stone", "morning", "walk"}


def test_paging_on_ends_with_what_was_found() -> None:
    visit = visits(Habits(refine=0.0, page_on=1.0, ask_again=0.0, look_at_pages=0.0, submit=0.0)).of_user(1)
    asked = steps(visit, 6)
    assert [request.label for request in asked[3:5]] == ["next_page", "next_page"]
    assert [request.path.rpartition("=")[2] for request in asked[3:5]] == ["10", "20"]
    assert asked[5].kind == "browse"


def test_who_gets_no_good_answer_goes_away_and_comes_again() -> None:
    visit = visits().of_user(1)
    assert [next(visit).kind, visit.send(None).kind, visit.send(GOOD).kind] == ["browse", "browse", "site"]


def test_a_submission_carries_the_key_and_is_looked_at() -> None:
    visit = visits(Habits(refine=0.0, page_on=0.0, ask_again=0.0, look_at_pages=0.0, submit=1.0)).of_user(1)
    submitted, read, again = steps(visit, 6)[3:]
    headers = dict(submitted.headers)
    assert (submitted.method, submitted.path in ("/sites/t1/scrapes", "/sites/t2/scrapes")) == ("POST", True)
    assert headers["X-API-Key"] == "a key" and headers["Idempotency-Key"].startswith("user-")
    assert read.path == again.path == "/scrapes/scrape-1"


def test_all_users_together_submit_no_more_than_they_may() -> None:
    everyone = visits(Habits(submit=1.0), scrapes_at_most=3)
    asked = [request for user in range(10) for request in steps(everyone.of_user(user), 60)]
    assert sum(request.kind == "submit" for request in asked) == everyone.submitted == 3


def test_without_sites_to_scrape_nobody_submits() -> None:
    asked = steps(visits(Habits(submit=1.0), sites=()).of_user(1), 60)
    assert not [request for request in asked if request.kind == "submit"]


def test_each_user_has_an_address_and_only_that() -> None:
    everyone = visits()
    addresses = [
        {dict(request.headers)["X-Forwarded-For"] for request in steps(everyone.of_user(user), 30)}
        for user in (1, 2, 255, 256, 3000)
    ]
    assert all(len(own) == 1 for own in addresses) and len(set.union(*addresses)) == 5
    assert {"198.18.0.1", "198.18.11.184"} <= set.union(*addresses)


def test_most_steps_are_searches_and_few_are_submissions() -> None:
    everyone = visits(scrapes_at_most=1000)
    kinds = Counter(request.kind for user in range(200) for request in steps(everyone.of_user(user), 50))
    assert kinds["search"] > 0.5 * kinds.total() > 100 * kinds["submit"] / 2
    assert 0 < kinds["submit"] < 0.02 * kinds.total()


def test_the_same_seed_makes_the_same_users() -> None:
    one, other = (
        list(itertools.chain(*(steps(v.of_user(user), 40) for user in range(3)))) for v in (visits(), visits())
    )
    assert one == other
