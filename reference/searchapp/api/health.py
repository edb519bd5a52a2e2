"""Probes and metrics."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from reference.searchapp import metrics
from reference.searchapp.api.context import In
from reference.searchapp.settings import QUEUE
from reference.searchapp.stores.breaker import Unavailable

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Alive; touches nothing else."""
    return {"status": "alive"}


@router.get("/ready", responses={503: {"description": "This pod cannot answer searches, or is on its way out."}})
async def ready(parts: In) -> Response:
    """Whether searches can be answered, from probes about a second old: a frozen dependency does not delay this."""
    if parts.lifecycle.draining:
        status = "draining"
    elif not (parts.stores.probed and parts.lifecycle.warm):
        status = "starting"
    else:
        status = "ready" if parts.stores.can_search else "unavailable"
    body: dict[str, Any] = {"status": status, "checks": parts.stores.checks()}
    return Response(orjson.dumps(body), status_code=200 if status == "ready" else 503, media_type="application/json")


@router.get("/metrics", response_class=Response)
async def read_metrics(parts: In) -> Response:
    """Prometheus text."""
    try:
        (length,) = await parts.stores.redis.call(("LLEN", QUEUE))
        metrics.celery_queue_length.labels(QUEUE).set(length)
    except Unavailable:
        metrics.celery_queue_length.clear()
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
