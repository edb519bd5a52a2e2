"""A plot loses no number on its way to the page, and what is no plot is named."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from reports.plot import Curve, Panel, Plot, read_plot, write_plot
from reports.plot_svg import draw_plot
from reports.records import RecordError
from reports.render import render
from suites.selftest.reports.written import OBJECTIVES, ready_verdict, written_run

LATENCY = Panel(
    name="latency",
    unit="ms",
    bound=200.0,
    bound_name="bound 200 ms",
    curves=(
        Curve(name="p50", points=((250.0, 2.0), (500.0, 3.0), (750.0, 40.0))),
        Curve(name="p95 <b>", points=((250.0, 9.0), (500.0, None), (750.0, 400.0))),
    ),
)
CPU = Panel(name="processor", unit="cores", linear=True, curves=(Curve(name="app", points=((250.0, 0.2),)),))
PLOT = Plot(title="How far it goes", x_name="searches a second", panels=(LATENCY, CPU), mark=500.0, mark_name="knee")


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - made by the test itself


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    assert read_plot(write_plot(tmp_path, "knee", PLOT)) == PLOT
    rows = list(csv.reader((tmp_path / "knee.csv").open()))
    assert rows[0] == ["searches a second", "latency, p50 (ms)", "latency, p95 <b> (ms)", "processor, app (cores)"]
    assert rows[2] == ["500.0", "3.0", "", ""]


def test_lines_bounds_and_marks_are_drawn_and_named() -> None:
    svg = draw_plot(PLOT)
    root = parsed(svg)
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"bound 200 ms", "knee", "searches a second", "latency", "p50 40 ms", "p95 <b> 400 ms"} <= set(texts)
    # A hole in the values is a hole in the line.
    holed = [path.get("d") or "" for path in root.iter() if path.get("class") == "curve s1"]
    assert [path.count("M") for path in holed] == [2]


@pytest.mark.parametrize("panels", [(), (Panel(name="empty", unit="ms", curves=()),)])
def test_a_plot_of_nothing_is_still_a_picture(panels: tuple[Panel, ...]) -> None:
    parsed(draw_plot(Plot(title="t", x_name="x", panels=panels)))


def test_names_of_lines_that_end_together_do_not_cover_each_other() -> None:
    curves = tuple(Curve(name=f"c{number}", points=((1.0, 0.01 * number),)) for number in range(12))
    svg = draw_plot(Plot(title="t", x_name="x", panels=(Panel(name="p", unit="cores", curves=curves, linear=True),)))
    places = sorted(
        float(text.get("y") or 0)
        for text in parsed(svg).iter("{http://www.w3.org/2000/svg}text")
        if "".join(text.itertext()).startswith("c")
    )
    assert len(places) == 12 and all(later - earlier >= 12.9 for earlier, later in pairwise(places))


def test_a_report_shows_the_plots_of_a_check_without_history(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict())
    folder = run.evidence_dir("load.test_knee")
    write_plot(folder, "knee", PLOT)
    (folder / "broken.plot.json").write_text('{"title": "x"}', encoding="utf-8")
    html, _, _, data = (path.read_text(encoding="utf-8") for path in render(run, OBJECTIVES))
    assert "How far it goes" in html and 'class="curve s0"' in html and "there is nothing to draw" not in html
    check = json.loads(data)["checks"][0]
    assert check["plots"] == [{"name": "knee", "title": "How far it goes", "data": "evidence/load.test_knee/knee.csv"}]
    assert any("broken.plot.json: not a plot" in problem for problem in check["problems"])


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        '{"title": "t", "x_name": "x", "panels": [{"name": "p", "unit": "ms", "curves": [{"name": "c"}]}]}',
        '{"title": "t", "x_name": "x", "panels": [], "mark": "here"}',
        '{"title": "t", "x_name": "x", "panels": [], "more": 1}',
    ],
)
def test_what_is_no_plot_is_named(tmp_path: Path, damage: str) -> None:
    (tmp_path / "x.plot.json").write_text(damage, encoding="utf-8")
    with pytest.raises(RecordError, match=r"x\.plot\.json: not a plot"):
        read_plot(tmp_path / "x.plot.json")
