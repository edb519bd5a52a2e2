"""Prometheus is laid out with one service discovery, and what is not as it was is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.cluster import prometheus
from reference.cluster.versions import OtherSource
from reference.tests.cluster.sources import module_of

PLUGINS = """package plugins

import (
\t// Register gce plugin.
\t_ "github.com/prometheus/prometheus/discovery/gce"
\t// Register kubernetes plugin.
\t_ "github.com/prometheus/prometheus/discovery/kubernetes"
)
"""
SOURCES = {
    "go.mod": "module github.com/prometheus/prometheus",
    "plugins/plugins.go": PLUGINS,
    "plugins/minimum.go": "package plugins",
    "tsdb/db.go": "package tsdb",
    "tsdb/db_test.go": "package tsdb",
    "web/ui/package.json": "{}",
}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = module_of(SOURCES, tmp_path / "module")
    for name in SOURCES:
        (folder / name).chmod(0o444)
    return folder


def test_one_discovery_is_kept_and_only_what_is_compiled_is_copied(module: Path, tmp_path: Path) -> None:
    into = tmp_path / "laid out"
    prometheus.lay_out(module, into)
    root = into / "prometheus"
    copied = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}
    assert copied == {"go.mod", "plugins/plugins.go", "plugins/minimum.go", "tsdb/db.go"}
    plugins = (root / "plugins/plugins.go").read_text()
    assert "discovery/kubernetes" in plugins
    assert "discovery/gce" not in plugins


def test_it_takes_the_place_of_the_released_one_in_our_own_module(module: Path, tmp_path: Path) -> None:
    into = tmp_path / "laid out"
    prometheus.lay_out(module, into)
    text = (into / "go.mod").read_text()
    assert text.startswith("module reference/cluster\n")
    assert "replace github.com/prometheus/prometheus => ./prometheus\n" in text
    assert (into / "go.sum").exists()


@pytest.mark.parametrize("plugins", [None, "package plugins\n"])
def test_other_source_is_refused(module: Path, tmp_path: Path, plugins: str | None) -> None:
    (module / "plugins/plugins.go").unlink()
    if plugins:
        (module / "plugins/plugins.go").write_text(plugins)
    with pytest.raises(OtherSource, match="kubernetes"):
        prometheus.lay_out(module, tmp_path / "laid out")
