"""A mutant's file says exactly what it means, or is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from suites.mutants.mutant import Environment, MutantError, Patch, Values, choose, load, read

WHOLE = """
title: The app is one pod.
component: app
change: {values: {app: {replicas: 1}}}
checks: [suites/smoke]
must_fail: [failure.app_pod_gap_s]
must_pass: [smoke.components_ready]
"""


def written(folder: Path, text: str, name: str = "one-replica") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(line: str, to: str) -> str:
    assert line in WHOLE
    return WHOLE.replace(line, to)


def test_a_whole_file_is_read_as_it_is_meant(tmp_path: Path) -> None:
    mutant = read(written(tmp_path, WHOLE + "reasons: {failure.app_pod_gap_s: at most 1 s}\noptions: [--seed=1]\n"))
    assert (mutant.name, mutant.component, mutant.becomes_ready) == ("one-replica", "app", True)
    assert mutant.change == Values(values={"app": {"replicas": 1}})
    assert mutant.expected == {"failure.app_pod_gap_s": "fail", "smoke.components_ready": "pass"}
    assert mutant.reasons == {"failure.app_pod_gap_s": "at most 1 s"}
    assert (mutant.checks, mutant.options) == (("suites/smoke",), ("--seed=1",))


@pytest.mark.parametrize(
    ("change", "means"),
    [
        ("nothing", Environment()),
        ("{environment: {STARVE: '0.9'}}", Environment(variables={"STARVE": "0.9"})),
        (
            "{patch: {kind: Service, name: s, patch: {spec: {selector: null}}}}",
            Patch(kind="Service", name="s", patch={"spec": {"selector": None}}),
        ),
        (
            "{patch: {kind: Service, name: s, patch: [{op: remove, path: /spec/selector}]}}",
            Patch(kind="Service", name="s", patch=[{"op": "remove", "path": "/spec/selector"}]),
        ),
    ],
)
def test_each_way_to_change_something(tmp_path: Path, change: str, means: object) -> None:
    assert read(written(tmp_path, changed("{values: {app: {replicas: 1}}}", change))).change == means


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "not readable"),
        ("- a list", "must be a mapping with title, component, change, checks"),
        (changed("title: The app is one pod.\n", ""), "title is missing"),
        (WHOLE + "must_crash: [smoke.components_ready]", "unknown key must_crash; allowed: .*must_fail"),
        (changed("component: app", "component: 7"), "component: must be a text, not 7"),
        (changed("[suites/smoke]", "[]"), "checks: must be a list that is not empty"),
        (changed("[suites/smoke]", "suites/smoke"), "checks: must be a list that is not empty"),
        (changed("[smoke.components_ready]", "[failure.app_pod_gap_s]"), "failure.app_pod_gap_s is expected to fail"),
        (changed("must_fail: [failure.app_pod_gap_s]\nmust_pass: [smoke.components_ready]", ""), "expects nothing"),
        (changed("{values: {app: {replicas: 1}}}", "something"), "change: must be `nothing` or exactly one of values"),
        (changed("{values: {app: {replicas: 1}}}", "{values: {}}"), "change: values: must be a mapping"),
        (changed("{values: {app: {replicas: 1}}}", "{values: {a: 1}, environment: {B: c}}"), "exactly one of"),
        (
            changed("{values: {app: {replicas: 1}}}", "{environment: {B: 0.9}}"),
            "environment.B: must be a text, not 0.9",
        ),
        (changed("{values: {app: {replicas: 1}}}", "{patch: {kind: Service, name: s}}"), "patch .kind, name, patch"),
        (changed("{values: {app: {replicas: 1}}}", "{patch: {kind: S, name: s, patch: 1}}"), "strategic merge patch"),
        (WHOLE + "becomes_ready: seldom", "becomes_ready: must be true or false"),
        (WHOLE + "primary_on_worker: 1", "primary_on_worker: must be true or false"),
        (WHOLE + "reasons: {load.search_p95_ms: late}", "load.search_p95_ms is expected to end in nothing"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(MutantError, match=rf"one-replica\.yaml.*{says}"):
        read(written(tmp_path, text))


def test_the_one_that_breaks_nothing_comes_first(tmp_path: Path) -> None:
    written(tmp_path, WHOLE, "a")
    written(tmp_path, changed("{values: {app: {replicas: 1}}}", "nothing"), "z")
    assert list(load(tmp_path)) == ["z", "a"]


def test_those_named_are_chosen_and_a_wrong_name_tells_the_right_ones(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        written(tmp_path, WHOLE, name)
    mutants = load(tmp_path)
    assert [mutant.name for mutant in choose(mutants, ["c", "a"])] == ["c", "a"]
    assert [mutant.name for mutant in choose(mutants, [])] == ["a", "b", "c"]
    with pytest.raises(MutantError, match=re.escape("no mutant d; there is a, b, c")):
        choose(mutants, ["a", "d"])
