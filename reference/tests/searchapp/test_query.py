"""What a search's query string means, and what the fallback makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.searchapp.api.search import Query, parse
from reference.searchapp.stores.engine import MARK_END, MARK_START, snippet
from reference.searchapp.stores.fallback import tsquery


def test_the_same_question_has_the_same_key() -> None:
    first, second = parse(b"site=a&q=Two%20%20Words"), parse(b"q=two+words+&site=a&limit=20&offset=0")
    assert isinstance(first, Query)
    assert isinstance(second, Query)
    assert first.key == second.key
    assert first.q == "two words"


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"q=x", b"site=a", b"site=&q=x", b"site=../x&q=x", b"site=a&q=x&limit=ten", b"site=a&q=x&limit=0"),
        *(b"site=a&q=x&limit=101", b"site=a&q=x&offset=-1", b"site=a&q=x&offset=10001", b"site=a&q=" + b"x" * 513),
    ],
)
def test_a_bad_query_is_told(raw: bytes) -> None:
    assert isinstance(parse(raw), str)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_query_or_a_complaint(raw: bytes) -> None:
    assert isinstance(parse(raw), (Query, str))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("one", "'one':*"),
        ("one two", "'one' & 'two':*"),
        ("it's & (bad) | !syntax:*", "'it' & 's' & 'bad' & 'syntax':*"),
        ("...", ""),
    ],
)
def test_the_fallback_asks_for_all_words(q: str, expected: str) -> None:
    assert tsquery(q) == expected


def test_a_snippet_carries_no_markup_but_ours() -> None:
    marked = f"<script>alert(1)</script> {MARK_START}hit{MARK_END} & more"
    assert snippet(marked) == "&lt;script&gt;alert(1)&lt;/script&gt; <em>hit</em> &amp; more"
