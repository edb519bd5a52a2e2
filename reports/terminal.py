"""What `python -m reports` says on a terminal: plain text, aligned, no colour, so that a log shows the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reports.compare import Compared
from reports.gate import Gated, Recorded
from reports.objectives import Objective
from reports.units import duration, moment, number, quantity


def gate_text(gated: Gated, *, now: float) -> str:
    """The gate's table, what stands in the way with the next step, and the decision as the last line."""
    rows = [["objective", "verdict", "value", "bound", "margin", "samples", "age"]]
    for line in gated.lines:
        verdict = line.verdict
        if verdict is None:
            rows.append([line.objective.id, line.word, "-", line.objective.bound_text(), "-", "-", "-"])
            continue
        rows.append(
            [
                line.objective.id,
                line.word,
                ", ".join(measured_texts(line.objective, verdict.word, verdict.value, verdict.unit, verdict.guards)),
                verdict.bound,
                margin_text(verdict.margin),
                number(verdict.samples),
                duration(max(0.0, now - verdict.at)),
            ]
        )
    said = [*_table(rows), ""]
    for line in gated.lines:
        if line.word != "pass":
            said += [f"{line.objective.id}: {line.why}", f"  next: {line.next_step}"]
    said += [f"problem: {problem}" for problem in gated.problems]
    said += [f"note: {note}" for note in gated.notes]
    if said[-1]:
        said.append("")
    return "\n".join([*said, gated.headline()])


def list_text(runs: Sequence[tuple[str, Recorded | str]]) -> str:
    """One line per run, oldest first; a run that cannot be read says so."""
    rows = [["run", "started", "took", "target", "chart", "pass", "fail", "inconclusive"]]
    broken = []
    for name, run in runs:
        if isinstance(run, str):
            broken.append(f"{name}: {run}")
            continue
        words = Counter(verdict.word for verdict in run.verdicts)
        facts = run.facts
        took = "not ended" if facts.end is None else duration(facts.end - facts.start)
        counts = [str(words[word]) for word in ("pass", "fail", "inconclusive")]
        rows.append([name, moment(facts.start), took, facts.target or "-", facts.chart_version or "-", *counts])
        broken += [f"damaged: {place}" for place in run.damage]
    return "\n".join([*_table(rows), *broken])


def compare_text(names: Sequence[str], compared: Sequence[Compared]) -> str:
    """One line per objective with its word and value in every run, flipped ones marked; the last line counts them."""
    rows = [["objective", *names, ""]]
    rows += [[line.objective, *line.cells, "FLIPPED" if line.flipped else ""] for line in compared]
    flipped = sum(line.flipped for line in compared)
    return "\n".join([*_table(rows), "", f"{flipped} of {len(compared)} objectives flipped over {len(names)} runs"])


def show_text(run: Recorded, *, objectives: Iterable[str] = ()) -> str:
    """A run's facts and the full reason of its verdicts, all or those of some objectives."""
    facts, wanted = run.facts, set(objectives)
    images = ", ".join(f"{name}@{digest}" for name, digest in sorted(facts.images.items()))
    said = [
        f"run {facts.id}",
        f"  started {moment(facts.start)}, {'not ended' if facts.end is None else f'ended {moment(facts.end)}'}",
        f"  target {facts.target or 'not known'}, chart {facts.chart_version or 'not known'}, seed {facts.seed}",
        f"  images {images or 'not known'}",
        f"  suites {facts.git_head or 'not known'}{' with uncommitted changes' if facts.git_dirty else ''}",
        *(f"  session {' '.join(session.argv)}" for session in facts.sessions),
        "",
    ]
    said += [f"damaged: {place}" for place in run.damage]
    shown = [verdict for verdict in run.verdicts if not wanted or verdict.objective in wanted]
    said += [verdict.reason for verdict in shown] or ["no verdicts"]
    return "\n".join(said)


def measured_texts(
    objective: Objective | None, word: str, value: float | None, unit: str, guards: Mapping[str, float | None]
) -> list[str]:
    """The value and, of a fail, each guard that is beyond its bound: `1.5 s`, `search_error_ratio 0.22 %`."""
    said = [quantity(value, unit)]
    if objective is not None and word == "fail":
        broken = objective.broken_guards(guards)
        said += [f"{name} {quantity(each, objective.guards[name].unit)}" for name, each in broken.items()]
    return said


def margin_text(margin: float | None) -> str:
    """A signed part of the bound: `+25 %` is a quarter of the bound left; `-` where a part means nothing."""
    return "-" if margin is None else f"{margin * 100:+.3g} %"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
