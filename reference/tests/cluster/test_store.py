"""Artifacts are made once, seen whole, and named by all that went into them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from reference.cluster import store


def nothing(_place: Path) -> None:
    """An artifact without files."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    return tmp_path


def test_an_artifact_is_made_once() -> None:
    made: list[Path] = []

    def make(place: Path) -> None:
        made.append(place)
        (place / "file").write_text("x")

    for _ in range(2):
        folder = store.produce("thing", "0" * 16, make)
        assert (folder / "file").read_text() == "x"
    assert len(made) == 1


def test_a_failed_build_leaves_nothing_that_looks_like_a_result(cache: Path) -> None:
    def half(place: Path) -> None:
        (place / "half").write_text("x")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        store.produce("thing", "0" * 16, half)
    assert list((cache / "store").iterdir()) == []
    assert store.produce("thing", "0" * 16, nothing).is_dir()


def test_what_a_killed_build_left_is_swept(cache: Path) -> None:
    left = cache / "store" / ".making-abc"
    left.mkdir(parents=True)
    store.sweep_scratch()
    assert not left.exists()


def test_a_new_artifact_replaces_the_old_one_of_its_name_only() -> None:
    old = store.produce("thing", "0" * 16, nothing)
    other = store.produce("thing-two", "0" * 16, nothing)
    new = store.produce("thing", "1" * 16, nothing)
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)


def test_two_builders_of_one_artifact_make_it_once() -> None:
    made: list[int] = []

    def make(_place: Path) -> None:
        made.append(1)

    builders = [threading.Thread(target=store.produce, args=("thing", "0" * 16, make)) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert made == [1]


@pytest.mark.parametrize("change", ["content", "name", "mode"])
def test_a_key_changes_with_contents_names_and_modes(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    file = folder / "a"
    file.write_text("1")
    before = store.key_of(folder)
    if change == "content":
        file.write_text("2")
    elif change == "name":
        file.rename(folder / "b")
    else:
        file.chmod(0o755)
    assert store.key_of(folder) != before


@pytest.mark.parametrize("name", ["__pycache__/a.pyc", "package/README.md"])
def test_a_key_ignores_what_goes_into_nothing(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "source"
    (folder / name).parent.mkdir(parents=True)
    (folder / "a.py").write_text("1")
    before = store.key_of(folder)
    (folder / name).write_bytes(b"1")
    assert store.key_of(folder) == before


def test_parts_do_not_run_into_each_other() -> None:
    assert store.key_of("ab", "c") != store.key_of("a", "bc")
