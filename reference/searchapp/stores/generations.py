"""Which answers of a site may still be given.

A generation is a random token in Redis that each completed scrape and each deletion replaces. A replica trusts the one
it read for at most GENERATION_TRUST_S; whoever changes a site replaces the token and waits that long before it says
"done", so that nobody is given an older answer after that. Where the token cannot be read nothing is served from cache.

The tokens of sites that are being searched are read together, before they are too old: a search that finds its site's
token at hand costs no round trip.
"""

from __future__ import annotations

import asyncio
import secrets
import time

from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.redis import Command, Redis

GENERATION_TRUST_S = 0.25
# Twice within the time a token is trusted, and a little to spare for the round trip.
_READ_EVERY_S = 0.1
# A site that nobody searched for this long is read again by its next search.
_FOLLOWED_S = 1.0
_FOLLOWED_MOST = 500


class Generations:
    """The generation of each site as this replica read it last."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._seen: dict[str, tuple[str, float]] = {}
        self._searched: dict[str, float] = {}
        self._following: asyncio.Task[None] | None = None

    def current(self, site_id: str) -> str | None:
        """The site's generation if it was read recently enough, else None: read it again."""
        now = time.monotonic()
        self._searched[site_id] = now
        seen = self._seen.get(site_id)
        if seen is None or now - seen[1] > GENERATION_TRUST_S:
            return None
        return seen[0]

    def learned(self, site_id: str, raw: bytes | None, asked_at: float) -> str:
        """Take over what Redis said to a question sent at `asked_at` (monotonic); read it regularly from now on."""
        generation = raw.decode() if raw else "0"
        if len(self._seen) > 10_000:
            self._seen.clear()
        self._seen[site_id] = (generation, asked_at)
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow())
        return generation

    async def _follow(self) -> None:
        """Read the tokens of searched sites until there are none."""
        while True:
            await asyncio.sleep(_READ_EVERY_S)
            asked_at = time.monotonic()
            self._searched = {site: at for site, at in self._searched.items() if asked_at - at < _FOLLOWED_S}
            sites = list(self._searched)[-_FOLLOWED_MOST:]
            if not sites:
                return
            try:
                replies = await self._redis.call(("MGET", *map(generation_key, sites)))
            except Unavailable:
                continue
            for site, raw in zip(sites, replies[0], strict=True):
                self.learned(site, raw, asked_at)


class OneGeneration(Generations):
    """A fault: one generation for all sites and for ever, so an answer is valid whatever site it is of."""

    def current(self, site_id: str) -> str | None:  # noqa: ARG002 - that it does not matter is the fault
        return "one"


def generation_key(site_id: str) -> str:
    return f"generation:{site_id}"


def new_generation(site_id: str) -> Command:
    """The command that makes every cached answer of a site invalid."""
    return ("SET", generation_key(site_id), secrets.token_hex(8))
