"""How far a promise reaches: the highest rate that still holds it, of rates that were tried one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reports.records import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rate that was tried: what clients saw, and how many cores each part of the platform used for it."""

    rate_hz: float
    samples: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    error_ratio: float
    cache_hit_ratio: float | None
    # The commonest.
    error: str = ""
    machine: Mapping[str, float] = field(default_factory=dict)
    cores: Mapping[str, float | None] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def holds(self, *, p95_ms: float, error_ratio: float) -> bool:
        return self.p95_ms <= p95_ms and self.error_ratio <= error_ratio


def next_rate_hz(
    steps: Sequence[Step], *, first_hz: float, last_hz: float, within: float, p95_ms: float, error_ratio: float
) -> float | None:
    """The rate to try next: doubled until one breaks, then halved between; None once the knee is known.

    `within`: how far apart the last that held and the first that broke may be, as a part of the former. Many limits are
    found in as many steps each, however far apart they are.
    """
    if not steps:
        return first_hz
    broke = [step.rate_hz for step in steps if step.doubts or not step.holds(p95_ms=p95_ms, error_ratio=error_ratio)]
    held = [step.rate_hz for step in steps if step.rate_hz not in broke]
    if not held:
        return None
    if not broke:
        return 2 * max(held) if 2 * max(held) <= last_hz else None
    gap = min(broke) - max(held)
    return max(held) + gap / 2 if gap > within * max(held) else None


def highest_rate(steps: Sequence[Step], *, p95_ms: float, error_ratio: float) -> Measurement:
    """The last rate before the first that did not hold the bounds, in requests a second.

    Doubted when nothing broke (the promise reaches further than was tried), or when what broke was the generator.
    """
    held: list[Step] = []
    doubts: list[str] = []
    broke: Step | None = None
    for step in steps:
        if step.doubts or not step.holds(p95_ms=p95_ms, error_ratio=error_ratio):
            broke = step
            break
        held.append(step)
    if not steps:
        doubts.append("no rate was tried")
    elif broke is None:
        doubts.append(f"{steps[-1].rate_hz:g} requests a second were held, and no more were tried")
    elif broke.doubts and broke.holds(p95_ms=p95_ms, error_ratio=error_ratio):
        doubts.append(f"at {broke.rate_hz:g} requests a second the generator was the limit: {broke.doubts[0]}")
    last = held[-1] if held else None
    return Measurement(
        value=last.rate_hz if last else None,
        unit="req/s",
        samples=sum(step.samples for step in steps),
        doubts=tuple(doubts),
        facts={
            "tried_hz": [step.rate_hz for step in steps],
            "broke_at_hz": broke.rate_hz if broke else None,
            "p95_ms_at_knee": last.p95_ms if last else None,
            "machine": dict(last.machine) if last else {},
            "cores_at_knee": dict(last.cores) if last else {},
            "p95_ms_beyond": broke.p95_ms if broke else None,
            "error_ratio_beyond": broke.error_ratio if broke else None,
        },
    )
