"""What became of a request: the one reading of an answer, whichever generator asked."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

from reports.records import Outcome
from suites.harness.workloads.request import Request


def outcome_of(request: Request, status: int, body: bytes) -> tuple[Outcome, str | None]:
    """Outcome and error of a whole answer. `ok` is a 2xx that holds what the request expects."""
    if 200 <= status < 300:
        if request.expect in body:
            return "ok", None
        return "fail", f"HTTP {status} without {request.expect!r} in its body"
    # A server that fails while it writes may have written.
    return ("unknown" if status >= 500 and not request.reads_only else "fail"), _refusal(status, body)


def value_of(request: Request, header: Callable[[str], str] | None) -> str:
    """The request's id, or else `label:cache[:degraded]`, blank where nothing is known: `header` None is no answer.

    What the request wants told comes last, after an `@`.
    """
    if request.id:
        return request.id
    if header is None:
        return request.label and f"{request.label}:"
    mark = ":degraded" if header("x-degraded") == "true" else ""
    told = f"@{header(request.tells)}" if request.tells else ""
    return f"{request.label}:{header('x-cache')}{mark}{told}"


def _refusal(status: int, body: bytes) -> str:
    """The status, and the code that the platform gives its refusals; the ingress' own have none."""
    code = None
    if body.startswith(b"{"):
        with contextlib.suppress(ValueError):
            code = json.loads(body).get("code")
    return f"HTTP {status} {code}" if isinstance(code, str) else f"HTTP {status}"
