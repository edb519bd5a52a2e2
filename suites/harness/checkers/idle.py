"""What each part of a target costs while nobody asks anything of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports.records import Measurement, Operation, Window
from suites.harness.checkers.usage import cores

# What nodes run beside their pods has no group.
_OF_NODES = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The containers of one name in one component or namespace. None: not measured, or not of each of them."""

    name: str
    containers: int
    millicores: float | None
    memory_bytes: int | None


def idle_parts(looks: Iterable[Operation], window: Window) -> list[Part]:
    """Every part, those that use most of the processors first: `component/container`, else `namespace/container`."""
    named: list[Operation] = []
    memory: dict[str, dict[str, int | None]] = defaultdict(dict)
    for look in looks:
        if look.outcome == "ok":
            name = f"{look.value['group'] or _OF_NODES}/{look.client.rpartition('/')[2]}"
            named.append(replace(look, value={**look.value, "group": name}))
            memory[name][look.client] = look.value["memory_bytes"]
    used = cores(named, window)
    parts = [
        Part(
            name=name,
            containers=len(memory[name]),
            millicores=None if value is None else value * 1000.0,
            memory_bytes=_sum(memory[name].values()),
        )
        for name, value in used.items()
    ]
    return sorted(parts, key=lambda part: (-(part.millicores or 0.0), part.name))


def idle_cost(parts: Sequence[Part], window: Window, *, doubts: Iterable[str] = (), **facts: Any) -> Measurement:
    """All parts together, in cores; doubted where a part was not measured."""
    unmeasured = [part.name for part in parts if part.millicores is None]
    known = [part.millicores for part in parts if part.millicores is not None]
    reasons = [*doubts, *(f"not measured: {name}" for name in unmeasured)]
    return Measurement(
        value=sum(known) / 1000.0 if known else None,
        unit="cores",
        samples=sum(part.containers for part in parts),
        window=window,
        doubts=tuple(reasons),
        facts={
            "memory_mib": round(sum(part.memory_bytes or 0 for part in parts) / 1024**2),
            "millicores": {part.name: _rounded(part.millicores) for part in parts},
            **facts,
        },
    )


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(value or 0 for value in known)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
