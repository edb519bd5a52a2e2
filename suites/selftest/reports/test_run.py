"""A run folder: found again, written to by several processes, never looking better than it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.run import RUN_DIR_VARIABLE, Run, RunError, find_run, folder_name, read_facts, run_ids


def test_a_new_run_has_its_facts_and_is_the_latest(tmp_path: Path) -> None:
    run = Run.create(tmp_path, argv=["pytest", "suites/"], seed=7)
    facts = run.facts()
    assert (facts.argv, facts.seed, facts.end) == (("pytest", "suites/"), 7, None)
    assert facts.machine.cores and facts.machine.memory_bytes
    assert run.logs_dir.is_dir() and run.verdicts() == []
    assert find_run(None, tmp_path).path == run.path.resolve()
    assert (tmp_path / "latest").resolve() == run.path.resolve()


def test_run_ids_sort_by_time_and_latest_moves_on(tmp_path: Path) -> None:
    runs = [Run.create(tmp_path, argv=[], start=at) for at in (999_999_999.2, 1_795_000_000.1234, 1_795_000_000.2)]
    assert run_ids(tmp_path) == [run.path.name for run in runs]
    assert runs[1].path.name.startswith("2026-11-18T110640.123Z-")
    assert find_run("latest", tmp_path).path == runs[-1].path
    (tmp_path / "latest").unlink()
    assert find_run("latest", tmp_path).path == runs[-1].path
    assert find_run(runs[0].path.name, tmp_path).path == runs[0].path
    assert find_run(str(runs[0].path), tmp_path / "elsewhere").path == runs[0].path


def test_a_run_that_is_not_there_says_what_to_do_next(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="next: `tox -e verify`"):
        find_run(None, tmp_path)
    Run.create(tmp_path, argv=[])
    with pytest.raises(RunError, match="next: `python -m reports list`"):
        find_run("2026", tmp_path)


def test_a_second_process_joins_and_the_run_ends_when_both_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Run.create(tmp_path, argv=["pytest"], start=10.0)
    monkeypatch.setenv(RUN_DIR_VARIABLE, str(first.path))
    second = Run.current(tmp_path, argv=["chaos", "run"])
    assert run_ids(tmp_path) == [first.path.name]
    first.finish(20.0)
    assert first.facts().end is None
    second.finish(30.0)
    first.finish(99.0)
    facts = second.facts()
    assert facts.end == 30.0
    assert [(session.argv, session.end) for session in facts.sessions] == [
        (("pytest",), 20.0),
        (("chaos", "run"), 30.0),
    ]
    third = Run.current(tmp_path, argv=["pytest"])
    assert third.facts().end is None


def test_without_the_variable_each_process_has_its_own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_DIR_VARIABLE, raising=False)
    assert Run.current(tmp_path, argv=[]).path != Run.current(tmp_path, argv=[]).path


def test_a_run_that_was_only_opened_cannot_finish(tmp_path: Path) -> None:
    run = Run.create(tmp_path, argv=[])
    with pytest.raises(RunError, match="opened for reading"):
        Run.open(run.path).finish()


def test_one_run_describes_one_deployment(tmp_path: Path) -> None:
    run = Run.create(tmp_path, argv=[])
    run.describe(target="kind", chart_version="0.1.0")
    run.describe(images={"app": "sha256:a"})
    run.describe(target="kind", chart_version="0.1.0", images={"app": "sha256:a"})
    assert (run.facts().target, run.facts().chart_version, run.facts().images) == ("kind", "0.1.0", {"app": "sha256:a"})
    with pytest.raises(RunError, match="the deployment changed during the run"):
        Run.open(run.path).describe(images={"app": "sha256:b"})
    assert run.facts().images == {"app": "sha256:a"}


def test_evidence_of_two_processes_never_mixes(tmp_path: Path) -> None:
    run = Run.create(tmp_path, argv=[])
    folder = run.evidence_dir("failure.app_pod")
    assert folder.is_dir() and folder == run.evidence_dir("failure.app_pod")
    assert Run.open(run.path).evidence_dir("failure.app_pod").name == "failure.app_pod-2"


def test_evidence_is_named_as_seen_from_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = Run.create(tmp_path / "runs", argv=[])
    assert run.evidence_path("failure.app_pod") == f"runs/{run.path.name}/evidence/failure.app_pod"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run.evidence_path("failure.app_pod") == str(run.path.resolve() / "evidence" / "failure.app_pod")


def test_checks_with_unsafe_names_get_safe_folders_of_their_own() -> None:
    names = [folder_name(check) for check in ("a/b", "a-b", "a:b", "../../etc", "", "search")]
    assert len(set(names)) == len(names)
    assert all("/" not in name and not name.startswith(".") for name in names)
    assert names[-1] == "search"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"id": "x"}', '{"id": 3, "start": 1}', '{"id": "x", "start": "now"}']
)
def test_a_damaged_run_json_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match=r"run\.json: damaged"):
        read_facts(tmp_path)


def test_a_run_json_of_a_later_version_is_read(tmp_path: Path) -> None:
    run = Run.create(tmp_path, argv=[])
    file = run.path / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), "later": 1}), encoding="utf-8")
    assert Run.open(run.path).facts().id == run.path.name
