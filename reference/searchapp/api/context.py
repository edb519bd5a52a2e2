"""What the routes work with, and the checks that stand before a write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Header, Request

from reference.searchapp.api.clients import client_address
from reference.searchapp.api.errors import ApiError
from reference.searchapp.api.keys import Keys
from reference.searchapp.api.wire import Lifecycle
from reference.searchapp.settings import Settings
from reference.searchapp.stores.limits import Limiter, retry_after_s
from reference.searchapp.stores.opened import Stores
from reference.searchapp.stores.sites import KnownSites


class Wakeable(Protocol):
    """The outbox, as far as the routes know it."""

    def wake(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The parts of one API process."""

    settings: Settings
    stores: Stores
    sites: KnownSites
    keys: Keys
    writes: Limiter
    outbox: Wakeable
    lifecycle: Lifecycle


def context(request: Request) -> Context:
    found = request.app.state.context
    assert isinstance(found, Context)
    return found


In = Annotated[Context, Depends(context)]


async def may_write(
    request: Request, parts: In, x_api_key: Annotated[str | None, Header(description="A key that may write.")] = None
) -> None:
    """Within the rate, and with a key."""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")) or None
    peer = request.client.host if request.client else "unknown"
    client = client_address(forwarded, peer, parts.settings.trusted_proxy_hops)
    if not await parts.writes.allow(client):
        wait_s = retry_after_s()
        raise ApiError(429, "rate_limited", f"too many writes, try again in {wait_s} s", {"Retry-After": str(wait_s)})
    await parts.keys.require(x_api_key)


MayWrite = Depends(may_write)
