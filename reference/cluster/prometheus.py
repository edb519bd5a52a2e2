"""Prometheus with the one service discovery that the platform uses, and without a description of its own API.

As released it links the SDK of every cloud that it can look for targets in, and a parser of OpenAPI that costs more to
compile than all the rest of it. It is laid out anew without both, with a stand-in of ours for the description.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .paths import GO_MODULE
from .versions import OtherSource

MODULE = "github.com/prometheus/prometheus"
_STAND_INS = GO_MODULE / "_without" / "prometheus"
_LEFT_OUT = ("*_test.go", "plugins/plugin_*.go", "web/api/v1/openapi*.go", "web/api/testhelpers/*.go")
_KEPT = "plugins/plugin_kubernetes.go"


def lay_out(module: Path, into: Path) -> None:
    """Copy what is to be compiled; the folder may stand in for the module. Raises OtherSource."""
    stand_ins = {file.relative_to(_STAND_INS): file for file in _STAND_INS.rglob("*.go")}
    for expected in (Path(_KEPT), *stand_ins):
        if not (module / expected).exists():
            raise OtherSource(f"{MODULE} has no {expected.as_posix()} where it had one")
    kept = [module / "go.mod", module / _KEPT]
    kept += [file for file in module.rglob("*.go") if not any(file.match(pattern) for pattern in _LEFT_OUT)]
    for place, file in ({file.relative_to(module): file for file in kept} | stand_ins).items():
        (into / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, into / place)


def inputs() -> list[Path]:
    """What decides over the laid out source, beside the module's version."""
    return [Path(__file__), _STAND_INS]
