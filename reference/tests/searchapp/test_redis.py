"""The request path's Redis client: fast when Redis is there, out of the way when it is not."""

from __future__ import annotations

import asyncio

import pytest

from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.redis import Redis
from reference.tests.wires import Wire


def test_replies_belong_to_their_commands(redis_url: str) -> None:
    async def ask() -> list[list[object]]:
        redis = Redis(redis_url)
        await redis.call(("SET", "a", b"\x00binary"), ("SET", "n", 5))
        answers = await asyncio.gather(
            *(redis.call(("GET", "a"), ("INCRBY", "n", 0)) if n % 2 else redis.call(("ECHO", n)) for n in range(50))
        )
        await redis.close()
        return answers

    answers = asyncio.run(ask())
    assert answers[0::2] == [[str(n).encode()] for n in range(0, 50, 2)]
    assert all(answer == [b"\x00binary", 5] for answer in answers[1::2])


def test_a_frozen_redis_costs_one_timeout_and_then_nothing(redis_url: str) -> None:
    with Wire(redis_url) as wire:

        async def ask() -> bool:
            redis = Redis(wire.url)
            await redis.call(("PING",))
            wire.freeze()
            with pytest.raises(Unavailable, match="no answer in time"):
                await redis.call(("PING",))
            with pytest.raises(Unavailable):
                # One step of it, which is all that happens without waiting for anything.
                redis.call(("PING",)).send(None)
            wire.mend()
            await redis.probe()
            usable = redis.usable and await redis.call(("PING",)) == [b"PONG"]
            await redis.close()
            return usable

        assert asyncio.run(ask())


def test_a_restarted_redis_is_reconnected_to(redis_url: str) -> None:
    with Wire(redis_url) as wire:

        async def ask() -> bool:
            redis = Redis(wire.url)
            await redis.call(("PING",))
            wire.cut()
            with pytest.raises(Unavailable):
                await redis.call(("PING",))
            wire.mend()
            await redis.probe()
            await redis.close()
            return redis.usable

        assert asyncio.run(ask())


def test_an_abandoned_call_does_not_shift_the_replies(redis_url: str) -> None:
    async def ask() -> list[object]:
        redis = Redis(redis_url)
        await redis.call(("PING",))
        abandoned = asyncio.create_task(redis.call(("ECHO", "abandoned")))
        await asyncio.sleep(0)
        abandoned.cancel()
        answer = await redis.call(("ECHO", "mine"))
        await redis.close()
        return answer

    assert asyncio.run(ask()) == [b"mine"]


def test_a_full_redis_refuses_writes_and_still_answers_reads(redis_url: str) -> None:
    async def ask() -> tuple[bool, list[object]]:
        redis = Redis(redis_url)
        await redis.call(("SET", "kept", "here"), ("CONFIG", "SET", "maxmemory-policy", "volatile-lru"))
        await redis.call(("CONFIG", "SET", "maxmemory", "1"))
        try:
            with pytest.raises(Unavailable, match="OOM"):
                await redis.call(("SET", "more", "x"))
            return redis.usable, await redis.call(("GET", "kept"))
        finally:
            await redis.call(("CONFIG", "SET", "maxmemory", "0"))
            await redis.close()

    usable, kept = asyncio.run(ask())
    assert usable
    assert kept == [b"here"]


def test_all_who_wait_for_a_connection_wait_once(redis_url: str) -> None:
    with Wire(redis_url) as wire:

        async def ask() -> list[list[object] | BaseException]:
            redis = Redis(wire.url)
            wire.freeze()
            answers = await asyncio.gather(
                *(redis._call([("PING",)]) for _ in range(20)),  # past the breaker, as those who came before it opened
                return_exceptions=True,
            )
            await redis.close()
            return answers

        answers = asyncio.run(ask())
        assert [type(answer) for answer in answers] == [Unavailable] * 20
        assert wire.accepted == 1
