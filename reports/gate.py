"""The gate: may this candidate be released? Reads what runs wrote down, never the target.

Each gating objective needs a verdict that is fresh and about the candidate (same image digests, same chart version); of
several the worst counts. A fail is a no-go. Anything missing, stale, about another deployment, unfinished or damaged is
inconclusive, with the next step: it is never a go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Self

from reports.objectives import Objective
from reports.records import Verdict, Word, salvage_verdicts, worst
from reports.run import Run, RunError, RunFacts
from reports.units import duration, quantity

DAY_S = 86_400.0
# A run's verdicts and the gate may be timed by two machines; more than this is not a difference of clocks.
CLOCK_SLACK_S = 120.0
_ALL = "`pytest suites/` against the candidate"


class Decision(IntEnum):
    """The gate's answer; its number is the exit code."""

    GO = 0
    NO_GO = 1
    INCONCLUSIVE = 2

    @property
    def word(self) -> str:
        return self.name.replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is to be released: its chart version and the digest of each component's image."""

    chart_version: str | None
    images: Mapping[str, str]

    @classmethod
    def of(cls, facts: RunFacts) -> Self:
        return cls(chart_version=facts.chart_version, images=facts.images)

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a JSON file with `chart_version` and `images`, such as a run.json. Raises RunError if it is not one."""
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            candidate = cls(chart_version=row["chart_version"], images=row["images"])
            if not isinstance(candidate.chart_version, str) or not isinstance(candidate.images, dict):
                raise TypeError("chart_version must be a text, images an object of component to digest")
        except OSError as error:
            raise RunError(f"candidate {path}: {error.strerror}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"candidate {path}: needs JSON with chart_version and images {{component: digest}}: {error}"
            ) from error
        return candidate

    def differences(self, facts: RunFacts) -> list[str]:
        """How the deployment a run judged differs from this candidate; empty when it is the same."""
        found = []
        if facts.chart_version != self.chart_version:
            found.append(f"chart {facts.chart_version or 'unknown'}, candidate {self.chart_version or 'unknown'}")
        for component in sorted({*self.images, *facts.images}):
            ran, wanted = facts.images.get(component, "none"), self.images.get(component, "none")
            if ran != wanted:
                found.append(f"image of {component} {_short(ran)}, candidate {_short(wanted)}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one run wrote down, and each line of it that cannot be read."""

    facts: RunFacts
    verdicts: tuple[Verdict, ...]
    damage: tuple[str, ...] = ()

    @classmethod
    def read(cls, run: Run) -> Self:
        """Raises RunError if run.json is missing or damaged; damaged verdicts are named in `damage`."""
        if not run.verdicts_path.exists():
            return cls(facts=run.facts(), verdicts=())
        verdicts, damaged = salvage_verdicts(run.verdicts_path)
        return cls(facts=run.facts(), verdicts=tuple(verdicts), damage=tuple(map(str, damaged)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One gating objective at the gate: what counts, why, and what to do if that is not a pass."""

    objective: Objective
    word: Word
    verdict: Verdict | None
    why: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """The gate's decision with the line of each gating objective and what else stands in the way."""

    decision: Decision
    lines: tuple[Line, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def headline(self) -> str:
        """The decision in one line: `GATE: NO-GO 1 of 5 gating objectives failed: load.search_p95_ms`."""
        return f"GATE: {self.decision.word} {self.summary()}"

    def summary(self) -> str:
        total = f"{len(self.lines)} gating objectives"
        if self.decision is Decision.GO:
            return f"all {total} passed"
        parts = []
        for word, said in (("fail", "failed"), ("inconclusive", "inconclusive")):
            names = [line.objective.id for line in self.lines if line.word == word]
            if names:
                parts.append(f"{len(names)} of {total} {said}: {', '.join(names)}")
        if self.problems:
            parts.append(self.problems[0].split("; next:")[0])
        return "; ".join(parts) or f"none of {total} judged"


def gate(
    runs: Sequence[Recorded],
    objectives: Mapping[str, Objective],
    candidate: Candidate,
    *,
    now: float,
    max_age_s: float = DAY_S,
) -> Gated:
    """Go, no-go or inconclusive for this candidate, by what these runs say."""
    lines = tuple(
        _line(objective, runs, candidate, now=now, max_age_s=max_age_s)
        for objective in objectives.values()
        if objective.gate
    )
    damage = [f"damaged: {place}; next: run the suites again" for run in runs for place in run.damage]
    problems = (*damage, *_problems(runs, objectives, candidate, lines))
    if damage:
        decision = Decision.INCONCLUSIVE
    elif any(line.word == "fail" for line in lines):
        decision = Decision.NO_GO
    elif problems or worst(line.word for line in lines) != "pass":
        decision = Decision.INCONCLUSIVE
    else:
        decision = Decision.GO
    return Gated(decision=decision, lines=lines, problems=problems, notes=tuple(_notes(runs)))


def _again(check: str) -> str:
    """How a check is run again: pytest knows it by its name, an experiment's is its title."""
    program = f"pytest {check}" if "::" in check else "python -m experiments"
    return f"`{program}` against the candidate"


def _line(
    objective: Objective, runs: Sequence[Recorded], candidate: Candidate, *, now: float, max_age_s: float
) -> Line:
    """The worst verdict that counts; when none counts, why each that there is does not."""
    counted: list[Line] = []
    refused: list[Line] = []
    for run in runs:
        differences = candidate.differences(run.facts)
        for verdict in run.verdicts:
            if verdict.objective != objective.id:
                continue
            age = now - verdict.at
            again = _again(verdict.check)
            if differences:
                why = f"about another deployment: {'; '.join(differences)}"
                step = f"deploy the candidate, then {again}"
                refused.append(_not_counted(objective, verdict, why, step))
            elif age > max_age_s:
                why = f"stale: {duration(age)} old, at most {duration(max_age_s)}"
                refused.append(_not_counted(objective, verdict, why, again))
            elif age < -CLOCK_SLACK_S:
                why = f"dated {duration(-age)} in the future"
                refused.append(_not_counted(objective, verdict, why, f"set the clocks right, then {again}"))
            else:
                counted.append(_counted(objective, verdict, run, again))
    if counted:
        word = worst(line.word for line in counted)
        return next(line for line in counted if line.word == word)
    if refused:
        return refused[-1]
    return Line(objective=objective, word="inconclusive", verdict=None, why="no verdict", next_step=_ALL)


def _not_counted(objective: Objective, verdict: Verdict, why: str, next_step: str) -> Line:
    return Line(objective=objective, word="inconclusive", verdict=verdict, why=why, next_step=next_step)


def _counted(objective: Objective, verdict: Verdict, run: Recorded, again: str) -> Line:
    headline = verdict.reason.split("\n", 1)[0]
    if verdict.word == "fail":
        step = f"mend it, then {again}" + (f" (runbook {objective.runbook})" if objective.runbook else "")
        return Line(objective=objective, word="fail", verdict=verdict, why=headline, next_step=step)
    if verdict.word == "inconclusive":
        return _not_counted(objective, verdict, headline, f"look at {verdict.evidence or 'the run'}, then {again}")
    if verdict.bound != objective.bound_text():
        why = f"judged by the bound {verdict.bound!r}, the objective now says {objective.bound_text()!r}"
        return _not_counted(objective, verdict, why, again)
    broken = _contradiction(objective, verdict)
    if broken:
        return _not_counted(objective, verdict, f"says pass, but {broken}", again)
    if run.facts.end is None:
        return _not_counted(objective, verdict, f"run {run.facts.id} has not ended: interrupted, or still going", again)
    return Line(objective=objective, word="pass", verdict=verdict)


def _contradiction(objective: Objective, verdict: Verdict) -> str | None:
    """What in a verdict of pass contradicts it: a file may be edited, a judge may be older than the objective."""
    if verdict.samples < objective.min_samples:
        return f"has {verdict.samples} of {objective.min_samples} samples"
    for name, value, bound in [
        ("the value", verdict.value, objective.bound),
        *((name, verdict.guards.get(name), bound) for name, bound in objective.guards.items()),
    ]:
        if value is None:
            return f"{name} is missing"
        if not bound.holds(value):
            return f"{name} is {quantity(value, bound.unit)}, {bound.allowed()} allowed"
    return None


def _problems(
    runs: Sequence[Recorded], objectives: Mapping[str, Objective], candidate: Candidate, lines: Sequence[Line]
) -> Iterable[str]:
    if not runs:
        yield "no run was given; next: `tox -e verify`"
    if not lines:
        yield "no objective gates, so nothing can be promised; next: set `gate: true` where a release must wait"
    if not candidate.images or not candidate.chart_version:
        facts = {"image digests": candidate.images, "chart version": candidate.chart_version}
        unknown = " and ".join(name for name, known in facts.items() if not known)
        yield f"not known of the candidate: {unknown}; next: run against a target whose deployment can be read"
    gone = {verdict.objective for run in runs for verdict in run.verdicts if verdict.gate} - set(objectives)
    for identity in sorted(gone):
        yield f"{identity} gated when it was judged and is no objective any more; next: restore it, or run again"


def _notes(runs: Sequence[Recorded]) -> Iterable[str]:
    for run in runs:
        if run.facts.git_dirty:
            yield f"run {run.facts.id} was made by suites with changes that are not committed"
        if run.facts.git_dirty is None:
            yield f"run {run.facts.id} does not know which commit of the suites made it"


def _short(digest: str) -> str:
    """A digest as a reader compares it: its algorithm and first 12 characters."""
    algorithm, _, hexadecimal = digest.rpartition(":")
    return f"{algorithm}:{hexadecimal[:12]}" if algorithm else digest[:19]
