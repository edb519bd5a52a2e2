"""The query mix: the same for a seed, and made up as it says."""

from __future__ import annotations

import itertools
import pickle
import random
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from suites.harness.workloads.queries import Query, QueryMix, misspelt
from suites.harness.workloads.request import Request

WORDS = [
    f"{a}{b}{c}"
    for a in ("ri", "sto", "fla", "mor")
    for b in ("ve", "ne", "ming", "ta")
    for c in ("r", "ly", "ning", "sh")
]
TITLES = {
    site: [" ".join(random.Random(f"{site}{number}").choices(WORDS, k=5)).title() for number in range(1000)]
    for site in ("one", "two", "three")
}
MIX = QueryMix.of_titles(TITLES, seed=7)
SAMPLE = 20_000


@pytest.fixture(scope="module")
def sample() -> list[Request]:
    return list(itertools.islice(MIX, SAMPLE))


def asked(request: Request) -> tuple[str, str]:
    query = parse_qs(urlsplit(request.path).query)
    return query["site"][0], query["q"][0]


def test_the_same_seed_asks_the_same(sample: list[Request]) -> None:
    again = pickle.loads(pickle.dumps(QueryMix.of_titles(TITLES, seed=7)))  # noqa: S301 its own words
    assert list(itertools.islice(again, 1000)) == sample[:1000]


def test_another_stream_asks_in_another_order_but_the_same_popular_queries(sample: list[Request]) -> None:
    other = QueryMix.of_titles(TITLES, seed=7, stream=1)
    assert other.popular == MIX.popular
    assert list(itertools.islice(other, 1000)) != sample[:1000]


def test_the_mix_is_made_up_as_it_says(sample: list[Request]) -> None:
    shares = {label: count / SAMPLE for label, count in Counter(request.label for request in sample).items()}
    assert shares["unseen"] == pytest.approx(0.11, abs=0.01)
    assert shares["misspelt"] == pytest.approx(0.04, abs=0.01)
    assert shares["no_hit"] == pytest.approx(0.04, abs=0.01)
    assert shares["next_page"] == pytest.approx(0.03, abs=0.01)
    assert shares["popular"] == pytest.approx(0.78, abs=0.01)


def test_at_least_one_in_ten_was_never_asked_before(sample: list[Request]) -> None:
    seen: set[tuple[str, str]] = set()
    fresh = 0
    for request in sample:
        fresh += request.label == "unseen" and asked(request) not in seen
        seen.add(asked(request))
    assert fresh >= 0.1 * SAMPLE
    assert fresh == sum(request.label == "unseen" for request in sample)


def test_few_queries_are_asked_often_and_thousands_seldom(sample: list[Request]) -> None:
    counts = Counter(asked(request) for request in sample if request.label == "popular")
    most = counts.most_common()
    assert len(MIX.popular) == 4000
    # Zipf over 4000: the first is asked one time in nine, the first hundred more than half of the time.
    assert most[0][1] / counts.total() == pytest.approx(1 / 8.87, abs=0.02)
    assert sum(count for _, count in most[:100]) / counts.total() == pytest.approx(5.19 / 8.87, abs=0.03)
    assert len(counts) > 2000


def test_popular_queries_are_words_of_a_title() -> None:
    lines = {site: [f" {title.lower()} " for title in titles] for site, titles in TITLES.items()}
    for query in MIX.popular[:200]:
        assert any(f" {' '.join(query.words)} " in line for line in lines[query.site])


def test_no_client_asks_so_often_that_a_limit_meets_it(sample: list[Request]) -> None:
    clients = Counter(dict(request.headers)["X-Forwarded-For"] for request in sample)
    assert len(clients) > 4500
    # The sample is 20 s at 1000 req/s; 600 a minute are 200 in that time.
    assert max(clients.values()) < 40


def test_the_cache_is_bypassed_only_when_asked_to(sample: list[Request]) -> None:
    uncached = next(iter(QueryMix.of_titles(TITLES, seed=7, use_cache=False)))
    assert ("Cache-Control", "no-cache") in uncached.headers
    assert uncached.path == sample[0].path
    assert all(name != "Cache-Control" for request in sample for name, _ in request.headers)


def test_paths_are_ready_for_the_wire(sample: list[Request]) -> None:
    assert all(request.path.isascii() and " " not in request.path for request in sample)


def test_a_slip_changes_one_long_word_and_keeps_its_first_letter() -> None:
    rng = random.Random(1)
    for _ in range(500):
        slipped = misspelt(Query("one", ("river", "of", "flaming")), rng)
        changed = [(was, now) for was, now in zip(("river", "of", "flaming"), slipped.words, strict=True) if was != now]
        assert len(changed) == 1
        was, now = changed[0]
        assert len(was) >= 5
        assert was[0] == now[0]
        assert abs(len(was) - len(now)) <= 1


def test_short_words_are_not_misspelt() -> None:
    query = Query("one", ("of", "tea"))
    assert misspelt(query, random.Random(1)) == query


def test_a_corpus_without_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="no words"):
        QueryMix.of_titles({"one": ["7", ""]}, seed=7)
