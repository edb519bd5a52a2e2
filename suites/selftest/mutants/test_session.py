"""A session makes one mutant, lets its checks judge it, and takes it off before anything else happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from reports.records import HistoryWriter, Word
from reports.run import Run
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import Refused
from suites.harness.wait import until
from suites.mutants import session as module
from suites.mutants.checks import REPOSITORY, Judged, run_checks
from suites.mutants.mutant import Environment, Mutant, Patch
from suites.mutants.session import Session, TargetLeftBroken, show_in_latest
from suites.mutants.within import LIFELINE_VARIABLE
from suites.selftest.mutants.test_matrix import mutant as plain
from suites.selftest.mutants.test_matrix import verdict
from suites.selftest.mutants.toy_target import APP, ToyCluster


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def cluster() -> ToyCluster:
    return ToyCluster()


def broken(name: str = "slow") -> Mutant:
    change = Patch(kind="Deployment", name=APP, patch={"spec": {"key": "wrong"}})
    return replace(plain("fail", name=name), change=change)


def saying(cluster: ToyCluster, word: Word, seen: list[str]) -> Callable[..., Judged]:
    """Checks that give that word, and look at the target meanwhile."""

    def checks(mutant: Mutant, *, into: Path, options: Sequence[str], say: Callable[[str], None]) -> Judged:
        assert into.name == mutant.name and options == ["--target=kind"]
        say("checks running")
        seen.append(cluster.app["key"])
        return Judged(verdicts=(verdict(word),), exit_code=0, log=into / "checks.log")

    return checks


def session(cluster: ToyCluster, tmp_path: Path, checks: Callable[..., Judged], said: list[str]) -> Session:
    return Session(
        cluster=cast(Cluster, cluster),
        deadlines=Deadlines().stretched(0.001),
        run=Run.create(tmp_path / "mutants", argv=["mutants"]),
        options=["--target=kind"],
        say=said.append,
        checks=checks,
    )


def test_the_checks_see_the_broken_target_and_nobody_after_them_does(cluster: ToyCluster, tmp_path: Path) -> None:
    seen: list[str] = []
    made = session(cluster, tmp_path, saying(cluster, "fail", seen), [])
    made.begin()
    made.go_through([broken()], keep_going=False)
    assert seen == ["wrong"] and cluster.app["key"] == "right" and not cluster.kept
    assert [row.ok for row in made.rows] == [True] and made.run.facts().images == {"app": "sha256:1"}
    assert [row["ok"] for row in json.loads((made.run.path / "kill-matrix.json").read_text())] == [True]


def test_a_broken_instrument_leaves_the_target_alone(cluster: ToyCluster, tmp_path: Path) -> None:
    seen: list[str] = []
    made = session(cluster, tmp_path, saying(cluster, "inconclusive", seen), [])
    starved = replace(plain("inconclusive"), change=Environment(variables={"STARVE": "0.9"}))
    made.go_through([starved], keep_going=False)
    assert seen == ["right"] and [row.ok for row in made.rows] == [True]


def test_what_an_instrument_that_does_not_heal_left_is_taken_off(cluster: ToyCluster, tmp_path: Path) -> None:
    said: list[str] = []

    def unhealed(mutant: Mutant, *, into: Path, **_: object) -> Judged:
        with HistoryWriter(into.parent / "history.jsonl") as history:
            change = made._change(broken(), history)
            change.__enter__()
        assert change._record is not None
        # No process can have this number: it is beyond the kernel's limit.
        replace(change._record, pid=2**22 + 1).write(cluster)
        return Judged(verdicts=(verdict("inconclusive"),), exit_code=1, log=into / mutant.name)

    made = session(cluster, tmp_path, unhealed, said)
    made.go_through([replace(plain("inconclusive"), change=Environment(variables={"HEAL": "no"}))], keep_going=False)
    assert [row.ok for row in made.rows] == [True] and cluster.app["key"] == "right" and not cluster.kept
    assert any(line.startswith("took off what its checks left: patch_object on app") for line in said)


@pytest.mark.parametrize(("keep_going", "judged"), [(False, 1), (True, 2)])
def test_after_a_surprise_it_goes_on_only_when_told(
    cluster: ToyCluster, tmp_path: Path, keep_going: bool, judged: int
) -> None:
    made = session(cluster, tmp_path, saying(cluster, "pass", []), [])
    made.go_through([broken("a"), broken("b")], keep_going=keep_going)
    assert [row.ok for row in made.rows] == [False] * judged and not made.not_made


def test_one_that_cannot_be_made_is_told_and_killed_nothing(cluster: ToyCluster, tmp_path: Path) -> None:
    said: list[str] = []
    seen: list[str] = []
    made = session(cluster, tmp_path, saying(cluster, "fail", seen), said)
    nowhere = replace(broken("nowhere"), change=Patch(kind="Deployment", name="other", patch={"spec": {}}))
    made.go_through([nowhere, broken()], keep_going=True)
    assert made.not_made == ["nowhere"] and [row.ok for row in made.rows] == [False, True] and seen == ["wrong"]
    assert any("nowhere could not be made: there is no Deployment other" in line for line in said)


def test_a_namespace_that_allows_no_faults_is_refused_even_when_only_the_instrument_breaks(
    cluster: ToyCluster, tmp_path: Path
) -> None:
    cluster.labels = {}
    seen: list[str] = []
    made = session(cluster, tmp_path, saying(cluster, "fail", seen), [])
    made.go_through([broken(), replace(broken(), change=Environment())], keep_going=True)
    assert made.not_made == ["slow", "slow"] and not seen and cluster.app["key"] == "right"
    assert "faults=allowed" in made.rows[0].why


def test_an_interruption_restores_first(cluster: ToyCluster, tmp_path: Path) -> None:
    def interrupted(*_: object, **__: object) -> Judged:
        assert cluster.app["key"] == "wrong"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session(cluster, tmp_path, interrupted, []).go_through([broken()], keep_going=True)
    assert cluster.app["key"] == "right" and not cluster.kept


def test_a_target_that_cannot_be_restored_ends_the_session(cluster: ToyCluster, tmp_path: Path) -> None:
    def meddling(mutant: Mutant, *, into: Path, **_: object) -> Judged:
        # The app never becomes ready again.
        cluster.wanted = 4
        return Judged(verdicts=(verdict("fail"),), exit_code=0, log=into / mutant.name)

    made = session(cluster, tmp_path, meddling, [])
    with pytest.raises(TargetLeftBroken, match=r"slow was not taken off the target.*suites.undo"):
        made.go_through([broken(), broken("next")], keep_going=True)
    assert len(cluster.kept) == 1
    assert [(row.mutant, row.ok) for row in made.rows] == [("slow", False)]


def test_what_a_killed_session_left_is_taken_off_at_the_next_start(cluster: ToyCluster, tmp_path: Path) -> None:
    said: list[str] = []
    later = session(cluster, tmp_path, saying(cluster, "fail", []), said)
    with HistoryWriter(tmp_path / "history.jsonl") as history:
        change = later._change(broken(), history)
        change.__enter__()
    with pytest.raises(Refused, match="patch_object of process"):
        later.begin()
    assert change._record is not None and cluster.app["key"] == "wrong"
    # No process can have this number: it is beyond the kernel's limit.
    replace(change._record, pid=2**22 + 1).write(cluster)
    later.begin()
    assert cluster.app["key"] == "right" and not cluster.kept
    assert any(line.startswith("took off what an earlier run left: patch_object on app") for line in said)


@pytest.mark.parametrize(("images", "shown"), [({"app": "sha256:1"}, True), ({"app": "sha256:2"}, False)])
def test_the_newest_run_shows_the_matrix_if_it_judged_the_same(
    cluster: ToyCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: dict[str, str], shown: bool
) -> None:
    latest = Run.create(tmp_path / "runs", argv=["pytest"])
    latest.describe(target=cluster.target.label, chart_version="site-search-1", images=images)
    monkeypatch.setattr(module, "find_run", lambda: latest)
    made = session(cluster, tmp_path, saying(cluster, "fail", []), [])
    made.begin()
    made.go_through([broken()], keep_going=False)
    assert ("goes into run" in show_in_latest(made, ["slow"])) is shown
    assert (latest.path / "kill-matrix.json").exists() is shown


CHECK = """
import os, time
def test_it(tmp_path):
    assert os.environ["STARVE"] == "0.9"
    from suites.fixtures import target
    assert target.turn.__name__ == "_turn_of_the_parent"
"""


def test_checks_run_in_a_process_and_a_run_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(CHECK)
    made = replace(plain(), checks=(str(file),), change=Environment(variables={"STARVE": "0.9"}))
    judged = run_checks(made, into=tmp_path / "runs", options=["-q"], say=lambda _: None)
    assert judged.exit_code == 0, judged.log.read_text()
    (run,) = (path for path in (tmp_path / "runs").iterdir() if not path.is_symlink())
    assert judged.log.is_relative_to(run) and Run.open(run).facts().end is not None


def test_checks_end_when_whoever_made_the_mutant_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(
        "import pathlib, time\n"
        "def test_it():\n"
        f"    pathlib.Path({str(tmp_path / 'begun')!r}).touch()\n"
        # Not signal.pause(): an interrupt that comes just before it would be waited for for ever.
        "    while True: time.sleep(0.05)\n"
    )
    lifeline, held = os.pipe()
    # As a shell does it to what it starts in the background.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        checks = subprocess.Popen(  # noqa: S603 fixed words
            [sys.executable, "-m", "pytest", "-p", "suites.mutants.within", "-q", str(file)],
            cwd=REPOSITORY, env={**os.environ, LIFELINE_VARIABLE: str(lifeline)}, pass_fds=[lifeline],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    os.close(lifeline)
    try:
        until(lambda: (tmp_path / "begun").exists(), within=30, what="the check begun")
        os.close(held)
        said, _ = checks.communicate(timeout=30)
    finally:
        checks.kill()
    assert checks.returncode == 2 and "KeyboardInterrupt" in said, said
