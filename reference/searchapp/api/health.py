"""Probes and metrics."""

from __future__ import annotations

import time
from typing import Any

import orjson
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from reference.searchapp import metrics
from reference.searchapp.api.context import Context, In
from reference.searchapp.settings import QUEUE
from reference.searchapp.stores.breaker import Unavailable

router = APIRouter(tags=["health"])

# A failover takes less, and so does the engine's start; a pod that is the only one to lack something is left then.
_SERVES_ON_FOR_S = 60.0


@router.get("/health")
async def health() -> dict[str, str]:
    """Alive; touches nothing else."""
    return {"status": "alive"}


@router.get("/ready", responses={503: {"description": "This pod cannot answer searches, or is on its way out."}})
async def ready(parts: In) -> Response:
    """Whether searches can be answered, from probes about a second old: a frozen dependency does not delay this."""
    status = _status(parts)
    return _json({"status": status, "checks": parts.stores.checks()}, good=status == "ready")


@router.get("/serving", responses={503: {"description": "This pod is not ready, and was not lately."}})
async def serving(parts: In) -> Response:
    """Whether requests should be sent to this pod: while it is ready, and for a minute after, unless it drains.

    What it lacks all pods lack, most often: without any of them the answers in the caches would be lost as well, and
    nobody would be told what is wrong.
    """
    status = _status(parts)
    since_s = time.monotonic() - parts.lifecycle.ready_at
    return _json({"status": status}, good=serves(status, not_ready_for_s=since_s))


def serves(status: str, *, not_ready_for_s: float) -> bool:
    """Whether a pod in this state is sent requests."""
    return status == "ready" or (status == "unavailable" and not_ready_for_s < _SERVES_ON_FOR_S)


def _status(parts: Context) -> str:
    if parts.lifecycle.draining:
        return "draining"
    if not (parts.stores.probed and parts.lifecycle.warm):
        return "starting"
    if not parts.stores.can_search:
        return "unavailable"
    parts.lifecycle.ready_at = time.monotonic()
    return "ready"


def _json(body: dict[str, Any], *, good: bool) -> Response:
    return Response(orjson.dumps(body), status_code=200 if good else 503, media_type="application/json")


@router.get("/metrics", response_class=Response)
async def read_metrics(parts: In) -> Response:
    """Prometheus text."""
    try:
        (length,) = await parts.stores.redis.call(("LLEN", QUEUE))
        metrics.celery_queue_length.labels(QUEUE).set(length)
    except Unavailable:
        metrics.celery_queue_length.clear()
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
