"""The client's side of HTTP/1.1, as much as a generator needs: one request in flight per connection, no redirects.

Written for its cost: a general client spends several times the 0.25 ms that a request may cost on a machine which the
platform shares (numbers in suites/load/measured.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from suites.harness.workloads.request import Request

# A head longer than this is not an answer of any server we know.
HEAD_LIMIT_BYTES = 64 * 1024


class ProtocolError(Exception):
    """What came is not an HTTP/1.1 answer."""


@dataclass(slots=True)
class Response:
    """A whole answer. `head` is in lower case and ends with CRLF."""

    status: int
    head: bytes
    body: bytes
    keep_alive: bool

    def header(self, name: bytes) -> str:
        """The value of a header, "" when it is absent. `name` is in lower case."""
        return _header(self.head, name).decode("latin-1")


def _header(head: bytes, name: bytes) -> bytes:
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    start += len(name) + 3
    return head[start : head.index(b"\r\n", start)].strip()


class ResponseReader:
    """Puts one answer together from pieces of any size."""

    __slots__ = ("_body", "_chunked", "_head", "_keep_alive", "_length", "_no_body", "_parts", "_status")

    def __init__(self, method: str = "GET") -> None:
        self._no_body = method == "HEAD"
        self._head = b""
        self._body = b""
        self._parts: list[bytes] = []
        self._status = 0
        self._length: int | None = None
        self._chunked = False
        self._keep_alive = True

    def feed(self, data: bytes) -> Response | None:
        """The answer once it is whole, None before. Raises ProtocolError for what is not an answer."""
        self._body = self._body + data if self._body else data
        while not self._head:
            end = self._body.find(b"\r\n\r\n")
            if end < 0:
                if len(self._body) > HEAD_LIMIT_BYTES:
                    raise ProtocolError(f"no end of the head within {HEAD_LIMIT_BYTES} bytes")
                return None
            self._read_head(self._body[: end + 2].lower())
            self._body = self._body[end + 4 :]
        if self._chunked:
            return self._read_chunks()
        if self._length is not None and len(self._body) >= self._length:
            return self._whole(self._body[: self._length], rest=self._body[self._length :])
        return None

    def feed_eof(self) -> Response | None:
        """The answer if closing the connection is what ends it, None if it was cut off."""
        if self._head and not self._chunked and self._length is None:
            return self._whole(self._body, rest=b"")
        return None

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"http/1.") or not head[9:12].isdigit():
            raise ProtocolError(f"not an HTTP/1.1 answer: {head[:40]!r}")
        self._status = int(head[9:12])
        if self._status < 200:
            return
        self._head = head
        connection = _header(head, b"connection")
        self._keep_alive = b"close" not in connection if head[7:8] == b"1" else b"keep-alive" in connection
        if self._no_body or self._status in (204, 304):
            self._length = 0
        elif b"chunked" in _header(head, b"transfer-encoding"):
            self._chunked = True
        elif length := _header(head, b"content-length"):
            if not length.isdigit():
                raise ProtocolError(f"content-length is {length!r}")
            self._length = int(length)
        else:
            self._keep_alive = False

    def _read_chunks(self) -> Response | None:
        while True:
            line_end = self._body.find(b"\r\n")
            if line_end < 0:
                return None
            try:
                size = int(self._body[:line_end].split(b";", 1)[0], 16)
            except ValueError as error:
                raise ProtocolError(f"not the size of a chunk: {self._body[:line_end][:40]!r}") from error
            if size == 0:
                # Trailers, if any, end with an empty line; without any, that line follows at once.
                end = self._body.find(b"\r\n\r\n", line_end)
                if end < 0:
                    return None
                return self._whole(b"".join(self._parts), rest=self._body[end + 4 :])
            start = line_end + 2
            if len(self._body) < start + size + 2:
                return None
            self._parts.append(self._body[start : start + size])
            self._body = self._body[start + size + 2 :]

    def _whole(self, body: bytes, *, rest: bytes) -> Response:
        # Bytes after the answer belong to no request of ours: the connection cannot be trusted with another.
        return Response(self._status, self._head, body, self._keep_alive and not rest)


class Connection(asyncio.Protocol):
    """A connection that carries one exchange after another. Tells its exchange of the answer or of the loss, once."""

    __slots__ = ("_on_answer", "_on_loss", "_reader", "_transport", "closed")

    def __init__(self) -> None:
        self.closed = False
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._on_answer: Callable[[Response], None] | None = None
        self._on_loss: Callable[[str], None] | None = None

    def exchange(
        self, request: Request, rendered: bytes, on_answer: Callable[[Response], None], on_loss: Callable[[str], None]
    ) -> None:
        """Send a request; exactly one of the two is called, unless `abort` comes first."""
        if self._transport is None or self._reader is not None:
            raise RuntimeError("a connection takes one request at a time, once it is open")
        self._reader = ResponseReader(request.method)
        self._on_answer, self._on_loss = on_answer, on_loss
        self._transport.write(rendered)

    def abort(self) -> None:
        """Close at once; what is under way is forgotten."""
        self.closed = True
        self._reader = self._on_answer = self._on_loss = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self.closed:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            self.abort()
            return
        try:
            response = self._reader.feed(data)
        except ProtocolError as error:
            self._lost(str(error))
            return
        if response is not None:
            self._answered(response)

    def eof_received(self) -> None:
        response = self._reader.feed_eof() if self._reader is not None else None
        if response is not None:
            self._answered(response)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost("closed by the server before the answer was whole" if exc is None else f"connection lost: {exc}")

    def _answered(self, response: Response) -> None:
        on_answer = self._on_answer
        self._reader = self._on_answer = self._on_loss = None
        if not response.keep_alive:
            self.abort()
        if on_answer is not None:
            on_answer(response)

    def _lost(self, why: str) -> None:
        on_loss = self._on_loss if self._reader is not None else None
        self.abort()
        if on_loss is not None:
            on_loss(why)
