"""How many requests failed around a fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reports.records import History, Measurement
from suites.harness.checkers.gaps import longest_gap
from suites.harness.checkers.pods import pods_missing


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


def failed_in_drain(history: History, app_looks: History, *, doubts: Iterable[str] = ()) -> Measurement:
    """The requests that failed, and as a guard how many app pods were missing at one moment in the same time."""
    failed = failed_requests(history, doubts=doubts)
    if failed.window is None:
        return replace(failed, guards={"app_pods_missing": None})
    missing = pods_missing(app_looks, failed.window)
    return replace(
        failed,
        guards={"app_pods_missing": missing.value},
        doubts=(*failed.doubts, *missing.doubts),
        facts={**failed.facts, "app_pods": missing.facts},
    )
