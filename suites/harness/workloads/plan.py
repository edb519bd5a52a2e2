"""What a generator is told to do, and what it says it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from suites.harness.workloads.request import Requests

Connections = Literal["new", "reused"]

# Said to a generator's process once it is to stop.
STOP = b"stop\n"

# A generator later than this for one request in a hundred measures itself, not the target.
LATE_P99_LIMIT_MS = 10.0
# More requests than this that were never sent, and the load was not the one that was asked for.
MISSED_RATIO_LIMIT = 0.001
# A starved generator gets its share in slices of this length, as a scheduler with too many takers would give it.
STARVED_SLICE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One stream of traffic: what to send, where, how often, and where to write down what came of it."""

    base_url: str
    rate_hz: float
    duration_s: float | None
    requests: Requests
    connections: Connections
    client: str
    history: str
    timeout_s: float
    max_in_flight: int
    starve: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many requests were sent so far, when the last of them was due, and what became of those that are over."""

    sent: int = 0
    ok: int = 0
    failed: int = 0
    unknown: int = 0
    sent_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleReport:
    """What a generator did, and how well it kept its schedule. Late means: started after it was intended to."""

    client: str
    sent: int
    ok: int
    failed: int
    unknown: int
    # Due, but not sent: as many requests as the bound allows were waiting for an answer.
    missed: int
    asked_rate_hz: float
    rate_hz: float
    late_p50_ms: float | None
    late_p99_ms: float | None
    late_max_ms: float | None
    in_flight_max: int
    in_flight_bound: int
    started_at: float
    ended_at: float
    cpu_s: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cpu_ms_per_request(self) -> float | None:
        return self.cpu_s * 1000.0 / self.sent if self.sent else None

    def doubts(
        self, late_p99_limit_ms: float = LATE_P99_LIMIT_MS, missed_ratio_limit: float = MISSED_RATIO_LIMIT
    ) -> tuple[str, ...]:
        """Why a number measured with this generator may not be believed; empty when it may."""
        if self.late_p99_ms is None:
            return (f"generator {self.client} sent nothing",)
        found = []
        if self.late_p99_ms > late_p99_limit_ms:
            found.append(
                f"generator {self.client} was late: p99 {self.late_p99_ms:.1f} ms, "
                f"at most {late_p99_limit_ms:g} ms allowed"
            )
        due = self.sent + self.missed
        if self.missed > due * missed_ratio_limit:
            found.append(
                f"generator {self.client} did not send {self.missed} of {due} requests: "
                f"{self.in_flight_bound} were waiting for an answer"
            )
        return tuple(found)
