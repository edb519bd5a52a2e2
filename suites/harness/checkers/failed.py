"""How many requests failed around a fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reports.records import History, Measurement
from suites.harness.checkers.gaps import longest_gap


def failed_requests(history: History, *, doubts: Iterable[str] = ()) -> Measurement:
    """The requests of all clients that were not answered well, from the fault's injection to the end of the traffic.

    A time-out counts. What makes a gap doubtful makes this doubtful too: a client that sends nothing sees no failure.
    """
    gap = longest_gap(history, doubts=doubts)
    if gap.value is None:
        return replace(gap, unit="count")
    return replace(
        gap,
        value=float(gap.facts["errors"]),
        unit="count",
        guards={},
        facts={**gap.facts, "longest_gap_s": round(gap.value, 3)},
    )
