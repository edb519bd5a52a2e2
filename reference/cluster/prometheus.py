"""Prometheus with the one service discovery that the platform uses.

As released it links the SDK of every cloud that it can look for targets in. What it links is said by one file, which
whoever builds it may shorten: the module is laid out anew with a shorter one, and stands in for itself in our own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .paths import GO_MODULE
from .versions import OtherSource

MODULE = "github.com/prometheus/prometheus"
_PLUGINS = "plugins/plugins.go"
_DISCOVERY = "kubernetes"
_REGISTERED = f'\t_ "{MODULE}/discovery/{_DISCOVERY}"\n'


def lay_out(module: Path, into: Path) -> None:
    """Make a copy of our Go module in which this Prometheus takes the released one's place. Raises OtherSource."""
    plugins = module / _PLUGINS
    if not plugins.exists() or _REGISTERED not in plugins.read_text():
        raise OtherSource(f"{MODULE}: {_PLUGINS} does not register the discovery of {_DISCOVERY} where it did")
    for file in [module / "go.mod", *module.rglob("*.go")]:
        if not file.match("*_test.go"):
            place = into / "prometheus" / file.relative_to(module)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    (into / "prometheus" / _PLUGINS).write_text(f"package plugins\n\nimport (\n{_REGISTERED})\n")
    (into / "go.mod").write_text(f"{(GO_MODULE / 'go.mod').read_text()}\nreplace {MODULE} => ./prometheus\n")
    shutil.copyfile(GO_MODULE / "go.sum", into / "go.sum")
