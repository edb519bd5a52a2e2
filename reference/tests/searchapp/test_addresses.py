"""The scraper cannot be led to addresses inside the platform's network."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from reference.searchapp.tasks.addresses import Refused, Scope, check_base_url, check_host, is_public
from reference.searchapp.tasks.resolver import GuardedResolver, RefusedAddress


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:0:0:0:0:0:f5ff:fffe"),
    ],
)
def test_inside_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_outside_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]".strip("[]"), "localhost"]
)
def test_every_spelling_of_an_inside_address_is_refused(host: str) -> None:
    with pytest.raises(Refused):
        check_host(host, frozenset())


def test_an_allowed_host_may_be_inside() -> None:
    check_host("127.0.0.1", frozenset({"127.0.0.1"}))


@pytest.mark.parametrize(
    ("given", "known_as"),
    [
        ("http://Example.org", "http://example.org/"),
        ("https://example.org:443/docs/", "https://example.org/docs/"),
        ("http://example.org:8080/a,b=c/", "http://example.org:8080/a,b=c/"),
    ],
)
def test_a_base_url_has_one_form(given: str, known_as: str) -> None:
    assert check_base_url(given, frozenset()) == known_as


@pytest.mark.parametrize(
    "given",
    [
        *("ftp://example.org/", "file:///etc/passwd", "example.org", "http://", "http://example.org:port/"),
        *("http://user:secret@example.org/", "http://example.org/?q=1", "http://example.org/#a"),
        *("http://10.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]/", "http://localhost:9100/"),
    ],
)
def test_a_bad_base_url_is_refused(given: str) -> None:
    with pytest.raises(Refused):
        check_base_url(given, frozenset())


@pytest.mark.parametrize(
    ("link", "resolved"),
    [
        ("b", "http://a.example/docs/b"),
        ("/docs/b?x=1#part", "http://a.example/docs/b?x=1"),
        ("http://a.example:80/docs/", "http://a.example/docs/"),
        ("//a.example/docs/c", "http://a.example/docs/c"),
        ("../private", None),
        ("/docs/../private", None),
        ("/docs/%2e%2e/private", None),
        ("/docs/..%2fprivate", None),
        ("/docs/..%5cprivate", None),
        ("https://a.example/docs/b", None),
        ("http://a.example:8080/docs/b", None),
        ("http://a.example.evil/docs/b", None),
        ("http://user@a.example/docs/b", None),
        ("http://10.0.0.1/docs/b", None),
        ("mailto:a@a.example", None),
        ("javascript:alert(1)", None),
        ("http://[broken", None),
        ("b" * 3000, None),
    ],
)
def test_links_stay_below_the_base_url(link: str, resolved: str | None) -> None:
    assert Scope("http://a.example/docs/").resolve(link, on="http://a.example/docs/index") == resolved


class _Answers(AbstractResolver):
    def __init__(self, *rounds: list[str]) -> None:
        self._rounds = list(rounds)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self._rounds[min(self.asked, len(self._rounds) - 1)]
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


def test_only_public_answers_of_a_name_are_used() -> None:
    async def look() -> list[str]:
        found = await GuardedResolver(frozenset(), _Answers(["10.0.0.1", "8.8.8.8", "::1"])).resolve("mixed.example")
        return [one["host"] for one in found]

    assert asyncio.run(look()) == ["8.8.8.8"]


def test_a_name_that_points_inside_is_not_connected_to() -> None:
    """The check is made on the very answer that is connected to, so a second, different answer changes nothing."""
    answers = _Answers(["127.0.0.1"])

    async def fetch() -> None:
        connector = aiohttp.TCPConnector(resolver=GuardedResolver(frozenset(), answers), use_dns_cache=False)
        async with aiohttp.ClientSession(connector=connector) as session, session.get("http://rebound.example/"):
            raise AssertionError("connected")

    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        asyncio.run(fetch())
    assert isinstance(caught.value.os_error, RefusedAddress)
    assert answers.asked == 1
