"""Sites and their pages."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from reference.searchapp.api.context import In, MayWrite
from reference.searchapp.api.errors import ApiError
from reference.searchapp.api.shapes import Failure, NewSite, PageList, SiteList, SiteShape
from reference.searchapp.models import Page, Site
from reference.searchapp.stores.breaker import Unavailable
from reference.searchapp.stores.generations import GENERATION_TRUST_S, new_generation
from reference.searchapp.tasks.addresses import Refused, check_base_url

_FAILURES: dict[int | str, dict[str, Any]] = {code: {"model": Failure} for code in (401, 404, 409, 422, 429, 503)}
router = APIRouter(tags=["sites"], responses=_FAILURES)

Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
_SITE = (Site.id, Site.name, Site.base_url, Site.created_at)


@router.post("/sites", status_code=201, response_model=SiteShape, dependencies=[MayWrite])
async def create_site(given: NewSite, parts: In) -> Mapping[str, Any]:
    """Add a site. Its pages are those under `base_url`'s folder."""
    try:
        base_url = check_base_url(given.base_url, parts.settings.scrape_allowed_private_hosts)
    except Refused as refused:
        raise ApiError(422, "base_url_refused", str(refused)) from refused
    site_id = secrets.token_hex(6)

    async def work(connection: AsyncConnection) -> Mapping[str, Any]:
        added = (
            await connection.execute(
                insert(Site)
                .values(id=site_id, name=given.name, base_url=base_url)
                .on_conflict_do_nothing(index_elements=[Site.id])
                .returning(*_SITE)
            )
        ).one_or_none()
        # Idempotent by the id: run again after an unanswered commit it finds its own row.
        return (added or (await connection.execute(select(*_SITE).where(Site.id == site_id))).one())._asdict()

    try:
        return await parts.stores.database.write(work, idempotent=True)
    except IntegrityError as error:
        raise ApiError(409, "site_exists", f"there is a site with base_url {base_url}") from error


@router.get("/sites", response_model=SiteList)
async def list_sites(parts: In, limit: Limit = 100, offset: Offset = 0) -> Mapping[str, Any]:
    """All sites, oldest first."""

    async def work(connection: AsyncConnection) -> Mapping[str, Any]:
        found = select(*_SITE).order_by(Site.created_at, Site.id).limit(limit).offset(offset)
        return {
            "items": (await connection.execute(found)).mappings().all(),
            "total": await connection.scalar(select(func.count()).select_from(Site)),
        }

    return await parts.stores.database.read(work)


@router.get("/sites/{site_id}", response_model=SiteShape)
async def read_site(site_id: str, parts: In) -> Mapping[str, Any]:
    """One site."""

    async def work(connection: AsyncConnection) -> Mapping[str, Any] | None:
        found = (await connection.execute(select(*_SITE).where(Site.id == site_id))).one_or_none()
        return None if found is None else found._asdict()

    found = await parts.stores.database.read(work)
    if found is None:
        raise _unknown(site_id)
    return found


@router.delete("/sites/{site_id}", status_code=204, dependencies=[MayWrite])
async def delete_site(site_id: str, parts: In) -> Response:
    """Remove a site with its pages, scrapes and index. Once this is answered no replica finds it any more."""

    async def work(connection: AsyncConnection) -> bool:
        removed = await connection.execute(delete(Site).where(Site.id == site_id).returning(Site.id))
        return removed.one_or_none() is not None

    if not await parts.stores.database.write(work):
        raise _unknown(site_id)
    parts.sites.forget(site_id)
    try:
        await parts.stores.redis.call(new_generation(site_id))
        await asyncio.sleep(GENERATION_TRUST_S)
    except Unavailable:
        pass  # without Redis no replica serves from cache
    # If it is away now, the workers drop indexes without a site.
    with suppress(Unavailable):
        await parts.stores.engine.drop_index(site_id)
    return Response(status_code=204)


@router.get("/sites/{site_id}/pages", response_model=PageList)
async def list_pages(site_id: str, parts: In, limit: Limit = 100, offset: Offset = 0) -> Mapping[str, Any]:
    """The stored pages of a site, by URL."""

    async def work(connection: AsyncConnection) -> Mapping[str, Any] | None:
        if await connection.scalar(select(Site.id).where(Site.id == site_id)) is None:
            return None
        found = select(Page.url, Page.title, Page.checksum).where(Page.site_id == site_id)
        return {
            "items": (await connection.execute(found.order_by(Page.url).limit(limit).offset(offset))).mappings().all(),
            "total": await connection.scalar(select(func.count()).select_from(Page).where(Page.site_id == site_id)),
        }

    listed = await parts.stores.database.read(work)
    if listed is None:
        raise _unknown(site_id)
    return listed


def _unknown(site_id: str) -> ApiError:
    return ApiError(404, "unknown_site", f"no site {site_id}")
