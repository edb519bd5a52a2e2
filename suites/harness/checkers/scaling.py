"""How long an autoscaler took, hop by hop, from the scrape that was one too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol

from reports.records import History, Measurement, Operation, Window
from suites.harness.checkers.shown import shown

# Looks come three times a second, where ten starting workers leave them room. What is seen late can only lengthen what
# is measured, by no more than this.
_UNSEEN_AT_MOST_S = 10.0
_METRIC, _AUTOSCALER, _WORKERS = "look at metric", "look at autoscaler", "look at workers"


class ScrapeEnd(Protocol):
    """A scrape as the platform has it."""

    @property
    def key(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def finished_at(self) -> float | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What was asked of the workers: more than the target of those there were, and for how long."""

    history: History
    scrapes: Sequence[ScrapeEnd]
    # Scrapes that one worker is to have.
    per_worker: float
    submit: str = "submit"

    @property
    def accepted(self) -> list[float]:
        """When each scrape was accepted, in order of time."""
        first: dict[str, float] = {}
        for each in self.history.operations:
            if each.kind == self.submit and each.outcome == "ok" and each.value:
                first[str(each.value)] = min(first.get(str(each.value), each.finished), each.finished)
        return sorted(first.values())

    def over(self, count: int) -> float | None:
        """When more scrapes were accepted than so many workers are to have."""
        target = int(count * self.per_worker)
        return self.accepted[target] if len(self.accepted) > target else None

    def open_at(self, at: float) -> int:
        """How many of them were not done."""
        ended = sum(1 for scrape in self.scrapes if scrape.finished_at is not None and scrape.finished_at <= at)
        return sum(1 for accepted in self.accepted if accepted <= at) - ended

    @property
    def done_at(self) -> float | None:
        ends = [scrape.finished_at for scrape in self.scrapes]
        return max(end for end in ends if end is not None) if ends and None not in ends else None


def reaction_s(load: Load, *, query: str, looked_for_s: float, doubts: Iterable[str] = ()) -> Measurement:
    """Seconds from the first scrape over the target of the workers there were until another one was created."""
    return _measured(load, query=query, looked_for_s=looked_for_s, ready=None, doubts=doubts)


def ready_s(load: Load, *, ready: int, query: str, looked_for_s: float, doubts: Iterable[str] = ()) -> Measurement:
    """Seconds from the first scrape over the target until so many workers were ready."""
    return _measured(load, query=query, looked_for_s=looked_for_s, ready=ready, doubts=doubts)


def _measured(load: Load, *, query: str, looked_for_s: float, ready: int | None, doubts: Iterable[str]) -> Measurement:
    """Where it never came to that, it took at least as long as it was looked for and had reason to."""
    workers = [look for look in load.history.operations if look.kind == _WORKERS and look.outcome == "ok"]
    nothing = Measurement(value=None, unit="s", samples=len(workers), doubts=tuple(doubts))
    if not workers or not load.accepted:
        return replace(nothing, doubts=(*nothing.doubts, "no look at the workers" if load.accepted else "no scrape"))
    before = [look for look in workers if look.finished <= load.accepted[0]]
    if not before:
        return replace(nothing, doubts=(*nothing.doubts, "no look at the workers before the first scrape"))
    there = set(before[-1].value["there"])
    queued = load.over(len(there))
    if queued is None:
        few = f"{len(load.accepted)} scrapes accepted, never over the target of {len(there)} workers"
        return replace(nothing, doubts=(*nothing.doubts, few))
    hops = _hops(load, there=there, queued=queued, ready=ready)
    goal = "worker created" if ready is None else f"{ready} workers ready"
    reached = hops[goal]
    end = reached if reached is not None else min(queued + looked_for_s, workers[-1].finished)
    return replace(
        nothing,
        value=end - queued if reached is not None or end - queued >= looked_for_s else None,
        window=Window(start=queued, end=end),
        doubts=(*nothing.doubts, *_doubts(load, workers, reached, start=queued, end=end, needed=len(there))),
        facts={
            "workers_before": len(there),
            "queued": len(load.accepted),
            "at_s": {name: None if at is None else round(at - queued, 1) for name, at in hops.items()},
            **_slowest(hops, queued),
            **({"never": f"no {goal} within {end - queued:.0f} s"} if reached is None else {}),
            **_cause(load, queued=queued, until=end, query=query, hops=hops),
        },
    )


def _hops(load: Load, *, there: set[str], queued: float, ready: int | None) -> dict[str, float | None]:
    """When each hop was first seen, in the order in which one leads to the next."""

    def first(kind: str, holds: Callable[[Mapping[str, Any]], bool]) -> float | None:
        looks = (look for look in load.history.operations if look.kind == kind and look.outcome == "ok")
        return next((look.finished for look in looks if look.finished >= queued and holds(look.value)), None)

    target = len(there) * load.per_worker
    hops = {
        "metric visible": first(_METRIC, lambda seen: (seen["queued"] or 0.0) > target),
        "metric seen by the autoscaler": first(_AUTOSCALER, lambda seen: (seen["per_pod"] or 0.0) > load.per_worker),
        "more workers wanted": first(_WORKERS, lambda seen: seen["wanted"] > len(there)),
        "worker created": first(_WORKERS, lambda seen: bool(set(seen["there"]) - there)),
        "worker ready": first(_WORKERS, lambda seen: bool(set(seen["ready"]) - there)),
    }
    if ready is not None:
        hops[f"{ready} workers ready"] = first(_WORKERS, lambda seen: len(seen["ready"]) >= ready)
    return {**hops, "queue drained": load.done_at}


def _slowest(hops: Mapping[str, float | None], queued: float) -> dict[str, Any]:
    """What each hop took since the one before that was seen, and which one took the longest."""
    seen = [("queued", queued), *((name, at) for name, at in hops.items() if at is not None)]
    took = {name: round(max(0.0, at - earlier), 1) for (_, earlier), (name, at) in pairwise(seen)}
    # How long the work then takes is the work's.
    candidates = {name: each for name, each in took.items() if name != "queue drained"}
    return {"hop_s": took, **({"slowest_hop": max(candidates, key=candidates.__getitem__)} if candidates else {})}


def _cause(load: Load, *, queued: float, until: float, query: str, hops: Mapping[str, float | None]) -> dict[str, Any]:
    """What the autoscaler complained about meanwhile, and a metric that was never there."""
    meanwhile = [look for look in load.history.operations if queued <= look.finished <= until]
    troubles = dict.fromkeys(
        str(look.value["trouble"])
        for look in meanwhile
        if look.kind == _AUTOSCALER and look.outcome == "ok" and look.value["trouble"]
    )
    asked = [look for look in meanwhile if look.kind == _METRIC]
    absent = [look for look in asked if look.outcome == "ok" and look.value["queued"] is None]
    causes = [*troubles]
    if asked and len(absent) == len(asked):
        causes.append(f"metric absent: Prometheus has no answer to {query}")
    elif asked and hops["metric visible"] is None:
        answers = [look.value["queued"] for look in asked if look.outcome == "ok" and look.value["queued"] is not None]
        unread = next((look.error for look in asked if look.error), None)
        causes.append(f"metric at most {max(answers):g}: {query}" if answers else f"metric not read: {unread}")
    return {"trouble": shown(causes)} if causes else {}


def _doubts(
    load: Load, workers: Sequence[Operation], reached: float | None, *, start: float, end: float, needed: int
) -> list[str]:
    moments = [look.finished for look in workers if start <= look.finished <= end]
    unseen_s = max(later - earlier for earlier, later in pairwise([start, *moments, end]))
    doubts = [f"the workers were not looked at for {unseen_s:.1f} s"] if unseen_s > _UNSEEN_AT_MOST_S else []
    if reached is None and load.open_at(end) <= needed * load.per_worker:
        doubts.append(f"the queue was not over the target any more after {end - start:.0f} s")
    return doubts


def lost_in_scale_in(lost: Measurement, load: Load, *, changed_at: float) -> Measurement:
    """The accepted scrapes that were lost while workers were taken away; `lost` is what became of all of them.

    Believed only if workers left while scrapes were open. Guard `attempts_most`: one that was interrupted is begun once
    more.
    """
    looks = [look for look in load.history.operations if look.kind == _WORKERS and look.outcome == "ok"]
    left = {
        uid: look.finished for look in reversed(looks) if look.finished >= changed_at for uid in look.value["leaving"]
    }
    while_open = {uid: at for uid, at in left.items() if load.open_at(at) > 0}
    attempts = [scrape.attempts for scrape in load.scrapes]
    doubts = () if while_open else ("no worker left while a scrape was open",)
    return replace(
        lost,
        guards={**lost.guards, "attempts_most": float(max(attempts)) if attempts else None},
        doubts=(*lost.doubts, *doubts),
        facts={
            **lost.facts,
            "workers_left": len(left),
            "workers_left_while_scrapes_were_open": len(while_open),
            "scrapes_open_when_the_first_left": load.open_at(min(left.values())) if left else None,
            "scrapes_attempted_twice": sum(1 for each in attempts if each > 1),
        },
    )
