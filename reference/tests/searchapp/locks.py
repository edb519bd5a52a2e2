"""Transactions that wait for one another, on purpose."""

from __future__ import annotations

import asyncio

import psycopg

_WAITS = "select 1 from pg_stat_activity where application_name = %s and wait_event_type = 'Lock'"


async def until_it_waits(rows: psycopg.Connection, name: str) -> None:
    """Return when a transaction of the Database of this name waits for a lock."""
    while rows.execute(_WAITS, (f"searchapp-{name}",)).fetchone() is None:
        await asyncio.sleep(0.01)
