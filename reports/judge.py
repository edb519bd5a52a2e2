"""Judges one measurement by one objective. Pure: the same measurement always gets the same verdict.

Doubt comes first: where the number may not be believed there is no pass and no fail. Then a measured violation of the
bound or of a guard is a fail, even if another number is missing: the promise is broken whatever that one says. Then
anything missing is inconclusive. Only what is left is a pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from reports.objectives import Bound, Objective
from reports.records import Measurement, Verdict, Word
from reports.units import number, quantity, span

_SHOUT = {"pass": "PASSED", "fail": "FAILED", "inconclusive": "INCONCLUSIVE"}


def judge(objective: Objective, measurement: Measurement, *, check: str, evidence: str, at: float) -> Verdict:
    """The verdict, with a reason that can be read without opening the code."""
    value, missing, violations = _bounded(_subject(objective), measurement.value, objective.bound)
    guards: dict[str, float | None] = {name: _finite(guard) for name, guard in measurement.guards.items()}
    for name, bound in objective.guards.items():
        _, absent, violated = _bounded(name, measurement.guards.get(name), bound)
        missing += absent
        violations += violated
    doubts = _doubts(objective, measurement)

    word: Word
    if doubts:
        word, points = "inconclusive", doubts + missing + [f"not believed: {found}" for found in violations]
    elif violations:
        word, points = "fail", violations + missing
    elif missing:
        word, points = "inconclusive", missing
    else:
        word, points = "pass", [f"{quantity(value, objective.unit)}, promised {objective.bound_text()}"]
    return Verdict(
        objective=objective.id,
        word=word,
        reason=_reason(objective, measurement, word, points, evidence),
        value=value,
        unit=objective.unit,
        bound=objective.bound_text(),
        margin=_margin(objective, measurement.unit, value, guards),
        samples=measurement.samples,
        window=measurement.window,
        guards=guards,
        fault=measurement.fault,
        facts=measurement.facts,
        gate=objective.gate,
        check=check,
        evidence=evidence,
        at=at,
    )


def unmeasured(objective: Objective, why: str, *, fault: str | None = None) -> Measurement:
    """What a check that was skipped, or broke before it measured, has to offer: nothing, and why."""
    return Measurement(value=None, unit=objective.unit, samples=0, doubts=(why,), fault=fault)


def _subject(objective: Objective) -> str:
    """What the objective bounds, by the last part of its id."""
    return objective.id.split(".", 1)[1]


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _margin(objective: Objective, unit: str, value: float | None, guards: Mapping[str, float | None]) -> float | None:
    """Of the value's bound; where only guards broke the promise, of the first of those."""
    if value is None or unit != objective.unit:
        return None
    if objective.bound.holds(value):
        for name, broken in objective.broken_guards(guards).items():
            return _finite(objective.guards[name].margin(broken))
    return _finite(objective.bound.margin(value))


def _bounded(name: str, given: float | None, bound: Bound) -> tuple[float | None, list[str], list[str]]:
    """The value if it is one, what is missing, and how it violates its bound."""
    value = _finite(given)
    if value is None:
        return None, [f"{name}: no value" if given is None else f"{name}: {given} is not a number to judge"], []
    if bound.unit == "bool" and value not in (0, 1):
        return value, [f"{name}: {value} is neither true (1) nor false (0)"], []
    if bound.holds(value):
        return value, [], []
    if bound.unit == "bool":
        return value, [], [f"{name} is false, promised true"]
    return value, [], [f"{name} {quantity(value, bound.unit)}, {bound.allowed()} allowed"]


def _doubts(objective: Objective, measurement: Measurement) -> list[str]:
    doubts = [doubt.strip() or "the check doubts its own number and does not say why" for doubt in measurement.doubts]
    if measurement.unit != objective.unit:
        doubts.append(f"measured in {measurement.unit!r}, the objective is in {objective.unit!r}")
    if measurement.samples < objective.min_samples:
        doubts.append(f"{number(measurement.samples)} samples, at least {number(objective.min_samples)} needed")
    return doubts


def _reason(objective: Objective, measurement: Measurement, word: Word, points: list[str], evidence: str) -> str:
    """The verdict in words: headline, the promise, where the number comes from, where to look and who to ask."""
    guards = [
        f"{name} {quantity(_finite(measurement.guards.get(name)), bound.unit)} ({bound})"
        for name, bound in objective.guards.items()
    ]
    measured = f"{quantity(_finite(measurement.value), measurement.unit)} ({objective.bound})"
    samples = f"{number(measurement.samples)} samples (≥ {number(objective.min_samples)})"
    asked = [f"owner {objective.owner}", *([f"runbook {objective.runbook}"] if objective.runbook else [])]
    return "\n".join(
        [
            f"{objective.id} {_SHOUT[word]}: {'; '.join(points)}",
            f"  promise {objective.description}",
            f"  measured {', '.join([measured, *guards, samples])}",
            f"  window {span(measurement.window)}   fault {measurement.fault or 'none'}",
            f"  evidence {evidence or 'none'}   {'   '.join(asked)}",
        ]
    )
