"""The kill matrix: mutant by objective, what was expected and what the checks said. Pure, but for its file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reports.records import Verdict, Word, worst
from suites.mutants.mutant import Mutant

FILE = "kill-matrix.json"
NO_VERDICT = "no verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One objective on one mutant. `why` is empty where all is as it must be."""

    mutant: str
    objective: str
    expected: Word
    got: str
    ok: bool
    why: str
    evidence: str


def rows_of(mutant: Mutant, verdicts: Sequence[Verdict]) -> list[Row]:
    """What was expected of the mutant beside what its checks said; of several verdicts on an objective the worst."""
    return [_row(mutant, objective, word, verdicts) for objective, word in mutant.expected.items()]


def rows_without_checks(mutant: Mutant, why: str) -> list[Row]:
    """The rows of a mutant whose checks never ran: nothing was killed, whatever was expected."""
    return [
        Row(mutant=mutant.name, objective=objective, expected=word, got=NO_VERDICT, ok=False, why=why, evidence="")
        for objective, word in mutant.expected.items()
    ]


def _row(mutant: Mutant, objective: str, expected: Word, verdicts: Sequence[Verdict]) -> Row:
    own = [verdict for verdict in verdicts if verdict.objective == objective]
    got = worst(verdict.word for verdict in own) if own else NO_VERDICT
    reason = mutant.reasons.get(objective)
    deciding = next((verdict for verdict in own if verdict.word == got), None)
    if deciding is None:
        why = "no check gave a verdict"
    elif got != expected:
        why = deciding.reason.split("\n", 1)[0]
    elif reason is not None and reason not in deciding.reason:
        # The right word for another reason proves nothing about what was broken.
        why = f"not because of {reason!r}: {deciding.reason.splitlines()[0]}"
    else:
        why = ""
    return Row(
        mutant=mutant.name,
        objective=objective,
        expected=expected,
        got=got,
        ok=not why,
        why=why,
        evidence=deciding.evidence if deciding else "",
    )


def table(rows: Sequence[Row]) -> str:
    """The matrix for a terminal, with the reason under each row that is not as it must be."""
    heads = ("", "mutant", "objective", "expected", "got")
    cells = [heads, *(("ok" if row.ok else "NOT", row.mutant, row.objective, row.expected, row.got) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    for number, row in reversed([*enumerate(rows, start=1)]):
        if row.why:
            lines.insert(number + 1, f"     {row.why}")
    held = sum(row.ok for row in rows)
    return "\n".join([*lines, f"{held} of {len(rows)} verdicts came out as they must"])


def write(rows: Iterable[Row], path: Path) -> None:
    """The file that `python -m reports render` shows; whole or not at all."""
    _replace(path, [asdict(row) for row in rows])


def merge(rows: Iterable[Row], path: Path, *, known: Iterable[str]) -> None:
    """Add to a file that may hold rows of other mutants; those of mutants that are gone are left out."""
    new = [asdict(row) for row in rows]
    fresh = {row["mutant"] for row in new}
    keep = set(known) - fresh
    _replace(path, [row for row in _written(path) if row.get("mutant") in keep] + new)


def _written(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _replace(path: Path, rows: list[dict[str, Any]]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
