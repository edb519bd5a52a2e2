"""Who breaks the target has it alone; who reads may share it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from suites.harness.target import Target
from suites.harness.turns import turn


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    return Target.load("kind")


def is_free(folder: Path, kind: int) -> bool:
    """Whether somebody else could have such a turn now; locks of one process by two files exclude each other, too."""
    with (folder / "turns" / "kind-site-search.site-search.lock").open("w") as lock:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_readers_share(kind: Target, tmp_path: Path) -> None:
    with turn(kind, alone=False):
        assert is_free(tmp_path, fcntl.LOCK_SH)
        assert not is_free(tmp_path, fcntl.LOCK_EX)


def test_a_disruptive_check_is_alone_until_it_ends(kind: Target, tmp_path: Path) -> None:
    with turn(kind, alone=True):
        assert not is_free(tmp_path, fcntl.LOCK_SH)
    assert is_free(tmp_path, fcntl.LOCK_EX)
