"""Nobody gets a benchmark, or a test that takes the target away, who did not say so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from suites.fixtures.by_name import pytest_collection_modifyitems

ROOT = Path(__file__).resolve().parents[2]


class Item:
    """A test with one mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def get_closest_marker(self, name: str) -> str | None:
        return self.mark if self.mark == name else None


@pytest.mark.parametrize(
    ("expression", "left"),
    [
        ("", ["failure"]),
        ("not smoke", ["failure"]),
        ("failure", ["failure"]),
        ("not benchmark", ["failure", "benchmark"]),
        ("benchmark", ["failure", "benchmark"]),
        ("failure or by_hand", ["failure", "by_hand"]),
        ("benchmarks", ["failure"]),
    ],
)
def test_what_is_named_is_left_to_the_expression(expression: str, left: list[str]) -> None:
    deselected: list[Any] = []
    hook = SimpleNamespace(pytest_deselected=lambda items: deselected.extend(items))
    items: list[Any] = [Item("failure"), Item("benchmark"), Item("by_hand")]
    config: Any = SimpleNamespace(option=SimpleNamespace(markexpr=expression), hook=hook)
    pytest_collection_modifyitems(config, items)
    assert [item.mark for item in items] == left
    assert {item.mark for item in deselected} == {"failure", "benchmark", "by_hand"} - set(left)


def test_an_expression_about_something_else_brings_neither() -> None:
    files = (
        "suites/failure/test_redis.py",
        "suites/failure/test_runner_killed.py",
        "reference/tests/live/test_uninstall.py",
    )
    listed = subprocess.run(  # noqa: S603 - fixed words
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", "not smoke", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout
    assert [line.partition("::")[2] for line in listed.splitlines() if "::" in line] == [
        "test_searches_and_accepted_scrapes_survive_without_redis"
    ]
