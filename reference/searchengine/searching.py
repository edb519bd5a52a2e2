"""One search: what the engine finds, counted, leafed through, highlighted and cropped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from reference.searchengine.catalog import Catalog, Document, Ranking, SearchedIndex
from reference.searchengine.engine import DEEPEST_HIT, PAGE_HITS, Changed, Engine
from reference.searchengine.errors import ApiError
from reference.searchengine.formatting import Wanted, formatted, needles, occurrences, wanted_in
from reference.searchengine.query import Query, parse
from reference.searchengine.request import Manner, SearchRequest
from reference.searchengine.words import plain_text

_READS = 5
# What visitors of one site ask within the minute for which the platform keeps an answer, with room to spare.
_KEPT_RANKINGS = 2048


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
    manner = request.manner
    is_marked = documents and (manner.is_formatted or manner.show_matches)
    wanted = wanted_in(query, lambda term: index.vocabulary.found(term).misspelt) if is_marked else []
    answer: dict[str, Any] = {
        "hits": [_hit(document, wanted, manner) for document in documents],
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
            index.rankings.pop(request.q, None)
            continue
        total = len(documents) if is_all else _total(index, request, query, len(documents))
        return documents[first:last], total
    raise ApiError(500, "internal", "The index changes faster than it can be read.")


def _ranked(
    catalog: Catalog, index: SearchedIndex, engine: Engine, request: SearchRequest, query: Query, last: int
) -> tuple[list[Document], bool]:
    """The best documents up to the last wanted one, and whether there are no more."""
    allowed = index.vocabulary.matching(query, all_terms=True) if request.manner.all_terms else None
    ranking = index.rankings.pop(request.q, None)
    if ranking is None:
        ranking = _longer(Ranking(numbers=[], is_all=False), engine.search(request.q))
    _keep(index, request.q, ranking)
    documents = catalog.documents(index, engine, ranking.numbers)
    while True:
        if allowed is not None:
            # Documents with more of the words come first: after one that lacks a word there is none that has all.
            fitting = [document for document in documents if document.number in allowed]
            if len(fitting) < len(documents):
                return fitting, True
        seen = len(ranking.numbers)
        if ranking.is_all or seen >= last or seen + PAGE_HITS > DEEPEST_HIT:
            return documents, ranking.is_all
        more = engine.search(request.q, without=[document.key for document in documents])
        documents = [*documents, *catalog.documents(index, engine, more)]
        ranking = index.rankings[request.q] = _longer(ranking, more)


def _longer(ranking: Ranking, more: list[int]) -> Ranking:
    """With one more page of hits."""
    return Ranking(numbers=[*ranking.numbers, *more], is_all=len(more) < PAGE_HITS)


def _keep(index: SearchedIndex, q: str, ranking: Ranking) -> None:
    """The engine is not asked for it again while the index is the same; what was not asked for longest makes room."""
    rankings = index.rankings
    if len(rankings) >= _KEPT_RANKINGS:
        del rankings[next(iter(rankings))]
    rankings[q] = ranking


def _total(index: SearchedIndex, request: SearchRequest, query: Query, seen: int) -> int:
    return max(len(index.vocabulary.matching(query, all_terms=request.manner.all_terms)), seen)


def _hit(document: Document, wanted: Sequence[Wanted], manner: Manner) -> dict[str, Any]:
    values, retrieved = document.values, manner.retrieved
    # A copy where something is added: the values stay as they are for the next search.
    hit = dict(values) if retrieved is None else {name: values[name] for name in values if name in retrieved}
    if manner.is_formatted:
        hit["_formatted"] = _formatted(document, wanted, manner)
    if manner.show_matches:
        hit["_matchesPosition"] = _positions(document, wanted)
    return hit


def _formatted(document: Document, wanted: Sequence[Wanted], manner: Manner) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    ways, marks = manner.ways, manner.marks
    for name, value in document.values.items():
        way = ways[name]
        if way is not None:
            shown[name] = formatted(value, document, wanted, marks, way)
    return shown


def _positions(document: Document, wanted: Sequence[Wanted]) -> dict[str, list[dict[str, int]]]:
    """Where the matches are, in bytes, as Meilisearch counts."""
    positions = {}
    for name, value in document.values.items():
        spans = []
        for plain in plain_text(value):
            text = document.text(plain)
            for start, end in occurrences(text.folded, needles(text, wanted), 0, len(plain)):
                spans.append({"start": len(plain[:start].encode()), "length": len(plain[start:end].encode())})
        if spans:
            positions[name] = spans
    return positions
