"""What grew under steady traffic: each container's memory, open descriptors and sockets, the end against the start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from reports.records import History, Measurement, Operation, Window
from suites.harness.checkers.shown import shown

# What grows, and how much of it a container may hold before growth is a part of it: a few sockets more are no leak.
FLOORS: Mapping[str, float] = {"memory_bytes": 32 * 1024**2, "descriptors": 64, "sockets": 64}
# Of the window, at each end.
_ENDS = 0.2


@dataclass(slots=True)
class Seen:
    """One container's measurements in order of time."""

    group: str
    values: dict[float, Mapping[str, Any]] = field(default_factory=dict)

    def times(self) -> list[float]:
        return sorted(self.values)

    def restarted(self) -> bool:
        """Whether its counter of processor time ever went back: another process, which has not had time to grow."""
        used = [self.values[at]["cpu_s"] for at in self.times() if self.values[at]["cpu_s"] is not None]
        return any(later < earlier for earlier, later in pairwise(used))

    def middle(self, resource: str, start: float, end: float) -> float | None:
        found = [self.values[at][resource] for at in self.times() if start <= at <= end]
        known = [value for value in found if value is not None]
        return median(known) if known else None


def soak_growth(
    looks: History,
    traffic: History,
    *,
    window: Window,
    components: Collection[str],
    doubts: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> Measurement:
    """The most that anything grew, as a part of what it was: 0.2 is a fifth more at the end than at the start.

    Compares the middle values of the first and of the last fifth of the window, which begins when pools and caches have
    filled. Containers that came or went are told and not compared; a component of which none stayed, one that restarted
    and one that the kubelet says nothing of are doubted. Guard `error_ratio`: of the traffic's requests in the window.
    """
    reasons = list(doubts)
    length_s = window.end - window.start
    first_end, last_start = window.start + _ENDS * length_s, window.end - _ENDS * length_s
    containers = containers_of(looks.operations, window, components)
    grown: dict[tuple[str, str], tuple[float, float, float]] = {}
    gone: list[str] = []
    stayed: dict[str, int] = dict.fromkeys(components, 0)
    for name, seen in sorted(containers.items()):
        if seen.restarted():
            reasons.append(f"{name} was restarted meanwhile")
            continue
        pairs = {
            resource: (seen.middle(resource, window.start, first_end), seen.middle(resource, last_start, window.end))
            for resource in FLOORS
        }
        if any(before is None or after is None for before, after in pairs.values()):
            gone.append(name)
            continue
        stayed[seen.group] += 1
        for resource, (before, after) in pairs.items():
            assert before is not None and after is not None
            grown[name, resource] = (after - before) / max(before, FLOORS[resource]), before, after
    reasons += [f"nothing of {component} was measured at the start and at the end" for component in _none(stayed)]
    requests = [each for each in traffic.operations if window.start <= each.intended <= window.end]
    failed = sum(each.outcome != "ok" for each in requests)
    ordered = sorted(grown.items(), key=lambda item: -item[1][0])
    return Measurement(
        value=max(0.0, ordered[0][1][0]) if ordered else None,
        unit="ratio",
        samples=min((len(seen.values) for name, seen in containers.items() if (name, "sockets") in grown), default=0),
        window=window,
        guards={"error_ratio": failed / len(requests) if requests else None},
        doubts=tuple(reasons),
        facts={
            "soaked_for_s": round(length_s),
            "requests": len(requests),
            "grew_most": [_told(*item) for item in ordered[:8]],
            "came_or_went": shown(gone),
            **(facts or {}),
        },
    )


def containers_of(looks: Iterable[Operation], window: Window, components: Collection[str]) -> dict[str, Seen]:
    """Every container of those components with what was measured of it within the window."""
    found: dict[str, Seen] = {}
    for look in looks:
        if look.outcome != "ok" or look.value["group"] not in components or look.value["at"] is None:
            continue
        if window.start <= look.value["at"] <= window.end:
            found.setdefault(look.client, Seen(look.value["group"])).values[look.value["at"]] = look.value
    return found


def curves(
    containers: Mapping[str, Seen], resource: str, *, at_most: int
) -> dict[str, Sequence[tuple[float, float | None]]]:
    """The containers that hold most of a resource, each with its values over time."""
    most: dict[str, float] = defaultdict(float)
    for name, seen in containers.items():
        most[name] = max((value[resource] or 0.0 for value in seen.values.values()), default=0.0)
    chosen = sorted(containers, key=lambda name: (-most[name], name))[:at_most]
    return {name: [(at, containers[name].values[at][resource]) for at in containers[name].times()] for name in chosen}


def _none(stayed: Mapping[str, int]) -> list[str]:
    return [component for component, count in sorted(stayed.items()) if not count]


def _told(what: tuple[str, str], grown: tuple[float, float, float]) -> str:
    (name, resource), (growth, before, after) = what, grown
    if resource == "memory_bytes":
        return f"{name} memory {before / 1024**2:.1f} → {after / 1024**2:.1f} MiB ({growth:+.1%})"
    return f"{name} {resource} {before:.0f} → {after:.0f} ({growth:+.1%})"
