"""Nothing exists alone: what is promised is checked, what is checked is promised, what is broken is healed."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.measures import MEASURES, names_of
from reports import objectives

ROOT = Path(__file__).resolve().parents[2]
AREAS = [
    folder
    for folder in sorted((ROOT / "suites").iterdir())
    if (folder / "__init__.py").exists() and folder.name not in ("fixtures", "harness", "mutants", "selftest")
]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*/*.yaml"))
MOST_LINES = 400


def marked_objectives() -> Counter[str]:
    """The ids in every `@pytest.mark.objective(…)` of the suites, with how often each is there."""
    found: Counter[str] = Counter()
    for file in (file for area in AREAS for file in sorted(area.rglob("test_*.py"))):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.objective":
                found.update(str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))
    return found


@pytest.mark.parametrize("identity", list(objectives.load()))
def test_every_objective_has_a_check_an_owner_and_a_reason(identity: str) -> None:
    objective = objectives.load()[identity]
    assert objective.owner and objective.because
    assert marked_objectives()[identity] == 1, "marked on no check, or on several that would contradict each other"


def test_every_marked_objective_exists() -> None:
    assert set(marked_objectives()) <= set(objectives.load())


def test_there_are_experiments() -> None:
    assert EXPERIMENTS


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_experiment_has_a_hypothesis_heals_and_ends_with_a_verdict(path: Path) -> None:
    experiment: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert experiment["title"] and experiment["description"]
    assert experiment["runtime"]["rollbacks"]["strategy"] == "always"
    assert experiment["steady-state-hypothesis"]["title"] and experiment["steady-state-hypothesis"]["probes"]
    assert experiment["rollbacks"]
    (control,) = experiment["controls"]
    assert control["provider"]["module"] == "experiments.controls.verdict"
    arguments = control["provider"]["arguments"]
    judged, measured = arguments.get("judged", {}), arguments.get("measured", [])
    assert judged or measured
    assert set(judged) <= set(objectives.load())
    assert {*names_of(judged), *measured} <= set(MEASURES)
    for probe in experiment["steady-state-hypothesis"]["probes"]:
        assert not isinstance(probe["tolerance"], list), "its meaning would change with the value's type"


@pytest.mark.parametrize("part", ["suites", "experiments"])
def test_no_file_has_grown_beyond_one_subject(part: str) -> None:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in (ROOT / part).rglob("*.py")}
    assert not {str(file): lines for file, lines in lengths.items() if lines > MOST_LINES}


def test_the_root_conftest_only_registers() -> None:
    assert len((ROOT / "conftest.py").read_text(encoding="utf-8").splitlines()) < 150
