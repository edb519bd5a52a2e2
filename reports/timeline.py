"""A history brought down to what fits on a page: bins of latency and answers, every error, each fault's span. Pure.

A history may hold 100,000 operations. Latency is binned to a few hundred points, of which the highest is always kept;
errors are counted in bins of their own, so that a single one among 100,000 is still a mark on the page.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.records import History, Mark, Operation

MAX_SERIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyBin:
    """Latencies of the good answers that were due in one slice of time."""

    at: float
    p50_ms: float
    p95_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBin:
    """What did not go well in one slice of time."""

    at: float
    fail: int
    unknown: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One group of clients, such as those that reuse their connection.

    `points` are single answers (time, latency) where few enough to be drawn one by one, else `bins` are filled.
    """

    name: str
    operations: int
    points: tuple[tuple[float, float], ...]
    bins: tuple[LatencyBin, ...]
    errors: tuple[ErrorBin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpan:
    """A fault from its injection to its healing; `healed` None: the history ends before it was."""

    fault: str
    injecting: float | None
    observed: float | None
    healing: float | None
    healed: float | None

    @property
    def start(self) -> float:
        return next(at for at in (self.injecting, self.observed, self.healing, self.healed) if at is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorKind:
    """One way in which operations did not go well."""

    outcome: str
    error: str
    count: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What one check's clients saw, ready to be drawn: all times are Unix seconds within `start` and `end`."""

    start: float
    end: float
    series: tuple[Series, ...]
    answers_per_s: tuple[tuple[float, float], ...]
    faults: tuple[FaultSpan, ...]
    steady: tuple[float, ...]


def timeline(history: History, *, points: int = 600) -> Timeline | None:
    """The history on a page, at most about `points` points of latency; None when it is empty."""
    times = [time for entry in history.operations for time in (entry.intended, entry.finished)]
    times += [mark.at for mark in history.marks]
    if not times:
        return None
    start, end = min(times), max(times)
    # A history of one moment still needs an axis, and no clock tells less than a millisecond apart.
    end = end if end - start >= 0.001 else start + 1.0
    groups = _groups(history.operations)
    return Timeline(
        start=start,
        end=end,
        series=tuple(
            _series(name, operations, start=start, end=end, points=points // len(groups))
            for name, operations in groups.items()
        ),
        answers_per_s=_answers_per_s(history.operations, start=start, end=end, bins=points // 4),
        faults=tuple(fault_spans(history.marks)),
        steady=tuple(mark.at for mark in history.marks if mark.mark == "steady"),
    )


def fault_spans(marks: Iterable[Mark]) -> list[FaultSpan]:
    """Each injection of each fault with its later marks, in order of time."""
    found: list[dict[str, float | str]] = []
    current: dict[str, dict[str, float | str]] = {}
    for mark in sorted(marks, key=lambda mark: mark.at):
        if mark.mark == "steady":
            continue
        span = current.get(mark.fault)
        if span is None or mark.mark == "injecting" or mark.mark in span:
            span = current[mark.fault] = {"fault": mark.fault}
            found.append(span)
        span[mark.mark] = mark.at
    return [
        FaultSpan(
            fault=str(span["fault"]),
            **{name: _number(span.get(name)) for name in ("injecting", "observed", "healing", "healed")},
        )
        for span in found
    ]


def error_kinds(operations: Iterable[Operation]) -> list[ErrorKind]:
    """Every way in which operations did not go well, most frequent first."""
    found: dict[tuple[str, str], list[float]] = {}
    for operation in operations:
        if operation.outcome != "ok":
            found.setdefault((operation.outcome, error_text(operation)), []).append(operation.intended)
    kinds = [
        ErrorKind(outcome=outcome, error=error, count=len(times), first_at=min(times), last_at=max(times))
        for (outcome, error), times in found.items()
    ]
    return sorted(kinds, key=lambda kind: (-kind.count, kind.first_at))


def error_text(operation: Operation) -> str:
    """The error in one short line; numbers that differ each time (ports, ids) do not make it another error."""
    text = " ".join(str(operation.error or "no error text").split())[:160]
    return re.sub(r"\b(0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d{4,})\b", "…", text)


def latency_ms(operations: Iterable[Operation]) -> Mapping[str, float | None]:
    """p50, p95, p99 and the highest latency of the good answers; None where there was none."""
    latencies = sorted(operation.latency_ms for operation in operations if operation.outcome == "ok")
    if not latencies:
        return dict.fromkeys(("p50", "p95", "p99", "max"))
    named = {f"p{part}": percentile(latencies, part / 100) for part in (50, 95, 99)}
    return {**named, "max": latencies[-1]}


def percentile(ordered: Sequence[float], part: float) -> float:
    """The smallest of the ordered values that at least `part` of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _groups(operations: Sequence[Operation]) -> dict[str, list[Operation]]:
    """Operations by client; numbered clients (`user-17`) are one group, and beyond a few the rest are `others`."""
    names = Counter(operation.client for operation in operations)
    if len(names) > MAX_SERIES:
        names = Counter(_unnumbered(operation.client) for operation in operations)
    kept = [name for name, _ in names.most_common(MAX_SERIES if len(names) <= MAX_SERIES else MAX_SERIES - 1)]
    groups: dict[str, list[Operation]] = {name: [] for name in sorted(kept)}
    for operation in operations:
        name = operation.client if operation.client in groups else _unnumbered(operation.client)
        groups.setdefault(name if name in groups else "others", []).append(operation)
    return groups


def _unnumbered(client: str) -> str:
    return re.sub(r"[\W_]*\d[\w.:-]*$", "", client) or "numbered clients"


def _series(name: str, operations: Sequence[Operation], *, start: float, end: float, points: int) -> Series:
    answers = [(entry.intended, entry.latency_ms) for entry in operations if entry.outcome == "ok"]
    single = len(answers) <= points
    # A bin is up to three marks (p50, p95, highest).
    bins = max(1, points // 2)
    width = (end - start) / bins
    latencies: dict[int, list[float]] = {}
    for at, latency in () if single else answers:
        latencies.setdefault(min(bins - 1, int((at - start) / width)), []).append(latency)
    errors: dict[int, list[Operation]] = {}
    for operation in operations:
        if operation.outcome != "ok":
            errors.setdefault(min(bins - 1, int((operation.intended - start) / width)), []).append(operation)
    return Series(
        name=name,
        operations=len(operations),
        points=tuple(answers) if single else (),
        bins=tuple(_latency_bin(start + (index + 0.5) * width, latencies[index]) for index in sorted(latencies)),
        errors=tuple(_error_bin(errors[index]) for index in sorted(errors)),
    )


def _latency_bin(at: float, latencies: list[float]) -> LatencyBin:
    latencies.sort()
    return LatencyBin(
        at=at, p50_ms=percentile(latencies, 0.5), p95_ms=percentile(latencies, 0.95), max_ms=latencies[-1]
    )


def _error_bin(operations: Sequence[Operation]) -> ErrorBin:
    return ErrorBin(
        at=operations[0].intended,
        fail=sum(operation.outcome == "fail" for operation in operations),
        unknown=sum(operation.outcome == "unknown" for operation in operations),
        example=error_text(operations[0]),
    )


def _answers_per_s(
    operations: Sequence[Operation], *, start: float, end: float, bins: int
) -> tuple[tuple[float, float], ...]:
    """Good answers per second by when they came: a gap shows as a hole, a backlog as a peak after it."""
    # Slices shorter than a second would show the schedule's grain, not the platform.
    bins = max(1, min(bins, int(end - start)))
    width = (end - start) / bins
    counts = Counter(
        min(bins - 1, int((entry.finished - start) / width)) for entry in operations if entry.outcome == "ok"
    )
    return tuple((start + index * width, counts[index] / width) for index in range(bins)) if counts else ()


def _number(value: float | str | None) -> float | None:
    return value if isinstance(value, float | int) else None
