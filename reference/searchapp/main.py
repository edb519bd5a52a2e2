"""The API process: its parts, its life, its graceful end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Query, Response
from starlette.types import ASGIApp

from reference.searchapp.api import errors, health, scrapes, sites
from reference.searchapp.api.context import Context
from reference.searchapp.api.edge import Edge
from reference.searchapp.api.keys import Keys
from reference.searchapp.api.search import LIMIT_MOST, OFFSET_MOST, SearchEndpoint
from reference.searchapp.api.shapes import Failure, SearchResult
from reference.searchapp.api.unready import NeverReady
from reference.searchapp.api.wire import Lifecycle, Wire
from reference.searchapp.settings import Settings
from reference.searchapp.stores.limits import Limiter
from reference.searchapp.stores.opened import Stores
from reference.searchapp.stores.sites import KnownSites
from reference.searchapp.tasks.broker import Publisher, celery_app
from reference.searchapp.tasks.outbox import Outbox
from reference.serving.wholeanswers import WholeAnswers

log = logging.getLogger(__name__)

PORT = 8000
# As long as one try to reach a database that is gone; a dependency's absence must not keep a pod from its searches.
_WARM_WITHIN_S = 3.0
_WARM_CONNECTIONS = 4


def create_app(settings: Settings, lifecycle: Lifecycle | None = None) -> ASGIApp:
    """The whole API as one ASGI application."""
    lifecycle = lifecycle or Lifecycle()
    wire = Wire(version=settings.app_version, pod=settings.pod_name, lifecycle=lifecycle)
    stores = Stores(settings, pool_size=settings.db_pool_size, name=settings.pod_name)
    known = KnownSites(stores.database, stores.engine)
    publisher = Publisher(celery_app(settings.redis_url))
    outbox = Outbox(stores.database, stores.redis, publisher, send_once=settings.fault_send_once)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stores.start_monitor()
        outbox.start()
        warming = asyncio.create_task(_warm(stores, publisher, lifecycle))
        if settings.fault_crash_after_s:
            asyncio.get_running_loop().call_later(settings.fault_crash_after_s, os._exit, os.EX_SOFTWARE)
        yield
        warming.cancel()
        await outbox.close()
        await stores.close()

    app = FastAPI(
        title="searchapp",
        version=settings.app_version,
        description="Sites are scraped, stored and indexed; each is searched on its own.",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.context = Context(
        settings=settings,
        stores=stores,
        sites=known,
        keys=Keys(stores.database),
        writes=Limiter(
            stores.redis,
            kind="write",
            per_minute=settings.rate_limit_write_per_minute,
            alone=settings.fault_limit_per_process,
        ),
        outbox=outbox,
        lifecycle=lifecycle,
    )
    errors.install(app)
    for router in (sites.router, scrapes.router, health.router):
        app.include_router(router)
    search = SearchEndpoint(settings, stores, known, wire)
    _document_search(app)
    edge = Edge(app, search, wire)
    return NeverReady(edge, wire) if settings.fault_never_ready else edge


async def _warm(stores: Stores, publisher: Publisher, lifecycle: Lifecycle) -> None:
    """Be ready when the first request costs no more than the next: it used to wait for connections, and others for it.

    What cannot be reached within a moment is opened later, by whoever needs it.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_WARM_WITHIN_S):
            await asyncio.gather(
                stores.database.warm(_WARM_CONNECTIONS), asyncio.to_thread(publisher.warm), return_exceptions=True
            )
    lifecycle.warm = True


def _document_search(app: FastAPI) -> None:
    """Put `/search` into the OpenAPI document; the edge answers it before routing."""

    @app.get(
        "/search",
        tags=["search"],
        response_model=SearchResult,
        responses={code: {"model": Failure} for code in (404, 422, 429, 503)},
    )
    async def search(
        site: Annotated[str, Query(description="The id of a site.")],
        q: Annotated[str, Query(description="What to look for; typos are tolerated.")],
        limit: Annotated[int, Query(ge=1, le=LIMIT_MOST)] = 20,
        offset: Annotated[int, Query(ge=0, le=OFFSET_MOST)] = 0,
    ) -> Response:
        """Search one site. `X-Cache` says hit, miss or bypass; `X-Degraded` that the search engine was not asked."""
        raise errors.ApiError(500, "internal_error", f"not routed: {site} {q} {limit} {offset}")


class _Server(uvicorn.Server):
    """On SIGTERM not ready at once, serving for `drain_s` more, then in-flight requests finish; a second one ends it"""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, drain_s: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_s = drain_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._lifecycle.draining:
            super().handle_exit(sig, frame)
            return
        self._lifecycle.draining = True
        log.info("draining", extra={"signal": signal.Signals(sig).name, "drain_s": self._drain_s})
        asyncio.get_running_loop().call_later(self._drain_s, self._finish)

    def _finish(self) -> None:
        self.should_exit = True


def serve(settings: Settings, *, host: str = "0.0.0.0", port: int = PORT) -> None:  # noqa: S104 - a pod's only door
    """Answer requests until told to stop."""
    lifecycle = Lifecycle()
    config = uvicorn.Config(
        create_app(settings, lifecycle),
        host=host,
        port=port,
        loop="uvloop",
        http=WholeAnswers,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        # Longer than any ingress keeps an idle connection, so that the ingress is the one to close it.
        timeout_keep_alive=120,
        timeout_graceful_shutdown=5,
        backlog=2048,
    )
    # What start-up made stays for good: the collector need not look at it again in the middle of a search.
    gc.collect()
    gc.freeze()
    _Server(config, lifecycle, settings.drain_s).run()
