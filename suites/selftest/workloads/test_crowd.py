"""What Locust's processes are told, in pods as on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from suites.harness.workloads.crowd import FOLDER_VARIABLE, Crowd, UserScript, code_of, command_of
from suites.harness.workloads.openloop import REPOSITORY

MASTER = (
    "master", "--users=200", "--for-s=20", "--spawned-per-s=50", "--url=http://ingress", "--workers=2",
    "--joined-within-s=60",
)  # fmt: skip


def test_a_master_in_a_pod_is_told_what_the_one_process_of_this_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "/results")
    alone = Crowd(users=200, for_s=20.0).command(Path("file.py"), url="http://ingress", folder=Path("/results"))
    told = command_of(["--locustfile", "file.py", *MASTER])
    assert told[: len(alone)] == alone
    assert told[len(alone) :] == ["--master", "--expect-workers", "2", "--expect-workers-max-wait", "60"]
    assert alone[alone.index("--run-time") + 1] == "26s"


def test_a_worker_is_told_where_its_master_is() -> None:
    told = command_of(["--locustfile", "file.py", "worker", "--master", "load-master"])
    assert told[-3:] == ["--worker", "--master-host", "load-master"] and "--headless" not in told


def test_an_image_with_other_users_says_so_before_anybody_plays() -> None:
    file = REPOSITORY / "suites" / "load" / "locustfile.py"
    worker = ("worker", "--master", "load-master")
    assert command_of(["--locustfile", str(file), "--code", code_of(file), *worker])[-1] == "load-master"
    with pytest.raises(SystemExit, match="other users than those who are asked for: make it anew"):
        command_of(["--locustfile", __file__, "--code", code_of(file), *worker])


def test_all_who_play_submit_no_more_than_one_would() -> None:
    script = UserScript(titles={}, scrape_sites=(), scrapes_at_most=30, seed=1)
    assert [script.for_each_of(processes).scrapes_at_most for processes in (1, 2, 4)] == [30, 15, 8]


def test_the_locustfile_needs_nothing_that_the_image_does_not_carry() -> None:
    """Its imports at the start are Locust's and those of the modules that are copied into the image."""
    asked = (
        "import sys; import suites.load.locustfile, suites.harness.workloads.crowd; "
        "print(*(name for name in sys.modules if name.partition('.')[0] in ('suites', 'reports')), "
        "*(name for name in ('httpx', 'kubernetes', 'aiohttp', 'yaml') if name in sys.modules))"
    )
    told = subprocess.run(  # noqa: S603 our own words
        [sys.executable, "-c", asked], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    carried = ("suites.harness.workloads", "suites.load.locustfile", "suites.harness.errors", "reports.records")
    packages = {"suites", "suites.harness", "suites.load", "reports"}
    assert [name for name in told.stdout.split() if name not in packages and not name.startswith(carried)] == []
