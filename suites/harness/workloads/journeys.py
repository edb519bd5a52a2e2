"""What users come for, one journey each: to search, to add a site, to have one scraped, to ask how far a scrape is.

Every stream of a journey is endless, can be pickled, and counts its own ids, so that no two of them ask for the same.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from suites.harness.workloads.plan import Connections
from suites.harness.workloads.queries import QueryMix
from suites.harness.workloads.request import Repeat, Request, Requests

CONNECTIONS: tuple[Connections, ...] = ("new", "reused")
SEARCH, WRITE, SUBMIT, READ = NAMES = "search", "write", "submit", "read"
# A gap lies between two answers, so up to two intervals are added to it: a tenth of a second where it is promised in
# tens of seconds. 40 writes a second keep half a core busy, as many scrapes submitted or read a third each.
PROBE_HZ = 20.0
# Where a gap is promised in a second. 80 searches a second keep a quarter of a core busy.
SEARCH_HZ = 40.0
SEARCH_TIMEOUT_S = 2.0
# The platform gives up a write after 3.5 s, behind at most one in the ingress' queue, and says so; a client that left
# before would know less.
WRITE_TIMEOUT_S = 5.0
# A submission is repeated with its key until the next one begins: every one is a write that must be answered, and each
# stream asks for one scrape a second, which two workers can keep up with on a machine that is busy with all the rest.
ASKED_AGAIN = 20
# Far below any limit that is meant for abuse: each of these writes 24 times a minute.
_CLIENTS_PER_STREAM = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One sort of request, at a rate on each kind of connection."""

    name: str
    requests: tuple[Requests, ...]
    rate_hz: float = PROBE_HZ
    timeout_s: float = SEARCH_TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """Adds site after site, each with an id of the client's own for a name. None of them is ever scraped."""

    ledger: str
    host: str
    api_key: str
    stream: int

    def __iter__(self) -> Iterator[Request]:
        clients = _clients(WRITE, self.stream, self.api_key)
        for number in itertools.count():
            id = f"{self.ledger}-{WRITE}-{self.stream}-{number}"
            yield Request(
                kind=WRITE,
                method="POST",
                path="/sites",
                headers=clients[number % len(clients)],
                body=json.dumps({"name": id, "base_url": f"http://{self.host}/{id}/"}).encode(),
                id=id,
                expect=id.encode(),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Submits:
    """Asks for a scrape of one site after another, each several times over with the same idempotency key: its id."""

    ledger: str
    sites: tuple[str, ...]
    api_key: str
    stream: int
    asked_again: int = ASKED_AGAIN

    def __iter__(self) -> Iterator[Request]:
        clients = _clients(SUBMIT, self.stream, self.api_key)
        for number in itertools.count():
            task = number // self.asked_again
            id = f"{self.ledger}-{SUBMIT}-{self.stream}-{task}"
            yield Request(
                kind=SUBMIT,
                method="POST",
                path=f"/sites/{self.sites[task % len(self.sites)]}/scrapes",
                headers=(*clients[number % len(clients)], ("Idempotency-Key", id)),
                body=b"{}",
                id=id,
                expect=b'"status"',
            )


def search(mix: QueryMix) -> Journey:
    """Searches of the mix, by clients that ask for the same in another order."""
    requests = tuple(replace(mix, stream=stream) for stream in range(len(CONNECTIONS)))
    return Journey(name=SEARCH, requests=requests, rate_hz=SEARCH_HZ)


def write(ledger: str, *, host: str, api_key: str) -> Journey:
    """New sites under `host`, which is never asked for them."""
    streams = range(len(CONNECTIONS))
    requests = tuple(Writes(ledger=ledger, host=host, api_key=api_key, stream=stream) for stream in streams)
    return Journey(name=WRITE, requests=requests, timeout_s=WRITE_TIMEOUT_S)


def submit(ledger: str, sites: Sequence[str], *, api_key: str) -> Journey:
    """Scrapes of the sites with these ids, one after the other."""
    streams = range(len(CONNECTIONS))
    requests = tuple(Submits(ledger=ledger, sites=tuple(sites), api_key=api_key, stream=stream) for stream in streams)
    return Journey(name=SUBMIT, requests=requests, timeout_s=WRITE_TIMEOUT_S)


def read(scrape_id: str) -> Journey:
    """How far one scrape is."""
    request = Request(kind=READ, path=f"/scrapes/{scrape_id}", expect=b'"status"')
    return Journey(name=READ, requests=tuple(Repeat(request) for _ in CONNECTIONS))


def _clients(journey: str, stream: int, api_key: str) -> list[tuple[tuple[str, str], ...]]:
    """The headers of each client that a stream speaks for; searches speak for those of 198.18.0.0/16."""
    block = 10 * (WRITE, SUBMIT).index(journey) + stream
    always = (("X-API-Key", api_key), ("Content-Type", "application/json"))
    return [(("X-Forwarded-For", f"198.19.{block}.{number}"), *always) for number in range(1, _CLIENTS_PER_STREAM + 1)]
