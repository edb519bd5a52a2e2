"""The search engine's HTTP API on the request path: one pool of kept connections, bounded, behind a breaker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from typing import Any

import orjson

from reference.searchapp.settings import CONNECT_TIMEOUT_S, ENGINE_SEARCHES_MOST, ENGINE_TIMEOUT_S, ENGINE_TURN_SHARE
from reference.searchapp.stores.breaker import Breaker, Unavailable
from reference.searchapp.stores.http import HttpClient, HttpFailed
from reference.searchapp.stores.turns import NoTurn, Turns

# Marks that no text contains: the snippet is escaped before they become tags, so a page cannot smuggle in its own.
MARK_START, MARK_END = "\x02", "\x03"


class NoIndex(Exception):
    """The engine answers but has no index for this site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of results, whoever found them."""

    hits: list[dict[str, str]]
    total: int


def index_uid(site_id: str) -> str:
    return f"site-{site_id}"


def snippet(marked: str) -> str:
    """Text with private marks as HTML with `<em>`."""
    return escape(marked, quote=False).replace(MARK_START, "<em>").replace(MARK_END, "</em>")


class SearchEngine:
    """Searches of one engine; Unavailable when it does not answer in time."""

    def __init__(self, url: str, master_key: str) -> None:
        self.breaker = Breaker(dependency="search_engine", failures_to_open=3)
        self._turns = Turns(ENGINE_SEARCHES_MOST)
        headers = {"Authorization": f"Bearer {master_key}"} if master_key else {}
        self._http = HttpClient(url, headers, connect_timeout_s=CONNECT_TIMEOUT_S, timeout_s=ENGINE_TIMEOUT_S)

    async def search(
        self, site_id: str, q: str, *, limit: int, offset: int, within_s: float = ENGINE_TIMEOUT_S
    ) -> Found:
        """Hits with snippets. NoIndex when the site has none.

        Unavailable also when too many are asked for at once: such an engine is busy, and not lost.
        """
        self.breaker.require_closed()
        body = orjson.dumps(
            {
                "q": q,
                "limit": limit,
                "offset": offset,
                "attributesToRetrieve": ["url", "title"],
                "attributesToCrop": ["content"],
                "cropLength": 30,
                "attributesToHighlight": ["content"],
                "highlightPreTag": MARK_START,
                "highlightPostTag": MARK_END,
            }
        )
        path, came = f"/indexes/{index_uid(site_id)}/search", time.monotonic()
        try:
            async with self._turns.one(within_s=within_s * ENGINE_TURN_SHARE):
                # Those before it may have found out that nobody answers.
                self.breaker.require_closed()
                left_s = within_s - (time.monotonic() - came)
                status, answer = await self._call("POST", path, body, within_s=left_s)
        except NoTurn as error:
            raise Unavailable("search_engine", str(error)) from error
        if status == 200:
            return Found(hits=[_hit(hit) for hit in answer["hits"]], total=int(answer["estimatedTotalHits"]))
        if answer.get("code") == "index_not_found":
            raise NoIndex(site_id)
        raise Unavailable("search_engine", f"{status} {answer.get('code', '')}")

    async def has_index(self, site_id: str) -> bool:
        """Whether the engine knows the site; what is left to ask when the database is gone."""
        self.breaker.require_closed()
        status, _ = await self._call("GET", f"/indexes/{index_uid(site_id)}/stats")
        return status == 200

    async def drop_index(self, site_id: str) -> None:
        """Ask for the site's index to be removed; one that does not exist is fine."""
        self.breaker.require_closed()
        await self._call("DELETE", f"/indexes/{index_uid(site_id)}")

    async def probe(self) -> None:
        """Ask for a sign of life, past the breaker."""
        status, answer = await self._call("GET", "/health")
        if status != 200:
            raise Unavailable("search_engine", f"{status} {answer.get('code', '')}")

    async def close(self) -> None:
        await self._http.close()

    async def _call(
        self, method: str, path: str, body: bytes = b"", *, within_s: float | None = None
    ) -> tuple[int, dict[str, Any]]:
        try:
            status, raw = await self._http.request(method, path, body, timeout_s=within_s)
            answer = orjson.loads(raw) if raw else {}
        except (HttpFailed, orjson.JSONDecodeError) as error:
            self.breaker.failed(str(error))
            raise Unavailable("search_engine", str(error)) from error
        if status >= 500:
            self.breaker.failed(str(status))
            raise Unavailable("search_engine", f"{status} {answer.get('code', '')}")
        self.breaker.succeeded()
        return status, answer


def _hit(hit: dict[str, Any]) -> dict[str, str]:
    formatted = hit.get("_formatted", {})
    return {"url": hit["url"], "title": hit["title"], "snippet": snippet(formatted.get("content", ""))}
