"""Comparison with earlier runs on the same class of machine: one small file beside the runs, and a pure comparison.

    reports/runs/earlier.jsonl      one believed value per line: what, of which target, on which class of machine

A shared machine gives other numbers each time, so a value is told as a ratio to the median of the earlier ones, with
how much those vary among themselves. Values of runs that broke the platform on purpose lie in folders of their own.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from reports.run import Machine
from reports.units import quantity

FILE = "earlier.jsonl"
# Enough to tell noise from change; what is older is of another platform.
KEPT = 30
# With fewer there are no quarters to speak of: the whole range is the noise.
_QUARTERS_FROM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value that was believed. `speed` is how fast the machine was meanwhile, in its own unit; None: not known."""

    name: str
    value: float
    unit: str
    target: str
    machine: str
    at: float
    run: str
    speed: float | None = None

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What may be compared with each other."""
        return self.name, self.unit, self.target, self.machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A value beside earlier ones of its kind: `ratio` to their median, which vary by `noise` of it to either side."""

    runs: int
    median: float | None
    unit: str
    ratio: float | None
    noise: float | None
    speed_ratio: float | None
    machine: str

    @property
    def is_beyond_noise(self) -> bool | None:
        """Whether the value differs by more than the earlier ones do; None where that cannot be said."""
        if self.ratio is None or self.noise is None or self.runs < _QUARTERS_FROM:
            return None
        return abs(self.ratio - 1.0) > 2.0 * self.noise

    def __str__(self) -> str:
        if not self.runs:
            return f"the first on {self.machine}"
        of = f"{quantity(self.median, self.unit)}, the median of {self.runs} earlier on {self.machine}"
        if self.ratio is None or self.noise is None:
            return f"beside {of}"
        known = {True: "beyond their noise", False: "within their noise", None: "too few to tell noise from change"}
        said = f"{self.ratio:.2f} of {of}, which vary by ±{self.noise:.0%}: {known[self.is_beyond_noise]}"
        if self.speed_ratio is not None:
            said += f"; the machine was {self.speed_ratio:.2f} times as fast as then"
        return said

    def facts(self) -> dict[str, Any]:
        """What is shown beside a measurement."""
        return {"said": str(self), "ratio": self.ratio, "noise": self.noise, "median": self.median, "runs": self.runs}


def machine_class(machine: Machine) -> str:
    """Machines of one class may be compared: as many cores of the same model."""
    return f"{machine.cores or '?'} cores, {machine.cpu_model or 'model not known'}"


def compare(value: Value, earlier: Iterable[Value]) -> Comparison:
    """The value beside the earlier ones of its kind."""
    same = [each for each in earlier if each.kind == value.kind]
    values = [each.value for each in same]
    middle = median(values) if values else None
    speeds = [each.speed for each in same if each.speed]
    return Comparison(
        runs=len(same),
        median=middle,
        unit=value.unit,
        ratio=value.value / middle if middle else None,
        noise=_noise(values, middle) if middle else None,
        speed_ratio=value.speed / median(speeds) if value.speed and speeds else None,
        machine=value.machine,
    )


def _noise(values: Sequence[float], middle: float) -> float:
    """Half of what the middle half of the values spans, as a part of their median."""
    if len(values) < _QUARTERS_FROM:
        return (max(values) - min(values)) / 2.0 / abs(middle)
    lower, _, upper = quantiles(values, n=4)
    return (upper - lower) / 2.0 / abs(middle)


def read(path: Path) -> list[Value]:
    """Every value that is kept; a line that is none is passed over, it can only be missed."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(_value(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def add(path: Path, value: Value) -> None:
    """Keep a value; of each kind only the newest are kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        kept = _newest([*read(path), value])
        file.seek(0)
        file.truncate()
        file.write("".join(json.dumps(asdict(each)) + "\n" for each in kept))


def _newest(values: Sequence[Value]) -> list[Value]:
    seen: Counter[tuple[str, str, str, str]] = Counter()
    kept = []
    for each in sorted(values, key=lambda each: each.at, reverse=True):
        seen[each.kind] += 1
        if seen[each.kind] <= KEPT:
            kept.append(each)
    return kept[::-1]


def _value(row: Mapping[str, Any]) -> Value:
    value = Value(**row)
    numbers = [value.value, value.at, *([value.speed] if value.speed is not None else [])]
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise ValueError("not a value")
    return value
