"""Writes a run's reports: HTML for people, Markdown for a pull request, JUnit for a CI, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from reports.junit import junit
from reports.objectives import Objective
from reports.plot_svg import draw_plot
from reports.records import Window
from reports.report import Evidence, Report, report, verdicts_of
from reports.run import Run
from reports.svg import draw, marker
from reports.terminal import margin_text, measured_texts
from reports.timeline import timeline
from reports.units import duration, moment, number, quantity, span

FORMATS = ("html", "md", "junit", "json")
SCHEMA = Path(__file__).parent / "report.schema.json"

_NAMES = {"html": "report.html", "md": "report.md", "junit": "junit.xml", "json": "report.json"}
_TEMPLATES = Path(__file__).parent / "templates"
# The reader first sees what needs them.
_ORDER = {"fail": 0, "inconclusive": 1, "pass": 2, "not measured": 3}
# All timelines together stay under about this many points, so that a report with many checks is still a light page.
_MAX_POINTS = 6000
_MAX_POINTS_EACH = 600
_MIN_POINTS_EACH = 120


def render(
    run: Run, objectives: Mapping[str, Objective], *, into: Path | None = None, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write the reports into the run's folder, or into `into`; returns their paths."""
    made = report(run, objectives)
    folder = into or run.path
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in formats:
        path = folder / _NAMES[name]
        path.write_text(_text(name, made), encoding="utf-8", errors="replace")
        written.append(path)
    return written


def _text(name: str, made: Report) -> str:
    if name == "json":
        return json.dumps(made.data, indent=2, allow_nan=False) + "\n"
    if name == "junit":
        return junit(made.data)
    # The gate names the run's damage again; once is enough.
    shown = [said for said in made.data["gate"]["problems"] if not said.startswith("damaged: ")]
    template = _environment().get_template(f"report.{name}.j2")
    return template.render(
        report=made.data,
        objectives=sorted(made.data["objectives"], key=lambda entry: _ORDER[entry["word"]]),
        problems=[*made.data["problems"], *shown],
        measured=lambda verdict: measured_texts(
            made.objectives.get(verdict["objective"]),
            *(verdict[key] for key in ("word", "value", "unit", "guards")),
        ),
        timelines=_timelines(made) if name == "html" else {},
        plots=_plots(made) if name == "html" else {},
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": _cell,
        "clock": _clock,
        "code": _code,
        "duration": duration,
        "fact": _fact,
        "headline": lambda text: text.split("\n", 1)[0],
        "margin": margin_text,
        "moment": moment,
        "number": number,
    }
    environment.globals["quantity"] = quantity
    return environment


def _timelines(made: Report) -> dict[str, dict[str, Any]]:
    """The drawing and the legend of each check, by its place in the run."""
    share = _MAX_POINTS // max(1, len(made.evidence))
    points = max(_MIN_POINTS_EACH, min(_MAX_POINTS_EACH, share))
    found = {}
    for entry in made.evidence:
        drawn = timeline(entry.history, points=points)
        if drawn is not None:
            title = f"What the clients of {entry.folder} saw over time"
            found[f"evidence/{entry.folder}"] = {
                "svg": draw(drawn, title=title, events=entry.events, bound_ms=_bound_ms(entry, made)),
                "series": [
                    {
                        "name": series.name,
                        "operations": series.operations,
                        "is_binned": bool(series.bins),
                        "marker": marker(index),
                    }
                    for index, series in enumerate(drawn.series)
                ],
                "start": drawn.start,
            }
    return found


def _plots(made: Report) -> dict[str, list[dict[str, Any]]]:
    """What each check drew, by its place in the run."""
    return {
        f"evidence/{entry.folder}": [
            {
                "svg": draw_plot(plot),
                "title": plot.title,
                "notes": plot.notes,
                "table": plot.table(),
                "data": f"evidence/{entry.folder}/{name}.csv",
            }
            for name, plot in entry.plots.items()
        ]
        for entry in made.evidence
    }


def _bound_ms(entry: Evidence, made: Report) -> float | None:
    """The latency that the check's objective allows, where it bounds one."""
    for verdict in verdicts_of(entry.folder, made.run.verdicts):
        objective = made.objectives.get(verdict.objective)
        if objective is not None and objective.unit == "ms" and objective.bound.is_upper:
            return objective.bound.limit
    return None


def _fact(value: object) -> str:
    """A fact beside a number: short, whatever its shape."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return number(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _clock(window: Mapping[str, float] | None) -> str:
    """A window without its date, which the run has at its head: `10:02:07.0–10:02:48.2 (41.2 s)`."""
    if window is None:
        return "none"
    text = span(Window(start=window["start"], end=window["end"]))
    return text.split(" ", 1)[1].replace(" UTC", "")


def _code(text: str) -> Markup:
    """The text escaped, with what stands in backquotes as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )


def _cell(text: object) -> str:
    """A text that stays within one cell of a Markdown table and is not read as HTML."""
    plain = " ".join(str(text).split())
    return plain.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
