"""Who checks the checks: every check has a mutant that it must find, and every mutant names what there is."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from reports import objectives
from suites.harness.target import Target
from suites.mutants.mutant import Environment, Mutant, load

ROOT = Path(__file__).resolve().parents[3]
MUTANTS = load()
# Judged by checks that are not there unless they are asked for, because they take longer than all others together.
PROFILES = {"load.soak_growth"}
RED = {objective for mutant in MUTANTS.values() for objective, word in mutant.expected.items() if word == "fail"}


def judged_by(file: Path) -> Mapping[str, set[str]]:
    """Test function → the objectives it is marked with."""
    found: dict[str, set[str]] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found[node.name] = {
                str(argument.value)
                for call in node.decorator_list
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.objective"
                for argument in call.args
                if isinstance(argument, ast.Constant)
            }
    return found


def judged_by_checks(mutant: Mutant) -> set[str]:
    """The objectives of every test that the mutant runs."""
    found: set[str] = set()
    for check in mutant.checks:
        place, _, function = check.partition("::")
        path = ROOT / place
        assert path.exists(), f"{mutant.name} runs {check}, which is not there"
        tests: dict[str, set[str]] = {}
        for file in [path] if path.is_file() else sorted(path.rglob("test_*.py")):
            tests |= judged_by(file)
        assert not function or function in tests, f"{mutant.name} runs {check}, and {place} has {', '.join(tests)}"
        found |= tests[function] if function else set().union(*tests.values())
    return found


@pytest.mark.parametrize("identity", list(objectives.load()))
def test_every_objective_has_a_mutant_that_turns_it_red(identity: str) -> None:
    assert identity in RED, f"no mutant in suites/mutants must fail {identity}: a check nobody has seen fail"


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_every_mutant_expects_known_objectives_of_checks_that_judge_them(mutant: Mutant) -> None:
    assert mutant.expected.keys() <= objectives.load().keys()
    assert mutant.expected.keys() <= judged_by_checks(mutant)
    assert mutant.component in Target.load("kind").may_break


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_every_mutant_is_one_sentence_and_breaks_something(mutant: Mutant) -> None:
    assert mutant.title.endswith(".") and len(mutant.title) < 120
    is_control = mutant.change == Environment()
    assert is_control is all(word == "pass" for word in mutant.expected.values())


def test_one_control_runs_every_check_on_the_platform_as_it_is() -> None:
    (control,) = (mutant for mutant in MUTANTS.values() if mutant.change == Environment())
    assert control.expected.keys() == objectives.load().keys() - PROFILES
