"""A module is laid out with what is compiled of it and stand-ins for the rest; what is not as it was is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.cluster.shortened import PROMETHEUS, SKIPPER, Shortened
from reference.cluster.versions import OtherSource
from reference.tests.cluster.sources import module_of

METRICS = {
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
INGRESS = {
    "go.mod": "module github.com/zalando/skipper",
    "skipper.go": "package skipper",
    "filters/openpolicyagent/openpolicyagent.go": "package openpolicyagent // all of it",
    "filters/openpolicyagent/internal/envoy/skipperadapter.go": "package envoy",
    "filters/openpolicyagent/opaserveresponse/opaserveresponse.go": "package opaserveresponse",
    "ratelimit/leakybucket.lua": "return 1",
}


def laid_out(source: Shortened, files: dict[str, str], folder: Path) -> tuple[Path, set[str]]:
    """Where it was laid out, and what is there."""
    module = module_of(files, folder / "module")
    for name in files:
        (module / name).chmod(0o444)
    into = folder / "laid out"
    source.lay_out(module, into)
    return into, {file.relative_to(into).as_posix() for file in into.rglob("*") if file.is_file()}


def test_prometheus_keeps_one_discovery_and_no_description_of_its_api(tmp_path: Path) -> None:
    into, copied = laid_out(PROMETHEUS, METRICS, tmp_path)
    assert copied == {
        "go.mod",
        "plugins/minimum.go",
        "plugins/plugin_kubernetes.go",
        "tsdb/db.go",
        "web/api/v1/api.go",
        "web/api/v1/openapi.go",
    }
    assert "with a parser" not in (into / "web/api/v1/openapi.go").read_text()


def test_skipper_keeps_what_its_source_embeds_and_no_policies(tmp_path: Path) -> None:
    into, copied = laid_out(SKIPPER, INGRESS, tmp_path)
    stand_ins = {name for name in copied if name.startswith("filters/openpolicyagent/")}
    assert copied - stand_ins == {"go.mod", "skipper.go", "ratelimit/leakybucket.lua"}
    assert stand_ins and all(name.endswith("/none.go") for name in stand_ins)
    assert "built without" in (into / "filters/openpolicyagent/none.go").read_text()


@pytest.mark.parametrize(
    ("source", "files", "missing"),
    [
        (PROMETHEUS, METRICS, "plugins/plugin_kubernetes.go"),
        (SKIPPER, INGRESS, "ratelimit/leakybucket.lua"),
    ],
)
def test_other_source_is_refused(source: Shortened, files: dict[str, str], missing: str, tmp_path: Path) -> None:
    with pytest.raises(OtherSource, match=f"{source.module} has no {missing}"):
        laid_out(source, {name: text for name, text in files.items() if name != missing}, tmp_path)
