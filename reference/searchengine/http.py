"""HTTP without a framework: a request, an answer, and the table that leads from one to the other.

A search costs about a millisecond of CPU, so what stands in front of it should cost next to nothing.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from reference.searchengine.errors import ApiError, bad_request

_log = logging.getLogger("searchengine.http")
# Meilisearch's own limit.
PAYLOAD_LIMIT_BYTES = 100 << 20
_JSON_HEADERS = [(b"content-type", b"application/json")]

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Request:
    """One request, its body read."""

    headers: dict[bytes, bytes]
    query: dict[str, str]
    body: bytes
    path: list[str] = field(default_factory=list)

    def json(self) -> Any:
        """The body as JSON."""
        kind = self.headers.get(b"content-type", b"").split(b";")[0].strip().decode()
        if kind != "application/json":
            raise wrong_content_type(kind, ("application/json",))
        return parsed(self.body)

    def json_object(self) -> dict[str, Any]:
        body = self.json()
        if not isinstance(body, dict):
            raise bad_request("bad_request", f"Invalid value type: expected an object, but found: `{self.body[:80]!r}`")
        return body

    def number(self, name: str, default: int, code: str) -> int:
        """A number from the query string."""
        value = self.query.get(name)
        if value is None:
            return default
        if not value.isdigit():
            raise bad_request(
                code, f"Invalid value in parameter `{name}`: could not parse `{value}` as a positive integer"
            )
        return int(value)


def parsed(body: bytes) -> Any:
    if not body.strip():
        raise bad_request("missing_payload", "A json payload is missing.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request("malformed_payload", f"The json payload provided is malformed. `{error}`.") from error


def wrong_content_type(kind: str, accepted: tuple[str, ...]) -> ApiError:
    choices = ", ".join(f"`{choice}`" for choice in accepted)
    if not kind:
        return ApiError(
            415,
            "missing_content_type",
            f"A Content-Type header is missing. Accepted values for the Content-Type header are: {choices}",
        )
    return ApiError(
        415,
        "invalid_content_type",
        f"The Content-Type `{kind}` is invalid. Accepted values for the Content-Type header are: {choices}",
    )


Handler = Callable[[Request], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What answers, with which status, and what its caller must be allowed to do."""

    handler: Handler
    status: int
    action: str | None


class Router:
    """Routes by method and path; `{}` stands for any one part."""

    def __init__(self) -> None:
        self._tree: dict[str, Any] = {}

    def add(self, method: str, path: str, handler: Handler, *, status: int = 200, action: str | None = "*") -> None:
        node = self._tree
        for part in path.strip("/").split("/"):
            node = node.setdefault(part, {})
        node.setdefault("", {})[method] = Route(handler=handler, status=status, action=action)

    def find(self, method: str, parts: list[str]) -> tuple[Route, list[str]]:
        """The route, and what stood for its variable parts."""
        node, variables = self._tree, list[str]()
        for part in parts:
            if part and part in node:
                node = node[part]
            elif part and "{}" in node:
                node = node["{}"]
                variables.append(unquote(part))
            else:
                node = {}
                break
        routes: dict[str, Route] = node.get("", {})
        if not routes:
            raise ApiError(404, "not_found", "There is nothing here.")
        if method not in routes:
            raise ApiError(405, "method_not_allowed", f"{method} is not allowed here.")
        return routes[method], variables


class Application:
    """ASGI. Handlers are plain functions, or coroutines where they wait for a disk."""

    def __init__(self, router: Router, require: Callable[[str | None, str], None]) -> None:
        self._router, self._require = router, require

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        try:
            status, body = await self._answer(scope, receive)
        except ApiError as error:
            status, body = error.status, orjson.dumps(error.body())
        except Exception as error:
            _log.exception("%s %s", scope["method"], scope["path"])
            failed = ApiError(500, "internal", f"{type(error).__name__}: {error}")
            status, body = failed.status, orjson.dumps(failed.body())
        headers = [*_JSON_HEADERS, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        headers = dict(scope["headers"])
        body = await _body(receive, headers)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        route, variables = self._router.find(method, scope["raw_path"].decode().strip("/").split("/"))
        if route.action is not None:
            given = headers.get(b"authorization")
            self._require(None if given is None else given.decode("latin-1"), route.action)
        text = scope["query_string"].decode()
        query = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
        answer = route.handler(Request(headers=headers, query=query, body=body, path=variables))
        if isinstance(answer, Awaitable):
            answer = await answer
        return route.status, b"" if answer is None else orjson.dumps(answer)


async def _body(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
    pieces, size, is_more = list[bytes](), 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise bad_request("bad_request", "The client went away.")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > PAYLOAD_LIMIT_BYTES:
            raise ApiError(
                413, "payload_too_large", f"The provided payload reached the limit of {PAYLOAD_LIMIT_BYTES} bytes."
            )
        is_more = message.get("more_body", False)
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding == b"gzip":
        return gzip.decompress(body)
    if encoding != b"identity":
        raise ApiError(415, "invalid_content_type", f"The Content-Encoding `{encoding.decode()}` is not served.")
    return body
