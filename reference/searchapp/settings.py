"""Everything the environment can say, read once at start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

QUEUE = "scraping"

# A frozen dependency must cost a request less than a user notices, and nothing once its breaker is open.
CONNECT_TIMEOUT_S = 1.0
ENGINE_TIMEOUT_S = 1.5
# A search's own time runs from its arrival: whatever Redis kept of it the engine does not get, so that the fallback has
# its half second before the client leaves after 2 s. This much the engine gets in any case.
ENGINE_LEAST_S = 0.2
# How many searches of one process the engine works on at once. With all that come (there were 64 of each of three pods)
# each took longer than its client waits once the engine was busy, and none of its work was of use to anybody.
ENGINE_SEARCHES_MOST = 8
# And how much of its time a search may wait for that. The database costs twice what the engine does, so it is asked for
# those only that would wait in vain.
ENGINE_TURN_SHARE = 2 / 3
# Longer than a busy machine keeps a healthy Redis waiting for the CPU (giving up the cache then would add to the load);
# short enough that a search which waited for it in vain is still answered before its client leaves after 2 s.
REDIS_TIMEOUT_S = 0.6
DB_READ_TIMEOUT_S = 2.0
DB_WRITE_TIMEOUT_S = 3.5
PROBE_INTERVAL_S = 0.5
# What a client without a timeout waits; no request lives that long.
FOR_EVER_S = 86_400.0


class SettingsError(ValueError):
    """A setting is missing or cannot be read; names the variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One process's settings, as named in the contract."""

    database_url: str
    redis_url: str
    meilisearch_url: str
    meili_master_key: str
    admin_api_key: str = ""
    app_version: str = "dev"
    pod_name: str = "local"
    log_level: str = "INFO"
    rate_limit_search_per_minute: int = 600
    rate_limit_write_per_minute: int = 600
    trusted_proxy_hops: int = 1
    cache_enabled: bool = True
    cache_ttl_s: float = 60.0
    allow_cache_bypass: bool = False
    scrape_allowed_private_hosts: frozenset[str] = frozenset()
    drain_s: float = 0.0
    db_pool_size: int = 10
    worker_concurrency: int = 4
    fault_slow_search_ms: int = 0
    fault_slow_search_every: int = 0
    fault_drop_page_every: int = 0
    fault_redis_required: bool = False
    fault_no_fallback: bool = False
    fault_no_timeouts: bool = False
    fault_send_once: bool = False
    fault_ack_early: bool = False
    fault_slow_scrape_ms: int = 0
    fault_append_pages: bool = False
    fault_limit_per_process: bool = False
    fault_cache_ignores_site: bool = False
    rehearse_migration: bool = False
    fault_migration_fails: bool = False
    fault_migration_locks_s: float = 0.0
    fault_never_ready: bool = False
    fault_crash_after_s: float = 0.0

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Read the environment; a missing or malformed variable is an error that names it."""
        return cls(
            database_url=_text(env, "DATABASE_URL"),
            redis_url=_text(env, "REDIS_URL"),
            meilisearch_url=_text(env, "MEILISEARCH_URL").rstrip("/"),
            meili_master_key=env.get("MEILI_MASTER_KEY", ""),
            admin_api_key=env.get("ADMIN_API_KEY", ""),
            app_version=env.get("APP_VERSION", "dev"),
            pod_name=env.get("POD_NAME", "local"),
            log_level=env.get("LOG_LEVEL", "INFO").upper(),
            rate_limit_search_per_minute=_whole(env, "RATE_LIMIT_SEARCH_PER_MINUTE", 600),
            rate_limit_write_per_minute=_whole(env, "RATE_LIMIT_WRITE_PER_MINUTE", 600),
            trusted_proxy_hops=_whole(env, "TRUSTED_PROXY_HOPS", 1),
            cache_enabled=_flag(env, "CACHE_ENABLED", default=True),
            cache_ttl_s=_number(env, "CACHE_TTL_S", 60.0),
            allow_cache_bypass=_flag(env, "ALLOW_CACHE_BYPASS", default=False),
            scrape_allowed_private_hosts=frozenset(
                host.strip().lower() for host in env.get("SCRAPE_ALLOWED_PRIVATE_HOSTS", "").split(",") if host.strip()
            ),
            drain_s=_number(env, "DRAIN_S", 0.0),
            db_pool_size=max(1, _whole(env, "DB_POOL_SIZE", 10)),
            worker_concurrency=max(1, _whole(env, "WORKER_CONCURRENCY", 4)),
            fault_slow_search_ms=_whole(env, "FAULT_SLOW_SEARCH_MS", 0),
            fault_slow_search_every=_whole(env, "FAULT_SLOW_SEARCH_EVERY", 0),
            fault_drop_page_every=_whole(env, "FAULT_DROP_PAGE_EVERY", 0),
            fault_redis_required=_flag(env, "FAULT_REDIS_REQUIRED", default=False),
            fault_no_fallback=_flag(env, "FAULT_NO_FALLBACK", default=False),
            fault_no_timeouts=_flag(env, "FAULT_NO_TIMEOUTS", default=False),
            fault_send_once=_flag(env, "FAULT_SEND_ONCE", default=False),
            fault_ack_early=_flag(env, "FAULT_ACK_EARLY", default=False),
            fault_slow_scrape_ms=_whole(env, "FAULT_SLOW_SCRAPE_MS", 0),
            fault_append_pages=_flag(env, "FAULT_APPEND_PAGES", default=False),
            fault_limit_per_process=_flag(env, "FAULT_LIMIT_PER_PROCESS", default=False),
            fault_cache_ignores_site=_flag(env, "FAULT_CACHE_IGNORES_SITE", default=False),
            rehearse_migration=_flag(env, "REHEARSE_MIGRATION", default=False),
            fault_migration_fails=_flag(env, "FAULT_MIGRATION_FAILS", default=False),
            fault_migration_locks_s=_number(env, "FAULT_MIGRATION_LOCKS_S", 0.0),
            fault_never_ready=_flag(env, "FAULT_NEVER_READY", default=False),
            fault_crash_after_s=_number(env, "FAULT_CRASH_AFTER_S", 0.0),
        )


def _text(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    raw = env.get(name) or str(default)
    try:
        value = float(raw)
    except ValueError:
        raise SettingsError(f"{name} is not a number: {raw!r}") from None
    if value < 0:
        raise SettingsError(f"{name} may not be negative: {raw!r}")
    return value


def _whole(env: Mapping[str, str], name: str, default: int) -> int:
    value = _number(env, name, default)
    if value != int(value):
        raise SettingsError(f"{name} is not a whole number: {value}")
    return int(value)


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    raw = env.get(name, "").strip().lower()
    if not raw:
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise SettingsError(f"{name} is neither true nor false: {raw!r}")
