"""How many users were there at the same time, each with requests of their own, and how many of those failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reports.records import History, Measurement, Window
from suites.harness.checkers.latency import latency_p95_ms

# A window is as long as was asked for but for the look at its start and at its end.
_SHORTER_AT_MOST_S = 2.5


def concurrent_users(
    history: History,
    looks: History,
    *,
    asked: int,
    for_s: float,
    timeout_ms: float,
    doubts: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> Measurement:
    """The users who were there together for that long: the fewest that were counted, or that sent anything, if fewer.

    The window reaches from the first to the last look that counted all who were asked for. Guard
    `error_ratio`: the share of the requests in it that were not answered well.
    """
    reasons = list(doubts)
    counted = [(look.finished, int(look.value["users"])) for look in looks.operations if look.outcome == "ok"]
    full = [at for at, users in counted if users >= asked]
    if not full:
        most = max((users for _, users in counted), default=0)
        return Measurement(
            value=None,
            unit="count",
            samples=0,
            guards={"error_ratio": None},
            doubts=(*reasons, f"never more than {most} of {asked} users were there"),
            facts=facts or {},
        )
    window = Window(start=full[0], end=full[-1])
    fewest = min(users for at, users in counted if window.start <= at <= window.end)
    if fewest < asked:
        reasons.append(f"only {fewest} of {asked} users were there meanwhile")
    lasted_s = window.end - window.start
    if lasted_s < for_s - _SHORTER_AT_MOST_S:
        reasons.append(f"{asked} users were there for {lasted_s:.1f} s, {for_s:g} s needed")
    answered = latency_p95_ms(history, timeout_ms=timeout_ms, window=window, doubts=reasons)
    within = [operation for operation in history.operations if window.start <= operation.intended <= window.end]
    active = len({operation.client for operation in within})
    return replace(
        answered,
        value=float(min(fewest, active)),
        unit="count",
        facts={
            "users_counted": fewest,
            "users_who_asked": active,
            "requests_per_s": round(len(within) / lasted_s, 1) if lasted_s else None,
            "requests": dict(Counter(operation.kind for operation in within).most_common()),
            **answered.facts,
            **(facts or {}),
        },
    )
