"""Many connections that send a byte now and then, so that each holds a place and none asks for anything."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Part = Literal["head", "body"]

# Often enough that no server takes the connection for idle.
_BYTE_EVERY_S = 1.0
_OPENED_WITHIN_S = 5.0
_BODY_BYTES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldConnection:
    """How long a server kept a connection whose request never became whole; None while it still did at the end."""

    part: Part
    opened: bool
    closed_after_s: float | None


def hold_connections(base_url: str, *, heads: int, bodies: int, for_s: float) -> list[HeldConnection]:
    """Open as many connections that send a head and a body byte by byte, until the server closes them or time is up."""
    return asyncio.run(_hold_all(base_url, {"head": heads, "body": bodies}, for_s))


async def _hold_all(base_url: str, counts: Mapping[Part, int], for_s: float) -> list[HeldConnection]:
    return await asyncio.gather(*(_hold(base_url, part, for_s) for part, count in counts.items() for _ in range(count)))


async def _hold(base_url: str, part: Part, for_s: float) -> HeldConnection:
    url = urlsplit(base_url)
    tls = ssl.create_default_context() if url.scheme == "https" else None
    try:
        async with asyncio.timeout(_OPENED_WITHIN_S):
            reader, writer = await asyncio.open_connection(url.hostname, url.port or (443 if tls else 80), ssl=tls)
    except (OSError, TimeoutError):
        return HeldConnection(part=part, opened=False, closed_after_s=None)
    started = time.monotonic()
    try:
        writer.write(_beginning(url.netloc, part))
        # Whatever is answered, the connection counts until it is closed.
        closed = asyncio.ensure_future(reader.read())
        while not closed.done() and time.monotonic() - started < for_s:
            await asyncio.wait({closed}, timeout=_BYTE_EVERY_S)
            writer.write(b"x")
        after_s = time.monotonic() - started if closed.done() else None
        closed.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await closed
    finally:
        writer.transport.abort()
    return HeldConnection(part=part, opened=True, closed_after_s=after_s)


def _beginning(host: str, part: Part) -> bytes:
    if part == "head":
        return f"GET /search HTTP/1.1\r\nHost: {host}\r\nX-Slow: ".encode()
    return f"POST /sites HTTP/1.1\r\nHost: {host}\r\nContent-Length: {_BODY_BYTES}\r\n\r\n".encode()
