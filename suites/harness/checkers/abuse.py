"""Whether what one client does to the platform is felt by the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from reports.records import History, Measurement, Operation, Window
from suites.harness.checkers.latency import answered_ms, latency_facts, percentile

MINUTE_S = 60.0
# Less than this part of the flood that was wanted is no flood.
_FLOOD_AT_LEAST = 0.95


class Held(Protocol):
    """A connection whose request never became whole."""

    @property
    def part(self) -> str: ...
    @property
    def opened(self) -> bool: ...
    @property
    def closed_after_s(self) -> float | None: ...


class Oversized(Protocol):
    """A body that is larger than any may be."""

    @property
    def offered_bytes(self) -> int: ...
    @property
    def taken_bytes(self) -> int: ...
    @property
    def chunked(self) -> bool: ...
    @property
    def status(self) -> int | None: ...
    @property
    def refused(self) -> bool: ...


class Abuse(Protocol):
    """What one client did, one after the other: it flooded, held connections, and sent bodies that are too large."""

    @property
    def flood(self) -> Window: ...
    @property
    def held(self) -> Sequence[Held]: ...
    @property
    def holding(self) -> Window: ...
    @property
    def oversized(self) -> Sequence[Oversized]: ...
    @property
    def sending(self) -> Window: ...


def abuse_contained(
    history: History,
    abuse: Abuse,
    *,
    limit_per_minute: int,
    times_limit: float,
    timeout_ms: float,
    normal: str = "search",
    flood: str = "flood",
    doubts: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> Measurement:
    """The share of normal clients' requests that were not answered well while another client abused the platform.

    Guards: `p95_ms` of the normal ones; `served_over_limit`, the flood's answers above its limit, counted by clock
    minutes; `refused_otherwise`, its other requests that were not refused with 429 and Retry-After;
    `slow_closed_s`, the longest that a connection was kept whose request did not come (how long it was looked at for
    one that still was); `oversized_refused`, and `oversized_taken_ratio`, the largest part of a body that was taken.
    """
    window = Window(start=abuse.flood.start, end=abuse.sending.end)
    normals = [each for each in history.operations if each.kind == normal and _within(each, window)]
    floods = [each for each in history.operations if each.kind == flood]
    failed = sum(1 for each in normals if each.outcome != "ok")
    ordered = sorted(answered_ms(each, timeout_ms) for each in normals)
    served = sum(1 for each in floods if each.outcome == "ok")
    refused = sum(1 for each in floods if _is_refusal(each))
    kept_s = [_kept_s(each, abuse.holding) for each in abuse.held if each.opened]
    taken = [each.taken_bytes / each.offered_bytes for each in abuse.oversized]
    return Measurement(
        value=failed / len(normals) if normals else None,
        unit="ratio",
        samples=len(normals),
        window=window,
        guards={
            "p95_ms": percentile(ordered, 0.95) if ordered else None,
            "served_over_limit": float(max(0, served - _allowed(floods, limit_per_minute))) if floods else None,
            "refused_otherwise": float(len(floods) - served - refused) if floods else None,
            "slow_closed_s": max(kept_s, default=None),
            "oversized_refused": float(all(each.refused for each in abuse.oversized)) if abuse.oversized else None,
            "oversized_taken_ratio": max(taken, default=None),
        },
        doubts=(*doubts, *_doubts(floods, abuse.held, limit_per_minute * times_limit / MINUTE_S)),
        facts={
            "flood": {
                "sent": len(floods),
                "served": served,
                "refused": refused,
                "allowed": _allowed(floods, limit_per_minute),
                "errors": dict(Counter(each.error for each in floods if each.error).most_common(5)),
            },
            "held": {
                part: {
                    "connections": sum(1 for each in abuse.held if each.part == part),
                    "kept_s_max": max(_kept_s(each, abuse.holding) for each in abuse.held if each.part == part),
                    "not_closed": sum(1 for each in abuse.held if each.part == part and each.closed_after_s is None),
                }
                for part in sorted({each.part for each in abuse.held})
            },
            "oversized": [
                {"chunked": each.chunked, "taken_bytes": each.taken_bytes, "status": each.status}
                for each in abuse.oversized
            ],
            "p95_ms_by_abuse": {
                name: _p95_ms(normals, during, timeout_ms)
                for name, during in (
                    ("flood", abuse.flood),
                    ("slow requests", abuse.holding),
                    ("oversized bodies", abuse.sending),
                )
            },
            **(latency_facts(normals, timeout_ms) if normals else {}),
            **(facts or {}),
        },
    )


def _within(operation: Operation, window: Window) -> bool:
    return window.start <= operation.intended <= window.end


def _is_refusal(operation: Operation) -> bool:
    """Whether the answer was 429 and told in how many seconds to come again; 0 is at once, and no empty promise."""
    return (operation.error or "").startswith("HTTP 429") and str(operation.value).rpartition("@")[2].isdigit()


def _kept_s(held: Held, holding: Window) -> float:
    return held.closed_after_s if held.closed_after_s is not None else holding.end - holding.start


def _allowed(floods: Sequence[Operation], limit_per_minute: int) -> int:
    """The limit for each minute of the clock that the flood had a part of."""
    if not floods:
        return 0
    first, last = min(each.started for each in floods), max(each.finished for each in floods)
    return limit_per_minute * (int(last // MINUTE_S) - int(first // MINUTE_S) + 1)


def _p95_ms(operations: Sequence[Operation], window: Window, timeout_ms: float) -> float | None:
    ordered = sorted(answered_ms(each, timeout_ms) for each in operations if _within(each, window))
    return percentile(ordered, 0.95) if ordered else None


def _doubts(floods: Sequence[Operation], held: Sequence[Held], wanted_hz: float) -> list[str]:
    doubts = []
    starts = [each.started for each in floods]
    rate_hz = len(floods) / (max(starts) - min(starts)) if len(floods) > 1 else 0.0
    if rate_hz < wanted_hz * _FLOOD_AT_LEAST:
        doubts.append(f"the flood was {rate_hz:.0f} requests a second, {wanted_hz:.0f} were wanted")
    if unopened := sum(1 for each in held if not each.opened):
        doubts.append(f"{unopened} of {len(held)} slow connections could not be opened")
    return doubts
