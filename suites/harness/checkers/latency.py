"""How long answers took, from a history: percentiles from the intended start, errors, and what the cache did."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reports.records import History, Measurement, Operation, Window


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank). `ordered` ascends."""
    if not ordered:
        raise ValueError("no values have no percentile")
    if not 0.0 < share <= 1.0:
        raise ValueError(f"a share of {share} is not in (0, 1]")
    return ordered[max(0, math.ceil(len(ordered) * share - 1e-9) - 1)]


def latency_p95_ms(
    history: History,
    *,
    timeout_ms: float,
    kind: str | None = None,
    window: Window | None = None,
    doubts: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> Measurement:
    """The time within which 95 of 100 operations were answered well, counted from when each was intended to start.

    Every operation (of that kind) that was intended in the window counts, whatever became of it. One that did not end
    `ok` counts as if it had taken at least the client's time-out: an error that comes at once is no quick answer.
    Guard `error_ratio`: the share of operations that did not end `ok`.
    """
    operations = [
        operation
        for operation in history.operations
        if (window is None or window.start <= operation.intended <= window.end) and kind in (None, operation.kind)
    ]
    if not operations:
        return Measurement(
            value=None, unit="ms", samples=0, window=window, guards={"error_ratio": None}, doubts=tuple(doubts),
            facts=facts or {},
        )  # fmt: skip
    ordered = sorted(answered_ms(operation, timeout_ms) for operation in operations)
    failed = sum(1 for operation in operations if operation.outcome != "ok")
    return Measurement(
        value=percentile(ordered, 0.95),
        unit="ms",
        samples=len(operations),
        window=window or Window(start=operations[0].intended, end=operations[-1].intended),
        guards={"error_ratio": failed / len(operations)},
        doubts=tuple(doubts),
        facts={**latency_facts(operations, timeout_ms), **(facts or {})},
    )


def latency_facts(operations: Sequence[Operation], timeout_ms: float) -> dict[str, Any]:
    """What is shown beside a latency: the other percentiles, each sort of request, cache, fallback and errors."""
    ordered = sorted(answered_ms(operation, timeout_ms) for operation in operations)
    by_label: dict[str, list[float]] = {}
    cached: Counter[str] = Counter()
    degraded = answered = 0
    for operation in operations:
        label, cache, is_degraded = read_value(operation.value)
        if label:
            by_label.setdefault(label, []).append(answered_ms(operation, timeout_ms))
        if operation.outcome == "ok":
            answered += 1
            degraded += is_degraded
            if cache:
                cached[cache] += 1
    looked_up = cached["hit"] + cached["miss"]
    errors = Counter(operation.error for operation in operations if operation.error)
    return {
        "p50_ms": percentile(ordered, 0.5),
        "p95_ms": percentile(ordered, 0.95),
        "p99_ms": percentile(ordered, 0.99),
        "max_ms": ordered[-1],
        "cache_hit_ratio": cached["hit"] / looked_up if looked_up else None,
        "cache_bypassed_ratio": cached["bypass"] / answered if answered else None,
        "degraded_ratio": degraded / answered if answered else None,
        "p95_ms_by_label": {label: percentile(sorted(values), 0.95) for label, values in sorted(by_label.items())},
        "share_by_label": {label: len(values) / len(operations) for label, values in sorted(by_label.items())},
        "errors": dict(errors.most_common(5)),
    }


def answered_ms(operation: Operation, timeout_ms: float) -> float:
    """An operation's latency; at least the time-out for one that did not end `ok`."""
    return operation.latency_ms if operation.outcome == "ok" else max(operation.latency_ms, timeout_ms)


def read_value(value: Any) -> tuple[str, str, bool]:
    """Label, cache state and whether the fallback answered, of `label:cache[:degraded][@…]`; blanks where unknown."""
    if not isinstance(value, str):
        return "", "", False
    label, _, rest = value.partition("@")[0].partition(":")
    cache, _, mark = rest.partition(":")
    return label, cache, mark == "degraded"
