"""One search: what the engine finds, counted, leafed through, highlighted and cropped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from reference.searchengine.catalog import Catalog, Document, SearchedIndex
from reference.searchengine.engine import DEEPEST_HIT, PAGE_HITS, Changed, Engine
from reference.searchengine.errors import ApiError
from reference.searchengine.formatting import Marks, Wanted, formatted, needles, occurrences, wanted_in
from reference.searchengine.query import Query, parse
from reference.searchengine.request import SearchRequest
from reference.searchengine.words import plain_text

_READS = 5
_KEPT_LISTS = 256


def search(catalog: Catalog, uid: str, request: SearchRequest) -> dict[str, Any]:
    """Answer one search."""
    started = time.perf_counter()
    index = catalog.index(uid)
    query = parse(request.q)
    most = min(index.settings.max_total_hits, DEEPEST_HIT)
    first = min(request.first, most)
    last = min(request.first + request.count, most)
    if query.terms or query.excluded:
        documents, total = _found(catalog, index, request, query, first, last)
    else:
        documents = catalog.placed_documents(index, limit=last - first, offset=first)
        total = len(index.vocabulary.documents)
    wanted = wanted_in(query, lambda term: index.vocabulary.found(term).misspelt)
    answer: dict[str, Any] = {
        "hits": [_hit(index, document, wanted, request) for document in documents],
        "query": request.q,
        "processingTimeMs": round((time.perf_counter() - started) * 1000),
    }
    if request.is_paged:
        pages = -(-total // request.count) if request.count else 0
        return {
            **answer,
            "hitsPerPage": request.count,
            "page": request.page,
            "totalPages": pages,
            "totalHits": min(total, most),
        }
    return {**answer, "limit": request.count, "offset": request.first, "estimatedTotalHits": min(total, most)}


def _found(
    catalog: Catalog, index: SearchedIndex, request: SearchRequest, query: Query, first: int, last: int
) -> tuple[list[Document], int]:
    engine = catalog.engine(index)
    if engine is None:
        return [], 0
    for _ in range(_READS):
        try:
            documents, is_all = _ranked(catalog, index, engine, request, query, last)
        except Changed:
            continue
        total = len(documents) if is_all else _total(index, request, query, len(documents))
        return documents[first:last], total
    raise ApiError(500, "internal", "The index changes faster than it can be read.")


def _ranked(
    catalog: Catalog, index: SearchedIndex, engine: Engine, request: SearchRequest, query: Query, last: int
) -> tuple[list[Document], bool]:
    """The best documents up to the last wanted one, and whether there are no more."""
    allowed = index.vocabulary.matching(query, all_terms=True) if request.all_terms else None
    numbers = index.lists.get(request.q, [])
    documents = catalog.documents(index, engine, numbers)
    while True:
        is_all = len(numbers) % PAGE_HITS != 0
        if allowed is not None:
            # Documents with more of the words come first: after one that lacks a word there is none that has all.
            fitting = [document for document in documents if document.number in allowed]
            if len(fitting) < len(documents):
                return fitting, True
        if is_all or len(numbers) >= max(last, 1) or len(numbers) + PAGE_HITS > DEEPEST_HIT:
            break
        more = engine.search(request.q, without=[document.key for document in documents])
        numbers = [*numbers, *more]
        documents = [*documents, *catalog.documents(index, engine, more)]
        if not more:
            is_all = True
            break
    if len(numbers) > PAGE_HITS:
        if len(index.lists) >= _KEPT_LISTS:
            index.lists.clear()
        index.lists[request.q] = numbers
    return documents, is_all


def _total(index: SearchedIndex, request: SearchRequest, query: Query, seen: int) -> int:
    return max(len(index.vocabulary.matching(query, all_terms=request.all_terms)), seen)


def _hit(index: SearchedIndex, document: Document, wanted: Sequence[Wanted], request: SearchRequest) -> dict[str, Any]:
    values = index.settings.shown(document.values)
    retrieved = request.retrieved
    hit = values if retrieved is None else {name: values[name] for name in values if name in retrieved}
    if request.highlighted is None and not request.cropped and not request.show_matches:
        return hit
    hit = dict(hit)
    if request.highlighted is not None or request.cropped:
        hit["_formatted"] = _formatted(document, values, wanted, request)
    if request.show_matches:
        hit["_matchesPosition"] = _positions(document, values, wanted)
    return hit


def _formatted(
    document: Document, values: dict[str, Any], wanted: Sequence[Wanted], request: SearchRequest
) -> dict[str, Any]:
    marks = Marks(pre=request.pre_tag, post=request.post_tag, crop_marker=request.crop_marker)
    highlighted, cropped = request.highlighted or frozenset(), request.cropped
    highlight_all, crop_all = "*" in highlighted, cropped.get("*")
    shown: dict[str, Any] = {}
    for name, value in values.items():
        highlight = highlight_all or name in highlighted
        crop = cropped.get(name, crop_all)
        if not highlight and crop is None and isinstance(value, str):
            if request.retrieved is None or name in request.retrieved:
                shown[name] = value
        elif highlight or crop is not None or request.retrieved is None or name in request.retrieved:
            shown[name] = formatted(value, document, wanted, marks, crop, highlight=highlight)
    return shown


def _positions(document: Document, values: dict[str, Any], wanted: Sequence[Wanted]) -> dict[str, list[dict[str, int]]]:
    """Where the matches are, in bytes, as Meilisearch counts."""
    positions = {}
    for name, value in values.items():
        spans = []
        for text in plain_text(value):
            for hit in occurrences(document.folded(text), needles(document, text, wanted), 0, len(text)):
                start, word = len(text[: hit.start].encode()), text[hit.start : hit.end]
                spans.append({"start": start, "length": len(word.encode())})
        if spans:
            positions[name] = spans
    return positions
