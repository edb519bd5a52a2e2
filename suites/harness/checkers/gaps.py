"""How long clients went without a good answer while a fault was on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from reports.records import History, Mark, Measurement, Operation, Window
from suites.harness.checkers.fault import doubts_of_fault

# A client that probes less often cannot see a gap to a twentieth of the 1 s that is promised.
PROBE_RATE_HZ = 20.0
# A restart that waits for its back-off makes the recording longer, and the same errors a smaller part of it. So the
# error ratio is taken of a fixed time, the worst there is.
ERROR_WINDOW_S = 20.0
# A sender that is silent for longer has measured its own pause.
SILENT_AT_MOST_S = 0.25


def longest_gap(
    history: History,
    *,
    kind: str | None = None,
    steady_before_s: float = 10.0,
    steady_after_s: float = 20.0,
    doubts: Iterable[str] = (),
) -> Measurement:
    """The longest time between two good answers in a row that one client got, from the fault's injection on.

    Each client is looked at by itself, so one kind of connection that suffers is not hidden by another that does not.
    With a `kind`, only operations of that kind are looked at.
    Guard: the part of operations not answered well in the worst 20 s since the injection; a time-out counts.
    """
    operations = [operation for operation in history.operations if kind in (None, operation.kind)]
    injecting, healed = history.first("injecting"), history.first("healed")
    if not operations or injecting is None:
        why = f"no {kind or 'traffic'} was recorded" if not operations else "no fault was injected"
        return Measurement(value=None, unit="s", samples=0, doubts=(*doubts, why))
    traffic = Window(start=operations[0].intended, end=max(operation.finished for operation in operations))
    window = Window(start=injecting.at, end=traffic.end)
    during = [operation for operation in operations if operation.finished >= window.start]
    errors = [operation for operation in during if operation.outcome != "ok"]
    streams = _streams(operations)
    gaps = {client: _longest(stream, since=window.start) for client, stream in streams.items()}
    longest = max(gaps.values(), key=lambda gap: gap.end - gap.start)
    return Measurement(
        value=longest.end - longest.start,
        unit="s",
        samples=len(during),
        window=window,
        guards={"error_ratio": _worst_error_ratio(during, errors)},
        doubts=(
            *doubts,
            *_doubts_of_fault(history, injecting, steady_before_s, steady_after_s, traffic),
            *(doubt for client, stream in streams.items() for doubt in _doubts_of_probe(client, stream)),
        ),
        fault=injecting.fault,
        facts={
            **_steps(injecting, history.first("observed"), healed, errors, longest),
            "gap_s_by_client": {client: _rounded(gap.end - gap.start) for client, gap in sorted(gaps.items())},
            "gap_before_fault_s": _rounded(max(_longest_before(stream, window.start) for stream in streams.values())),
            "errors": len(errors),
            "error_seconds": len({int(operation.finished - window.start) for operation in errors}),
            "error_kinds": _kinds(errors),
        },
    )


def _streams(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    streams: dict[str, list[Operation]] = {}
    for operation in operations:
        streams.setdefault(operation.client, []).append(operation)
    return streams


def _longest(stream: Sequence[Operation], *, since: float) -> Window:
    """The longest stretch without a good answer that reaches beyond `since`.

    The stream's own first and last intended start stand for the answers before and after it: a client that never
    recovers has a gap up to its end.
    """
    answers = sorted(operation.finished for operation in stream if operation.outcome == "ok")
    last = max(operation.intended for operation in stream)
    moments = [stream[0].intended, *answers]
    if last > moments[-1]:
        moments.append(last)
    gaps = [Window(start=start, end=end) for start, end in pairwise(moments) if end >= since]
    return max(gaps, key=lambda gap: gap.end - gap.start, default=Window(start=since, end=since))


def _longest_before(stream: Sequence[Operation], until: float) -> float:
    answers = sorted(operation.finished for operation in stream if operation.outcome == "ok")
    return max((end - start for start, end in pairwise(answers) if end < until), default=0.0)


def _worst_error_ratio(during: Sequence[Operation], errors: Sequence[Operation]) -> float:
    finished = sorted(operation.finished for operation in during)
    failed = sorted(operation.finished for operation in errors)
    latest_start = max(finished[0], finished[-1] - ERROR_WINDOW_S)
    starts = {min(at, latest_start) for at in failed}
    return max((_count(failed, start) / _count(finished, start) for start in starts), default=0.0)


def _count(moments: Sequence[float], start: float) -> int:
    return bisect_right(moments, start + ERROR_WINDOW_S) - bisect_left(moments, start)


def _doubts_of_fault(
    history: History, injecting: Mark, steady_before_s: float, steady_after_s: float, traffic: Window
) -> list[str]:
    doubts = doubts_of_fault(history)
    before_s = injecting.at - traffic.start
    if before_s < steady_before_s:
        doubts.append(f"{before_s:.1f} s of traffic before the fault, {steady_before_s:g} s needed")
    healed = history.first("healed")
    if healed is not None and traffic.end - healed.at < steady_after_s:
        doubts.append(f"{traffic.end - healed.at:.1f} s of traffic after healing, {steady_after_s:g} s needed")
    return doubts


def _doubts_of_probe(client: str, stream: Sequence[Operation]) -> list[str]:
    doubts = []
    hole = max((later.intended - earlier.intended for earlier, later in pairwise(stream)), default=None)
    if hole is None:
        return [f"client {client} sent one request"]
    # Rates are no exact numbers of floating point.
    if hole > 1.001 / PROBE_RATE_HZ:
        doubts.append(f"client {client} planned no request for {hole:.3f} s: fewer than {PROBE_RATE_HZ:g} a second")
    starts = sorted(operation.started for operation in stream)
    silent = max(later - earlier for earlier, later in pairwise(starts))
    if silent > SILENT_AT_MOST_S:
        doubts.append(f"client {client} sent nothing for {silent:.3f} s: its own pause, not the target's")
    return doubts


def _steps(
    injecting: Mark, observed: Mark | None, healed: Mark | None, errors: Sequence[Operation], longest: Window
) -> dict[str, Any]:
    """Seconds from the injection to each step of the recovery, as far as it was seen."""
    moments = {
        "first_error_after_s": min((operation.finished for operation in errors), default=None),
        "last_error_after_s": max((operation.finished for operation in errors), default=None),
        "answered_again_after_s": longest.end,
        "observed_after_s": observed.at if observed else None,
        "healed_after_s": healed.at if healed else None,
    }
    return {name: _rounded(at - injecting.at) for name, at in moments.items() if at is not None}


def _kinds(errors: Iterable[Operation]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for operation in errors:
        kind = f"{operation.outcome}: {operation.error or 'without text'}"
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
