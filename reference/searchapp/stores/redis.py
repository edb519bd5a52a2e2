"""Redis over one pipelined connection per process.

The request path needs GET, SET, INCRBY and EXPIRE at a few microseconds each and a failure that costs nothing; the
general client takes about 120 µs of CPU per call here, this one about 25. Celery uses the general client.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import hiredis

from reference.searchapp.settings import CONNECT_TIMEOUT_S, REDIS_TIMEOUT_S
from reference.searchapp.stores.breaker import Breaker, Unavailable

log = logging.getLogger(__name__)

Command = tuple[str | bytes | int | float, ...]
# Its stub knows only commands of one word.
_pack: Callable[[Command], bytes] = hiredis.pack_command  # type: ignore[assignment]


class _Connection(asyncio.Protocol):
    """Replies come in the order of the commands; a lost connection fails all that wait."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._replies = hiredis.Reader()
        self._waiting: deque[tuple[asyncio.Future[list[Any]], int, list[Any]]] = deque()

    @property
    def open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._replies.feed(data)
        while self._waiting:
            reply = self._replies.gets()
            if reply is False:
                return
            future, wanted, got = self._waiting[0]
            got.append(reply)
            if len(got) == wanted:
                self._waiting.popleft()
                if not future.done():
                    future.set_result(got)

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        while self._waiting:
            future = self._waiting.popleft()[0]
            if not future.done():
                future.set_exception(ConnectionError("connection lost"))

    def send(self, commands: Sequence[Command]) -> asyncio.Future[list[Any]]:
        assert self.transport is not None
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, len(commands), []))
        self.transport.write(b"".join([_pack(command) for command in commands]))
        return future

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Redis:
    """Send commands, get replies; Unavailable within `timeout_s` when there is no Redis."""

    def __init__(self, redis_url: str, *, timeout_s: float = REDIS_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        parts = urlsplit(redis_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 6379
        self._hello: list[Command] = []
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            self._hello.append(("AUTH", *user, unquote(parts.password)))
        if (database := parts.path.strip("/")) not in {"", "0"}:
            self._hello.append(("SELECT", database))
        # One slow answer is enough: the connection is ordered, so whatever follows would wait as well.
        self.breaker = Breaker(dependency="redis", failures_to_open=1)
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[_Connection] | None = None

    @property
    def usable(self) -> bool:
        return not self.breaker.is_open

    async def call(self, *commands: Command) -> list[Any]:
        """The replies to `commands`, sent as one pipeline."""
        self.breaker.require_closed()
        return await self._call(commands)

    async def probe(self) -> None:
        """Ask for a sign of life, past the breaker."""
        await self._call([("PING",)])

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.abort()

    async def _call(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        try:
            if connection is None or not connection.open:
                connection = await self._connect()
            # A timer and a plain future: half the cost of asyncio.timeout on this path.
            future = connection.send(commands)
            timer = asyncio.get_running_loop().call_later(self._timeout_s, _expire, future)
            try:
                replies = await future
            finally:
                timer.cancel()
        except (OSError, TimeoutError, hiredis.HiredisError) as error:
            if connection is not None:
                connection.abort()
            self.breaker.failed(f"{type(error).__name__}: {error}")
            raise Unavailable("redis", str(error) or type(error).__name__) from error
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                # LOADING after a restart, a replica that may not write: it is there but of no use now. One that is full
                # still answers what is read from it.
                if not str(reply).startswith("OOM"):
                    self.breaker.failed(str(reply))
                raise Unavailable("redis", str(reply)) from reply
        self.breaker.succeeded()
        return replies

    async def _connect(self) -> _Connection:
        """One attempt for all who need it: one after the other, each would wait for all before it."""
        task = self._connecting
        if task is None:
            task = self._connecting = asyncio.create_task(self._made())
            task.add_done_callback(self._made_or_not)
        return await asyncio.shield(task)

    def _made_or_not(self, task: asyncio.Task[_Connection]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._connection = task.result()

    async def _made(self) -> _Connection:
        async with asyncio.timeout(max(CONNECT_TIMEOUT_S, self._timeout_s)):
            _, made = await asyncio.get_running_loop().create_connection(_Connection, self._host, self._port)
            if self._hello:
                try:
                    replies = await made.send(self._hello)
                except BaseException:
                    made.abort()
                    raise
                for reply in replies:
                    if isinstance(reply, hiredis.ReplyError):
                        made.abort()
                        raise ConnectionError(f"refused: {reply}")
            return made


def _expire(future: asyncio.Future[list[Any]]) -> None:
    if not future.done():
        future.set_exception(TimeoutError("no answer in time"))
