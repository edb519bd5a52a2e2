"""The units a measurement may have, and how a number with its unit is written for a reader."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from reports.records import Window

UNITS: dict[str, str] = {
    "bool": "1 is true, 0 is false",
    "count": "things counted",
    "h": "hours",
    "min": "minutes",
    "ms": "milliseconds",
    "ratio": "part of a whole, 0 to 1; written as a percentage",
    "s": "seconds",
}


def number(value: float) -> str:
    """A number with four significant digits and no exponent, thousands separated."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = f"{value:.4g}"
    return digits if "e" not in digits else f"{value:.7f}".rstrip("0").rstrip(".")


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit: `41.2 s`, `0.1 %`, `true`; a missing one is `no value`."""
    if value is None:
        return "no value"
    if unit == "bool" and value in (0, 1):
        return "true" if value else "false"
    if unit == "ratio":
        return f"{number(round(value * 100, 7))} %"
    return number(value) if unit in ("count", "bool") else f"{number(value)} {unit}"


def moment(at: float) -> str:
    """A Unix time as UTC: `2026-11-24 10:02:07 UTC`; one that no calendar has is written as it is."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{at} (not a time)"


def span(window: Window | None) -> str:
    """A window as clock times and length: `2026-11-24 10:02:07.0–10:02:48.2 UTC (41.2 s)`."""
    if window is None:
        return "none"
    try:
        start, end = datetime.fromtimestamp(window.start, UTC), datetime.fromtimestamp(window.end, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{window.start} to {window.end} (not times)"
    tenth = f"{start:%Y-%m-%d %H:%M:%S}.{start.microsecond // 100_000}"
    until = f"{end:%H:%M:%S}.{end.microsecond // 100_000}"
    return f"{tenth}–{until} UTC ({duration(window.end - window.start)})"


def duration(seconds: float) -> str:
    """A length of time a person can read: `41.2 s`, `3 min 20 s`, `26 h 5 min`."""
    if seconds < 100:
        return f"{number(round(seconds, 1))} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
