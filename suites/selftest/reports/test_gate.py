"""Every outcome of the gate, each by runs written by hand. Nothing but a full set of passes is a go."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reports import terminal
from reports.gate import Candidate, Decision, Gated, Recorded, gate
from reports.objectives import Bound
from reports.records import Verdict
from reports.run import Run, RunError
from suites.selftest.reports.written import (
    CHART,
    END,
    IMAGES,
    OBJECTIVES,
    READY,
    SEARCH,
    SHOWN,
    START,
    ready_verdict,
    search_verdict,
    written_run,
)

CANDIDATE = Candidate(chart_version=CHART, images=IMAGES)


def gated(*runs: Run, candidate: Candidate = CANDIDATE, now: float = END + 60) -> Gated:
    return gate([Recorded.read(run) for run in runs], OBJECTIVES, candidate, now=now, max_age_s=3600)


def why(result: Gated, objective: str) -> str:
    line = next(line for line in result.lines if line.objective.id == objective)
    return f"{line.word}: {line.why} → {line.next_step}"


def test_a_pass_for_every_gating_objective_is_go(tmp_path: Path) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), search_verdict()))
    assert result.decision is Decision.GO and int(result.decision) == 0
    assert result.headline() == "GATE: GO all 2 gating objectives passed"


def test_one_fail_is_no_go_and_says_which(tmp_path: Path) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), search_verdict(312.0)))
    assert result.decision is Decision.NO_GO and int(result.decision) == 1
    assert result.headline() == "GATE: NO-GO 1 of 2 gating objectives failed: load.search_p95_ms"
    assert "312 ms, at most 200 ms" in why(result, SEARCH.id) and "runbook search-latency" in why(result, SEARCH.id)


def test_an_inconclusive_verdict_is_inconclusive(tmp_path: Path) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), search_verdict(doubts=("generator late",))))
    assert result.decision is Decision.INCONCLUSIVE and int(result.decision) == 2
    assert "generator late" in why(result, SEARCH.id)


def test_a_fail_beside_an_inconclusive_is_no_go_and_names_both(tmp_path: Path) -> None:
    result = gated(written_run(tmp_path, ready_verdict(0.0), search_verdict(None)))
    assert result.decision == Decision.NO_GO
    assert "1 of 2 gating objectives failed: smoke.components_ready; 1 of 2" in result.headline()


@pytest.mark.parametrize("order", [(150.0, 312.0), (312.0, 150.0)])
def test_of_several_verdicts_the_worst_counts(tmp_path: Path, order: tuple[float, float]) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), *map(search_verdict, order)))
    assert result.decision == Decision.NO_GO


def test_a_missing_verdict_is_inconclusive_with_the_next_step(tmp_path: Path) -> None:
    result = gated(written_run(tmp_path, ready_verdict()))
    assert result.decision == Decision.INCONCLUSIVE
    assert why(result, SEARCH.id) == "inconclusive: no verdict → `pytest suites/` against the candidate"


@pytest.mark.parametrize("value", [150.0, 312.0])
def test_a_stale_verdict_is_inconclusive_whatever_it_says(tmp_path: Path, value: float) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), search_verdict(value, at=END - 7200)))
    assert result.decision == Decision.INCONCLUSIVE
    assert "stale: 121 min" in why(result, SEARCH.id) or "stale: 2 h 1 min" in why(result, SEARCH.id)


@pytest.mark.parametrize(
    ("check", "program"),
    [
        ("suites/load/test_search.py::test_quick[cached]", "pytest suites/load/test_search.py::test_quick[cached]"),
        ("experiment: Searches are quick", "python -m experiments"),
    ],
)
def test_the_next_step_runs_the_check_again(tmp_path: Path, check: str, program: str) -> None:
    verdict = replace(search_verdict(doubts=("generator late",)), check=check)
    result = gated(written_run(tmp_path, ready_verdict(), verdict))
    assert f"`{program}` against the candidate" in why(result, SEARCH.id)


def test_a_verdict_from_the_future_is_inconclusive(tmp_path: Path) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), search_verdict(at=END + 3600)))
    assert result.decision == Decision.INCONCLUSIVE
    assert "in the future" in why(result, SEARCH.id)


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (replace(CANDIDATE, chart_version="0.2.0"), "chart 0.1.0, candidate 0.2.0"),
        (
            replace(CANDIDATE, images={**IMAGES, "app": "sha256:" + "c" * 64}),
            "image of app sha256:aaaaaaaaaaaa, candidate",
        ),
        (replace(CANDIDATE, images={"app": IMAGES["app"]}), "image of redis sha256:bbbbbbbbbbbb, candidate none"),
        (replace(CANDIDATE, images={**IMAGES, "worker": "sha256:d"}), "image of worker none, candidate sha256:d"),
    ],
)
def test_verdicts_about_another_deployment_are_inconclusive(tmp_path: Path, candidate: Candidate, said: str) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), search_verdict(312.0)), candidate=candidate)
    assert result.decision == Decision.INCONCLUSIVE
    assert said in why(result, SEARCH.id) and "deploy the candidate" in why(result, SEARCH.id)


def test_runs_complete_each_other_and_one_about_another_deployment_does_not_count(tmp_path: Path) -> None:
    foreign = written_run(tmp_path, search_verdict(312.0), chart="0.0.9")
    result = gated(written_run(tmp_path, ready_verdict()), foreign, written_run(tmp_path, search_verdict()))
    assert result.decision == Decision.GO


def test_a_candidate_that_is_not_known_is_inconclusive(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict(), chart=None, images={})
    result = gated(run, candidate=Candidate.of(run.facts()))
    assert result.decision == Decision.INCONCLUSIVE
    assert "image digests and chart version; next:" in result.problems[0]


def test_passes_of_a_run_that_has_not_ended_are_inconclusive_a_fail_is_not(tmp_path: Path) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), search_verdict(), ended=False))
    assert result.decision == Decision.INCONCLUSIVE and "has not ended" in why(result, SEARCH.id)
    assert gated(written_run(tmp_path, ready_verdict(0.0), ended=False)).decision == Decision.NO_GO


def test_a_damaged_verdicts_file_is_inconclusive_and_names_the_line(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict(312.0))
    with run.verdicts_path.open("a", encoding="utf-8") as file:
        file.write('{"objective": "load.se')
    result = gated(run)
    assert result.decision == Decision.INCONCLUSIVE
    assert "verdicts.jsonl:3: not JSON" in result.problems[0] and "verdicts.jsonl:3" in result.headline()


def test_another_bound_than_the_objective_has_now_is_inconclusive(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict())
    stricter = replace(SEARCH, bound=Bound(unit="ms", limit=100.0, is_upper=True))
    result = gate([Recorded.read(run)], {**OBJECTIVES, SEARCH.id: stricter}, CANDIDATE, now=END)
    assert result.decision == Decision.INCONCLUSIVE
    assert "the objective now says '≤ 100 ms" in why(result, SEARCH.id)


@pytest.mark.parametrize(
    "edited",
    [
        replace(search_verdict(312.0), word="pass"),
        replace(search_verdict(), value=None),
        replace(search_verdict(), guards={}),
        replace(search_verdict(), guards={"error_ratio": 0.5}),
        replace(search_verdict(), samples=3),
    ],
)
def test_a_pass_that_its_own_numbers_contradict_is_inconclusive(tmp_path: Path, edited: Verdict) -> None:
    result = gated(written_run(tmp_path, ready_verdict(), edited))
    assert result.decision == Decision.INCONCLUSIVE
    assert "says pass, but" in why(result, SEARCH.id)


def test_what_does_not_gate_does_not_count(tmp_path: Path) -> None:
    shown = replace(search_verdict(312.0), objective=SHOWN.id, gate=False)
    assert gated(written_run(tmp_path, ready_verdict(), search_verdict(), shown)).decision == Decision.GO


def test_a_promise_that_was_taken_away_is_inconclusive(tmp_path: Path) -> None:
    result = gated(
        written_run(tmp_path, ready_verdict(), search_verdict(), replace(ready_verdict(), objective="a.gone"))
    )
    assert result.decision == Decision.INCONCLUSIVE
    assert "a.gone gated when it was judged" in result.problems[0]


def test_no_run_and_no_gating_objective_are_inconclusive() -> None:
    assert gate([], OBJECTIVES, CANDIDATE, now=END).decision == Decision.INCONCLUSIVE
    assert gate([], {SHOWN.id: SHOWN}, CANDIDATE, now=END).decision == Decision.INCONCLUSIVE
    assert gate([], {}, CANDIDATE, now=END).decision == Decision.INCONCLUSIVE


def test_the_text_has_a_row_per_objective_the_next_steps_and_one_last_line(tmp_path: Path) -> None:
    result = gated(written_run(tmp_path, search_verdict(312.0), start=START))
    text = terminal.gate_text(result, now=END + 60)
    assert text.splitlines()[-1] == result.headline()
    assert "-56 %" in text and "next: mend it" in text and READY.id in text and "60 s" in text


def test_a_candidate_file_is_read_or_refused_with_what_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "candidate.json"
    file.write_text(json.dumps({"chart_version": CHART, "images": IMAGES, "more": 1}), encoding="utf-8")
    assert Candidate.read(file) == CANDIDATE
    for content in ("", "[]", "{}", '{"chart_version": null, "images": {}}', '{"chart_version": "1", "images": []}'):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(RunError, match="needs JSON with chart_version and images"):
            Candidate.read(file)
    with pytest.raises(RunError, match="No such file"):
        Candidate.read(tmp_path / "none.json")
