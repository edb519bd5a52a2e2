"""A module's source, as it would be in the compiler's cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def module_of(sources: Mapping[str, str], folder: Path) -> Path:
    """Write these files under `folder`, which is the module then."""
    for name, text in sources.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder
