"""Searches answer as Meilisearch's do."""

from __future__ import annotations

from typing import Any

import meilisearch
import pytest
from meilisearch.errors import MeilisearchApiError
from meilisearch.index import Index

_TAGS = {"highlightPreTag": "[", "highlightPostTag": "]"}


def _ids(answer: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in answer["hits"]]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("elephants", ["first"]),
        ("eleph", ["first"]),
        ("elehpants", ["first"]),
        ("alephants", ["first"]),
        ("creme", ["third"]),
        ("mediterranee", ["third"]),
        ('"lion sleeps"', ["second"]),
        ('"sleeps lion"', []),
        ("river -lion -herd", ["third"]),
        ("xylophone", []),
        ("demosite", []),
    ],
)
def test_finds(pages: Index, query: str, ids: list[str]) -> None:
    """Words, beginnings, misspellings, accents, phrases and exclusions find what they should, in searched fields."""
    answer = pages.search(query)
    assert _ids(answer) == ids
    assert answer["estimatedTotalHits"] == len(ids)
    assert (answer["query"], answer["limit"], answer["offset"]) == (query, 20, 0)


def test_an_empty_query_finds_everything(pages: Index) -> None:
    """No words mean all documents."""
    assert sorted(_ids(pages.search(""))) == ["first", "second", "third"]


def test_title_counts_more_than_content(index: Index) -> None:
    """The order of searchable attributes is the order of hits."""
    index.wait_for_task(index.update_searchable_attributes(["title", "content"]).task_uid)
    documents = [
        {"id": 1, "title": "Other things", "content": "zebra"},
        {"id": 2, "title": "Zebra", "content": "other things"},
    ]
    index.wait_for_task(index.add_documents(documents, "id").task_uid)
    assert [hit["id"] for hit in index.search("zebra")["hits"]] == [2, 1]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("elephants", "[Elephants]"),
        ("eleph", "[Eleph]ants"),
        ("elehpants", "[Elephants]"),
        ("alephants", "[Elephants]"),
        ("melephants drinking", "[Elephants]"),
        ("alephants drinking", "[Elephants]"),
        ("river", "Elephants"),
    ],
)
def test_highlights(pages: Index, query: str, title: str) -> None:
    """What is marked is the word meant: whole, as far as typed, or as it is spelt right."""
    hits = pages.search(query, {"attributesToHighlight": ["title"], **_TAGS})["hits"]
    formatted = next(hit["_formatted"] for hit in hits if hit["id"] == "first")
    assert formatted["title"] == title
    assert formatted["words"] == "31"


def test_highlights_a_word_with_accents_in_its_own_spelling(pages: Index) -> None:
    """Folding is for finding, not for showing."""
    hit = pages.search("creme brulee ", {"attributesToHighlight": ["content"], **_TAGS})["hits"][0]
    assert hit["_formatted"]["content"] == "[Crème] [brûlée], served at the river."


def test_crops_around_the_words_of_the_query(pages: Index) -> None:
    """A crop has so many words and shows where text was left out."""
    options = {"attributesToCrop": ["content"], "cropLength": 5, "attributesToRetrieve": ["title"]}
    hit = pages.search("drinking water", options)["hits"][0]
    shown = hit["_formatted"]["content"]
    assert "drinking water" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown.strip("…").split()) == 5
    assert "content" not in hit


def test_crops_from_the_beginning_without_a_match(pages: Index) -> None:
    """Without a word to show, the beginning is shown."""
    hit = pages.search("lions", {"attributesToCrop": ["content:3"], "cropMarker": "~"})["hits"][0]
    assert hit["_formatted"]["content"].rstrip("~") == "A lion sleeps"


def test_a_short_text_is_not_cropped(pages: Index) -> None:
    """There is no marker where nothing was left out."""
    hit = pages.search("creme", {"attributesToCrop": ["content"], "cropLength": 30})["hits"][0]
    assert hit["_formatted"]["content"] == "Crème brûlée, served at the river."


def test_shows_positions_in_bytes(pages: Index) -> None:
    """Positions count bytes, as Meilisearch does."""
    hit = pages.search("brulee", {"showMatchesPosition": True})["hits"][0]
    match = hit["_matchesPosition"]["content"][0]
    assert (match["start"], match["length"]) == (7, 8)


def test_all_words_can_be_demanded(pages: Index) -> None:
    """`last` gives up words from the end, `all` none."""
    assert _ids(pages.search("river elephants"))[0] == "first"
    assert len(_ids(pages.search("river elephants"))) == 3
    answer = pages.search("river elephants", {"matchingStrategy": "all"})
    assert _ids(answer) == ["first"]
    assert answer["estimatedTotalHits"] == 1


def test_leafs_through_many_hits_without_gap_or_repetition(index: Index) -> None:
    """Offset and limit cut one stable list, also far beyond the first page."""
    documents = [{"id": number, "text": f"common word{number % 7} text"} for number in range(130)]
    index.wait_for_task(index.add_documents(documents, "id").task_uid)
    pages = [index.search("common", {"limit": 30, "offset": offset}) for offset in range(0, 150, 30)]
    found = [hit["id"] for page in pages for hit in page["hits"]]
    assert sorted(found) == list(range(130))
    assert [page["estimatedTotalHits"] for page in pages] == [130] * 5
    assert [hit["id"] for hit in index.search("common", {"limit": 100})["hits"]] == found[:100]


def test_what_was_asked_before_is_answered_from_the_index_as_it_is_now(pages: Index) -> None:
    """An answer never holds what a finished task changed, however often the same was asked before."""
    for _ in range(2):
        assert _ids(pages.search("elephants")) == ["first"]
        assert _ids(pages.search("lions")) == ["second"]
        assert _ids(pages.search("giraffes")) == []
    pages.wait_for_task(pages.update_documents([{"id": "second", "title": "Giraffes and elephants"}]).task_uid)
    assert sorted(_ids(pages.search("elephants"))) == ["first", "second"]
    assert _ids(pages.search("giraffes")) == ["second"]
    pages.wait_for_task(pages.delete_document("first").task_uid)
    assert _ids(pages.search("elephants")) == ["second"]


def test_the_same_query_can_be_shown_in_another_manner(pages: Index) -> None:
    """How the last one wanted to see the hits has no influence."""
    plain = {"attributesToRetrieve": ["id"]}
    marked = {**plain, "attributesToHighlight": ["title"], **_TAGS}
    for _ in range(2):
        assert pages.search("lions", plain)["hits"] == [{"id": "second"}]
        assert pages.search("lions", marked)["hits"][0]["_formatted"] == {"id": "second", "title": "[Lions]"}


def test_numbered_pages(index: Index) -> None:
    """With `page` the total is exact."""
    index.wait_for_task(index.add_documents([{"id": n, "text": "common"} for n in range(45)], "id").task_uid)
    answer = index.search("common", {"page": 3, "hitsPerPage": 20})
    assert (len(answer["hits"]), answer["totalHits"], answer["totalPages"], answer["page"]) == (5, 45, 3, 3)


def test_only_displayed_attributes_are_shown(pages: Index) -> None:
    """What is not displayed is in no answer."""
    pages.wait_for_task(pages.update_displayed_attributes(["id", "title"]).task_uid)
    hit = pages.search("elephants", {"attributesToHighlight": ["*"]})["hits"][0]
    assert hit["_formatted"].keys() == {"id", "title"}
    assert hit.keys() == {"id", "title", "_formatted"}


def test_several_searches_at_once(client: meilisearch.Client, pages: Index) -> None:
    """Multi-search answers each query."""
    queries = [{"indexUid": pages.uid, "q": "lion"}, {"indexUid": pages.uid, "q": "creme"}]
    results = client.multi_search(queries)["results"]
    assert [_ids(result) for result in results] == [["second"], ["third"]]
    assert results[0]["indexUid"] == pages.uid


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"limit": -1}, "invalid_search_limit"),
        ({"offset": "x"}, "invalid_search_offset"),
        ({"attributesToCrop": "content"}, "invalid_search_attributes_to_crop"),
        ({"matchingStrategy": "some"}, "invalid_search_matching_strategy"),
        ({"nonsense": 1}, "bad_request"),
    ],
)
def test_refuses_what_makes_no_sense(pages: Index, options: dict[str, Any], code: str) -> None:
    """A wrong parameter has a code of its own."""
    with pytest.raises(MeilisearchApiError) as refused:
        pages.search("lion", options)
    assert (refused.value.status_code, refused.value.code, refused.value.type) == (400, code, "invalid_request")


def test_an_index_that_does_not_exist(client: meilisearch.Client) -> None:
    """Searching nothing is an error, not an empty answer."""
    with pytest.raises(MeilisearchApiError) as refused:
        client.index("not-there").search("lion")
    assert (refused.value.status_code, refused.value.code, refused.value.type) == (
        404,
        "index_not_found",
        "invalid_request",
    )
