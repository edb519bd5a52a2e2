"""Every failure as `{detail, code, request_id}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from reference.searchapp.api.wire import problem_body
from reference.searchapp.logs import request_id
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.database import OutcomeUnknown

log = logging.getLogger(__name__)

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


class ApiError(Exception):
    """An answer other than the one asked for, with its code."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, dict(headers or {})


def install(app: FastAPI) -> None:
    """Answer each kind of failure in the contract's form."""

    @app.exception_handler(ApiError)
    async def known(_: Request, error: ApiError) -> Response:
        return _response(error.status, error.code, error.detail, error.headers)

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        return _response(
            error.status_code, _CODES.get(error.status_code, "http_error"), str(error.detail), dict(error.headers or {})
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _response(422, "invalid_request", "; ".join(_complaint(one) for one in error.errors()))

    @app.exception_handler(Unavailable)
    async def unavailable(_: Request, error: Unavailable) -> Response:
        log.warning("dependency unavailable", extra={"error": str(error)})
        return _response(
            503, f"{error.dependency}_unavailable", f"{error}; nothing was changed, try again", {"Retry-After": "1"}
        )

    @app.exception_handler(OutcomeUnknown)
    async def unknown(_: Request, error: OutcomeUnknown) -> Response:
        log.warning("outcome unknown", extra={"error": str(error)})
        return _response(
            503, "outcome_unknown", f"the write may or may not have taken effect: {error}", {"Retry-After": "1"}
        )

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> Response:
        return _response(500, "internal_error", "this is a fault of the service")


def _complaint(error: Any) -> str:
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"


def _response(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    body = problem_body(detail, code, request_id.get() or "")
    return Response(body, status_code=status, headers=headers, media_type="application/json")
