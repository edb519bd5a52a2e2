"""One run as plain data: what report.json holds, and what HTML, Markdown and JUnit are made from.

Never fails on a run that is empty, damaged or interrupted: it says so in `problems`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from reports.gate import Candidate, Gated, Recorded, gate
from reports.objectives import Objective
from reports.plot import SUFFIX, Plot, read_plot
from reports.records import History, RecordError, Verdict, Word, worst
from reports.run import Run
from reports.timeline import error_kinds, fault_spans, latency_ms

SCHEMA_VERSION = 1
MAX_ERROR_KINDS = 50


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one check recorded, as far as it can be read."""

    folder: str
    history: History
    events: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]
    plots: Mapping[str, Plot] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A run, its gate as of its end, and the evidence of each check."""

    run: Recorded
    gated: Gated
    as_of: float
    evidence: tuple[Evidence, ...]
    objectives: Mapping[str, Objective]
    data: Mapping[str, Any]


def report(run: Run, objectives: Mapping[str, Objective]) -> Report:
    """Everything a reader of this run is shown. Raises RunError only if run.json itself cannot be read."""
    recorded = Recorded.read(run)
    facts = recorded.facts
    ends = [facts.start, *([facts.end] if facts.end is not None else []), *(v.at for v in recorded.verdicts)]
    as_of = max(ends)
    # Age is for the gate of a release; in a report every verdict of the run is of its own time.
    gated = gate([recorded], objectives, Candidate.of(facts), now=as_of, max_age_s=math.inf)
    evidence = tuple(read_evidence(path) for path in sorted((run.path / "evidence").glob("*")) if path.is_dir())
    kill_matrix, kill_problems = read_kill_matrix(run.path / "kill-matrix.json")
    problems = [f"damaged: {place}" for place in recorded.damage]
    if facts.end is None:
        problems.insert(
            0, "This run has not ended: it was interrupted, or is still going. What follows may be incomplete."
        )
    if not recorded.verdicts:
        problems.append("This run holds no verdict.")
    problems += [problem for entry in evidence for problem in entry.problems]
    problems += kill_problems
    data = {
        "schema": SCHEMA_VERSION,
        "gate": {
            "decision": gated.decision.word,
            "summary": gated.summary(),
            "as_of": as_of,
            "problems": list(gated.problems),
            "notes": list(gated.notes),
        },
        "run": asdict(facts),
        "problems": problems,
        "objectives": _objectives(recorded.verdicts, gated, objectives),
        "checks": [_check(entry, recorded.verdicts) for entry in evidence],
        "kill_matrix": kill_matrix,
    }
    return Report(recorded, gated, as_of, evidence, objectives, _plain(data))


def verdicts_of(folder: str, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts whose evidence lies in this folder."""
    return [verdict for verdict in verdicts if Path(verdict.evidence).name == folder]


def read_evidence(path: Path) -> Evidence:
    """What a check's folder holds; what cannot be read is named, not guessed."""
    problems: list[str] = []
    history = History((), ())
    if (path / "history.jsonl").exists():
        history, damaged = History.salvage(path / "history.jsonl")
        problems += [f"damaged: {error}" for error in damaged[:3]]
        if len(damaged) > 3:
            problems.append(f"damaged: {len(damaged) - 3} more lines of {path / 'history.jsonl'}")
    events: tuple[Mapping[str, Any], ...] = ()
    if (path / "events.json").exists():
        try:
            events = tuple(sorted(map(_event, _rows(path / "events.json")), key=lambda event: float(event["at"])))
        except RecordError as error:
            problems.append(f"damaged: {error}")
    plots: dict[str, Plot] = {}
    for file in sorted(path.glob(f"*{SUFFIX}")):
        try:
            plots[file.name.removesuffix(SUFFIX)] = read_plot(file)
        except RecordError as error:
            problems.append(f"damaged: {error}")
    return Evidence(path.name, history, events, tuple(problems), plots)


def read_kill_matrix(path: Path) -> tuple[list[dict[str, Any]] | None, list[str]]:
    """The kill matrix and what is wrong with it; None where the run has none."""
    if not path.exists():
        return None, []
    try:
        rows = [{key: row[key] for key in ("mutant", "objective", "expected", "got", "ok")} for row in _rows(path)]
    except KeyError as error:
        return None, [f"damaged: {path}: an entry without {error}"]
    except RecordError as error:
        return None, [f"damaged: {error}"]
    odd = [row["expected"] for row in rows if row["expected"] not in get_args(Word)]
    if odd:
        return None, [f"damaged: {path}: expected {odd[0]!r} is none of {', '.join(get_args(Word))}"]
    texts = [
        {**{key: str(row[key]) for key in ("mutant", "objective", "expected", "got")}, "ok": row["ok"]} for row in rows
    ]
    # A kill that is claimed must be one: `ok` is what the words say, not only what the file says.
    return [{**row, "ok": row["ok"] is True and row["expected"] == row["got"]} for row in texts], []


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RecordError(f"{path}: not a list of objects")
    return rows


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    at = row.get("at")
    if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at):
        raise RecordError(f"events.json: an event without a time: {row!r}")
    return {"at": at, **{key: str(row.get(key) or "") for key in ("kind", "name", "reason", "message")}}


def _objectives(verdicts: Sequence[Verdict], gated: Gated, objectives: Mapping[str, Objective]) -> list[dict[str, Any]]:
    lines = {line.objective.id: line for line in gated.lines}
    found = []
    # What was judged by a promise that is gone is still shown.
    for identity in [*objectives, *sorted({verdict.objective for verdict in verdicts} - set(objectives))]:
        objective, line = objectives.get(identity), lines.get(identity)
        own = [verdict for verdict in verdicts if verdict.objective == identity]
        entry: dict[str, Any] = {"id": identity}
        if objective is not None:
            entry |= {
                key: getattr(objective, key)
                for key in ("description", "unit", "min_samples", "gate", "owner", "because", "runbook", "aim")
            }
            entry["bound"] = objective.bound_text()
        else:
            entry |= {
                **dict.fromkeys(("min_samples", "owner", "because", "runbook", "aim")),
                "description": "Judged in this run; no objective any more.",
                "unit": own[0].unit, "gate": own[0].gate, "bound": own[0].bound,
            }  # fmt: skip
        judged = worst(verdict.word for verdict in own)
        entry["word"] = line.word if line else (judged if own else "not measured")
        entry["why"] = line.why if line else ""
        entry["next_step"] = line.next_step if line else ""
        entry["verdicts"] = [asdict(verdict) for verdict in own]
        found.append(entry)
    return found


def _check(evidence: Evidence, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    own = verdicts_of(evidence.folder, verdicts)
    operations = evidence.history.operations
    outcomes = Counter(operation.outcome for operation in operations)
    kinds = error_kinds(operations)
    return {
        "name": own[0].check if own else evidence.folder,
        "evidence": f"evidence/{evidence.folder}",
        "objectives": sorted({verdict.objective for verdict in own}),
        "operations": len(operations),
        "outcomes": {word: outcomes[word] for word in ("ok", "fail", "unknown")},
        "clients": len({operation.client for operation in operations}),
        "kinds": dict(Counter(operation.kind for operation in operations).most_common(20)),
        "latency_ms": dict(latency_ms(operations)),
        "faults": [asdict(span) for span in fault_spans(evidence.history.marks)],
        "errors": [asdict(kind) for kind in kinds[:MAX_ERROR_KINDS]],
        "errors_left_out": max(0, len(kinds) - MAX_ERROR_KINDS),
        "events": list(evidence.events),
        "plots": [
            {"name": name, "title": plot.title, "data": f"evidence/{evidence.folder}/{name}.csv"}
            for name, plot in evidence.plots.items()
        ],
        "problems": list(evidence.problems),
    }


def _plain(value: Any) -> Any:
    """The value with nothing in it that strict JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    # A client's error may hold half a character, which no file can.
    return str(value).encode("utf-8", "replace").decode("utf-8")
