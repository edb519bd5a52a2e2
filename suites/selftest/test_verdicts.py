"""A check always ends with a verdict, and pytest ends with the worst of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reports.records import Verdict
from reports.run import Run

pytest_plugins = ["pytester"]

PREAMBLE = """
import pytest
from reports.records import Measurement
true = Measurement(value=1.0, unit="bool", samples=1)
"""
ARGUMENTS = ("-p", "suites.fixtures.evidence", "-p", "no:cacheprovider")
Checks = Callable[..., tuple[pytest.RunResult, list[Verdict]]]


@pytest.fixture
def checks(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checks:
    """Runs the checks it is given in a pytest of their own; what that says and the verdicts it gave."""
    run = Run.create(tmp_path / "runs", argv=["selftest"])
    monkeypatch.setenv("SRE_RUN_DIR", str(run.path))
    pytester.makeini("[pytest]\nmarkers =\n    objective\n    smoke")

    def run_checks(text: str, *arguments: str) -> tuple[pytest.RunResult, list[Verdict]]:
        pytester.makepyfile(test_it=PREAMBLE + text)
        result = pytester.runpytest_inprocess(*ARGUMENTS, *arguments, no_reraise_ctrlc=True)
        return result, run.verdicts()

    return run_checks


def test_a_pass_is_a_pass(checks: Checks) -> None:
    result, verdicts = checks(
        """
@pytest.mark.objective("smoke.components_ready")
def test_ready(judge):
    judge("smoke.components_ready", true)
"""
    )
    assert (result.ret, [verdict.word for verdict in verdicts]) == (pytest.ExitCode.OK, ["pass"])
    assert verdicts[0].check == "test_it.py::test_ready"
    assert Path(verdicts[0].evidence).is_dir()
    result.stdout.fnmatch_lines(["*verdicts*", "pass*smoke.components_ready*true*1 samples", "run *report: python -m*"])


def test_a_fail_fails_with_the_reason_and_no_traceback(checks: Checks) -> None:
    result, verdicts = checks(
        """
@pytest.mark.objective("smoke.components_ready")
def test_ready(judge):
    judge("smoke.components_ready", Measurement(value=0.0, unit="bool", samples=1))
"""
    )
    assert (result.ret, [verdict.word for verdict in verdicts]) == (pytest.ExitCode.TESTS_FAILED, ["fail"])
    result.stdout.fnmatch_lines(["*smoke.components_ready FAILED: components_ready is false, promised true*"])
    result.stdout.no_fnmatch_line("*def test_ready*")


def test_an_inconclusive_measurement_fails_with_a_text_of_its_own(checks: Checks) -> None:
    result, verdicts = checks(
        """
@pytest.mark.objective("smoke.components_ready")
def test_ready(judge):
    judge("smoke.components_ready", Measurement(value=1.0, unit="bool", samples=1, doubts=("never observed",)))
"""
    )
    assert (result.ret, [verdict.word for verdict in verdicts]) == (pytest.ExitCode.TESTS_FAILED, ["inconclusive"])
    result.stdout.fnmatch_lines(["*smoke.components_ready INCONCLUSIVE: never observed*"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def test_ready():\n    raise OSError('no route')", "failed in call: OSError: no route"),
        ("def test_ready():\n    pytest.skip('no demosite')", "skipped in call: Skipped: no demosite"),
        ("def test_ready(not_there):\n    pass", "failed in setup: _pytest.fixtures.FixtureLookupError: ('not_there'"),
        ("def test_ready():\n    pass", "the check ended without a verdict"),
        ("def test_ready():\n    raise KeyboardInterrupt", "interrupted: KeyboardInterrupt"),
        ("def test_ready():\n    pytest.exit('enough')", "interrupted: Exit"),
    ],
    ids=["error", "skip", "setup", "silence", "Ctrl-C", "exit"],
)
def test_a_check_that_never_judges_is_inconclusive_with_the_reason(checks: Checks, text: str, why: str) -> None:
    _, verdicts = checks(f"@pytest.mark.objective('smoke.components_ready')\n{text}\n")
    assert [(verdict.word, verdict.value) for verdict in verdicts] == [("inconclusive", None)]
    assert why in verdicts[0].reason


def test_each_objective_of_a_check_gets_a_verdict(checks: Checks) -> None:
    _, verdicts = checks(
        """
@pytest.mark.objective("smoke.components_ready", "smoke.search_roundtrip")
def test_both(judge):
    judge("smoke.components_ready", true)
    raise OSError("then it broke")
"""
    )
    assert [(verdict.objective, verdict.word) for verdict in verdicts] == [
        ("smoke.components_ready", "pass"),
        ("smoke.search_roundtrip", "inconclusive"),
    ]


def test_another_objective_than_the_marked_one_is_an_error(checks: Checks) -> None:
    result, verdicts = checks(
        """
@pytest.mark.objective("smoke.components_ready")
def test_ready(judge):
    judge("smoke.search_roundtrip", true)
"""
    )
    assert [(verdict.objective, verdict.word) for verdict in verdicts] == [("smoke.components_ready", "inconclusive")]
    result.stdout.fnmatch_lines(["*judges smoke.search_roundtrip but is not marked with it*"])


def test_an_objective_that_does_not_exist_ends_the_session(checks: Checks) -> None:
    result, verdicts = checks("@pytest.mark.objective('smoke.nothing')\ndef test_it():\n    pass\n")
    assert (result.ret, verdicts) == (pytest.ExitCode.USAGE_ERROR, [])
    result.stderr.fnmatch_lines(["*no such objective: smoke.nothing (test_it.py::test_it)*"])


def test_tests_without_an_objective_make_no_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SRE_RUN_DIR", str(tmp_path / "none"))
    pytester.makepyfile("def test_it():\n    pass\n")
    assert pytester.runpytest(*ARGUMENTS).ret == pytest.ExitCode.OK


def test_workers_write_to_one_run(checks: Checks) -> None:
    result, verdicts = checks(
        """
@pytest.mark.objective("smoke.components_ready")
def test_ready(judge, seed):
    assert seed == 7
    judge("smoke.components_ready", true)

@pytest.mark.objective("smoke.search_roundtrip")
def test_search(judge, seed):
    assert seed == 7
    judge("smoke.search_roundtrip", true)
""",
        "-n", "2", "--seed", "7",
    )  # fmt: skip
    assert result.ret == pytest.ExitCode.OK
    assert sorted(verdict.objective for verdict in verdicts) == ["smoke.components_ready", "smoke.search_roundtrip"]
    result.stdout.fnmatch_lines(["pass*smoke.components_ready*"])


def test_what_belongs_together_runs_in_one_worker_under_its_own_name(checks: Checks) -> None:
    result, verdicts = checks(
        """
import os

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("turn", range(6))
@pytest.mark.objective("smoke.components_ready")
def test_ready(judge, turn):
    where = {"worker": os.environ["PYTEST_XDIST_WORKER"]}
    judge("smoke.components_ready", Measurement(value=1.0, unit="bool", samples=1, facts=where))
""",
        "-n", "2", "--dist=loadgroup",
    )  # fmt: skip
    assert result.ret == pytest.ExitCode.OK
    assert len({verdict.facts["worker"] for verdict in verdicts}) == 1
    assert sorted(verdict.check for verdict in verdicts) == [f"test_it.py::test_ready[{turn}]" for turn in range(6)]
