"""One client among others, by its own address: what it asks for counts against its own limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from suites.harness.workloads.request import Request, Requests

FLOOD = "flood"
# Set aside for measuring like all the generators' addresses, and spoken for by none of them.
_ADDRESS = "198.19.255.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """The same requests, all of one client, as operations of kind `flood`; of each answer `Retry-After` is told."""

    requests: Requests
    address: str = _ADDRESS

    def __iter__(self) -> Iterator[Request]:
        for request in self.requests:
            others = tuple(header for header in request.headers if header[0] != "X-Forwarded-For")
            headers = (("X-Forwarded-For", self.address), *others)
            yield replace(request, kind=FLOOD, headers=headers, tells="retry-after")
