"""Head and body of an answer arrive together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from reference.serving.wholeanswers import WholeAnswers, _HeadWithBody


class _Written(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def test_a_head_waits_for_its_body_and_nothing_else_waits() -> None:
    wire = _Written()
    transport = _HeadWithBody(wire)
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
    transport.write(b"HTTP/1.1 is how this text begins")
    transport.write(b"HTTP/1.1 is how it goes on")
    transport.end_answer()
    transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    transport.end_answer()
    transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    transport.close()
    assert wire.pieces == [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 is how this text begins",
        b"HTTP/1.1 is how it goes on",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ]
    assert wire.closed


async def _app(scope: Scope, _: Receive, send: Send) -> None:
    status = {"/empty": 204, "/broken": 200}.get(scope["path"], 200)
    headers = [] if scope["path"] in ("/empty", "/chunks") else [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if scope["path"] == "/broken":
        raise RuntimeError("after the head")
    pieces = {"/empty": [b""], "/chunks": [b"ab", b"", b"cd"]}.get(scope["path"], [b"abcd"])
    for number, piece in enumerate(pieces, 1):
        await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})


@contextmanager
def _served() -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(_app, port=0, http=WholeAnswers, ws="none", lifespan="off", log_level="critical")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_every_kind_of_answer_arrives_on_a_kept_connection() -> None:
    with _served() as url, httpx.Client(base_url=url) as client:
        for _ in range(2):
            assert client.get("/").text == "abcd"
            assert client.head("/").headers["content-length"] == "4"
            assert client.get("/empty").status_code == 204
            assert client.get("/chunks").text == "abcd"
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/broken")
        assert client.get("/").text == "abcd"
