"""An experiment ends with verdicts whatever happens, heals whatever happens, and only passes are a success."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from chaoslib.experiment import run_experiment
from chaoslib.types import Journal, Strategy

from experiments import stage as stages
from experiments.controls.verdict import what_went_wrong
from experiments.measures import with_guards
from experiments.stage import Stage, stage
from reports.records import HistoryWriter, Measurement, Operation
from reports.run import Run
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Event
from suites.harness.clients.site_search import SiteSearch
from suites.harness.deadlines import Deadlines
from suites.harness.errors import HarnessError
from suites.harness.sites import Sites
from suites.harness.witness import Witness
from suites.selftest.toy_cluster import ToyCluster, pod

TITLE = {"title": "t", "steady-state-hypothesis": {"title": "all is well"}}
HERE = "suites.selftest.test_experiments"
FAULTS = "experiments.activities.faults"


def journal(**changes: Any) -> dict[str, Any]:
    done = {"activity": {"name": "kill"}, "status": "succeeded"}
    whole: dict[str, Any] = {
        "status": "completed",
        "steady_states": {"before": {"steady_state_met": True}, "after": {"steady_state_met": True}},
        "run": [done],
        "rollbacks": [done],
    }
    return whole | changes


def activity(module: str, func: str, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"name": func, "type": "action", "provider": provider}


def play(method: Sequence[dict[str, Any]], **asked: Any) -> Journal:
    """Played by chaostoolkit, with the control and rollbacks that every experiment has."""
    provider = {"type": "python", "module": "experiments.controls.verdict", "arguments": asked}
    experiment = {
        "title": "t",
        "description": "d",
        "controls": [{"name": "verdict", "provider": provider}],
        "method": list(method),
        "rollbacks": [activity(FAULTS, "heal")],
    }
    settings = {"runtime": {"rollbacks": {"strategy": "always"}}}
    return run_experiment(experiment, strategy=Strategy.SKIP, settings=settings)


@dataclass
class PlayedOn(ToyCluster):
    """A toy cluster that an experiment can be played on: it has a log, and nothing ever happens there."""

    def events(self, since: float) -> list[Event]:  # noqa: ARG002
        return []

    def logs(self, pod: str, container: str, *, lines: int, previous: bool = False) -> str:  # noqa: ARG002
        return ""

    def chart_version(self) -> str:
        return "site-search-0.1.0"

    def image_digests(self) -> dict[str, str]:
        return {}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run = Run.create(tmp_path / "runs", argv=["selftest"])
    monkeypatch.setenv("SRE_RUN_DIR", str(run.path))
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    return run


@pytest.fixture
def cluster(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedOn]:  # noqa: ARG001
    """What experiments are played on instead of a target."""
    toy = PlayedOn([pod()])
    cluster = cast(Cluster, toy)

    def set_up(history: Path, *, seed: int) -> Stage:
        nobody = cast(SiteSearch, None)
        stages._current = Stage(
            target=toy.target,
            cluster=cluster,
            platform=nobody,
            sites=cast(Sites, None),
            history=HistoryWriter(history),
            deadlines=Deadlines().stretched(0.001),
            seed=seed,
            base_url="",
            witness=Witness(cluster),
        )
        return stages._current

    monkeypatch.setattr(stages, "set_up", set_up)
    yield toy
    assert stages.set_up_stage() is None


def start_searches(until_s: float = 30) -> None:
    """Searches of one client, twenty a second from a while ago until then; one of them fails."""
    now = time.time()
    for number in range(int((12 + until_s) * 20)):
        at = now - 12 + number / 20
        search = Operation(client="c", kind="search", intended=at, started=at, finished=at + 0.001, outcome="ok")
        stage().history.add(replace(search, outcome="fail", error="HTTP 500") if number == 250 else search)


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def get_sigterm() -> None:
    signal.raise_signal(signal.SIGTERM)


def never_played() -> None:
    raise AssertionError("the experiment went on")


SEARCHES = activity(HERE, "start_searches")
KILL = activity(FAULTS, "kill_process", component="app")


def test_an_experiment_without_a_target_is_inconclusive_and_failed(run: Run) -> None:
    judged = {"failure.app_pod_gap_s": {"measure": "longest_gap"}, "failure.node_loss_gap_s": {"measure": "search_gap"}}
    told = play([activity("experiments.activities.traffic", "start_searches", steady_for_s=1)], judged=judged)
    assert told["status"] == "interrupted"
    assert [entry["status"] for entry in told["rollbacks"]] == ["succeeded"]
    verdicts = run.verdicts()
    assert [(verdict.objective, verdict.word) for verdict in verdicts] == [(name, "inconclusive") for name in judged]
    assert all("no kubeconfig at" in verdict.reason for verdict in verdicts)
    assert (Path(verdicts[0].evidence) / "journal.json").is_file()
    assert run.facts().sessions[-1].end is not None


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"judged": {"failure.of_all": {"measure": "longest_gap"}}}, "no objective failure.of_all"),
        ({"measured": ["happiness"]}, "no measure 'happiness'"),
        ({"measured": ["lost_writes"]}, "lost_writes needs write, which the method does not start"),
    ],
)
def test_an_experiment_that_cannot_measure_what_it_shall_touches_nothing(
    cluster: PlayedOn, run: Run, caplog: pytest.LogCaptureFixture, asked: dict[str, Any], says: str
) -> None:
    assert play([SEARCHES], **asked)["status"] == "interrupted"
    assert says in caplog.text and not cluster.done and not run.verdicts()


def test_what_is_measured_and_not_judged_is_kept(cluster: PlayedOn, run: Run) -> None:
    told = play([SEARCHES, KILL, activity(FAULTS, "heal")], measured=["longest_gap"])
    assert cluster.done == ["kill -9 12 in app-0 with 1 record kept"] and not cluster.kept
    assert told["status"] == "completed" and not run.verdicts()
    (evidence,) = (run.path / "evidence").iterdir()
    kept = json.loads((evidence / "journal.json").read_text())["measurements"]["longest_gap"]
    assert kept["facts"]["errors"] == 1 and kept["value"] == told["measurements"]["longest_gap"]["value"]


def test_what_is_measured_and_in_doubt_fails_the_experiment(
    cluster: PlayedOn, caplog: pytest.LogCaptureFixture
) -> None:
    told = play([activity(HERE, "start_searches", until_s=15), KILL], measured=["longest_gap"])
    assert told["status"] == "failed" and cluster.done
    assert "s of traffic after healing, 20 s needed" in caplog.text


def test_a_verdict_tells_what_a_second_witness_saw(cluster: PlayedOn, run: Run) -> None:
    play([SEARCHES, KILL], judged={"failure.app_pod_gap_s": {"measure": "longest_gap"}})
    (verdict,) = run.verdicts()
    assert verdict.facts["witness"]["victims"] == ["app"] and verdict.fault and cluster.done


@pytest.mark.parametrize("interruption", ["press_ctrl_c", "get_sigterm"])
def test_an_interruption_in_the_midst_of_a_fault_heals_it(cluster: PlayedOn, run: Run, interruption: str) -> None:
    judged = {"failure.app_pod_gap_s": {"measure": "longest_gap"}}
    told = play([SEARCHES, KILL, activity(HERE, interruption), activity(HERE, "never_played")], judged=judged)
    assert told["status"] == "interrupted" and len(told["run"]) == 3
    assert [entry["status"] for entry in told["rollbacks"]] == ["succeeded"]
    assert cluster.done and not cluster.kept
    (verdict,) = run.verdicts()
    assert verdict.word == "inconclusive" and "the experiment was interrupted" in verdict.reason


def test_a_fault_that_cannot_be_made_is_inconclusive(cluster: PlayedOn, run: Run) -> None:
    told = play([SEARCHES, activity(FAULTS, "kill_process", component="redis")], measured=["error_ratio"])
    assert told["status"] == "failed" and not cluster.done and not run.verdicts()
    assert told["run"][1]["status"] == "failed" and "no ready pod matches" in told["run"][1]["exception"][-1]


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
        # Ctrl-C leaves an activity without a status.
        ({"status": "interrupted", "run": [{"activity": {"name": "kill"}}]},
         ["kill: cut off", "the experiment was interrupted"]),
        # A deviation is chaostoolkit's own word; the number stands.
        ({"steady_states": {"before": {"steady_state_met": True}, "after": {"steady_state_met": False}}}, []),
    ],
)  # fmt: skip
def test_what_went_wrong_is_a_doubt(changes: dict[str, Any], doubt: list[str]) -> None:
    assert what_went_wrong(TITLE, journal(**changes)) == doubt


def test_a_guard_that_is_a_measure_of_its_own_brings_its_value_and_its_doubts() -> None:
    gap = Measurement(value=2.0, unit="s", samples=10, guards={"error_ratio": 0.0}, doubts=("late",))
    lost = Measurement(value=1.0, unit="count", samples=5, doubts=("late", "unread"), facts={"lost": ["a"]})
    both = with_guards(gap, {"lost_writes": lost})
    assert (both.value, both.samples, dict(both.guards)) == (2.0, 10, {"error_ratio": 0.0, "lost_writes": 1.0})
    assert both.doubts == ("late", "unread") and both.facts["lost_writes"] == {"lost": ["a"]}
