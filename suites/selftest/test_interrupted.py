"""Whoever interrupts the checks is told what they left behind, and nothing of what was found before is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.run import Run
from suites.harness.faults import footprint, standing, undo

pytest_plugins = ["pytester"]

CHECKS = """
import pytest

@pytest.fixture(scope="session")
def cluster():
    return object()

@pytest.fixture(scope="session")
def deadlines():
    return object()

def test_that_fails(healed_target):
    assert not "what was found"

def test_that_is_interrupted(healed_target):
    {ends}
"""


@pytest.fixture
def checks(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    run = Run.create(tmp_path / "runs", argv=["selftest"])
    monkeypatch.setenv("SRE_RUN_DIR", str(run.path))
    seen = iter(({"claim data": "bound"}, {}))
    monkeypatch.setattr(footprint, "footprint", lambda _cluster: next(seen))
    monkeypatch.setattr(standing, "settle", lambda _cluster, _deadlines: None)
    monkeypatch.setattr(undo, "replay", lambda *_about, **_options: ([], []))
    pytester.makeini("[pytest]\nmarkers =\n    objective")
    return pytester


def run_with(checks: pytest.Pytester, ends: str) -> pytest.RunResult:
    checks.makepyfile(test_it=CHECKS.format(ends=ends))
    plugins = ("-p", "suites.fixtures.evidence", "-p", "suites.fixtures.faults", "-p", "no:cacheprovider")
    return checks.runpytest_inprocess(*plugins, no_reraise_ctrlc=True)


def test_what_is_left_behind_after_an_interruption_is_told_beside_what_was_found(checks: pytest.Pytester) -> None:
    result = run_with(checks, "raise KeyboardInterrupt")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*not what it was before: *claim data*", "*assert not*what was found*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_without_one_it_is_an_error_of_the_last_check(checks: pytest.Pytester) -> None:
    result = run_with(checks, "pass")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1, errors=1)
