"""Yes-or-no measurements: true only when everything that was looked at holds, and something was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.records import Measurement
from suites.harness.checkers.shown import shown


def all_true(claims: Mapping[str, bool], *, facts: Mapping[str, Any] | None = None) -> Measurement:
    """1 when every claim holds, 0 when one does not, no value when there is none. Facts name those that do not hold."""
    false = [claim for claim, holds in claims.items() if not holds]
    return Measurement(
        value=None if not claims else float(not false),
        unit="bool",
        samples=len(claims),
        facts={**(facts or {}), **({"not_true": shown(false)} if false else {})},
    )


def pages_stored(expected: Mapping[str, str], stored: Sequence[tuple[str, str]], **facts: Any) -> Measurement:
    """1 when every expected page (URL → checksum) is stored once, as it was served, and nothing else is."""
    found = dict(stored)
    wrong = {
        "missing": [url for url in expected if url not in found],
        "altered": [url for url, checksum in expected.items() if url in found and found[url] != checksum],
        "unexpected": [url for url in found if url not in expected],
        "stored_twice": sorted({url for url, _ in stored if sum(url == other for other, _ in stored) > 1}),
    }
    return Measurement(
        value=None if not expected else float(not any(wrong.values())),
        unit="bool",
        samples=len(expected),
        facts={
            "pages_expected": len(expected),
            "pages_stored": len(stored),
            **facts,
            **{name: shown(urls) for name, urls in wrong.items() if urls},
        },
    )
