"""A target that is not described exactly is an error that says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.harness.clients.kubernetes import Cluster
from suites.harness.errors import TargetError
from suites.harness.target import FOLDER, Target

WHOLE = """
[cluster]
context = "c"
namespace = "n"
[components]
app = { kind = "Deployment", name = "a", selector = "app=a" }
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_target_that_is_shipped_can_be_loaded(path: Path) -> None:
    assert Target.load(path.stem).component("app").kind == "Deployment"


def test_what_may_be_broken_is_nothing_unless_it_is_said(tmp_path: Path) -> None:
    assert not Target.load(written(tmp_path, WHOLE)).may_break
    assert not Target.load("production").may_break


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[cluster", "not a readable target"),
        ("", r"table \[cluster\] is missing"),
        ("[cluster]\ncontext='c'\nnamespace='n'\n", r"table \[components\] is missing"),
        (WHOLE.replace('context = "c"', ""), "context is missing"),
        (WHOLE + "[extra]\na = 1\n", "unknown table extra"),
        (WHOLE + "[http]\nurl = 'x'\n", r"\[http\] unknown key url; allowed: base_url"),
        (WHOLE.replace("Deployment", "DaemonSet"), "kind 'DaemonSet' is not allowed"),
        (WHOLE.replace("app=a", ""), "the selector is empty"),
        (WHOLE.replace(', selector = "app=a"', ""), "must have exactly kind, name, selector"),
        (WHOLE + "[faults]\nmay_break = ['db']\n", "names db, which is no component"),
        (WHOLE.replace('"app=a"', '"app=a", replicas = 3'), "must have exactly kind, name, selector, and possibly"),
        (WHOLE.replace('"app=a"', '"app=a", roles = { primary = "" }'), "roles must give each role a selector"),
        (WHOLE.replace('"app=a"', '"app=a", roles = "primary"'), "roles must give each role a selector"),
        (WHOLE + "[nodes]\nprovider = 'aws'\n", "'aws' is not allowed; allowed: kind, none, module:Class"),
    ],
)
def test_a_wrong_description_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TargetError, match=says):
        Target.load(written(tmp_path, text))


def test_a_role_is_found_by_its_own_selector_beside_the_components(tmp_path: Path) -> None:
    text = WHOLE.replace('"app=a"', '"app=a", roles = { primary = "role=p" }')
    app = Target.load(written(tmp_path, text)).component("app")
    assert (app.selector_of(None), app.selector_of("primary")) == ("app=a", "app=a,role=p")
    with pytest.raises(TargetError, match="a has no role 'replica'; it has primary"):
        app.selector_of("replica")


def test_nobody_takes_a_node_away_unless_it_is_said(tmp_path: Path) -> None:
    assert Target.load(written(tmp_path, WHOLE)).node_provider == "none"
    named = Target.load(written(tmp_path, WHOLE + "[nodes]\nprovider = 'our.nodes:Ec2Nodes'\n"))
    assert named.node_provider == "our.nodes:Ec2Nodes"


def test_an_unknown_name_tells_those_there_are() -> None:
    with pytest.raises(TargetError, match="no target 'kinf'; there is kind, production"):
        Target.load("kinf")


def test_the_cache_and_its_kubeconfig_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    assert Target.load("kind").kubeconfig == tmp_path / "kubeconfig"


def test_another_context_takes_nothing_of_this_cluster_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/config:/else/config")
    mine = Target.load("kind", context="my-cluster", namespace="search")
    assert (mine.kubeconfig, mine.base_url, mine.namespace) == (Path("/somewhere/config"), None, "search")
    assert Target.load("kind", context="my-cluster", base_url="https://s.example/").base_url == "https://s.example"


def test_a_part_that_is_not_there_tells_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="has no secret 'key'; it has none"):
        Target.load(written(tmp_path, WHOLE)).secret("key")
    with pytest.raises(TargetError, match="has no component 'db'; it has app"):
        Target.load(written(tmp_path, WHOLE)).component("db")


@pytest.mark.parametrize(
    ("kubeconfig", "says"),
    [
        (None, "no kubeconfig at .*: bring one up with `tox -e up`"),
        (
            "apiVersion: v1\nkind: Config\ncontexts: null\n",
            "no context 'kind-site-search' in .*; it has none: bring one up",
        ),
        ("contexts: [{name: b}, {name: a}]", "no context 'kind-site-search' in .*; it has a, b"),
        ("contexts: [{name: kind-site-search, context: {cluster: c, user: u}}]", "is not a kubeconfig"),
        ("[1]", "is not a kubeconfig"),
        ("a: [", "is not a kubeconfig"),
    ],
    ids=["none", "after down", "other contexts", "no cluster", "no mapping", "no YAML"],
)
def test_a_cluster_that_cannot_be_found_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kubeconfig: str | None, says: str
) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    if kubeconfig is not None:
        (tmp_path / "kubeconfig").write_text(kubeconfig, encoding="utf-8")
    with pytest.raises(TargetError, match=says) as told:
        Cluster(Target.load("kind"))
    assert "\n" not in str(told.value)
