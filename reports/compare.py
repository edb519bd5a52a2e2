"""Runs beside each other: what each objective was judged in every one, and where the word flipped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.gate import Recorded
from reports.records import Verdict, Word, worst
from reports.units import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One objective in every run, in their order; None where a run has no verdict of it."""

    objective: str
    verdicts: tuple[Verdict | None, ...]

    @property
    def flipped(self) -> bool:
        """Not the same word in every run that has one. A verdict that is missing is no word."""
        return len({verdict.word for verdict in self.verdicts if verdict}) > 1

    @property
    def cells(self) -> list[str]:
        return [
            "-" if verdict is None else f"{verdict.word} {quantity(verdict.value, verdict.unit)}"
            for verdict in self.verdicts
        ]


def compare(runs: Sequence[Recorded]) -> list[Compared]:
    """Every objective that any of the runs judged, by id. Of several verdicts in one run the worst counts."""
    counted = [_counted(run.verdicts) for run in runs]
    return [
        Compared(objective=identity, verdicts=tuple(of_run.get(identity) for of_run in counted))
        for identity in sorted({identity for of_run in counted for identity in of_run})
    ]


def _counted(verdicts: Iterable[Verdict]) -> dict[str, Verdict]:
    by_objective: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_objective.setdefault(verdict.objective, []).append(verdict)
    return {identity: _worst(of_one) for identity, of_one in by_objective.items()}


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    word: Word = worst(verdict.word for verdict in verdicts)
    return next(verdict for verdict in verdicts if verdict.word == word)
