"""How long a replica trusts the generation of a site, and that it reads the ones that are searched by itself."""

from __future__ import annotations

import asyncio
import time

from reference.searchapp.stores.generations import GENERATION_TRUST_S, Generations, new_generation
from reference.searchapp.stores.redis import Redis

WITHIN_S = 5.0


def test_a_generation_is_trusted_for_a_moment_only() -> None:
    async def ask() -> None:
        generations = Generations(Redis("redis://127.0.0.1:1"))
        assert generations.current("s") is None
        assert generations.learned("s", None, time.monotonic()) == "0"
        assert generations.current("s") == "0"
        generations.learned("s", b"abc", time.monotonic() - 2 * GENERATION_TRUST_S)
        assert generations.current("s") is None

    asyncio.run(ask())


def test_the_generation_of_a_searched_site_is_read_without_asking(redis_url: str) -> None:
    async def ask() -> tuple[str | None, str]:
        redis = Redis(redis_url)
        generations = Generations(redis)
        generations.learned("searched", None, time.monotonic())
        command = new_generation("searched")
        await redis.call(command)
        deadline = time.monotonic() + WITHIN_S
        while (seen := generations.current("searched")) in ("0", None) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        await redis.close()
        return seen, str(command[2])

    seen, written = asyncio.run(ask())
    assert seen == written


def test_a_site_nobody_searches_is_left_alone(redis_url: str) -> None:
    async def ask() -> bool:
        redis = Redis(redis_url)
        generations = Generations(redis)
        generations.learned("idle", None, time.monotonic())
        followers = asyncio.all_tasks() - {asyncio.current_task()}
        _, running = await asyncio.wait(followers, timeout=WITHIN_S)
        await redis.close()
        return bool(followers) and not running

    assert asyncio.run(ask())
