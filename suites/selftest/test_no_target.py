"""Without a target, checks end in one line that says how to get one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "a worker"])
def test_checks_without_a_target_end_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    monkeypatch.setenv("SRE_RUN_DIR", str(tmp_path / "not made"))
    ended = subprocess.run(  # noqa: S603 - fixed words
        [sys.executable, "-m", "pytest", "suites/smoke", "-p", "no:cacheprovider", *workers],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    said = (ended.stdout + ended.stderr).splitlines()
    assert [line for line in said if "tox -e up" in line] == [
        f"ERROR: no kubeconfig at {tmp_path}/kubeconfig: bring one up with `tox -e up`, "
        "or name one with --target, --context, --namespace and --base-url"
    ]
    assert not any("Traceback" in line or "INTERNALERROR" in line for line in said)
