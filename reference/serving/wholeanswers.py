"""Answers that leave in one piece.

uvicorn writes an answer's head when it is announced and its body after that: two system calls, two segments on the
wire, two wake-ups of whoever reads. ASGI asks a server not to send the head before the body's first piece; this
protocol keeps to it.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_CONTINUE = b"HTTP/1.1 100"


class _HeadWithBody:
    """A transport that keeps a head back until the first piece of its body, or the end, is there."""

    __slots__ = ("_head", "_is_answering", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._is_answering = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif not self._is_answering and not data.startswith(_CONTINUE):
            self._is_answering, self._head = True, data
            return
        self._transport.write(data)

    def end_answer(self) -> None:
        """Send a head that has no body; what is written next is a head again."""
        self._is_answering = False
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        self.end_answer()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class WholeAnswers(HttpToolsProtocol):
    """uvicorn's protocol, with head and body of an answer in one write."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _HeadWithBody(transport)))

    def on_response_complete(self) -> None:
        cast(_HeadWithBody, self.transport).end_answer()
        super().on_response_complete()
