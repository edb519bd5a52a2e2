"""The metrics of the contract, one registry per process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

registry = CollectorRegistry()
ProcessCollector(registry=registry)

# Objectives look at 50 and 200 ms, so the buckets are dense around them.
_REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)

http_requests = Counter(
    "http_requests_total", "Requests answered.", ("method", "endpoint", "status"), registry=registry
)
http_request_duration = Histogram(
    "http_request_duration_seconds",
    "Time from the request's arrival to its last byte.",
    ("method", "endpoint"),
    buckets=_REQUEST_BUCKETS_S,
    registry=registry,
)
search_queries = Counter("search_queries_total", "Searches answered.", ("site_id", "has_results"), registry=registry)
search_cache = Counter(
    "search_cache_total", "Searches by what the cache did: hit, miss, bypass.", ("result",), registry=registry
)
searches_degraded = Counter(
    "searches_degraded_total", "Searches answered by the database instead of the search engine.", registry=registry
)
rate_limited = Counter("rate_limited_total", "Requests refused for their rate.", ("kind",), registry=registry)
dependency_up = Gauge(
    "dependency_up", "1 while the dependency answers its probe, else 0.", ("dependency",), registry=registry
)
scrape_jobs = Counter("scrape_jobs_total", "Scrapes by how they ended.", ("status",), registry=registry)
scrape_duration = Histogram(
    "scrape_duration_seconds",
    "Time from the start of a scrape's attempt to its end.",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
    registry=registry,
)
active_scrapes = Gauge("active_scrapes", "Scrapes running in this process.", registry=registry)
db_connections_active = Gauge(
    "db_connections_active", "Database connections in use by this process.", registry=registry
)
celery_queue_length = Gauge(
    "celery_queue_length", "Messages waiting in the broker; absent while it is unknown.", ("queue",), registry=registry
)
