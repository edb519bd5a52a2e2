"""Turns at something that does little at once: who gets one is served in time, and the others cost it nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class NoTurn(TimeoutError):
    """None came in time; nothing was asked of anybody."""


class Turns:
    """At most `most` at once; of those that wait the newest is next.

    The oldest first would be fair and, once more come than are served, serve everybody too late: each would have spent
    its time waiting. This way most are served at once, and those that are not give up before they cost anything.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def one(self, *, within_s: float) -> AsyncIterator[None]:
        """A turn for as long as the block takes. Raises NoTurn."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(within_s)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, within_s: float) -> None:
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[None] = loop.create_future()
        self._waiting.append(mine)
        timer = loop.call_later(within_s, _give_up, mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self._pass_on()
            raise
        finally:
            timer.cancel()
            with suppress(ValueError):
                self._waiting.remove(mine)

    def _pass_on(self) -> None:
        while self._waiting:
            newest = self._waiting.pop()
            # One that gave up is still here until it runs again.
            if not newest.done():
                newest.set_result(None)
                return
        self._free += 1


def _give_up(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_exception(NoTurn("too much is asked at once"))
