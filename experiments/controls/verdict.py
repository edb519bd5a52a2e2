"""Opens a run before an experiment and ends it with verdicts, whatever happened in between.

    arguments:
      judged:
        failure.db_lost_writes: {measure: lost_writes}
        failure.node_loss_gap_s: {measure: search_gap, guards: {write_gap_s: write_gap}}
      measured: [error_ratio]

`judged` names a measure of experiments/measures.py for each objective, and for those of its guards that are measures of
their own. What is `measured` is kept and not judged: nobody has promised anything about it. The run is the one named by
SRE_RUN_DIR, else a new one.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from chaoslib.exceptions import InterruptExecution

from experiments import stage
from experiments.aftermath import Aftermath
from experiments.measures import Judged, measure, names_of, what_is_lacking, with_guards
from reports import objectives
from reports.judge import judge
from reports.records import Measurement, Verdict
from reports.run import Run, RunError
from reports.units import quantity
from suites.harness import diagnostics
from suites.harness.errors import HarnessError

logger = logging.getLogger("chaostoolkit")

_NOTHING = Measurement(value=None, unit="", samples=0)


@dataclass(slots=True, kw_only=True)
class Opened:
    """The run an experiment writes to.

    `trouble` is what kept it from being played as it is written, `witness` what a second witness says of its time.
    """

    run: Run
    evidence: Path
    check: str
    started_at: float
    trouble: list[str] = field(default_factory=list)
    witness: Mapping[str, Any] = field(default_factory=dict)


_opened: Opened | None = None


def before_experiment_control(
    context: Mapping[str, Any], judged: Judged | None = None, measured: Sequence[str] = ()
) -> None:
    """Open the run and set up the stage. Interrupts the experiment if that cannot be done: nothing was touched."""
    # chaostoolkit calls plain functions and keeps nothing between them.
    global _opened
    judged = judged or {}
    try:
        known = objectives.load()
        wrong = [f"no objective {identity}" for identity in judged if identity not in known]
        wrong += what_is_lacking([*names_of(judged), *measured], context["method"])
        if wrong:
            raise InterruptExecution("; ".join(wrong))
        seed = int(os.environ.get("SRE_SEED") or secrets.randbelow(2**31))
        run = Run.current(argv=sys.argv, seed=seed)
    except (RunError, ValueError) as error:
        # Of any other exception chaostoolkit says nothing, and goes on.
        raise InterruptExecution(str(error)) from error
    evidence = run.evidence_dir(f"experiment.{context['title']}")
    _opened = Opened(run=run, evidence=evidence, check=f"experiment: {context['title']}", started_at=time.time())
    logger.info(f"run {_shown(run.path)} waits for its turn alone at the target")
    try:
        here = stage.set_up(evidence / "history.jsonl", seed=seed)
        run.describe(
            target=here.target.label, chart_version=here.cluster.chart_version(), images=here.cluster.image_digests()
        )
    except (HarnessError, RunError) as error:
        _opened.trouble.append(f"not set up: {error}")
        raise InterruptExecution(str(error)) from error


def after_activity_control(state: Mapping[str, Any] | None, **_: object) -> None:
    """End the experiment, with its rollbacks, on SIGTERM: chaostoolkit takes it for a failure of one activity."""
    if any(InterruptExecution.__name__ in line for line in (state or {}).get("exception", ())):
        raise InterruptExecution("SIGTERM")


def after_experiment_control(
    context: Mapping[str, Any], state: dict[str, Any], judged: Judged | None = None, measured: Sequence[str] = ()
) -> None:
    """Measure, judge and record, strike the stage, keep the journal. Anything but passes fails the experiment."""
    global _opened
    opened, _opened = _opened, None
    if opened is None:
        return
    judged = judged or {}
    is_success = False
    try:
        found = _measure(opened, state, [*names_of(judged), *measured])
        doubts = (*opened.trouble, *what_went_wrong(context, state))
        state["measurements"] = {name: asdict(each) for name, each in found.items()}
        state["witness"] = opened.witness
        verdicts = _judge(opened, judged, found, doubts)
        is_success = all(verdict.word == "pass" for verdict in verdicts)
        # What is wrong with the experiment as a whole, its verdicts have said.
        is_success &= _is_believed({name: found.get(name, _NOTHING) for name in measured}, () if judged else doubts)
    except Exception:
        logger.exception("the experiment ended without its verdicts")
        raise
    finally:
        is_struck = _strike(opened, keep_state=not is_success)
        if state["status"] == "completed" and not (is_success and is_struck):
            state["status"] = "failed"
        (opened.evidence / "journal.json").write_text(json.dumps(state, indent=1, default=str), encoding="utf-8")
        opened.run.finish()
        path = opened.run.path
        logger.info(f"run {_shown(path)}   report: python -m reports render {path.name}")


def _measure(opened: Opened, journal: Mapping[str, Any], names: Sequence[str]) -> dict[str, Measurement]:
    """Every measurement by its name, once the history is closed. None of an experiment that did not come to its end."""
    here = stage.set_up_stage()
    if here is None:
        return {}
    opened.trouble += here.end()
    if journal["status"] in ("interrupted", "aborted"):
        # Whoever pressed Ctrl-C is not kept waiting for numbers that could not be believed.
        return {}
    seen = Aftermath(here)
    opened.witness = seen.witness
    return {name: measure(name, seen) for name in names}


def _judge(opened: Opened, judged: Judged, found: Mapping[str, Measurement], doubts: Sequence[str]) -> list[Verdict]:
    """A recorded verdict on each objective, also where nothing was measured."""
    known = objectives.load()
    verdicts = []
    for identity, asked in judged.items():
        main = found.get(asked["measure"], _NOTHING)
        guards = {guard: found.get(name, _NOTHING) for guard, name in asked.get("guards", {}).items()}
        measurement = with_guards(replace(main, unit=main.unit or known[identity].unit), guards)
        verdict = judge(
            known[identity],
            replace(
                measurement,
                doubts=(*measurement.doubts, *doubts),
                facts={**measurement.facts, "witness": opened.witness},
            ),
            check=opened.check,
            evidence=_shown(opened.evidence),
            at=time.time(),
        )
        opened.run.record(verdict)
        logger.log(logging.INFO if verdict.word == "pass" else logging.ERROR, verdict.reason)
        verdicts.append(verdict)
    return verdicts


def _is_believed(measured: Mapping[str, Measurement], doubts: Sequence[str]) -> bool:
    """Say what was measured and is not judged; whether there is no doubt, neither about it nor otherwise."""
    for name, each in measured.items():
        logger.info(f"{name}: {quantity(each.value, each.unit)}, which nobody has promised anything about")
    every = list(dict.fromkeys([*doubts, *(doubt for each in measured.values() for doubt in each.doubts)]))
    for doubt in every:
        logger.error(f"not to be believed: {doubt}")
    return not every


def _strike(opened: Opened, *, keep_state: bool) -> bool:
    """Keep what somebody needs who asks why, and strike the stage; whether nothing of it is left."""
    here = stage.set_up_stage()
    if here is None:
        return True
    try:
        diagnostics.keep_events(here.cluster, opened.evidence, since=opened.started_at)
        if keep_state:
            diagnostics.keep_state(here.cluster, opened.evidence)
    except HarnessError as error:
        logger.error(f"diagnostics not kept: {error}")
    try:
        stage.strike()
    except HarnessError as error:
        logger.error(f"not all was cleaned up: {error}; what a fault left behind: python -m suites.undo")
        return False
    return True


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
        if activity.get("status") != "succeeded"
    ]
    if journal["status"] in ("interrupted", "aborted"):
        wrong.append(f"the experiment was {journal['status']}")
    return wrong


def _last_line(activity: Mapping[str, Any]) -> str:
    # What Ctrl-C ends has no status.
    exception = activity.get("exception") or [activity.get("status", "cut off")]
    return str(exception[-1]).strip()


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
