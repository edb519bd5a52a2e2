"""Where things are kept: the project's cache is outside the clone and survives it."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CLUSTER = Path(__file__).resolve().parent
IMAGES = REPOSITORY / "reference" / "images"
GO_MODULE = CLUSTER / "go"


def cache() -> Path:
    """The project's cache: $SITE_SEARCH_CACHE, else site-search under the user's cache folder."""
    chosen = os.environ.get("SITE_SEARCH_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "site-search"


def kubeconfig() -> Path:
    return cache() / "kubeconfig"


def tool(name: str) -> Path:
    """A program of the cluster's Go module that runs on this host (kind, kubectl, helm, kubeconform)."""
    return cache() / "bin" / name
