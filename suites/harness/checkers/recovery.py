"""How one journey came back after a fault: the gap its clients felt, and what the time went to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from reports.records import History, Measurement, Operation
from suites.harness.checkers.gaps import longest_gap
from suites.harness.checkers.latency import answered_ms, percentile

# Ten probes in a row of the slowest client that is believed: whoever waits longer has not come back yet.
_UNSTEADY_S = 0.5
# What an operation that was not answered well counts as, at least: a client's time-out.
TIMEOUT_MS = 5000.0


def journey_gap(
    history: History,
    kind: str,
    *,
    noticed_at: float | None = None,
    replaced_at: float | None = None,
    steady_before_s: float = 10.0,
    steady_after_s: float = 20.0,
    timeout_ms: float = TIMEOUT_MS,
    doubts: Iterable[str] = (),
) -> Measurement:
    """The longest gap of one kind of operation, with the way back in the facts.

    `recovery_s` is in seconds from the injection: when the platform noticed and when it had a replacement, as far as
    the caller knows; the first success after the longest gap; and from when on no client waited or failed any more.
    `p95_ms` is of what was asked before the fault, until it was healed, and after that; an operation that was not
    answered well counts as a time-out.
    """
    gap = longest_gap(history, kind=kind, steady_before_s=steady_before_s, steady_after_s=steady_after_s, doubts=doubts)
    injecting, healed = history.first("injecting"), history.first("healed")
    if injecting is None or gap.value is None:
        return gap
    operations = [operation for operation in history.operations if operation.kind == kind]
    moments = {
        "noticed": noticed_at,
        "replaced": replaced_at,
        "first_success": injecting.at + gap.facts["answered_again_after_s"],
        "steady": _steady_since(operations, since=injecting.at),
    }
    over_at = healed.at if healed is not None else operations[-1].intended
    parts = {
        "before": [operation for operation in operations if operation.intended < injecting.at],
        "during": [operation for operation in operations if injecting.at <= operation.intended < over_at],
        "after": [operation for operation in operations if over_at <= operation.intended],
    }
    return replace(
        gap,
        facts={
            **gap.facts,
            # What is told of an earlier time belongs to an earlier fault.
            "recovery_s": {
                name: round(at - injecting.at, 3)
                for name, at in moments.items()
                if at is not None and at >= injecting.at
            },
            "p95_ms": {name: _p95_ms(part, timeout_ms) for name, part in parts.items() if part},
        },
    )


def write_gap(
    history: History,
    *,
    noticed_at: float | None = None,
    replaced_at: float | None = None,
    doubts: Iterable[str] = (),
) -> Measurement:
    """The longest time a client went without an acknowledged write, with the way back in the facts."""
    return journey_gap(history, "write", noticed_at=noticed_at, replaced_at=replaced_at, doubts=doubts)


def _steady_since(operations: Sequence[Operation], *, since: float) -> float | None:
    """The moment after which nobody failed or waited for long; None when that was never so."""
    clients: dict[str, list[float]] = {}
    unsteady = [since]
    for operation in operations:
        answers = clients.setdefault(operation.client, [])
        if operation.outcome == "ok":
            answers.append(operation.finished)
        elif operation.finished >= since:
            unsteady.append(operation.finished)
    for answers in clients.values():
        unsteady += [later for earlier, later in pairwise(sorted(answers)) if later - earlier > _UNSTEADY_S]
    at = max(unsteady)
    if not all(any(answer > at for answer in answers) for answers in clients.values()):
        return None
    return at


def _p95_ms(operations: Sequence[Operation], timeout_ms: float) -> Any:
    return round(percentile(sorted(answered_ms(operation, timeout_ms) for operation in operations), 0.95), 1)
