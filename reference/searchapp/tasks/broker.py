"""The Celery application, as both ends of the queue use it."""

from __future__ import annotations

from collections.abc import Sequence

from celery import Celery  # type: ignore[import-untyped]
from kombu.entity import Queue

from reference.searchapp.settings import QUEUE
from reference.searchapp.stores.breaker import Unavailable

SCRAPE_TASK = "searchapp.scrape"


def celery_app(redis_url: str, *, acks_late: bool = True) -> Celery:
    """Celery over Redis: acknowledged late, given back when a worker is lost, bounded in every wait."""
    app = Celery("searchapp", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_queues=[Queue(QUEUE)],  # type: ignore[no-untyped-call]
        task_acks_late=acks_late,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        # Nobody asks for it, and its queue, which is to go with a connection that is gone already, ends the worker.
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=1.0,
        broker_transport_options={
            "socket_connect_timeout": 1.0,
            "socket_timeout": 5.0,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "retry_on_timeout": True,
            # A message that a dead worker held comes back after this; the outbox is faster.
            "visibility_timeout": 300,
        },
    )
    return app


class Publisher:
    """Sends scrape messages; Unavailable when the broker does not take them within about a second."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def warm(self) -> None:
        """Open the connection that the first message would otherwise wait for, and load what speaks to the broker."""
        try:
            with self._app.producer_pool.acquire(block=True, timeout=2.0) as producer:
                _ = producer.channel
        except Exception as error:  # kombu lets through whatever its transport raises
            raise Unavailable("broker", f"{type(error).__name__}: {error}") from error

    def __call__(self, scrape_ids: Sequence[str]) -> None:
        try:
            with self._app.producer_pool.acquire(block=True, timeout=2.0) as producer:
                for scrape_id in scrape_ids:
                    self._app.send_task(SCRAPE_TASK, args=(scrape_id,), queue=QUEUE, producer=producer, retry=False)
        except Exception as error:  # kombu lets through whatever its transport raises
            raise Unavailable("broker", f"{type(error).__name__}: {error}") from error
