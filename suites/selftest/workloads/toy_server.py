"""A server whose every answer and outage is known exactly, to hold a generator against.

`python -m suites.selftest.workloads.toy_server` prints its port, then obeys lines on standard input: `refuse S` closes
the port and every connection for S seconds, `stall S` does nothing at all for S seconds; each prints when it began and
ended (Unix seconds). The end of standard input ends it; with `--arrivals FILE` it then leaves there when each request
came. Paths: `/chunked`, `/close`, `/until-close`, `/cut` (half an answer), `/silent` (none), `/status/N`, `/slow/MS`,
`/refused/N/CODE` (as the platform does it), `/sites` (201 and what was sent); all others answer 200 at once.
"""

from __future__ import annotations

import argparse
import array
import asyncio
import contextlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

HIT = {"url": "/page/1", "title": "Page", "snippet": "x" * 100}
# An answer to everything that users ask.
BODY = json.dumps(
    {"hits": [HIT] * 12, "total": 12, "items": [], "id": "1", "base_url": "http://toy", "status": "queued"}
).encode()
HEADERS = b"Content-Type: application/json\r\nX-Cache: hit\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\n" + HEADERS + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\n"
    + HEADERS
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n" % 700
    + BODY[:700]
    + b"\r\n%x\r\n" % (len(BODY) - 700)
    + BODY[700:]
    + b"\r\n0\r\n\r\n"
)


class Toy(asyncio.Protocol):
    """Answers each request by its path."""

    def __init__(self, server: ToyServer) -> None:
        self._server = server
        self._waiting = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._server.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 its name is the protocol's
        self._server.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end]
            length = int((re.search(rb"Content-Length: (\d+)", head) or [b"", b"0"])[1])
            if len(self._waiting) < end + 4 + length:
                return
            body, self._waiting = self._waiting[end + 4 : end + 4 + length], self._waiting[end + 4 + length :]
            self._server.arrivals.append(time.monotonic())
            delay_s = self._answer(head.split(b" ", 2)[1].decode(), body)
            if b"Connection: close" in head:
                asyncio.get_running_loop().call_later(delay_s, self.transport.close)

    def _answer(self, path: str, body: bytes) -> float:
        """Answer a path; how many seconds later the answer will be whole."""
        loop = asyncio.get_running_loop()
        match path.split("/")[1:]:
            case ["chunked"]:
                self.transport.write(CHUNKED[:400])
                loop.call_later(0.005, self.transport.write, CHUNKED[400:])
                return 0.005
            case ["close"]:
                self.transport.write(WHOLE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                self.transport.close()
            case ["until-close"]:
                self.transport.write(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
                self.transport.close()
            case ["cut"]:
                self.transport.write(WHOLE[:200])
                self.transport.close()
            case ["silent"]:
                pass
            case ["status", status]:
                self.transport.write(b"HTTP/1.1 %d Told So\r\nContent-Length: 0\r\n\r\n" % int(status))
            case ["refused", status, code, *_]:
                told = json.dumps({"detail": "no", "code": code, "request_id": "r"}).encode()
                self.transport.write(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (int(status), len(told), told))
            case ["sites"]:
                self.transport.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            case ["slow", ms]:
                loop.call_later(int(ms) / 1000, self.transport.write, WHOLE)
                return int(ms) / 1000
            case _:
                self.transport.write(WHOLE)
        return 0.0


class ToyServer:
    """Listens, and goes away when told to."""

    def __init__(self) -> None:
        self.open: set[Toy] = set()
        self.arrivals = array.array("d")
        self._port = 0
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Toy(self), "127.0.0.1", self._port, backlog=4096)
        self._port = self._server.sockets[0].getsockname()[1]
        return self._port

    async def obey(self, order: str, seconds: float) -> None:
        began = time.time()
        if order == "stall":
            # Blocks the whole loop: connections are still accepted by the kernel, and that is all.
            time.sleep(seconds)
        else:
            assert self._server is not None
            self._server.close()
            for toy in list(self.open):
                toy.transport.abort()
            await asyncio.sleep(began + seconds - time.time())
            await self.listen()
        print(json.dumps({"order": order, "began": began, "ended": time.time()}), flush=True)  # noqa: T201


async def serve(arrivals: Path | None) -> None:
    server = ToyServer()
    print(await server.listen(), flush=True)  # noqa: T201
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    orders: set[asyncio.Task[None]] = set()

    heard = bytearray()

    def hear() -> None:
        said = os.read(sys.stdin.fileno(), 1024)
        heard.extend(said)
        if not said:
            over.set()
        while (end := heard.find(b"\n")) >= 0:
            order, seconds = heard[:end].decode().split()
            del heard[: end + 1]
            orders.add(loop.create_task(server.obey(order, float(seconds))))

    loop.add_reader(sys.stdin.fileno(), hear)
    await over.wait()
    if arrivals is not None:
        arrivals.write_bytes(server.arrivals.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrivals", type=Path)
    # Like the generator: what is known exactly must not depend on what else the machine does.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(parser.parse_args().arrivals))


if __name__ == "__main__":
    main()
