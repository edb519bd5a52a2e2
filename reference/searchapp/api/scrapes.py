"""Scrape requests: committed before they are answered."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp.api.context import In, MayWrite
from reference.searchapp.api.errors import ApiError
from reference.searchapp.api.shapes import Failure, NewScrape, ScrapeShape
from reference.searchapp.models import Scrape

_FAILURES: dict[int | str, dict[str, Any]] = {code: {"model": Failure} for code in (401, 404, 422, 429, 503)}
router = APIRouter(tags=["scrapes"], responses=_FAILURES)

_SCRAPE = (
    Scrape.id,
    Scrape.site_id,
    Scrape.status,
    Scrape.max_pages,
    Scrape.pages_found,
    Scrape.pages_stored,
    Scrape.pages_failed,
    Scrape.attempts,
    Scrape.error,
    Scrape.created_at,
    Scrape.started_at,
    Scrape.finished_at,
)


@router.post("/sites/{site_id}/scrapes", status_code=202, response_model=ScrapeShape, dependencies=[MayWrite])
async def submit_scrape(
    site_id: str,
    parts: In,
    given: NewScrape | None = None,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="The same key again is the same scrape.")
    ] = None,
) -> Mapping[str, Any]:
    """Ask for a scrape. Once this is answered it will be done, whatever happens to the broker or a worker."""
    wanted = given or NewScrape()
    scrape_id = str(uuid.uuid4())

    this = select(*_SCRAPE).where(
        Scrape.id == scrape_id
        if idempotency_key is None
        else (Scrape.site_id == site_id) & (Scrape.idempotency_key == idempotency_key)
    )

    async def work(connection: AsyncConnection) -> Mapping[str, Any]:
        # Asked for again, it is only read.
        known = None if idempotency_key is None else (await connection.execute(this)).one_or_none()
        if known is None:
            known = (
                await connection.execute(
                    insert(Scrape)
                    .values(id=scrape_id, site_id=site_id, max_pages=wanted.max_pages, idempotency_key=idempotency_key)
                    .on_conflict_do_nothing()
                    .returning(*_SCRAPE)
                )
            ).one_or_none()
        # Another request with this key was faster, or this is the second run after an unanswered commit.
        return (known or (await connection.execute(this)).one())._asdict()

    try:
        accepted = await parts.stores.database.write(work, idempotent=True)
    except IntegrityError as error:
        raise ApiError(404, "unknown_site", f"no site {site_id}") from error
    if accepted["max_pages"] != wanted.max_pages:
        raise ApiError(422, "idempotency_key_reused", "this Idempotency-Key was used for another request")
    parts.outbox.wake()
    return accepted


@router.get("/scrapes/{scrape_id}", response_model=ScrapeShape)
async def read_scrape(scrape_id: str, parts: In) -> Mapping[str, Any]:
    """How far a scrape is."""

    async def work(connection: AsyncConnection) -> Mapping[str, Any] | None:
        found = (await connection.execute(select(*_SCRAPE).where(Scrape.id == scrape_id))).one_or_none()
        return None if found is None else found._asdict()

    found = await parts.stores.database.read(work)
    if found is None:
        raise ApiError(404, "unknown_scrape", f"no scrape {scrape_id}")
    return found
