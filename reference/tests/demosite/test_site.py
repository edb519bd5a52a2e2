"""The website is the same every time, and what its URL says."""

from __future__ import annotations

import hashlib
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.demosite.site import BadSpec, Spec, index, manifest, page, title
from reference.demosite.words import VOCABULARY_WORDS, text, vocabulary, word

SEEDS = st.integers(min_value=0, max_value=2**31 - 1)


def test_a_spec_is_read_from_its_url() -> None:
    assert Spec.parse("seed=7,pages=50,size=2000") == Spec(seed=7, pages=50, size=2000)
    assert Spec.parse("latency_ms=5,fail_every=3,seed=1") == Spec(seed=1, latency_ms=5, fail_every=3)


@pytest.mark.parametrize(
    "raw", ["", "seed", "seed=", "seed=x", "seed=-1", "colour=red", "pages=999999999", "latency_ms=99999999", "seed=٣"]
)
def test_a_bad_spec_is_told(raw: str) -> None:
    with pytest.raises(BadSpec):
        Spec.parse(raw)


def test_the_same_spec_is_the_same_bytes() -> None:
    """Fixed for good: a corpus that changes between versions would make runs incomparable."""
    spec = Spec(seed=7, pages=50)
    page.cache_clear()
    first = page(spec, 3)
    page.cache_clear()
    assert page(spec, 3) == first
    assert hashlib.sha256(first).hexdigest() == "86392eb24623310c8014bc4a8e602e8a3239d0c01ab4753228c556c228619e8c"
    assert word(7, 0) == "sokosahobix"
    assert title(spec, 3) == "Grojurly chaipearour gragrelainding 3"


def test_pages_differ_by_number_and_seed() -> None:
    spec = Spec(seed=7, pages=50)
    assert len({page(spec, n) for n in range(50)} | {page(Spec(seed=8, pages=50), n) for n in range(50)}) == 100


@pytest.mark.parametrize("size", [200, 2000, 20_000])
def test_a_page_is_about_as_large_as_asked(size: int) -> None:
    assert 0.7 * size < len(page(Spec(size=size), 0)) < 1.5 * size + 400


def test_the_manifest_tells_what_is_served() -> None:
    spec = Spec(seed=3, pages=10, fail_every=5)
    listed = json.loads(manifest(spec, "http://h/site/x/"))["pages"]
    assert [one["url"] for one in listed] == [f"http://h/site/x/page/{n}" for n in range(10)]
    for one in listed:
        body = page(spec, one["n"])
        assert one["sha256"] == hashlib.sha256(body).hexdigest()
        assert f" {one['word']}." in body.decode()
        assert f"<title>{one['title']}</title>" in body.decode()
    assert [one["n"] for one in listed if one["status"] == 500] == [4, 9]


def test_the_index_links_to_every_page_and_is_not_to_be_indexed() -> None:
    body = index(Spec(pages=3)).decode()
    assert all(f'href="page/{n}"' in body for n in range(3))
    assert 'name="robots" content="noindex"' in body


@given(SEEDS)
def test_no_two_pages_of_a_site_share_their_word(seed: int) -> None:
    assert len({word(seed, n) for n in range(2000)}) == 2000


@given(SEEDS, st.integers(min_value=0, max_value=199_999))
def test_a_pages_word_is_no_word_of_the_language(seed: int, n: int) -> None:
    assert word(seed, n) not in set(vocabulary())
    assert word(seed, n).isalpha()


def test_the_language_looks_like_one() -> None:
    """Thousands of words, frequent ones short; the hundred most frequent make about half of a text, as in English."""
    words = vocabulary()
    assert len(set(words)) == VOCABULARY_WORDS
    mean = [sum(map(len, part)) / len(part) for part in (words[:300], words[-300:])]
    assert mean[0] < 5 < 8 < mean[1]
    written = text(random.Random(1), 100_000).lower().replace(".", "").split()
    frequent = set(words[:100])
    assert 0.4 < sum(one in frequent for one in written) / len(written) < 0.7
