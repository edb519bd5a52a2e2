"""The site over HTTP: a plain ASGI application on port 8000."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import uvicorn

from reference.demosite.site import BadSpec, Spec, index, manifest, page

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

_HTML, _TEXT, _JSON = b"text/html; charset=utf-8", b"text/plain; charset=utf-8", b"application/json"
# Nothing under here may be fetched by a robot that obeys; it answers all the same, so that a disobedient one is seen.
_ROBOTS = b"User-agent: *\nDisallow: /private/\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request from nothing but its URL."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] != "http":
        return
    status, content_type, body = await _answer(scope)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", content_type), (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def _answer(scope: Scope) -> tuple[int, bytes, bytes]:
    path: str = scope["path"]
    if path == "/health":
        return 200, _TEXT, b"alive\n"
    if path == "/robots.txt":
        return 200, _TEXT, _ROBOTS
    if scope["method"] not in {"GET", "HEAD"}:
        return 405, _TEXT, b"only GET\n"
    parts = path.split("/", 3)
    if len(parts) != 4 or parts[1] != "site":
        return 404, _TEXT, b"pages are under /site/{spec}/\n"
    try:
        spec = Spec.parse(parts[2])
    except BadSpec as error:
        return 400, _TEXT, f"{error}\n".encode()
    return await _site(spec, parts[2], parts[3], scope)


async def _site(spec: Spec, raw_spec: str, rest: str, scope: Scope) -> tuple[int, bytes, bytes]:
    if rest == "manifest.json":
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "localhost")
        # Hundreds of pages take a while; a thread leaves the loop to others.
        return 200, _JSON, await asyncio.to_thread(manifest, spec, f"{scope['scheme']}://{host}/site/{raw_spec}/")
    if rest == "":
        await _pause(spec)
        return 200, _HTML, index(spec)
    kind, _, number = rest.partition("/")
    if kind != "page" or not (number.isascii() and number.isdigit()) or int(number) >= spec.pages:
        return 404, _TEXT, b"no such page\n"
    await _pause(spec)
    if spec.fails(int(number)):
        return 500, _TEXT, b"this page fails, as its URL asked\n"
    return 200, _HTML, page(spec, int(number))


async def _pause(spec: Spec) -> None:
    if spec.latency_ms:
        await asyncio.sleep(spec.latency_ms / 1000.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="demosite")
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - a pod's only door
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args(argv)
    uvicorn.run(
        app,
        host=given.host,
        port=given.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    return 0
