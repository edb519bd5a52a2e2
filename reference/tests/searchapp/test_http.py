"""The engine's HTTP client against a server that does to it whatever servers do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from reference.searchapp.stores.http import HttpClient, HttpFailed

T = TypeVar("T")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request with the next of `answers`; None is silence, b'' closes the connection."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            answer = self._answers.pop(0) if self._answers else OK
            if answer is None:
                await asyncio.sleep(60)
            elif answer == b"":
                break
            else:
                writer.write(answer)
                if b"connection: close" in answer.lower():
                    break
        writer.close()


def _run(server: Server, use: Callable[[HttpClient], Awaitable[T]], *, timeout_s: float = 0.5) -> T:
    async def run() -> T:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await server.serve(reader, writer)
            except asyncio.IncompleteReadError:
                writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        client = HttpClient(
            f"http://127.0.0.1:{port}/base", {"Authorization": "Bearer k"}, connect_timeout_s=0.5, timeout_s=timeout_s
        )
        try:
            return await use(client)
        finally:
            await client.close()
            listening.close()

    return asyncio.run(run())


def test_a_connection_is_kept_and_the_request_is_whole() -> None:
    server = Server()

    async def use(client: HttpClient) -> list[tuple[int, bytes]]:
        return [await client.request("POST", "/x", b'{"q":1}') for _ in range(3)]

    assert _run(server, use) == [(200, b"{}")] * 3
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST /base/x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Bearer k\r\n" in server.requests[0]
    assert server.requests[0].endswith(b'Content-Length: 7\r\n\r\n{"q":1}')


def test_chunks_and_other_statuses_are_read() -> None:
    chunked = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert _run(Server(chunked), lambda client: client.request("GET", "/x")) == (404, b"abcde")


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")

    async def use(client: HttpClient) -> list[int]:
        return [(await client.request("GET", "/x"))[0] for _ in range(2)]

    assert _run(server, use) == [200, 200]
    assert server.connections == 2


def test_a_kept_connection_that_turns_out_closed_is_replaced() -> None:
    server = Server(OK, b"", OK)

    async def use(client: HttpClient) -> list[int]:
        return [(await client.request("GET", "/x"))[0] for _ in range(2)]

    assert _run(server, use) == [200, 200]
    assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [(b"", "connection lost"), (b"SSH-2.0-x\r\n\r\n", "not HTTP"), (None, "timed out"), (OK[:-1], "timed out")],
)
def test_no_whole_answer_is_a_failure_in_time(answer: bytes | None, why: str) -> None:
    with pytest.raises(HttpFailed, match=why):
        _run(Server(answer), lambda client: asyncio.wait_for(client.request("GET", "/x"), 10))


def test_a_request_may_have_less_time_than_its_client_gives() -> None:
    with pytest.raises(HttpFailed, match="timed out"):
        _run(
            Server(None),
            lambda client: asyncio.wait_for(client.request("GET", "/x", timeout_s=0.05), 10),
            timeout_s=60,
        )


def test_a_refused_connection_is_a_failure() -> None:
    async def use() -> None:
        await HttpClient("http://127.0.0.1:1", {}, connect_timeout_s=0.5, timeout_s=0.5).request("GET", "/")

    with pytest.raises(HttpFailed, match="cannot connect"):
        asyncio.run(use())


def test_a_request_that_was_given_up_does_not_leave_its_answer_to_the_next() -> None:
    server = Server(None, OK)

    async def use(client: HttpClient) -> tuple[int, bytes]:
        given_up = asyncio.create_task(client.request("GET", "/first"))
        await asyncio.sleep(0.05)
        given_up.cancel()
        return await client.request("GET", "/second")

    assert _run(server, use) == (200, b"{}")
    assert server.connections == 2
