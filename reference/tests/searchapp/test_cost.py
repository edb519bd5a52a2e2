"""What a search costs the API in CPU, by what answers it: `pytest -m benchmark reference/tests/searchapp`."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from reference.tests.processes import Process
from reference.tests.searchapp.platform import scraped, site_url

pytestmark = [pytest.mark.benchmark, pytest.mark.usefixtures("worker")]

# At 1000 searches a second three replicas, the engine, the ingress and the generator share two cores.
HIT_US_MOST = 300.0
MISS_US_MOST = 2000.0
CONNECTIONS = 8


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _ask(port: int, paths: Callable[[], str], requests: int) -> None:
    async def one(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(count):
            head = f"GET {paths()} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.18.{number % 4}.{number % 250}\r\n\r\n"
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            await reader.readexactly(int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()

    await asyncio.gather(*(one(requests // CONNECTIONS) for _ in range(CONNECTIONS)))


@pytest.mark.parametrize(("kind", "requests", "most_us"), [("hit", 8000, HIT_US_MOST), ("miss", 1600, MISS_US_MOST)])
def test_a_search_costs_no_more_than_its_share(
    client: httpx.Client,
    website: str,
    api_with: Callable[..., Process],
    record_property: Callable[[str, object], None],
    environment: Mapping[str, str],
    kind: str,
    requests: int,
    most_us: float,
) -> None:
    """CPU of the whole process per search, kernel included, measured over real connections."""
    site_id = scraped(client, site_url(website, pages=50))
    numbers = itertools.count()

    def paths() -> str:
        return f"/search?site={site_id}&q=word{f'%20n{next(numbers)}' if kind == 'miss' else ''}"

    with api_with(APP_VERSION=environment["APP_VERSION"]) as api:
        asyncio.run(_ask(api.port, paths, 400))
        before_s = _cpu_s(api.process.pid)
        asyncio.run(_ask(api.port, paths, requests))
        cost_us = (_cpu_s(api.process.pid) - before_s) / requests * 1e6
    record_property("cost_us", cost_us)
    print(f"{kind}: {cost_us:.0f} µs of CPU per search")  # noqa: T201 - the number is what the run is for
    assert cost_us < most_us
