"""Wrong arguments end with 2 and a word on what is allowed; the rest of the commands' words are their own."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest

from reference.cluster.__main__ import main
from reference.cluster.process import CommandFailed, run
from reference.cluster.progress import Progress


@pytest.mark.parametrize("arguments", [[], ["upp"], ["up", "--images", "ftp"], ["up", "--workers", "two"]])
def test_wrong_arguments_end_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "up --fix" in text
    assert "SITE_SEARCH_CACHE" in text


def test_an_unknown_image_fails_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["images", "nginx"]) == 1
    assert capsys.readouterr().err.startswith("failed: no image 'nginx'")


def test_a_failed_program_shows_the_end_of_what_it_said() -> None:
    with pytest.raises(CommandFailed, match="exited with 3") as failed:
        run("sh", "-c", "echo told; exit 3")
    assert "told" in str(failed.value)


def test_progress_is_one_line_a_step_where_there_is_no_terminal() -> None:
    output = io.StringIO()
    progress = Progress(output=output, started=time.monotonic())
    with progress.step("first"):
        pass
    with pytest.raises(RuntimeError), progress.step("second", quiet=True):
        raise RuntimeError
    lines = output.getvalue().splitlines()
    assert len(lines) == 2
    assert "first" in lines[0]
    assert "FAILED second" in lines[1]
    assert "\033" not in output.getvalue()


def test_what_is_left_is_what_came_after_the_step_in_the_last_run_of_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    (tmp_path / "time-left.json").write_text('{"new": {"compile": 600, "deploy": 90.4}, "old": {"deploy": 5}}')
    output = io.StringIO()
    again = Progress(output=output, kind="new")
    for name in ("deploy", "news"):
        with again.step(name):
            pass
    again.remember()
    deploy, news = output.getvalue().splitlines()
    assert deploy.endswith("about 1:30 left")
    assert "left" not in news
    kept = json.loads((tmp_path / "time-left.json").read_text())
    assert kept["new"]["compile"] == 600
    assert kept["new"]["deploy"] < 90
    assert kept["old"] == {"deploy": 5}


@pytest.mark.parametrize("kept", ["", "[]", '{"new": 3}', '{"deploy": 90.4}', '{"new": {"deploy": "soon"}}'])
def test_what_was_kept_otherwise_gives_no_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    (tmp_path / "time-left.json").write_text(kept)
    output = io.StringIO()
    with Progress(output=output, kind="new").step("deploy"):
        pass
    assert "left" not in output.getvalue()
