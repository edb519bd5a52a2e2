"""A program of the machine, replaced by a script of the test's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def place_program(name: str, script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have that script run where the program is asked for; `folder` is its $TOY, and has the project's cache."""
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(folder / "cache"))
    monkeypatch.setenv("TOY", str(folder))
    program = folder / "bin" / name
    program.parent.mkdir()
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
