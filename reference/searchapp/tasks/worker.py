"""The worker process: Celery threads that hand scrapes to one event loop, with metrics and a sign of life."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import uvloop
from celery import Celery  # type: ignore[import-untyped]
from celery.signals import setup_logging, worker_shutting_down  # type: ignore[import-untyped]
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from reference.searchapp import metrics
from reference.searchapp.settings import QUEUE, Settings
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.opened import Stores
from reference.searchapp.tasks.broker import SCRAPE_TASK, Publisher, celery_app
from reference.searchapp.tasks.crawl import Fetcher
from reference.searchapp.tasks.outbox import Outbox
from reference.searchapp.tasks.reconcile import Reconciler
from reference.searchapp.tasks.scrape import Scraper

T = TypeVar("T")
log = logging.getLogger(__name__)

# Scrapes that take longer than this after SIGTERM go back to the queue; well within Kubernetes' 30 s of grace.
_FINISH_S = 10.0
_WATCH_EVERY_S = 2.0
# The loop is dead, or the consumer deaf, after this long: then a restart is better than waiting.
_SILENCE_MOST_S = 30.0
_DEAF_MOST_S = 60.0


class Engine:
    """The event loop in which all scrapes of this process run, in a thread of its own."""

    def __init__(self, settings: Settings, app: Celery) -> None:
        self._settings = settings
        self._app = app
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scrapes", daemon=True)
        self._seen_alive = time.monotonic()
        self._heard = time.monotonic()
        self._active = 0

    def start(self) -> None:
        self._thread.start()
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, from any other thread."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    def scrape(self, scrape_id: str) -> str:
        self._heard = time.monotonic()
        self._active += 1
        try:
            return self.run(self._scraper.scrape(scrape_id))
        finally:
            self._active -= 1
            self._heard = time.monotonic()

    def complaint(self) -> str | None:
        """Why this process should be restarted; None while it is alive."""
        now = time.monotonic()
        if now - self._seen_alive > _SILENCE_MOST_S:
            return f"the event loop has been silent for {now - self._seen_alive:.0f} s"
        if now - self._heard > _DEAF_MOST_S:
            return f"messages have been waiting for {now - self._heard:.0f} s and none arrived"
        return None

    def leave(self) -> None:
        """Let scrapes finish for a while, then give them back."""
        self._loop.call_soon_threadsafe(self._loop.call_later, _FINISH_S, self._scraper.release_all)

    def stop(self) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5.0)

    async def _open(self) -> None:
        settings = self._settings
        self._stores = Stores(settings, pool_size=_connections(settings.worker_concurrency), name=settings.pod_name)
        self._stores.start_monitor()
        self._fetcher = Fetcher(settings.scrape_allowed_private_hosts)
        self._scraper = Scraper(settings, self._stores, self._fetcher)
        self._outbox = Outbox(
            self._stores.database, self._stores.redis, Publisher(self._app), send_once=settings.fault_send_once
        )
        self._outbox.start()
        self._reconciler = Reconciler(settings, self._stores)
        self._reconciler.start()
        self._watch = asyncio.create_task(self._keep_watching())

    async def _close(self) -> None:
        self._watch.cancel()
        await self._reconciler.close()
        await self._outbox.close()
        await self._fetcher.close()
        await self._stores.close()

    async def _keep_watching(self) -> None:
        while True:
            self._seen_alive = time.monotonic()
            try:
                (waiting,) = await self._stores.redis.call(("LLEN", QUEUE))
                metrics.celery_queue_length.labels(QUEUE).set(waiting)
            except Unavailable:
                metrics.celery_queue_length.clear()
                waiting = 0
            # Deaf is: messages wait, threads are free, nothing comes.
            if waiting == 0 or self._active >= self._settings.worker_concurrency:
                self._heard = time.monotonic()
            await asyncio.sleep(_WATCH_EVERY_S)


def _connections(concurrency: int) -> int:
    """A scrape is with the database for a small part of its time, and ten workers must not use up all connections.

    At least two of them for writes: a heartbeat does not wait for the pages of another scrape.
    """
    return concurrency // 2 + 3


def work(settings: Settings, *, metrics_port: int) -> int:
    """Consume scrape messages until told to stop."""
    app = celery_app(settings.redis_url, acks_late=not settings.fault_ack_early)
    engine = Engine(settings, app)

    @setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
    def keep_ours(**_: object) -> None:
        """Celery leaves logging alone once somebody listens here."""

    @app.task(name=SCRAPE_TASK)  # type: ignore[untyped-decorator]
    def scrape(scrape_id: str) -> None:
        engine.scrape(scrape_id)

    @worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def leave(**_: object) -> None:
        engine.leave()

    engine.start()
    server = _serve_metrics(engine, metrics_port)
    worker = app.Worker(
        pool="threads",
        concurrency=settings.worker_concurrency,
        queues=[QUEUE],
        hostname=f"searchapp@{settings.pod_name}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    try:
        worker.start()
    finally:
        server.shutdown()
        engine.stop()
    return int(worker.exitcode or 0)


def _serve_metrics(engine: Engine, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
            elif self.path == "/health":
                complaint = engine.complaint()
                body = json.dumps({"status": "alive" if complaint is None else complaint}).encode()
                self._answer(200 if complaint is None else 503, "application/json", body)
            else:
                self._answer(404, "text/plain", b"/metrics and /health are here\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes and scrapes of metrics are not worth a line."""

    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)  # noqa: S104 - a pod's only door
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
