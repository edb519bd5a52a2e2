"""`GET /search`, served before any routing.

A search that the process has answered lately costs no call to anything: its tokens, its site's generation and its
answer are all at hand. What is missing of the three is asked of Redis in one round trip.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import parse_qsl

import orjson

from reference.searchapp import metrics
from reference.searchapp.api.clients import client_address
from reference.searchapp.api.wire import Header, Scope, Send, Wire, problem_body
from reference.searchapp.settings import ENGINE_LEAST_S, ENGINE_TIMEOUT_S, Settings
from reference.searchapp.stores import fallback
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.cache import Answer, LocalAnswers, SharedAnswers, answer_key
from reference.searchapp.stores.database import OutcomeUnknown
from reference.searchapp.stores.engine import Found, NoIndex
from reference.searchapp.stores.generations import Generations, OneGeneration, generation_key
from reference.searchapp.stores.limits import Limiter, retry_after_s
from reference.searchapp.stores.opened import Stores
from reference.searchapp.stores.redis import Command
from reference.searchapp.stores.sites import KnownSites
from reference.searchapp.stores.turns import NoTurn, Turns

log = logging.getLogger(__name__)

LIMIT_MOST = 100
OFFSET_MOST = 10_000
QUERY_CHARACTERS_MOST = 512
# The fallback's answers are kept just long enough to carry a popular query, so that the engine's are seen soon after.
_DEGRADED_TTL_S = 2.0
# Connections of the pool that searches may take while the engine is gone; the rest is for writes and probes.
_FALLBACKS_AT_ONCE = 6
# And how long a search waits for one. Without an end to it thousands took over five seconds, for clients that had left.
_FALLBACK_TURN_S = 0.3

_X_CACHE: Mapping[str, Header] = {word: (b"x-cache", word.encode()) for word in ("hit", "miss", "bypass")}
_DEGRADED: Header = (b"x-degraded", b"true")


@dataclass(frozen=True, slots=True)
class Query:
    """A search as asked, with its cache key."""

    site_id: str
    q: str
    limit: int
    offset: int
    key: str


class Problem(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: str, detail: str, *extra: Header) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.extra = status, code, detail, extra


@lru_cache(maxsize=16_384)
def parse(raw: bytes) -> Query | str:
    """The query in a raw query string, or what is wrong with it."""
    given = dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
    site_id, q = given.get("site", ""), given.get("q")
    if not site_id or q is None:
        return "both site and q are required"
    q = " ".join(q.split()).casefold()
    if len(q) > QUERY_CHARACTERS_MOST or len(site_id) > 64:
        return f"q may have {QUERY_CHARACTERS_MOST} characters, site 64"
    if not (site_id.isascii() and site_id.replace("-", "").replace("_", "").isalnum()):
        return "site is not the id of a site"
    try:
        limit, offset = int(given.get("limit", "20")), int(given.get("offset", "0"))
    except ValueError:
        return "limit and offset are whole numbers"
    if not (1 <= limit <= LIMIT_MOST and 0 <= offset <= OFFSET_MOST):
        return f"limit is 1 to {LIMIT_MOST}, offset 0 to {OFFSET_MOST}"
    return Query(site_id, q, limit, offset, f"{site_id}:{limit}:{offset}:{q}")


class SearchEndpoint:
    """Answers searches: from the process, from Redis, from the engine, else from the database."""

    def __init__(self, settings: Settings, stores: Stores, sites: KnownSites, wire: Wire) -> None:
        self._settings = settings
        self._stores = stores
        self._redis = stores.redis
        self._sites = sites
        self._wire = wire
        self._limiter = Limiter(
            stores.redis,
            kind="search",
            per_minute=settings.rate_limit_search_per_minute,
            alone=settings.fault_limit_per_process,
        )
        ignores_site = settings.fault_cache_ignores_site
        self._generations = OneGeneration(stores.redis) if ignores_site else Generations(stores.redis)
        self._local = LocalAnswers()
        self._computing: dict[tuple[str, str | None], asyncio.Task[Answer]] = {}
        self._shared = SharedAnswers(stores.redis)
        self._fallbacks = Turns(_FALLBACKS_AT_ONCE)
        self._searches = itertools.count(1)
        self._duration = metrics.http_request_duration.labels("GET", "/search")
        self._cache_results = {word: metrics.search_cache.labels(word) for word in _X_CACHE}
        self._ok = metrics.http_requests.labels("GET", "/search", "200")

    async def __call__(self, scope: Scope, send: Send) -> None:
        started = time.perf_counter()
        forwarded = given_id = cache_control = None
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded = value.decode("latin-1") if forwarded is None else f"{forwarded},{value.decode('latin-1')}"
            elif name == b"x-request-id":
                given_id = value
            elif name == b"cache-control":
                cache_control = value
        request_id = self._wire.request_id(given_id)
        peer = scope["client"][0] if scope["client"] else "unknown"
        client = client_address(forwarded, peer, self._settings.trusted_proxy_hops)
        try:
            query = parse(scope["query_string"])
            if isinstance(query, str):
                raise Problem(422, "invalid_query", query)
            if self._settings.fault_cache_ignores_site:
                query = replace(query, key=query.key.partition(":")[2])
            bypass = (
                self._settings.allow_cache_bypass and cache_control is not None and b"no-cache" in cache_control.lower()
            )
            answer, result = await self._answer(query, client, started, bypass=bypass)
        except Exception as error:
            problem = error if isinstance(error, Problem) else _unforeseen(error)
            body = problem_body(problem.detail, problem.code, request_id.decode())
            await self._wire.answer(send, problem.status, body, request_id, problem.extra)
            metrics.http_requests.labels("GET", "/search", str(problem.status)).inc()
        else:
            extra = (_X_CACHE[result], _DEGRADED) if answer.degraded else (_X_CACHE[result],)
            await self._wire.answer(send, 200, answer.body, request_id, extra)
            self._ok.inc()
            self._cache_results[result].inc()
            metrics.search_queries.labels(query.site_id, "true" if answer.has_results else "false").inc()
            if answer.degraded:
                metrics.searches_degraded.inc()
        self._duration.observe(time.perf_counter() - started)

    async def _answer(self, query: Query, client: str, started: float, *, bypass: bool) -> tuple[Answer, str]:
        every = self._settings.fault_slow_search_every
        if every and next(self._searches) % every == 0:
            await asyncio.sleep(self._settings.fault_slow_search_ms / 1000.0)
        if self._settings.fault_redis_required:
            await self._require_redis()
        allowed = self._limiter.spend(client)
        if allowed is False:
            raise _too_many()
        cached = self._settings.cache_enabled and not bypass and self._redis.usable
        generation = self._generations.current(query.site_id) if cached else None
        if generation is not None and allowed and (answer := self._local.get(query.key, generation)) is not None:
            return answer, "hit"

        if allowed is None or cached:
            answer, generation = await self._ask_redis(query, client, generation, allowed=allowed, cached=cached)
            if answer is not None:
                return answer, "hit"
        return await self._compute_once(query, generation, started), "bypass" if generation is None else "miss"

    async def _ask_redis(
        self, query: Query, client: str, generation: str | None, *, allowed: bool | None, cached: bool
    ) -> tuple[Answer | None, str | None]:
        """Whatever of tokens, generation and answer is not at hand, in one round trip."""
        commands: list[Command] = []
        if cached:
            commands.append(("GET", answer_key(query.key)))
            if generation is None:
                commands.append(("GET", generation_key(query.site_id)))
        if allowed is None:
            commands += self._limiter.commands(client)
        asked_at = time.monotonic()
        try:
            replies = await self._redis.call(*commands)
        except Unavailable:
            if allowed is None and not self._limiter.spend_alone(client):
                raise _too_many() from None
            return None, None
        if allowed is None and not self._limiter.settle(client, commands[-2], replies[-2]):
            raise _too_many()
        if not cached:
            return None, None
        if generation is None:
            generation = self._generations.learned(query.site_id, replies[1], asked_at)
        answer = self._local.get(query.key, generation)
        if answer is None and replies[0] is not None:
            answer = Answer.unpacked(replies[0], generation)
            if answer is not None:
                self._local.put(query.key, generation, answer)
        return answer, generation

    async def _require_redis(self) -> None:
        try:
            await self._redis.call(("PING",))
        except Unavailable as error:
            raise _unavailable(error) from error

    async def _compute_once(self, query: Query, generation: str | None, started: float) -> Answer:
        """One computation for all who ask the same at the same time."""
        which = (query.key, generation)
        task = self._computing.get(which)
        if task is None:
            task = self._computing[which] = asyncio.create_task(self._compute(query, generation, started))
            task.add_done_callback(lambda _: self._computing.pop(which, None))
        return await asyncio.shield(task)

    async def _compute(self, query: Query, generation: str | None, started: float) -> Answer:
        try:
            if not await self._sites.exists(query.site_id, generation):
                raise Problem(404, "unknown_site", f"no site {query.site_id}")
            found, degraded = await self._find(query, started)
        except (Unavailable, OutcomeUnknown) as error:
            raise _unavailable(error) from error
        body = orjson.dumps(
            {
                "hits": found.hits,
                "total": found.total,
                "limit": query.limit,
                "offset": query.offset,
                "degraded": degraded,
                "took_ms": round((time.perf_counter() - started) * 1000.0, 2),
            }
        )
        ttl_s = _DEGRADED_TTL_S if degraded else self._settings.cache_ttl_s
        answer = Answer(body, bool(found.hits), degraded, time.time() + ttl_s)
        if generation is not None:
            self._local.put(query.key, generation, answer)
            if not degraded and self._redis.usable:
                self._shared.put(query.key, generation, answer, ttl_s)
        return answer

    async def _find(self, query: Query, started: float) -> tuple[Found, bool]:
        """What the engine finds, else what the database finds and True."""
        left_s = max(ENGINE_LEAST_S, ENGINE_TIMEOUT_S - (time.perf_counter() - started))
        try:
            found = await self._stores.engine.search(
                query.site_id, query.q, limit=query.limit, offset=query.offset, within_s=left_s
            )
        except NoIndex:
            # Never scraped, or the engine lost its data: only then is this a degraded answer.
            degraded = await self._stores.database.read(lambda c: fallback.has_pages(c, query.site_id))
            if not degraded:
                return Found(hits=[], total=0), False
        except Unavailable:
            if self._settings.fault_no_fallback:
                raise
        else:
            return found, False
        try:
            async with self._fallbacks.one(within_s=_FALLBACK_TURN_S):
                return await self._stores.database.read(
                    lambda c: fallback.search(c, query.site_id, query.q, limit=query.limit, offset=query.offset)
                ), True
        except NoTurn as error:
            raise Unavailable("database", str(error)) from error


def _unavailable(error: Exception) -> Problem:
    return Problem(503, "search_unavailable", str(error), (b"retry-after", b"1"))


def _unforeseen(error: Exception) -> Problem:
    log.error("search failed", exc_info=error)
    return Problem(500, "internal_error", "this is a fault of the service")


def _too_many() -> Problem:
    wait_s = retry_after_s()
    return Problem(429, "rate_limited", f"too many searches, try again in {wait_s} s", (b"retry-after", b"%d" % wait_s))
