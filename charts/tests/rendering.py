"""Run the tools the chart tests need: helm and kubeconform, and render a chart with one of its values files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache as once
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).resolve().parent / "golden"
_GO = CHARTS.parent / "reference" / "cluster" / "go"
GO_MODS = (_GO / "go.mod", _GO / "keda" / "go.mod")

# Chart, values file and what a user must give beside them.
IMAGE = ("app.image.repository=example/searchapp", "app.image.tag=1.0.0")
SCRIPT = ("script=what users know",)
LOAD = ("image.repository=example/loadgenerator", "image.tag=1.0.0", "target.url=https://search.example.com", *SCRIPT)
COMBINATIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("site-search", "values"): IMAGE,
    ("site-search", "values-kind"): (),
    ("site-search", "values-production"): IMAGE,
    ("site-search", "values-scale-from-zero"): IMAGE,
    ("site-search-monitoring", "values"): (),
    ("site-search-monitoring", "values-kind"): (),
    ("site-search-monitoring", "values-production"): (),
    ("site-search-load", "values"): LOAD,
    ("site-search-load", "values-kind"): SCRIPT,
}

# `lookup` finds nothing without a cluster, so every render generates its secrets anew.
_GENERATED = re.compile(r'^(  (?:admin-api-key|meili-master-key|redis-password)): "[A-Za-z0-9+/=]+"$', re.MULTILINE)

Manifest = dict[str, Any]


class ToolMissing(RuntimeError):
    """A program the tests need is not there; says how to get it."""


class RenderFailed(RuntimeError):
    """Helm refused to render; carries its words."""


def cache_folder() -> Path:
    """The project's cache, outside the clone."""
    chosen = os.environ.get("SITE_SEARCH_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "site-search"


@once
def tool(name: str) -> str:
    """The path of a program; the project's own build goes before the host's, whose version nobody pinned."""
    own = cache_folder() / "bin" / name
    found = str(own) if own.is_file() else shutil.which(name)
    if found is None:
        raise ToolMissing(f"{name} is neither in {own.parent} nor on PATH: python -m reference.cluster tools")
    return found


@once
def pinned(module: str) -> str:
    """The version of a Go module that the reference cluster is built from."""
    required = re.compile(rf"^\s*(?:require\s+)?{re.escape(module)}\s+(v[\w.+-]+)", re.MULTILINE)
    for file in GO_MODS:
        if match := required.search(file.read_text()):
            return match[1]
    raise ToolMissing(f"neither {' nor '.join(map(str, GO_MODS))} requires {module}")


def run(*argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603


@once
def render(chart: str, values: str, *settings: str) -> str:
    """The manifests of a chart with one of its values files; `settings` are `key=value` as for `helm --set`."""
    chosen = (*COMBINATIONS[chart, values], *settings)
    folder = CHARTS / chart
    done = run(
        *(tool("helm"), "template", chart, str(folder), "--namespace", chart),
        *("--kube-version", pinned("k8s.io/kubernetes"), "--values", str(folder / f"{values}.yaml")),
        *(word for setting in chosen for word in ("--set", setting)),
    )
    if done.returncode != 0:
        raise RenderFailed(done.stderr)
    return _GENERATED.sub(r'\1: "<generated>"', done.stdout)


def manifests(chart: str, values: str, *settings: str) -> dict[tuple[str, str], Manifest]:
    """The rendered objects by kind and name."""
    documents = yaml.safe_load_all(render(chart, values, *settings))
    return {(each["kind"], each["metadata"]["name"]): each for each in documents if each}


def pod_specs(objects: dict[tuple[str, str], Manifest]) -> dict[str, Manifest]:
    """The pod template of every workload, by `Kind/name`."""
    return {
        f"{kind}/{name}": each["spec"]["template"]
        for (kind, name), each in objects.items()
        if kind in {"Deployment", "StatefulSet", "DaemonSet", "Job"}
    }
