"""API keys: who may write.

Keys are random 256-bit strings, so one SHA-256 is enough at rest: there is no dictionary to run against the hash, and
a slow hash would only make each write slow. The prefix keeps these hashes apart from any other use of the same string.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time

from sqlalchemy import select

from reference.searchapp.api.errors import ApiError
from reference.searchapp.models import ApiKey
from reference.searchapp.stores.database import Database

_TRUSTED_S = 10.0
# The write itself comes on top, and both together are to be answered before the client gives up.
_LOOKUP_TIMEOUT_S = 1.0
_DOMAIN = b"searchapp api key\0"


def key_hash(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(_DOMAIN + key.encode()).hexdigest()


class Keys:
    """Accepts the keys that the database holds and that are not revoked; a revocation is seen within 10 s."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accepted: dict[str, float] = {}
        self._looking: dict[str, asyncio.Task[bool]] = {}

    async def require(self, key: str | None) -> None:
        """Return for a good key, else 401."""
        if not key:
            raise ApiError(401, "api_key_required", "send a key as X-API-Key", {"WWW-Authenticate": "ApiKey"})
        hashed = key_hash(key)
        if time.monotonic() - self._accepted.get(hashed, -_TRUSTED_S) < _TRUSTED_S:
            return
        looking = self._looking.get(hashed)
        if looking is None:
            # One look for all who wait: a burst must not spend every connection on the same question.
            looking = self._looking[hashed] = asyncio.create_task(self._is_held(hashed))
            looking.add_done_callback(lambda _: self._looking.pop(hashed, None))
        if not await asyncio.shield(looking):
            raise ApiError(401, "api_key_invalid", "this key may not write", {"WWW-Authenticate": "ApiKey"})
        if len(self._accepted) > 1000:
            self._accepted.clear()
        self._accepted[hashed] = time.monotonic()

    async def _is_held(self, hashed: str) -> bool:
        held = await self._database.read(
            lambda connection: connection.scalar(
                select(ApiKey.key_hash).where(ApiKey.key_hash == hashed, ApiKey.revoked_at.is_(None))
            ),
            timeout_s=_LOOKUP_TIMEOUT_S,
        )
        return held is not None and hmac.compare_digest(held, hashed)
