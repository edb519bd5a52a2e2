"""Who a request is from, behind proxies that append their peer to X-Forwarded-For."""

from __future__ import annotations


def client_address(forwarded: str | None, peer: str, trusted_hops: int) -> str:
    """The `trusted_hops`-th address from the right, the peer itself with 0 hops or without the header.

    With fewer addresses than hops the leftmost is taken: whatever stands further left a client could have invented.
    """
    if trusted_hops == 0 or not forwarded:
        return peer
    if "," not in forwarded:
        return forwarded.strip() or peer
    addresses = [address.strip() for address in forwarded.split(",")]
    return addresses[-min(trusted_hops, len(addresses))] or peer
