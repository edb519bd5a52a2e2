"""How many of a component's pods were missing at one moment, from looks at how many were in service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from statistics import median

from reports.records import History, Measurement, Operation, Window
from suites.harness.checkers.gaps import longest_gap

LOOKED_EVERY_AT_MOST_S = 0.2
# A pod is missing for longer: its successor has to be scheduled, started and found ready, which takes 8 s on a machine
# that is busy enough to keep a look waiting.
_UNSEEN_AT_MOST_S = 4.0


def pods_missing_in_drain(history: History, looks: History, *, doubts: Iterable[str] = ()) -> Measurement:
    """The most pods that were missing at one moment, from the drain's injection to the end of the traffic.

    One is missing from when it is to go until another one was ready in its place; a probe that a pod missed meanwhile
    is no pod that was taken away, and only told. Guard: the longest time that a client went without a good answer. How
    many requests failed is among the facts.
    """
    gap = longest_gap(history, doubts=doubts)
    if gap.window is None:
        return replace(gap, value=None, unit="count", guards={"longest_gap_s": None})
    missing = _pods_missing(looks, gap.window)
    return replace(
        missing,
        guards={"longest_gap_s": gap.value},
        doubts=(*gap.doubts, *missing.doubts),
        fault=gap.fault,
        facts={"requests": gap.samples, **gap.facts, **missing.facts},
    )


def _pods_missing(looks: History, window: Window) -> Measurement:
    seen = [look for look in looks.operations if look.outcome == "ok" and window.start <= look.finished <= window.end]
    if not seen:
        return Measurement(value=None, unit="count", samples=0, window=window, doubts=("no look at the pods",))
    moments = [look.finished for look in seen]
    unseen_s = max(later - earlier for earlier, later in pairwise([window.start, *moments, window.end]))
    every_s = median([later - earlier for earlier, later in pairwise(moments)] or [window.end - window.start])
    doubts = []
    if every_s > LOOKED_EVERY_AT_MOST_S:
        doubts.append(f"the pods were looked at every {every_s:.2f} s, {LOOKED_EVERY_AT_MOST_S:g} s needed")
    if unseen_s > _UNSEEN_AT_MOST_S:
        doubts.append(f"the pods were not looked at for {unseen_s:.1f} s")
    return Measurement(
        value=float(max(_missing(look, "in_service") for look in seen)),
        unit="count",
        samples=len(seen),
        window=window,
        doubts=tuple(doubts),
        facts={
            "missing_for_s": _for_how_long(seen, "in_service"),
            "fewer_ready_for_s": _for_how_long(seen, "ready"),
            "looks": len(seen),
            "looked_every_s": round(every_s, 3),
            "longest_without_a_look_s": round(unseen_s, 3),
        },
    )


def _missing(look: Operation, state: str) -> int:
    return max(0, int(look.value["wanted"]) - int(look.value[state]))


def _for_how_long(seen: list[Operation], state: str) -> dict[str, float]:
    """Seconds for each number of pods fewer in that state than wanted; what was seen holds until the next look."""
    lasted: dict[int, float] = {}
    for look, following in pairwise(seen):
        missing = _missing(look, state)
        lasted[missing] = lasted.get(missing, 0.0) + following.finished - look.finished
    return {str(missing): round(seconds, 1) for missing, seconds in sorted(lasted.items()) if missing}
