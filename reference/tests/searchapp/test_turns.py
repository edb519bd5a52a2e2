"""Turns at something that does little at once."""

from __future__ import annotations

import asyncio

import pytest

from reference.searchapp.stores.turns import NoTurn, Turns


class Served:
    """Callers that keep their turn until they are let go, in the order in which they got it."""

    def __init__(self, most: int) -> None:
        self.turns = Turns(most)
        self.order: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    def come(self, name: str, *, within_s: float = 60.0) -> asyncio.Task[None]:
        self._ends[name] = asyncio.Event()

        async def call() -> None:
            async with self.turns.one(within_s=within_s):
                self.order.append(name)
                await self._ends[name].wait()

        return asyncio.create_task(call())

    def go(self, name: str) -> None:
        self._ends[name].set()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_than_allowed_are_served_and_the_newest_is_next() -> None:
    async def run() -> None:
        served = Served(2)
        tasks = [served.come(name) for name in "abcd"]
        await _settle()
        assert served.order == ["a", "b"]
        served.go("a")
        await _settle()
        assert served.order == ["a", "b", "d"]
        for name in "bcd":
            served.go(name)
        await asyncio.gather(*tasks)
        assert served.order == ["a", "b", "d", "c"]

    asyncio.run(run())


def test_who_waited_for_too_long_gives_up_and_costs_no_turn() -> None:
    async def run() -> None:
        served = Served(1)
        first, late = served.come("first"), served.come("late", within_s=0.01)
        with pytest.raises(NoTurn):
            await late
        served.go("first")
        await first
        assert served.order == ["first"]
        again = served.come("again")
        await _settle()
        assert served.order == ["first", "again"]
        again.cancel()

    asyncio.run(run())


@pytest.mark.parametrize("when", ["while it waits", "just before its turn", "when its turn has come", "in its turn"])
def test_a_turn_is_not_lost_with_who_was_to_have_it(when: str) -> None:
    async def run() -> None:
        served = Served(1)
        async with served.turns.one(within_s=60):
            last, gone = served.come("last"), served.come("gone")
            await _settle()
            if when in {"while it waits", "just before its turn"}:
                gone.cancel()
            if when == "while it waits":
                await _settle()
        if when == "in its turn":
            await _settle()
        gone.cancel()
        served.go("last")
        await asyncio.wait_for(last, 10)
        assert "last" in served.order

    asyncio.run(run())


def test_a_turn_that_ends_with_an_error_is_passed_on() -> None:
    async def run() -> None:
        turns = Turns(1)
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                async with turns.one(within_s=0.01):
                    raise ValueError("no")

    asyncio.run(run())
