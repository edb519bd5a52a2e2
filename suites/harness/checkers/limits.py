"""How near a platform comes to what limits it: the same sweep of each, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.records import Measurement
from suites.harness.checkers.knee import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What was asked, the highest rate of it that held, and the first step; or why it was not reached."""

    name: str
    is_limit: bool
    knee: Measurement | None = None
    first: Step | None = None
    unreached: str = ""


def table(swept: Sequence[Swept]) -> list[str]:
    """A table in Markdown: a row for each, with its part of every limit; below it what was not reached, and doubts."""
    limits = [each for each in swept if each.is_limit]
    at = next((f" at {each.first.rate_hz:g} req/s" for each in swept if each.first), "")
    head = ["asked", "held, req/s", "p95 ms there", "p95 ms beyond", f"p50 ms{at}", f"p95 ms{at}"]
    head += [f"of {limit.name}" for limit in limits] + ["machine, rounds/ms"]
    rows = [[each.name, *_numbers(each), *(_ratio(each, limit) for limit in limits), _speed(each)] for each in swept]
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    for each in swept:
        if each.unreached:
            lines.append(f"{each.name} was not reached: {each.unreached}")
        if each.knee:
            lines += [f"{each.name}: {doubt}" for doubt in each.knee.doubts]
    return lines


def _numbers(each: Swept) -> list[str]:
    if each.knee is None or each.first is None:
        return ["not reached", "", "", "", ""]
    facts = each.knee.facts
    shown = [_shown(facts["p95_ms_at_knee"]), _shown(facts["p95_ms_beyond"])]
    return [_shown(each.knee.value, ".0f") or "none", *shown, _shown(each.first.p50_ms), _shown(each.first.p95_ms)]


def _ratio(each: Swept, limit: Swept) -> str:
    if each is limit or not (each.knee and limit.knee and each.knee.value and limit.knee.value):
        return ""
    return f"{each.knee.value / limit.knee.value:.2f}"


def _speed(each: Swept) -> str:
    machine = each.knee.facts["machine"] if each.knee else {}
    return _shown(machine.get("rounds_per_ms_median"), ".0f")


def _shown(value: float | None, form: str = ".1f") -> str:
    return "" if value is None else format(value, form)
