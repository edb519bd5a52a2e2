"""Modules of others that are compiled without what the platform does not use, which is most of them.

As released, Prometheus links the SDK of every cloud that it can look for targets in and a parser of OpenAPI for a
description of its own API; Skipper links all of Open Policy Agent. Each costs more to compile than the rest of its
program. The module in the compiler's cache is laid out anew without it, with stand-ins of ours (`go/_without`) for what
is asked for elsewhere, and takes the released one's place in a copy of our own module. Another version may need other
stand-ins; the compiler says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .paths import GO_MODULE
from .versions import OtherSource


def _as_it_is(_place: str, text: str) -> str:
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortened:
    """What is compiled of a module; paths and patterns of paths are within it, and `*` stands for folders as well."""

    # Of the group of programs that is built from it, and of its stand-ins' folder.
    name: str
    module: str
    left_out: tuple[str, ...]
    # Copied all the same, and what is no Go source but is asked for by some.
    kept: tuple[str, ...] = ()
    folders: tuple[str, ...] = (".",)
    # Of a file's path and its text: the text to compile.
    edit: Callable[[str, str], str] = _as_it_is
    # The file that says all this: who changes it compiles anew.
    told_in: Path = Path(__file__)

    def lay_out(self, module: Path, into: Path) -> None:
        """Copy what is to be compiled; the folder may stand in for the module. Raises OtherSource."""
        if missing := [place for place in self.kept if not (module / place).exists()]:
            raise OtherSource(f"{self.module} has no {missing[0]} where it had one")
        for file in (module / "go.mod", *(module / place for place in self.kept), *self._compiled(module)):
            place = file.relative_to(module)
            _write(into / place, self.edit(place.as_posix(), file.read_text()))
        for file in self._stand_ins.rglob("*.go"):
            _write(into / file.relative_to(self._stand_ins), file.read_text())

    def inputs(self) -> list[Path]:
        """What decides over the laid out source, beside the module's version."""
        return [Path(__file__), self.told_in, self._stand_ins]

    @property
    def _stand_ins(self) -> Path:
        return GO_MODULE / "_without" / self.name

    def _compiled(self, module: Path) -> Iterator[Path]:
        for folder in self.folders:
            for file in sorted((module / folder).rglob("*.go")):
                place = file.relative_to(module).as_posix()
                if not any(fnmatchcase(place, pattern) for pattern in ("*_test.go", *self.left_out)):
                    yield file


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


PROMETHEUS = Shortened(
    name="prometheus",
    module="github.com/prometheus/prometheus",
    left_out=("plugins/plugin_*.go", "web/api/v1/openapi*.go", "web/api/testhelpers/*.go"),
    kept=("plugins/plugin_kubernetes.go",),
)
SKIPPER = Shortened(
    name="skipper",
    module="github.com/zalando/skipper",
    left_out=("filters/openpolicyagent/*.go",),
    kept=("ratelimit/leakybucket.lua",),
)
