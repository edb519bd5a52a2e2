"""Which experiments `python -m experiments` plays, and what it says of names that nothing has."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.__main__ import chosen, main, name_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, tags in {"app/kill": "[app]", "app/freeze": "[app]", "node/pause": "[node, by-name-only]"}.items():
        file = tmp_path / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"title: t\ntags: {tags}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "played", "unknown"),
    [
        ([], ["app/freeze", "app/kill"], []),
        (["app"], ["app/freeze", "app/kill"], []),
        (["node/pause", "app/kill"], ["app/kill", "node/pause"], []),
        (["experiments/app/kill.yaml", "app/kill"], ["app/kill"], []),
        (["app/kil", "node"], ["node/pause"], ["app/kil"]),
    ],
)
def test_experiments_are_chosen_by_folder_and_name(
    folder: Path, names: list[str], played: list[str], unknown: list[str]
) -> None:
    files, missing = chosen(names, folder)
    assert [name_of(file) for file in files] == played
    assert missing == unknown


def test_a_name_that_nothing_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["app/nothing"])
    assert ended.value.code == 2
    assert "no experiment app/nothing" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_refused_before_anything_is_played(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--run", "no-such-run", "app/pod-kill"])
    assert ended.value.code == 2
    assert "no run" in capsys.readouterr().err


def test_the_list_names_every_experiment_that_is_played(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [name_of(file) for file in chosen([])[0]]
