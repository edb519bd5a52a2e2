"""`python -m reports`: what it prints, and the exit code that a release waits for."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from reports.__main__ import main
from reports.run import Run
from suites.selftest.reports.written import CHART, IMAGES, ready_verdict, search_verdict, written_run

OBJECTIVES = """
smoke.components_ready:
  {description: Ready., equals: true, unit: bool, min_samples: 1, gate: true, owner: platform, because: first}
"""


@pytest.fixture
def promises(tmp_path: Path) -> Path:
    folder = tmp_path / "objectives"
    folder.mkdir()
    (folder / "smoke.yaml").write_text(OBJECTIVES, encoding="utf-8")
    return folder


def new_run(root: Path, value: float | None) -> Run:
    now = time.time()
    return written_run(root, ready_verdict(value, at=now - 10), start=now - 310)


@pytest.mark.parametrize(
    ("value", "code", "said"),
    [
        (1.0, 0, "GATE: GO all 1 gating objectives passed"),
        (0.0, 1, "GATE: NO-GO 1 of 1 gating objectives failed: smoke.components_ready"),
        (None, 2, "GATE: INCONCLUSIVE 1 of 1 gating objectives inconclusive: smoke.components_ready"),
    ],
)
def test_gate_prints_its_word_last_and_exits_with_it(
    tmp_path: Path, promises: Path, capsys: pytest.CaptureFixture[str], value: float | None, code: int, said: str
) -> None:
    new_run(tmp_path / "runs", value)
    assert main(["--runs", str(tmp_path / "runs"), "--objectives", str(promises), "gate"]) == code
    assert capsys.readouterr().out.splitlines()[-1] == said


def test_gate_judges_the_candidate_that_is_named_and_the_age_that_is_asked(
    tmp_path: Path, promises: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = new_run(tmp_path / "runs", 1.0)
    command = ["--objectives", str(promises), "gate", str(run.path)]
    candidate = tmp_path / "candidate.json"
    candidate.write_text(json.dumps({"chart_version": CHART, "images": IMAGES}), encoding="utf-8")
    assert main([*command, "--candidate", str(candidate)]) == 0
    candidate.write_text(json.dumps({"chart_version": "9.9.9", "images": IMAGES}), encoding="utf-8")
    assert main([*command, "--candidate", str(candidate)]) == 2
    assert "chart 0.1.0, candidate 9.9.9" in capsys.readouterr().out
    assert main([*command, "--max-age", "5s"]) == 2
    assert "stale" in capsys.readouterr().out


def test_gate_without_a_run_or_with_wrong_objectives_is_inconclusive_and_says_what_next(
    tmp_path: Path, promises: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--runs", str(tmp_path / "none"), "--objectives", str(promises), "gate"]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("GATE: INCONCLUSIVE no run in") and "next: `tox -e verify`" in said.err
    new_run(tmp_path / "runs", 1.0)
    (promises / "smoke.yaml").write_text("smoke.x: {}\n", encoding="utf-8")
    assert main(["--runs", str(tmp_path / "runs"), "--objectives", str(promises), "gate"]) == 2
    assert "GATE: INCONCLUSIVE" in capsys.readouterr().out


def test_render_prints_the_paths_it_wrote(tmp_path: Path, promises: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(tmp_path / "runs", 1.0)
    assert main(["--runs", str(tmp_path / "runs"), "--objectives", str(promises), "render"]) == 0
    names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert names == ["report.html", "report.md", "junit.xml", "report.json"]
    assert all((run.path / name).stat().st_size for name in names)


def test_list_and_show_also_speak_of_what_is_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "runs"
    good = written_run(root, ready_verdict(), search_verdict(312.0), start=1_795_000_000)
    bad = written_run(root, start=1_795_000_900)
    (bad.path / "run.json").write_text("{", encoding="utf-8")
    with good.verdicts_path.open("a", encoding="utf-8") as file:
        file.write("{")
    assert main(["--runs", str(root), "list"]) == 0
    listed = capsys.readouterr().out
    assert good.path.name in listed and "run.json: damaged" in listed and "verdicts.jsonl:3" in listed
    assert main(["--runs", str(root), "show", good.path.name, "--objective", "load.search_p95_ms"]) == 0
    shown = capsys.readouterr().out
    assert "load.search_p95_ms FAILED" in shown and "smoke.components_ready PASSED" not in shown and "damaged" in shown
    assert main(["--runs", str(root), "show", bad.path.name]) == 2


def test_compare_marks_what_flipped_and_exits_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "runs"
    first, second = (
        written_run(root, ready_verdict(), search_verdict(value), start=1_795_000_000 + number * 900)
        for number, value in enumerate((150.0, 312.0))
    )
    third = written_run(root, ready_verdict(), search_verdict(310.0), search_verdict(120.0), start=1_795_009_000)
    assert main(["--runs", str(root), "compare", first.path.name, second.path.name]) == 1
    told = capsys.readouterr().out.splitlines()
    assert "pass 150 ms" in told[1] and "fail 312 ms" in told[1] and told[1].endswith("FLIPPED")
    assert told[-1] == "1 of 2 objectives flipped over 2 runs"
    # Of two verdicts in one run the worse one counts; a verdict that is missing is none that flipped.
    assert main(["--runs", str(root), "compare", second.path.name, third.path.name]) == 0
    fourth = written_run(root, ready_verdict(), start=1_795_019_000)
    capsys.readouterr()
    assert main(["--runs", str(root), "compare", second.path.name, fourth.path.name]) == 0
    assert "  -" in capsys.readouterr().out
    assert main(["--runs", str(root), "compare", first.path.name]) == 2
    assert "name two or more" in capsys.readouterr().err


def test_list_without_runs_says_how_to_get_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", str(tmp_path), "list"]) == 2
    assert "next: `tox -e verify`" in capsys.readouterr().err


def test_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"].startswith("report.json")


@pytest.mark.parametrize("wrong", [[], ["gate", "--max-age", "soon"], ["render", "--format", "pdf"], ["nothing"]])
def test_wrong_usage_exits_with_two_and_teaches(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(wrong)
    assert left.value.code == 2
    assert "usage: python -m reports" in capsys.readouterr().err
