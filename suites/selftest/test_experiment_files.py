"""Every experiment is one that chaostoolkit can play, heals whatever happens, and is in the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chaoslib.experiment import ensure_experiment_is_valid

import experiments
from experiments.activities import faults
from experiments.measures import names_of, what_is_lacking
from reports import objectives
from suites.harness.faults.undo import KINDS
from suites.harness.target import Target

FOLDER = Path(experiments.__file__).parent
FILES = sorted(FOLDER.glob("*/*.yaml"))
# How a release is deployed, which is for the suites to break; `take_down` plays one of them. A second primary is for a
# mutant: it is no promise that this is survived. An autoscaler that is let go of breaks nothing.
NOT_PLAYED = {"change_values", "new_release", "patch_object", "promote_standby", "set_scaler"}


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def name(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def providers(experiment: dict[str, Any], *parts: str) -> Iterator[dict[str, Any]]:
    for part in parts:
        yield from (activity["provider"] for activity in experiment[part])


@pytest.fixture(params=FILES, ids=name)
def experiment(request: pytest.FixtureRequest) -> dict[str, Any]:
    return read(request.param)


def test_chaostoolkit_can_play_it(experiment: dict[str, Any]) -> None:
    """Modules and functions are there, and take the arguments that are given."""
    ensure_experiment_is_valid(experiment)


def test_it_always_heals_and_stops_the_traffic(experiment: dict[str, Any]) -> None:
    assert experiment["runtime"]["rollbacks"]["strategy"] == "always"
    assert [provider["func"] for provider in providers(experiment, "rollbacks")] == ["heal", "stop"]


def test_it_measures_what_it_has_made(experiment: dict[str, Any]) -> None:
    """Its objectives and measures are there, and a measure of writes is made where something is written."""
    (control,) = experiment["controls"]
    asked = control["provider"]["arguments"]
    judged, measured = asked.get("judged", {}), asked.get("measured", [])
    assert (judged or measured) and asked.keys() <= {"judged", "measured"}
    assert not what_is_lacking([*names_of(judged), *measured], experiment["method"])
    known = objectives.load()
    for identity, entry in judged.items():
        assert entry.get("guards", {}).keys() <= known[identity].guards.keys()


def test_it_breaks_what_the_target_may_have_broken_and_heals_it_in_time(experiment: dict[str, Any]) -> None:
    """One fault on components that there are. One that ends by itself does so after it was to be healed."""
    method = list(providers(experiment, "method"))
    at = [number for number, provider in enumerate(method) if provider["module"] == faults.__name__]
    injected, healed = at
    assert method[healed]["func"] == "heal"
    told = method[injected]["arguments"]
    assert {told["component"], told.get("peer", told["component"])} <= Target.load("kind").may_break
    between = [provider["arguments"] for provider in method[injected + 1 : healed]]
    assert sum(each.get("within_s", each.get("for_s", 0)) for each in between) < told.get("for_s", float("inf"))


def test_every_fault_has_an_experiment() -> None:
    played = {provider["func"] for path in FILES for provider in providers(read(path), "method")}
    assert KINDS.keys() - NOT_PLAYED <= played


def test_the_catalogue_has_every_experiment_and_no_other() -> None:
    catalogue = (FOLDER / "catalogue.md").read_text(encoding="utf-8")
    listed = [line.split("`")[1] for line in catalogue.splitlines() if line.startswith("| `") and ".yaml`" in line]
    assert sorted(listed) == [name(path) for path in FILES]


def test_no_two_experiments_have_one_title() -> None:
    """Evidence is kept under it."""
    titles = [read(path)["title"] for path in FILES]
    assert len(set(titles)) == len(titles)
