"""Requests per client and minute, counted across replicas without a round trip for each.

A client's first few requests of a minute cost no round trip: they are booked with the first batch. From then on a
replica takes tokens from Redis in batches and spends them by itself. Batches grow while a client is far from its limit
and shrink to one near it, so that few tokens strand in one replica. All replicas together grant the limit; those that
have not asked yet may add their first few to it. Without Redis each replica keeps the limit alone.
"""

from __future__ import annotations

import time
from typing import Any

from reference.searchapp import metrics
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.redis import Command, Redis

WINDOW_S = 60
_LARGEST_BATCH = 32
# One part in this many of the limit is granted by each replica before it asks: most clients never search more often.
_UNASKED_PART = 50
# Above this many clients in one window the oldest are forgotten; they then take a new batch.
_CLIENTS_KEPT = 100_000


class _Lease:
    __slots__ = ("left", "refused", "size", "spent", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        # Below zero: granted before Redis was asked, to be taken off the first batch.
        self.left = 0
        self.spent = 0
        self.size = 4
        self.refused = False


class Limiter:
    """Whether a client may go on. With `alone`, a fault, each replica grants the whole limit."""

    def __init__(self, redis: Redis, *, kind: str, per_minute: int, alone: bool = False) -> None:
        self._redis = redis
        self._alone = alone
        self._kind = kind
        self._limit = per_minute
        self._unasked = per_minute // _UNASKED_PART
        self._leases: dict[str, _Lease] = {}
        self._refusals = metrics.rate_limited.labels(kind)

    def spend(self, client: str) -> bool | None:
        """Decide from the tokens at hand: True goes on, False is refused, None needs `command` and `settle`."""
        window = int(time.time()) // WINDOW_S
        lease = self._leases.get(client)
        if lease is None or lease.window != window:
            if len(self._leases) >= _CLIENTS_KEPT:
                self._forget(window)
            lease = self._leases[client] = _Lease(window)
        if self._alone:
            return self.spend_alone(client)
        if lease.left > 0:
            lease.left -= 1
            lease.spent += 1
            return True
        if lease.refused:
            self._refusals.inc()
            return False
        if lease.spent < self._unasked:
            lease.left -= 1
            lease.spent += 1
            return True
        return None

    def commands(self, client: str) -> tuple[Command, Command]:
        """What to ask Redis for a batch of tokens; books what was granted unasked."""
        lease = self._leases[client]
        key = f"rate:{self._kind}:{client}:{lease.window}"
        return ("INCRBY", key, lease.size + max(0, -lease.left)), ("EXPIRE", key, 2 * WINDOW_S)

    def settle(self, client: str, asked: Command, taken: int) -> bool:
        """Book the batch that Redis granted, when `taken` is its count after ours; True goes on."""
        size = int(asked[2])
        lease = self._leases.get(client)
        if lease is None or not str(asked[1]).endswith(f":{lease.window}"):
            # The minute turned while Redis was asked: the answer belongs to the old one.
            return taken - size < self._limit
        before = taken - size
        lease.left += max(0, min(size, self._limit - before))
        remaining = max(0, self._limit - taken)
        lease.size = max(1, min(lease.size * 2, _LARGEST_BATCH, remaining // 8))
        if lease.left <= 0:
            lease.refused = True
            self._refusals.inc()
            return False
        lease.left -= 1
        lease.spent += 1
        return True

    def spend_alone(self, client: str) -> bool:
        """Decide without Redis: this replica's own count against the whole limit."""
        lease = self._leases.get(client)
        if lease is None:
            return True
        if lease.spent >= self._limit:
            self._refusals.inc()
            return False
        lease.spent += 1
        return True

    async def allow(self, client: str) -> bool:
        """The whole decision, for callers that have nothing else to ask Redis."""
        decided = self.spend(client)
        if decided is not None:
            return decided
        asked, expiry = self.commands(client)
        try:
            replies: list[Any] = await self._redis.call(asked, expiry)
        except Unavailable:
            return self.spend_alone(client)
        return self.settle(client, asked, replies[0])

    def _forget(self, window: int) -> None:
        self._leases = {client: lease for client, lease in self._leases.items() if lease.window == window}
        while len(self._leases) >= _CLIENTS_KEPT:
            self._leases.pop(next(iter(self._leases)))


def retry_after_s() -> int:
    """Seconds until the next minute's tokens."""
    return WINDOW_S - int(time.time()) % WINDOW_S
