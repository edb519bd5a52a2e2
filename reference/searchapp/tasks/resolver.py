"""Names to addresses that may be connected to.

The address that was checked is the address that is connected to: names are resolved once, here, for the connection
itself, so a name that answers differently the second time gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Collection

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from reference.searchapp.tasks.addresses import Refused, is_public


class RefusedAddress(Refused, OSError):
    """A name whose addresses are all out of bounds. An OSError, for that is what a resolver may raise."""


class GuardedResolver(AbstractResolver):
    """Names to the addresses that may be connected to."""

    def __init__(self, allowed_private: Collection[str], resolver: AbstractResolver | None = None) -> None:
        self._allowed_private = allowed_private
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if host.lower() in self._allowed_private:
            return found
        public = [one for one in found if is_public(one["host"])]
        if not public:
            raise RefusedAddress(f"{host} has no public address")
        return public

    async def close(self) -> None:
        await self._resolver.close()
