"""Transactions that wait, on purpose."""

from __future__ import annotations

import asyncio

import psycopg

_WAITS = "select 1 from pg_stat_activity where application_name = %s and wait_event_type = %s"


async def until_it_waits(rows: psycopg.Connection, name: str, *, kind: str = "Lock") -> None:
    """Return when a transaction of the Database of this name waits for a lock, or for another kind of event."""
    while rows.execute(_WAITS, (f"searchapp-{name}", kind)).fetchone() is None:
        await asyncio.sleep(0.01)
