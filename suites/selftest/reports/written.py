"""Verdicts and runs written by hand, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reports.judge import judge
from reports.objectives import Bound, Objective
from reports.records import Measurement, Verdict, Window
from reports.run import Run

START = 1_795_000_000.0
END = START + 300.0
IMAGES = {"app": "sha256:" + "a" * 64, "redis": "sha256:" + "b" * 64}
CHART = "0.1.0"

SEARCH = Objective(
    id="load.search_p95_ms",
    description="Searches are answered fast at the promised rate.",
    bound=Bound(unit="ms", limit=200.0, is_upper=True),
    guards={"error_ratio": Bound(unit="ratio", limit=0.001, is_upper=True)},
    min_samples=100,
    gate=True,
    owner="platform",
    because="200 ms feels immediate",
    runbook="search-latency",
    aim="50 ms",
)
READY = Objective(
    id="smoke.components_ready",
    description="Every component is ready.",
    bound=Bound(unit="bool", limit=1.0, is_upper=False),
    min_samples=1,
    gate=True,
    owner="platform",
    because="nothing else means anything",
)
SHOWN = Objective(
    id="load.shown_s",
    description="Watched, not promised.",
    bound=Bound(unit="s", limit=1.0, is_upper=True),
    min_samples=1,
    gate=False,
    owner="platform",
    because="to see where it goes",
)
OBJECTIVES = {entry.id: entry for entry in (READY, SEARCH, SHOWN)}


def search_verdict(
    value: float | None = 150.0, *, at: float = END, errors: float = 0.0, doubts: tuple[str, ...] = ()
) -> Verdict:
    measurement = Measurement(
        value=value,
        unit="ms",
        samples=1000,
        window=Window(start=START + 10, end=START + 70),
        guards={"error_ratio": errors},
        doubts=doubts,
        facts={"cache_hit_ratio": 0.61},
    )
    return judge(SEARCH, measurement, check="load.search", evidence="runs/r/evidence/load.search", at=at)


def ready_verdict(value: float | None = 1.0, *, at: float = END) -> Verdict:
    measurement = Measurement(value=value, unit="bool", samples=7)
    return judge(READY, measurement, check="smoke.ready", evidence="", at=at)


def written_run(
    root: Path,
    *verdicts: Verdict,
    ended: bool = True,
    chart: str | None = CHART,
    images: Mapping[str, str] | None = None,
    start: float = START,
) -> Run:
    run = Run.create(root, argv=["pytest", "suites/"], seed=7, start=start)
    run.describe(target="kind at 127.0.0.1", chart_version=chart, images=IMAGES if images is None else images)
    for verdict in verdicts:
        run.record(verdict)
    if ended:
        run.finish(start + 300.0)
    return run
