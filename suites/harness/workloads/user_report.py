"""What a generator of users is told to do, and what it says it did."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

# Where in the folder that it is told the generator writes.
HISTORY, LOOKS, REPORT = "history.jsonl", "users.jsonl", "users.json"
# Users wait for their answers, so a generator that is late this often sees slow answers that nobody gave.
LATE_P99_LIMIT_MS = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UserReport:
    """How the generator's own processes fared. Late means: the clock of the latest woke up after it was to.

    `cpu_warnings` are the loads, in percent of a core, at which Locust itself warned.
    """

    processes: int
    users_most: int
    late_p50_ms: float | None
    late_p99_ms: float | None
    cpu_s: float
    cpu_cores: float
    cpu_warnings: tuple[float, ...]
    scrapes_submitted: int
    real_time: bool
    unexpected: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.of(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def together(cls, reports: Sequence[Self]) -> Self:
        """What several processes did for one crowd: the sum of what they used, the worst of how they fared."""
        return cls(
            processes=len(reports),
            users_most=max(each.users_most for each in reports),
            late_p50_ms=_worst(each.late_p50_ms for each in reports),
            late_p99_ms=_worst(each.late_p99_ms for each in reports),
            cpu_s=sum(each.cpu_s for each in reports),
            cpu_cores=sum(each.cpu_cores for each in reports),
            cpu_warnings=tuple(load for each in reports for load in each.cpu_warnings),
            scrapes_submitted=sum(each.scrapes_submitted for each in reports),
            real_time=all(each.real_time for each in reports),
            unexpected=tuple(said for each in reports for said in each.unexpected),
        )

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{**row, "cpu_warnings": tuple(row["cpu_warnings"]), "unexpected": tuple(row["unexpected"])})

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    def doubts(self, late_p99_limit_ms: float = LATE_P99_LIMIT_MS) -> tuple[str, ...]:
        """Why what these users saw may not be believed; empty when it may."""
        found = []
        if self.late_p99_ms is None:
            return ("the generator of users kept no clock",)
        if self.late_p99_ms > late_p99_limit_ms:
            found.append(
                f"the generator of users was late: p99 {self.late_p99_ms:.0f} ms, "
                f"at most {late_p99_limit_ms:g} ms allowed"
            )
        if self.cpu_warnings:
            found.append(
                f"the generator of users was bound by its processor: {max(self.cpu_warnings):.0f} % of a core, "
                "Locust says CPU usage above 90%"
            )
        if self.unexpected:
            found.append(f"the generator of users broke: {self.unexpected[0]}")
        return tuple(found)


def _worst(values: Iterable[float | None]) -> float | None:
    """The largest; None where one is missing, since that one may have been it."""
    known = list(values)
    found = [value for value in known if value is not None]
    return max(found) if len(found) == len(known) else None
