"""Nodes of kind: nobody else's container is touched, and what was lost comes back by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from suites.harness.clients import expiry
from suites.harness.clients.machines import KindNodes, provider_of
from suites.harness.errors import ClientError, Unsupported
from suites.harness.target import Target
from suites.harness.wait import until
from suites.selftest.toy_program import place_program

ROOT = Path(__file__).resolve().parents[2]
# A docker that knows one container, by its labels and state in a file, and keeps what it was asked to do.
DOCKER = """#!/bin/sh
for node in "$@"; do :; done
[ -e "$TOY/$node" ] || { echo "No such container: $node" >&2; exit 1; }
read -r labels < "$TOY/labels"
read -r state < "$TOY/$node"
[ "$1" = inspect ] && { echo "$labels $state"; exit 0; }
echo "$1 $node" >> "$TOY/done"
case "$1 $state" in
  "pause running") echo paused ;;
  "unpause paused" | "start exited") echo running ;;
  "kill running") echo exited ;;
  *) echo "cannot $1 what is $state" >&2; exit 1 ;;
esac > "$TOY/new" && mv "$TOY/new" "$TOY/$node"
"""


@pytest.fixture(autouse=True)
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place_program("docker", DOCKER, tmp_path, monkeypatch)
    (tmp_path / "labels").write_text("site-search worker\n", encoding="utf-8")
    (tmp_path / "w0").write_text("running\n", encoding="utf-8")
    return tmp_path


def asked(docker: Path) -> list[str]:
    done = docker / "done"
    return done.read_text(encoding="utf-8").splitlines() if done.exists() else []


def kind(**changes: str) -> KindNodes:
    provider = provider_of(replace(Target.load("kind"), **changes))  # type: ignore[arg-type]
    assert isinstance(provider, KindNodes)
    return provider


def test_a_node_is_paused_or_stopped_and_brought_back(docker: Path) -> None:
    nodes = kind()
    nodes.lose("w0", "paused", for_s=600)
    assert nodes.is_lost("w0") and expiry.is_armed("kind-site-search.w0")
    nodes.restore("w0")
    assert not nodes.is_lost("w0") and not expiry.is_armed("kind-site-search.w0")
    nodes.lose("w0", "stopped", for_s=600)
    nodes.restore("w0")
    nodes.restore("w0")
    assert asked(docker) == ["pause w0", "unpause w0", "kill w0", "start w0"]
    assert not nodes.is_lost("w0") and not expiry.is_armed("kind-site-search.w0")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("other worker", "no node of the kind cluster of context kind-site-search"),
        (" ", "no node of the kind cluster"),
        ("site-search control-plane", "w0 is a control-plane: only workers"),
        ("site-search ", "node of unknown role"),
    ],
)
def test_other_containers_are_not_touched(docker: Path, labels: str, says: str) -> None:
    (docker / "labels").write_text(f"{labels}\n", encoding="utf-8")
    # `read` takes the blanks off that stand for labels which are not there.
    script = (docker / "bin" / "docker").read_text(encoding="utf-8")
    (docker / "bin" / "docker").write_text(script.replace("read -r labels", "IFS= read -r labels"), encoding="utf-8")
    with pytest.raises(Unsupported, match=says):
        kind().check("w0", "paused")
    with pytest.raises(Unsupported, match=says):
        kind().lose("w0", "stopped", for_s=5)
    with pytest.raises(Unsupported, match=says):
        kind().restore("w0")
    assert not asked(docker) and not expiry.is_armed("kind-site-search.w0")


def test_a_cluster_that_kind_did_not_make_has_no_nodes_here(docker: Path) -> None:
    with pytest.raises(Unsupported, match="context production is none of kind's"):
        kind(context="production").check("w0", "paused")
    with pytest.raises(ClientError, match="docker inspect w9: No such container: w9"):
        kind().check("w9", "paused")
    (docker / "w0").write_text("paused\n", encoding="utf-8")
    with pytest.raises(Unsupported, match="node w0 cannot be stopped: its container is paused"):
        kind().lose("w0", "stopped", for_s=5)
    assert not asked(docker)


def test_without_docker_it_is_unsupported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="no docker program"):
        kind().check("w0", "paused")


def test_a_restore_that_fails_is_an_error_and_still_comes_by_itself(docker: Path) -> None:
    nodes = kind()
    nodes.lose("w0", "stopped", for_s=600)
    (docker / "w0").write_text("dead\n", encoding="utf-8")
    with pytest.raises(ClientError, match="docker start w0: cannot start what is dead"):
        nodes.restore("w0")
    assert expiry.is_armed("kind-site-search.w0")
    expiry.disarm("kind-site-search.w0")


def test_a_lost_node_comes_back_although_its_runner_was_killed(docker: Path) -> None:
    runner = (
        "import os, signal; from suites.harness.clients.machines import KindNodes; "
        "from suites.harness.target import Target; "
        "KindNodes(Target.load('kind')).lose('w0', 'stopped', for_s=1); os.killpg(0, signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", runner], cwd=ROOT, start_new_session=True, check=False)  # noqa: S603
    assert ended.returncode == -signal.SIGKILL
    until(lambda: not kind().is_lost("w0"), within=30, every=0.1, what="node w0 back")
    assert asked(docker) == ["kill w0", "start w0"]
    until(
        lambda: not expiry.is_armed("kind-site-search.w0"), within=30, every=0.1, what="the end of the one that waited"
    )


def test_what_was_called_off_or_replaced_does_not_come(tmp_path: Path) -> None:
    def touch(name: str) -> list[str]:
        return ["touch", str(tmp_path / name)]

    expiry.arm("called off", touch("called-off"), after_s=1)
    expiry.arm("again", touch("replaced"), after_s=1)
    expiry.disarm("called off")
    expiry.disarm("called off")
    expiry.arm("again", touch("wanted"), after_s=2)
    until(lambda: (tmp_path / "wanted").exists(), within=30, every=0.1, what="what was wanted")
    assert not (tmp_path / "called-off").exists() and not (tmp_path / "replaced").exists()


def test_what_fails_is_tried_again(tmp_path: Path) -> None:
    again = (
        f'[ -e "{tmp_path}/first" ] && touch "{tmp_path}/second"; touch "{tmp_path}/first"; [ -e "{tmp_path}/second" ]'
    )
    expiry.arm("again", ["sh", "-c", again], after_s=0)
    until(lambda: (tmp_path / "second").exists(), within=30, every=0.1, what="the second attempt")
    until(lambda: not expiry.is_armed("again"), within=30, every=0.1, what="its end")


def test_what_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientError, match="start what ends x after 5 s"):
        expiry.arm("x", ["true"], after_s=5)
    assert not expiry.is_armed("x")
