"""Prometheus is laid out with one service discovery, and what is not as it was is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.cluster import prometheus
from reference.cluster.versions import OtherSource
from reference.tests.cluster.sources import module_of

SOURCES = {
    "go.mod": "module github.com/prometheus/prometheus",
    "plugins/minimum.go": "package plugins",
    "plugins/plugin_gce.go": "package plugins",
    "plugins/plugin_kubernetes.go": "package plugins",
    "tsdb/db.go": "package tsdb",
    "tsdb/db_test.go": "package tsdb",
    "web/api/v1/api.go": "package v1",
    "web/api/v1/openapi.go": "package v1 // with a parser",
    "web/api/v1/openapi_paths.go": "package v1",
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
    copied = {file.relative_to(into).as_posix() for file in into.rglob("*") if file.is_file()}
    assert copied == {
        "go.mod",
        "plugins/minimum.go",
        "plugins/plugin_kubernetes.go",
        "tsdb/db.go",
        "web/api/v1/api.go",
        "web/api/v1/openapi.go",
    }
    assert "with a parser" not in (into / "web/api/v1/openapi.go").read_text()


@pytest.mark.parametrize("missing", ["plugins/plugin_kubernetes.go", "web/api/v1/openapi.go"])
def test_other_source_is_refused(module: Path, tmp_path: Path, missing: str) -> None:
    (module / missing).unlink()
    with pytest.raises(OtherSource, match=f"no {missing}"):
        prometheus.lay_out(module, tmp_path / "laid out")
