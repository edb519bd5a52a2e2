"""The outermost ASGI application: searches go straight through, all else to the routes; both are counted and marked."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp

from reference.searchapp import metrics
from reference.searchapp.api.bodies import bounded
from reference.searchapp.api.search import SearchEndpoint
from reference.searchapp.api.wire import Message, Receive, Scope, Send, Wire
from reference.searchapp.logs import request_id as current_request_id

log = logging.getLogger(__name__)


class Edge:
    """Gives each answer its headers, each request its id, count, duration and (searches apart) a line in the log."""

    def __init__(self, app: ASGIApp, search: SearchEndpoint, wire: Wire) -> None:
        self._app = app
        self._search = search
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/search" and scope["method"] == "GET":
            await self._search(scope, send)
        else:
            await self._routed(scope, receive, send)

    async def _routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        request_id = self._wire.request_id(given)
        current_request_id.set(request_id.decode())
        status = 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._wire.headers(request_id)]
            await send(message)

        try:
            await self._app(scope, bounded(scope, receive), marked)
        except Exception:
            log.exception("request failed", extra={"method": scope["method"], "path": scope["path"]})
            status = 500
        route = scope.get("route")
        endpoint = getattr(route, "path", "unmatched")
        seconds = time.perf_counter() - started
        metrics.http_requests.labels(scope["method"], endpoint, str(status)).inc()
        metrics.http_request_duration.labels(scope["method"], endpoint).observe(seconds)
        if endpoint not in {"/health", "/ready", "/serving", "/metrics"}:
            log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "endpoint": endpoint,
                    "status": status,
                    "duration_ms": round(seconds * 1000.0, 2),
                },
            )
