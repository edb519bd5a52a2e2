"""A release that never gets ready, for checks: it runs, and answers nothing but whether it lives."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from reference.searchapp.api.wire import Wire, problem_body


class NeverReady:
    """In front of the whole application: 503 to all but `/health`."""

    def __init__(self, app: ASGIApp, wire: Wire) -> None:
        self._app = app
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/health":
            await self._app(scope, receive, send)
            return
        request_id = self._wire.request_id(None)
        body = problem_body("This release never gets ready.", "never_ready", request_id.decode())
        await self._wire.answer(send, 503, body, request_id)
