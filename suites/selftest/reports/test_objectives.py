"""The promises are read exactly, or refused with a text that says what is wrong and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import objectives
from reports.objectives import ObjectiveError

GOOD = """
load.search_p95_ms:
  description: Searches are fast.
  at_most: 200
  unit: ms
  guards: {error_ratio: {at_most: 0.001, unit: ratio}}
  min_samples: 50_000
  gate: true
  owner: platform
  because: 200 ms feels immediate
"""


def load(folder: Path, text: str, name: str = "load.yaml") -> dict[str, objectives.Objective]:
    (folder / name).write_text(text, encoding="utf-8")
    return objectives.load(folder)


def test_the_promises_of_this_project_are_as_written_down() -> None:
    found = {identity: entry.bound_text() for identity, entry in objectives.load().items()}
    assert {
        "smoke.components_ready": "true",
        "smoke.search_roundtrip": "true",
        "smoke.scrape_roundtrip": "true",
        "load.search_p95_ms": "≤ 200 ms, error_ratio ≤ 0.1 %",
        "failure.app_pod_gap_s": "≤ 1 s, error_ratio ≤ 0.1 %",
    }.items() <= found.items()


def test_a_good_file(tmp_path: Path) -> None:
    entry = load(tmp_path, GOOD)["load.search_p95_ms"]
    assert (entry.bound.limit, entry.bound.is_upper, entry.unit, entry.min_samples) == (200.0, True, "ms", 50_000)
    assert entry.gate and entry.runbook is None and entry.aim is None
    assert entry.guards["error_ratio"].limit == 0.001


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("at_most: 200", "at_mots: 200"), "unknown key at_mots; allowed: at_most, at_least"),
        (("  at_most: 200\n", ""), "exactly one of at_most, at_least, equals"),
        (("  at_most: 200\n", "  at_most: 200\n  at_least: 1\n"), "exactly one of"),
        (("at_most: 200", "at_most: fast"), "'fast' is not allowed; allowed: a finite number"),
        (("at_most: 200", "at_most: true"), "True is not allowed"),
        (("at_most: 200", "at_most: .inf"), "a finite number"),
        (("at_most: 200", "equals: true"), "`equals: true` and `unit: bool` go together"),
        (("unit: ms\n", "unit: parsecs\n"), "unit: 'parsecs' is not allowed; allowed: bool, count"),
        (("unit: ms\n", "unit: s\n"), "unit: 's' does not fit the name, which says 'ms'"),
        (("unit: ratio", "unit: s"), "guards: error_ratio: unit: 's' does not fit the name"),
        (("at_most: 0.001, ", ""), "guards: error_ratio: no bound given"),
        (("at_most: 0.001, ", "at_most: 0.001, aim: 0, "), "guards: error_ratio: unknown key aim"),
        (("guards: {error_ratio: {at_most: 0.001, unit: ratio}}", "guards: none"), "guards: must be a mapping"),
        (("min_samples: 50_000", "min_samples: 0"), "min_samples: 0 is not allowed; allowed: a whole number from 1"),
        (("min_samples: 50_000", "min_samples: true"), "min_samples: True"),
        (("gate: true", "gate: maybe"), "gate: 'maybe' is not allowed; allowed: true, false"),
        (("  owner: platform\n", ""), "missing owner; required:"),
        (("owner: platform", "owner: ''"), "owner: '' is not allowed"),
        (("load.search_p95_ms:", "search.p95_ms:"), "search.p95_ms belongs in search.yaml"),
        (("load.search_p95_ms:", "Search:"), "'Search' is not an id"),
        (("unit: ms\n", "unit: ms\n  unit: ms\n"), "key given twice: unit"),
        (("load.search_p95_ms:", "load.search_p95_ms"), "not readable YAML"),
    ],
)
def test_a_wrong_file_is_refused_by_name_key_and_what_is_allowed(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert change[0] in GOOD
    with pytest.raises(ObjectiveError) as refused:
        load(tmp_path, GOOD.replace(*change, 1))
    assert said in str(refused.value)
    assert "load.yaml" in str(refused.value)


def test_an_id_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match=r"key given twice: load\.search_p95_ms"):
        load(tmp_path, GOOD + GOOD)


@pytest.mark.parametrize("text", ["", "- a\n", "load.x: 3\n"])
def test_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ObjectiveError, match="must be a mapping"):
        load(tmp_path, text)


def test_a_folder_without_objectives_and_a_file_that_would_be_missed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match=r"no \*\.yaml file"):
        objectives.load(tmp_path)
    with pytest.raises(ObjectiveError, match=r"name it load\.yaml"):
        load(tmp_path, GOOD, name="load.yml")
