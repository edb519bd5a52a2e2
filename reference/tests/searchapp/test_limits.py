"""The limit holds over all replicas together, and each keeps it alone without Redis."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from reference.searchapp.stores.limits import Limiter
from reference.searchapp.stores.redis import Redis
from reference.tests.wires import Wire


@pytest.fixture
def kind() -> str:
    return f"test-{os.urandom(4).hex()}"


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Time stands still, so that no test meets the turn of a minute."""
    monkeypatch.setattr("reference.searchapp.stores.limits.time.time", lambda: 1_000_000.0)
    yield


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
@pytest.mark.parametrize("replicas", [1, 3])
def test_all_replicas_together_grant_the_limit_exactly(redis_url: str, kind: str, limit: int, replicas: int) -> None:
    async def ask() -> int:
        redises = [Redis(redis_url) for _ in range(replicas)]
        each = [Limiter(redis, kind=kind, per_minute=limit) for redis in redises]
        granted = [await each[n % replicas].allow("client") for n in range(3 * limit + 3 * replicas)]
        for redis in redises:
            await redis.close()
        return sum(granted)

    assert asyncio.run(ask()) == limit


def test_requests_at_the_same_time_do_not_exceed_it(redis_url: str, kind: str) -> None:
    async def ask() -> int:
        redis = Redis(redis_url)
        limiter = Limiter(redis, kind=kind, per_minute=50)
        granted = await asyncio.gather(*(limiter.allow("client") for _ in range(200)))
        await redis.close()
        return sum(granted)

    assert asyncio.run(ask()) == 50


def test_clients_do_not_share_a_limit(redis_url: str, kind: str) -> None:
    async def ask() -> list[bool]:
        redis = Redis(redis_url)
        limiter = Limiter(redis, kind=kind, per_minute=1)
        granted = [await limiter.allow(client) for client in ("a", "a", "b", "b")]
        await redis.close()
        return granted

    assert asyncio.run(ask()) == [True, False, True, False]


def test_few_round_trips_are_needed(redis_url: str, kind: str) -> None:
    async def ask() -> int:
        redis = Redis(redis_url)
        limiter = Limiter(redis, kind=kind, per_minute=600)
        needed = 0
        for _ in range(300):
            if limiter.spend("client") is None:
                needed += 1
                asked, expiry = limiter.commands("client")
                limiter.settle("client", asked, (await redis.call(asked, expiry))[0])
        await redis.close()
        return needed

    assert asyncio.run(ask()) < 20


def test_a_client_that_searches_now_and_then_costs_no_round_trip(redis_url: str, kind: str) -> None:
    async def ask() -> tuple[list[bool | None], int]:
        redis = Redis(redis_url)
        limiter = Limiter(redis, kind=kind, per_minute=200)
        first = [limiter.spend("client") for _ in range(5)]
        asked, expiry = limiter.commands("client")
        (booked, _) = await redis.call(asked, expiry)
        await redis.close()
        return first, booked

    first, booked = asyncio.run(ask())
    assert first == [True, True, True, True, None]
    # The four that were not asked for, and the first batch.
    assert booked == 8


def test_without_redis_a_replica_keeps_the_limit_alone(redis_url: str, kind: str) -> None:
    with Wire(redis_url) as wire:

        async def ask() -> int:
            redis = Redis(wire.url)
            limiter = Limiter(redis, kind=kind, per_minute=10)
            wire.cut()
            granted = [await limiter.allow("client") for _ in range(30)]
            await redis.close()
            return sum(granted)

        assert asyncio.run(ask()) == 10
