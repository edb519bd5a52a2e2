"""What is laid out anew takes the released module's place in a copy of our own, which itself stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.cluster import gobuild
from reference.cluster.paths import GO_MODULE
from reference.cluster.shortened import Shortened
from reference.cluster.versions import versions
from reference.tests.cluster.sources import module_of


@pytest.fixture
def _laid_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    released = module_of({"go.mod": "module example.org/large"}, tmp_path)
    monkeypatch.setattr(
        gobuild, "LAID_OUT", {"small": Shortened(name="small", module="example.org/large", left_out=())}
    )
    monkeypatch.setattr(gobuild, "module_folder", {"example.org/large": released}.__getitem__)


@pytest.mark.usefixtures("_laid_out")
def test_a_copy_of_our_module_builds_what_is_laid_out() -> None:
    ours = (GO_MODULE / "go.mod").read_text()
    with gobuild.sources("small") as root:
        text = (root / "go.mod").read_text()
        assert text.startswith(ours)
        assert "\nreplace example.org/large => ./small\n" in text
        assert (root / "small/go.mod").read_text() == "module example.org/large"
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
