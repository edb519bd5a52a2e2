"""An experiment ends with a verdict whatever happens, and only a pass is a success."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chaoslib.experiment import run_experiment
from chaoslib.types import Strategy

from experiments.controls.verdict import what_went_wrong
from experiments.stage import stage
from reports.run import Run
from suites.harness.errors import HarnessError

TITLE = {"title": "t", "steady-state-hypothesis": {"title": "all is well"}}


def journal(**changes: Any) -> dict[str, Any]:
    done = {"activity": {"name": "kill"}, "status": "succeeded"}
    whole: dict[str, Any] = {
        "status": "completed",
        "steady_states": {"before": {"steady_state_met": True}, "after": {"steady_state_met": True}},
        "run": [done],
        "rollbacks": [done],
    }
    return whole | changes


def test_an_experiment_without_a_target_is_inconclusive_and_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(tmp_path / "runs", argv=["selftest"])
    monkeypatch.setenv("SRE_RUN_DIR", str(run.path))
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    control = {
        "name": "verdict",
        "provider": {
            "type": "python",
            "module": "experiments.controls.verdict",
            "arguments": {"objective": "failure.app_pod_gap_s", "checker": "longest_gap"},
        },
    }
    heal = {
        "name": "heal",
        "type": "action",
        "provider": {"type": "python", "module": "experiments.activities.faults", "func": "heal"},
    }
    told = run_experiment(
        {"title": "t", "description": "d", "controls": [control], "method": [], "rollbacks": [heal]},
        strategy=Strategy.SKIP,
        settings={"runtime": {"rollbacks": {"strategy": "always"}}},
    )
    assert told["status"] == "failed"
    assert [entry["status"] for entry in told["rollbacks"]] == ["succeeded"]
    (verdict,) = run.verdicts()
    assert (verdict.objective, verdict.word) == ("failure.app_pod_gap_s", "inconclusive")
    assert "no kubeconfig at" in verdict.reason
    assert (Path(verdict.evidence) / "journal.json").is_file()
    assert run.facts().sessions[-1].end is not None


def test_activities_refuse_to_work_without_their_control() -> None:
    with pytest.raises(HarnessError, match="does it name the control"):
        stage()


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({}, []),
        ({"steady_states": {"before": {"steady_state_met": False}}}, ["not steady before the method: all is well"]),
        ({"run": [{"activity": {"name": "kill"}, "status": "failed", "exception": ["no\n", "Refused: no label\n"]}]},
         ["kill: Refused: no label"]),
        ({"status": "interrupted"}, ["the experiment was interrupted"]),
        # A deviation is chaostoolkit's own word; the number stands.
        ({"steady_states": {"before": {"steady_state_met": True}, "after": {"steady_state_met": False}}}, []),
    ],
)  # fmt: skip
def test_what_went_wrong_is_a_doubt(changes: dict[str, Any], doubt: list[str]) -> None:
    assert what_went_wrong(TITLE, journal(**changes)) == doubt
