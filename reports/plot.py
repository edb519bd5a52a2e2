"""What a check drew: curves over one axis, kept as data beside the rest of its evidence and drawn in every report.

evidence/<check>/<name>.plot.json   the plot, as `Plot` has it
evidence/<check>/<name>.csv         the same numbers as a table, for whoever draws their own
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reports.records import RecordError

SUFFIX = ".plot.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line: its points by x, in that order. A point without a value is a hole in the line."""

    name: str
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Curves that share a scale. `bound` is a line across, what `bound_name` says it is."""

    name: str
    unit: str
    curves: tuple[Curve, ...]
    bound: float | None = None
    bound_name: str = ""
    linear: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Panels over one axis. `mark` is a place on it worth a line of its own, what `mark_name` says it is."""

    title: str
    x_name: str
    panels: tuple[Panel, ...]
    mark: float | None = None
    mark_name: str = ""
    notes: tuple[str, ...] = ()

    def xs(self) -> list[float]:
        """Every x that any curve has a point at."""
        return sorted({x for panel in self.panels for curve in panel.curves for x, _ in curve.points})

    def table(self) -> list[list[str | float | None]]:
        """A head and one row for each x: the same numbers without a picture."""
        curves = [(panel, curve, dict(curve.points)) for panel in self.panels for curve in panel.curves]
        rows: list[list[str | float | None]] = [[self.x_name]]
        rows[0] += [f"{panel.name}, {curve.name} ({panel.unit})" for panel, curve, _ in curves]
        for x in self.xs():
            rows.append([x, *(values.get(x) for *_, values in curves)])
        return rows


def write_plot(folder: Path, name: str, plot: Plot) -> Path:
    """Keep the plot and its numbers in the folder; where the plot is."""
    path = folder / f"{name}{SUFFIX}"
    path.write_text(json.dumps(asdict(plot), indent=1), encoding="utf-8")
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(plot.table())
    return path


def read_plot(path: Path) -> Plot:
    """A plot that was kept. Raises RecordError for a file that is none."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return Plot(
            **{
                **row,
                "panels": tuple(map(_panel, row["panels"])),
                "mark": _value(row.get("mark")),
                "notes": tuple(str(note) for note in row.get("notes", ())),
            }
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordError(f"{path}: not a plot: {error}") from error


def _panel(row: Mapping[str, Any]) -> Panel:
    return Panel(
        **{
            **row,
            "bound": _value(row.get("bound")),
            "curves": tuple(
                Curve(name=str(curve["name"]), points=tuple((_number(x), _value(y)) for x, y in curve["points"]))
                for curve in row["curves"]
            ),
        }
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _value(value: Any) -> float | None:
    return None if value is None else _number(value)
