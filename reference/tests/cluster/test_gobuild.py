"""What is laid out anew takes the released module's place in a copy of our own, which itself stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.cluster import gobuild
from reference.cluster.paths import GO_MODULE
from reference.cluster.versions import versions


class Shortened:
    """A module with little in it."""

    module = "example.org/large"

    @staticmethod
    def lay_out(module: Path, into: Path) -> None:
        into.mkdir()
        (into / "go.mod").write_text(module.name)


@pytest.fixture
def _laid_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gobuild, "LAID_OUT", {"small": Shortened})
    monkeypatch.setattr(gobuild, "module_folder", lambda module: tmp_path / module)


@pytest.mark.usefixtures("_laid_out")
def test_a_copy_of_our_module_builds_what_is_laid_out() -> None:
    ours = (GO_MODULE / "go.mod").read_text()
    with gobuild.sources("small") as root:
        text = (root / "go.mod").read_text()
        assert text.startswith(ours)
        assert "\nreplace example.org/large => ./small\n" in text
        assert (root / "small/go.mod").read_text() == "large"
        assert (root / "go.sum").exists()
    assert not root.exists()
    assert (GO_MODULE / "go.mod").read_text() == ours


@pytest.mark.usefixtures("_laid_out")
def test_all_else_is_built_in_our_module_itself() -> None:
    with gobuild.sources("tools", "kubernetes") as root:
        assert root == GO_MODULE


@pytest.mark.parametrize("group", sorted(gobuild.LAID_OUT))
def test_a_module_that_is_laid_out_is_known_by_its_hash(group: str) -> None:
    """Else its download would change go.sum, and with it what all programs are known by."""
    module = gobuild.LAID_OUT[group].module
    assert f"{module} {versions().go[module]} h1:" in (GO_MODULE / "go.sum").read_text()
