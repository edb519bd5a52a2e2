"""Every version of the target, read from the files that state them: versions.toml and the Go modules' go.mod."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

from .paths import CLUSTER, GO_MODULE

KUBERNETES = "k8s.io/kubernetes"
_REQUIRED = re.compile(r"^\s*(?:require\s+)?([\w./~-]+)\s+(v[\w.+-]+)", re.MULTILINE)


class OtherSource(ValueError):
    """A dependency's own files are not as this version of it had them; the text says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """`go` maps a module's path to its version; `table` is versions.toml."""

    go: dict[str, str]
    table: dict[str, Any]

    @property
    def kubernetes(self) -> str:
        return self.go[KUBERNETES]

    @property
    def suite(self) -> str:
        return str(self.table["debian"]["suite"])

    def debian_set(self, name: str) -> list[str]:
        return list(self.table["debian"]["sets"][name])

    def dropped(self, name: str) -> list[str]:
        """Files of a set's packages that its images do without, as the shell's patterns."""
        return list(self.table["debian"]["dropped"].get(name, []))

    def pulled(self, image: str) -> str:
        """The upstream image used where a registry answers; `{module}` is that module's version, `|1:` drops its v."""

        def version(match: re.Match[str]) -> str:
            return self.go[match[1]][1 if match[2] else 0 :]

        return re.sub(r"\{([^}|]+)(\|1:)?\}", version, str(self.table["pull"][image]))


@once
def versions() -> Versions:
    modules = _go_versions(GO_MODULE / "go.mod")
    return Versions(go=modules, table=tomllib.loads((CLUSTER / "versions.toml").read_text()))


def _go_versions(file: Path) -> dict[str, str]:
    return dict(_REQUIRED.findall(file.read_text()))
