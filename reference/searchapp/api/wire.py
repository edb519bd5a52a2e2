"""Responses written straight to the server: no framework between a search and its bytes."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

_PLAIN_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


class Lifecycle:
    """Whether this process has all it needs for its first request, when it was ready, and whether it is on its way out.

    Before the first and after the last it is not ready; on its way out it lets go of kept connections.
    """

    def __init__(self) -> None:
        self.warm = False
        # By the monotonic clock.
        self.ready_at = -math.inf
        self.draining = False


class Wire:
    """Answers with the headers that every answer carries."""

    def __init__(self, *, version: str, pod: str, lifecycle: Lifecycle) -> None:
        self._always: list[Header] = [(b"x-app-version", version.encode()), (b"x-served-by", pod.encode())]
        self._lifecycle = lifecycle
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    def request_id(self, given: bytes | None) -> bytes:
        """The caller's id if it is a plain one, else a new one."""
        if given is not None and _PLAIN_ID.fullmatch(given):
            return given
        return f"{self._prefix}-{next(self._numbers):x}".encode()

    def headers(self, request_id: bytes) -> list[Header]:
        """What every answer carries."""
        headers = [*self._always, (b"x-request-id", request_id)]
        if self._lifecycle.draining:
            headers.append((b"connection", b"close"))
        return headers

    async def answer(
        self, send: Send, status: int, body: bytes, request_id: bytes, extra: tuple[Header, ...] = ()
    ) -> None:
        """Send `body` (JSON) as the whole answer."""
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", b"%d" % len(body)),
                    *extra,
                    *self.headers(request_id),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})


def problem_body(detail: str, code: str, request_id: str) -> bytes:
    """The contract's error object."""
    return orjson.dumps({"detail": detail, "code": code, "request_id": request_id})
