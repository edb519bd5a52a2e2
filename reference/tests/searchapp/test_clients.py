from __future__ import annotations

import pytest

from reference.searchapp.api.clients import client_address


@pytest.mark.parametrize(
    ("forwarded", "hops", "client"),
    [
        (None, 1, "peer"),
        ("1.1.1.1", 0, "peer"),
        ("1.1.1.1", 1, "1.1.1.1"),
        ("invented, 1.1.1.1", 1, "1.1.1.1"),
        ("invented, 1.1.1.1, 2.2.2.2", 2, "1.1.1.1"),
        ("2.2.2.2", 2, "2.2.2.2"),
        ("1.1.1.1, 2.2.2.2", 5, "1.1.1.1"),
        ("", 1, "peer"),
    ],
)
def test_the_client_is_what_the_trusted_proxies_say(forwarded: str | None, hops: int, client: str) -> None:
    assert client_address(forwarded, "peer", hops) == client
