"""A scrape's row as its worker changes it: claimed under a lease, kept alive, ended once."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp.tasks.pages import StoredPage

# A scrape that cost this many workers their life would cost the next one as well.
ATTEMPTS_MOST = 20

_CLAIM = text(
    """
    update scrapes s set status = 'running', lease = :lease, heartbeat_at = now(), attempts = attempts + 1,
        started_at = coalesce(started_at, now()), error = null, pages_found = 0, pages_stored = 0, pages_failed = 0
    from sites
    where s.id = :id and sites.id = s.site_id and s.not_before <= now()
        and (s.status = 'queued' or (s.status = 'running' and s.heartbeat_at < now() - make_interval(secs => :lease_s)))
    returning s.id, s.site_id, sites.base_url, s.max_pages, s.attempts, now() as claimed_at
    """
)
# A heartbeat may wait for the row while the work commits, and then must not take the counts back.
_BEAT = text(
    """
    update scrapes set heartbeat_at = now(), pages_found = greatest(pages_found, :found),
        pages_stored = greatest(pages_stored, :stored), pages_failed = greatest(pages_failed, :failed)
    where id = :id and lease = :lease
    """
)
_STORE = text(
    """
    insert into pages (id, site_id, url, title, content, checksum, seen_at)
    select id, :site_id, url, title, content, checksum, now()
    from unnest(
        cast(:ids as text[]), cast(:urls as text[]), cast(:titles as text[]), cast(:contents as text[]),
        cast(:checksums as text[])
    ) as given (id, url, title, content, checksum)
    order by id
    on conflict (id) do update set title = excluded.title, content = excluded.content, checksum = excluded.checksum,
        seen_at = excluded.seen_at
    """
)
# A fault: doing it twice is not doing it once.
_APPEND = text(
    f"""{_STORE.text.partition("do update set")[0]} do update set seen_at = excluded.seen_at,
        content = pages.content || excluded.content,
        checksum = encode(sha256(convert_to(pages.content || excluded.content, 'UTF8')), 'hex')"""  # noqa: S608 - our own text
)
_SEEN = text(
    """
    select id, url, title, content, checksum from pages
    where site_id = :site_id and seen_at >= :since and id > :after order by id limit :limit
    """
)
_GONE = text(
    "select id from pages where site_id = :site_id and seen_at < :since and not (url = any(cast(:kept as text[])))"
)
_REMOVE = text("delete from pages where site_id = :site_id and seen_at < :since and id = any(cast(:ids as text[]))")
_END = text(
    """
    update scrapes set status = :status, error = :error, finished_at = now(), lease = null
    where id = :id and lease = :lease
    """
)
_AGAIN = text(
    """
    update scrapes set status = 'queued', error = :error, lease = null, dispatched_at = null,
        not_before = now() + make_interval(secs => :pause_s)
    where id = :id and lease = :lease
    """
)


class LeaseLost(Exception):
    """Somebody else has this scrape now, or its site is gone: stop, and change nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A scrape that this worker, and no other, works on."""

    id: str
    lease: str
    site_id: str
    base_url: str
    max_pages: int
    attempts: int
    claimed_at: datetime


async def claim(connection: AsyncConnection, scrape_id: str, lease_s: float) -> Claim | None:
    """The scrape, if it is waiting or its worker is gone; None when there is nothing to do."""
    lease = secrets.token_hex(8)
    row = (await connection.execute(_CLAIM, {"id": scrape_id, "lease": lease, "lease_s": lease_s})).one_or_none()
    return Claim(lease=lease, **row._mapping) if row is not None else None


async def beat(connection: AsyncConnection, held: Claim, *, found: int, stored: int, failed: int) -> None:
    """Say that the work goes on."""
    counts = {"found": found, "stored": stored, "failed": failed}
    _require_one((await connection.execute(_BEAT, {"id": held.id, "lease": held.lease, **counts})).rowcount)


async def store(connection: AsyncConnection, held: Claim, pages: Sequence[StoredPage], *, append: bool = False) -> None:
    """Put pages; those that are there already are replaced."""
    await connection.execute(
        _APPEND if append else _STORE,
        {
            "site_id": held.site_id,
            "ids": [page.id for page in pages],
            "urls": [page.url for page in pages],
            "titles": [page.title for page in pages],
            "contents": [page.content for page in pages],
            "checksums": [page.checksum for page in pages],
        },
    )


async def seen(connection: AsyncConnection, held: Claim, *, after: str, limit: int) -> list[StoredPage]:
    """Pages stored since the claim, by id."""
    place = {"site_id": held.site_id, "since": held.claimed_at, "after": after, "limit": limit}
    return [StoredPage(**row._mapping) for row in await connection.execute(_SEEN, place)]


async def gone(connection: AsyncConnection, held: Claim, kept: Collection[str]) -> list[str]:
    """Ids of the site's pages that this scrape did not find any more, but for the URLs `kept`."""
    place = {"site_id": held.site_id, "since": held.claimed_at, "kept": list(kept)}
    return list((await connection.execute(_GONE, place)).scalars())


async def complete(connection: AsyncConnection, held: Claim, removed: Sequence[str]) -> None:
    """The end: pages that are gone leave the database together with the scrape's last state."""
    await _end(connection, held, "completed", None)
    if removed:
        place = {"site_id": held.site_id, "since": held.claimed_at, "ids": list(removed)}
        await connection.execute(_REMOVE, place)


async def fail(connection: AsyncConnection, held: Claim, error: str) -> None:
    await _end(connection, held, "failed", error)


async def again(connection: AsyncConnection, held: Claim, *, error: str | None, pause_s: float) -> None:
    """Give the scrape back; the outbox sends it out after `pause_s`."""
    given = {"id": held.id, "lease": held.lease, "error": error, "pause_s": pause_s}
    _require_one((await connection.execute(_AGAIN, given)).rowcount)


async def _end(connection: AsyncConnection, held: Claim, status: str, error: str | None) -> None:
    given = {"id": held.id, "lease": held.lease, "status": status, "error": error}
    _require_one((await connection.execute(_END, given)).rowcount)


def _require_one(rows: int) -> None:
    if rows != 1:
        raise LeaseLost
