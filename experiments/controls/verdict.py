"""Opens a run before an experiment and ends it with a verdict, whatever happened in between.

The run is the one named by SRE_RUN_DIR, else a new one. The experiment's journal is kept beside its history.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaoslib.exceptions import InterruptExecution

from experiments import stage
from reports import objectives
from reports.judge import judge, unmeasured
from reports.records import History, Measurement
from reports.run import Run, RunError
from suites.harness import diagnostics
from suites.harness.checkers.gaps import longest_gap
from suites.harness.errors import HarnessError

logger = logging.getLogger("chaostoolkit")

CHECKERS: Mapping[str, Callable[[History], Measurement]] = {"longest_gap": longest_gap}


@dataclass(slots=True, kw_only=True)
class Opened:
    """The run an experiment writes to. `trouble` is what kept it from being played as it is written."""

    run: Run
    evidence: Path
    check: str
    started_at: float
    trouble: list[str]


_opened: Opened | None = None


def before_experiment_control(context: Mapping[str, Any], objective: str, checker: str) -> None:
    """Open the run and set up the stage. Interrupts the experiment if that cannot be done: nothing was touched."""
    # chaostoolkit calls plain functions and keeps nothing between them.
    global _opened
    if objective not in objectives.load() or checker not in CHECKERS:
        raise InterruptExecution(f"no objective {objective} or no checker {checker}; there is {', '.join(CHECKERS)}")
    seed = int(os.environ.get("SRE_SEED") or secrets.randbelow(2**31))
    run = Run.current(argv=sys.argv, seed=seed)
    check = f"experiment: {context['title']}"
    evidence = run.evidence_dir(f"experiment.{objective}")
    _opened = Opened(run=run, evidence=evidence, check=check, started_at=time.time(), trouble=[])
    try:
        here = stage.set_up(evidence / "history.jsonl", seed=seed)
        run.describe(
            target=here.target.label, chart_version=here.cluster.chart_version(), images=here.cluster.image_digests()
        )
    except (HarnessError, RunError) as error:
        _opened.trouble.append(f"not set up: {error}")
        raise InterruptExecution(str(error)) from error


def after_experiment_control(context: Mapping[str, Any], state: dict[str, Any], objective: str, checker: str) -> None:
    """Strike the stage, judge the closed history, and keep the journal; anything but a pass fails the experiment."""
    global _opened
    opened, _opened = _opened, None
    if opened is None:
        return
    doubts = _close(opened)
    promised = objectives.load()[objective]
    history = opened.evidence / "history.jsonl"
    measurement = (
        CHECKERS[checker](History.read(history)) if history.exists() else unmeasured(promised, "nothing was recorded")
    )
    measurement = replace(
        measurement, doubts=(*measurement.doubts, *doubts, *opened.trouble, *what_went_wrong(context, state))
    )
    verdict = judge(promised, measurement, check=opened.check, evidence=_shown(opened.evidence), at=time.time())
    opened.run.record(verdict)
    opened.run.finish()
    if verdict.word != "pass":
        state["status"] = "failed"
    (opened.evidence / "journal.json").write_text(json.dumps(state, indent=1, default=str), encoding="utf-8")
    logger.info("%s\nrun %s", verdict.reason, _shown(opened.run.path))


def _close(opened: Opened) -> tuple[str, ...]:
    """Strike the stage; what the traffic doubts about itself."""
    here = stage.set_up_stage()
    if here is None:
        return ()
    try:
        if here.traffic is not None:
            here.traffic.stop()
        diagnostics.keep_events(here.cluster, opened.evidence, since=opened.started_at)
    except HarnessError as error:
        opened.trouble.append(str(error))
    try:
        stage.strike()
    except HarnessError as error:
        opened.trouble.append(f"not healed: {error}")
    return here.traffic.doubts if here.traffic is not None else ()


def what_went_wrong(experiment: Mapping[str, Any], journal: Mapping[str, Any]) -> list[str]:
    """Why what was recorded is not what the experiment says: no steady state before, an activity that failed.

    A steady state that does not hold afterwards is no doubt about the number; chaostoolkit calls it a deviation.
    """
    wrong = []
    before = journal["steady_states"]["before"]
    if before is not None and not before["steady_state_met"]:
        wrong.append(f"not steady before the method: {experiment['steady-state-hypothesis']['title']}")
    wrong += [
        f"{activity['activity']['name']}: {_last_line(activity)}"
        for activity in (*journal["run"], *journal["rollbacks"])
        if activity["status"] != "succeeded"
    ]
    if journal["status"] in ("interrupted", "aborted"):
        wrong.append(f"the experiment was {journal['status']}")
    return wrong


def _last_line(activity: Mapping[str, Any]) -> str:
    exception = activity.get("exception") or [activity["status"]]
    return str(exception[-1]).strip()


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
