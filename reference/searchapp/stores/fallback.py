"""Searching in PostgreSQL while the search engine is gone: all words, the last as a prefix, no typo tolerance."""

from __future__ import annotations

import re

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp.stores.engine import MARK_END, MARK_START, Found, snippet

_WORD = re.compile(r"\w+")
_WORDS_MOST = 10

# ts_headline is the costly part, so it runs over the page of results only.
_SEARCH = text(
    """
    with query as (select to_tsquery('simple', :query) as q),
    matching as materialized (
        select id, ts_rank(words, q) as rank from pages, query where site_id = :site_id and words @@ q
    ),
    shown as (select id, rank from matching order by rank desc, id limit :limit offset :offset)
    select p.url, p.title, ts_headline('simple', left(p.content, 20000), q, :options) as marked,
        (select count(*) from matching) as total
    from shown join pages p using (id), query order by shown.rank desc, shown.id
    """
)
_COUNT = text("select count(*) from pages where site_id = :site_id and words @@ to_tsquery('simple', :query)")
_ALL = text(
    """
    select url, title, left(content, 200) as marked, count(*) over () as total
    from pages where site_id = :site_id order by id limit :limit offset :offset
    """
)
_OPTIONS = f"StartSel={MARK_START}, StopSel={MARK_END}, MaxWords=30, MinWords=15, MaxFragments=1"


def tsquery(q: str) -> str:
    """`q` in to_tsquery's syntax: words joined by `&`, the last one a prefix; empty when there is no word."""
    words = _WORD.findall(q)[:_WORDS_MOST]
    return " & ".join([*(f"'{word}'" for word in words[:-1]), *(f"'{word}':*" for word in words[-1:])])


async def search(connection: AsyncConnection, site_id: str, q: str, *, limit: int, offset: int) -> Found:
    """The same question that the search engine would have been asked."""
    query = tsquery(q)
    if q and not query:
        return Found(hits=[], total=0)
    place = {"site_id": site_id, "limit": limit, "offset": offset}
    if query:
        rows = (await connection.execute(_SEARCH, {**place, "query": query, "options": _OPTIONS})).all()
        total = rows[0].total if rows else 0
        if not rows and offset:
            total = (await connection.execute(_COUNT, {"site_id": site_id, "query": query})).scalar_one()
    else:
        rows = (await connection.execute(_ALL, place)).all()
        total = rows[0].total if rows else 0
    hits = [{"url": row.url, "title": row.title, "snippet": snippet(row.marked)} for row in rows]
    return Found(hits=hits, total=total)


async def has_pages(connection: AsyncConnection, site_id: str) -> bool:
    """Whether the site has anything to be found."""
    return bool(await connection.scalar(text("select exists (select from pages where site_id = :id)"), {"id": site_id}))
