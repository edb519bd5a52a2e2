from __future__ import annotations

from dataclasses import fields

import pytest

from reference.searchapp.settings import Settings, SettingsError

NEEDED = {"DATABASE_URL": "postgresql://db/app", "REDIS_URL": "redis://r:6379", "MEILISEARCH_URL": "http://m:7700/"}


def test_defaults_are_those_of_the_contract() -> None:
    settings = Settings.from_env(NEEDED)
    assert (settings.rate_limit_search_per_minute, settings.rate_limit_write_per_minute) == (600, 600)
    assert (settings.trusted_proxy_hops, settings.cache_enabled, settings.cache_ttl_s) == (1, True, 60.0)
    assert (settings.allow_cache_bypass, settings.worker_concurrency) == (False, 4)
    assert settings.scrape_allowed_private_hosts == frozenset()
    assert settings.meilisearch_url == "http://m:7700"


def test_no_fault_is_on_by_itself() -> None:
    settings = Settings.from_env(NEEDED)
    faults = [field.name for field in fields(Settings) if field.name.startswith("fault_")]
    assert faults and not any(getattr(settings, name) for name in faults)


def test_lists_and_flags_are_read() -> None:
    settings = Settings.from_env(
        {**NEEDED, "SCRAPE_ALLOWED_PRIVATE_HOSTS": "Demo, 10.0.0.1,", "CACHE_ENABLED": "False", "DRAIN_S": "2.5"}
    )
    assert settings.scrape_allowed_private_hosts == {"demo", "10.0.0.1"}
    assert settings.cache_enabled is False
    assert settings.drain_s == 2.5


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"CACHE_TTL_S": "soon"}, "CACHE_TTL_S is not a number"),
        ({"DRAIN_S": "-1"}, "DRAIN_S may not be negative"),
        ({"WORKER_CONCURRENCY": "1.5"}, "WORKER_CONCURRENCY is not a whole number"),
        ({"ALLOW_CACHE_BYPASS": "maybe"}, "ALLOW_CACHE_BYPASS is neither"),
    ],
)
def test_a_bad_setting_is_named(changed: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.from_env({**NEEDED, **changed})
