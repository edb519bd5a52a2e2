"""Lists as facts show them."""

from __future__ import annotations

from collections.abc import Sequence

# Enough to see the pattern of what is wrong; the rest is a number.
SHOWN = 20


def shown(entries: Sequence[str]) -> list[str]:
    """The first entries, and how many more there are."""
    more = len(entries) - SHOWN
    return list(entries) if more <= 0 else [*entries[:SHOWN], f"and {more} more"]
