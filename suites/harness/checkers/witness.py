"""What else happened to the target while something was done to it: restarts, out-of-memory kills, errors in logs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from suites.harness.checkers.shown import shown

# Nobody's programs should ever say this, whatever is done to them.
_SEVERE = re.compile(
    r"Traceback \(most recent call last\)|\bpanic: |\bfatal error: |\bPANIC\b|\bMemoryError\b"
    r"|[Oo]ut [Oo]f [Mm]emory|\bOOM\b|[Ss]egmentation fault"
)
# What is done to a component may well make it say this, and nobody else.
_ERROR = re.compile(r'"level": ?"(?:error|critical|fatal)"|\blevel=(?:error|fatal)\b|\bFATAL\b|^(?:ERROR|CRITICAL)\b')
_LINE_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSeen:
    """A container at one moment. `killed_for_memory_at` is when its last process was ended for that reason."""

    component: str
    pod: str
    pod_uid: str
    name: str
    restarts: int
    killed_for_memory_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line that a container wrote."""

    component: str
    pod: str
    text: str


def what_happened(
    before: Sequence[ContainerSeen],
    after: Sequence[ContainerSeen],
    lines: Iterable[LogLine],
    *,
    since: float,
    victims: Collection[str],
) -> dict[str, Any]:
    """What a second witness saw since that time, apart from what was done to the victims (components by name).

    `bystander_…` count what happened to components that nothing was done to: those numbers should be 0.
    """
    restarts = _restarts(before, after)
    killed = [each for each in after if each.killed_for_memory_at is not None and each.killed_for_memory_at >= since]
    gone = _gone(before, after)
    errors = _unexpected(lines, victims)
    return {
        "victims": sorted(victims),
        "bystander_restarts": sum(count for (component, _), count in restarts.items() if component not in victims),
        "bystander_oom_kills": sum(1 for each in killed if each.component not in victims),
        "bystander_pods_gone": sum(1 for component, _ in gone if component not in victims),
        "unexpected_errors": sum(len(found) for found in errors.values()),
        **_if_any("restarts", [f"{where} restarted {_times(count)}" for (_, where), count in restarts.items()]),
        **_if_any("oom_kills", [f"{each.pod}/{each.name}" for each in killed]),
        **_if_any("pods_gone", [pod for _, pod in gone]),
        **({"errors": {component: shown(found) for component, found in errors.items()}} if errors else {}),
    }


def _restarts(before: Sequence[ContainerSeen], after: Sequence[ContainerSeen]) -> dict[tuple[str, str], int]:
    """How often each container was started again, by component and `pod/container`; a new pod starts at 0."""
    was = {(each.pod_uid, each.name): each.restarts for each in before}
    found = {
        (each.component, f"{each.pod}/{each.name}"): each.restarts - was.get((each.pod_uid, each.name), 0)
        for each in after
    }
    return {where: count for where, count in found.items() if count > 0}


def _gone(before: Sequence[ContainerSeen], after: Sequence[ContainerSeen]) -> list[tuple[str, str]]:
    there = {each.pod_uid for each in after}
    return sorted({(each.component, each.pod) for each in before if each.pod_uid not in there})


def _unexpected(lines: Iterable[LogLine], victims: Collection[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        if _SEVERE.search(line.text) or (line.component not in victims and _ERROR.search(line.text)):
            found.setdefault(line.component, []).append(f"{line.pod}: {line.text[:_LINE_CHARACTERS]}")
    return found


def _if_any(name: str, entries: Sequence[str]) -> dict[str, Any]:
    return {name: shown(entries)} if entries else {}


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
