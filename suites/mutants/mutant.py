"""A mutant as its file describes it: what is broken, which checks look, and what they must say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reports.records import Word
from suites.harness.errors import HarnessError

FOLDER = Path(__file__).resolve().parent
NOTHING = "nothing"

_EXPECTATIONS: dict[str, Word] = {"must_fail": "fail", "must_be_inconclusive": "inconclusive", "must_pass": "pass"}
_REQUIRED = ("title", "component", "change", "checks")
_OPTIONAL = ("becomes_ready", "primary_on_worker", "options", "reasons", *_EXPECTATIONS)


class MutantError(HarnessError):
    """A mutant's file is wrong, or there is none of that name; says where and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Other chart values."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One object of the namespace patched: a mapping is a strategic merge patch, a list a JSON patch."""

    kind: str
    name: str
    patch: Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Variables for the checks' own process: the instrument is broken, the target is not touched. May be empty."""

    variables: Mapping[str, str] = field(default_factory=dict)


Change = Values | Patch | Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One way to break the platform. `expected` is objective → word; `reasons` what the verdict's reason must hold."""

    name: str
    title: str
    component: str
    change: Change
    becomes_ready: bool
    primary_on_worker: bool
    checks: tuple[str, ...]
    options: tuple[str, ...]
    expected: Mapping[str, Word]
    reasons: Mapping[str, str]


def load(folder: Path = FOLDER) -> dict[str, Mutant]:
    """Every mutant by name; the one that breaks nothing comes first. Raises MutantError for the first file at fault."""
    found = {path.stem: read(path) for path in sorted(folder.glob("*.yaml"))}
    return dict(sorted(found.items(), key=lambda entry: (entry[1].change != Environment(), entry[0])))


def choose(mutants: Mapping[str, Mutant], names: Sequence[str]) -> list[Mutant]:
    """Those named, in that order; all when none is. Raises MutantError naming those there are."""
    if unknown := [name for name in names if name not in mutants]:
        raise MutantError(f"no mutant {', '.join(unknown)}; there is {', '.join(mutants) or 'none'}")
    return [mutants[name] for name in names] if names else list(mutants.values())


def read(path: Path) -> Mutant:
    """The mutant of one file; its name is the file's."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MutantError(f"{path}: not readable: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise MutantError(f"{path}: must be a mapping with {', '.join(_REQUIRED)}")
    if unknown := sorted(str(key) for key in content.keys() - {*_REQUIRED, *_OPTIONAL}):
        allowed = ", ".join((*_REQUIRED, *_OPTIONAL))
        raise MutantError(f"{path}: unknown key {', '.join(unknown)}; allowed: {allowed}")
    if missing := [key for key in _REQUIRED if key not in content]:
        raise MutantError(f"{path}: {', '.join(missing)} is missing")
    expected = _expected(path, content)
    reasons = _texts_by_name(path, "reasons", content.get("reasons", {}))
    if strange := sorted(reasons.keys() - expected.keys()):
        raise MutantError(f"{path}: reasons: {', '.join(strange)} is expected to end in nothing")
    return Mutant(
        name=path.stem,
        title=_text(path, "title", content["title"]),
        component=_text(path, "component", content["component"]),
        change=_change(path, content["change"]),
        becomes_ready=_flag(path, "becomes_ready", content.get("becomes_ready", True)),
        primary_on_worker=_flag(path, "primary_on_worker", content.get("primary_on_worker", False)),
        checks=_texts(path, "checks", content["checks"]),
        options=_texts(path, "options", content["options"]) if "options" in content else (),
        expected=expected,
        reasons=reasons,
    )


def _flag(path: Path, key: str, given: object) -> bool:
    if not isinstance(given, bool):
        raise MutantError(f"{path}: {key}: must be true or false")
    return given


def _expected(path: Path, content: Mapping[str, Any]) -> dict[str, Word]:
    expected: dict[str, Word] = {}
    for key, word in _EXPECTATIONS.items():
        if key not in content:
            continue
        for objective in _texts(path, key, content[key]):
            if objective in expected:
                raise MutantError(f"{path}: {key}: {objective} is expected to {expected[objective]} as well")
            expected[objective] = word
    if not expected:
        raise MutantError(f"{path}: expects nothing; one of {', '.join(_EXPECTATIONS)} is needed")
    return expected


def _change(path: Path, given: Any) -> Change:
    where = f"{path}: change"
    if given == NOTHING:
        return Environment()
    if not isinstance(given, dict) or len(given) != 1:
        raise MutantError(f"{where}: must be `{NOTHING}` or exactly one of values, patch, environment")
    ((way, content),) = given.items()
    if way == "values" and isinstance(content, dict) and content:
        return Values(values=content)
    if way == "environment" and isinstance(content, dict) and content:
        return Environment(variables=_texts_by_name(path, "change.environment", content))
    if way == "patch" and isinstance(content, dict) and content.keys() == {"kind", "name", "patch"}:
        patch = content["patch"]
        if not isinstance(patch, dict | list) or not patch:
            raise MutantError(f"{where}.patch.patch: must be a strategic merge patch (mapping) or a JSON patch (list)")
        return Patch(kind=_text(path, "kind", content["kind"]), name=_text(path, "name", content["name"]), patch=patch)
    raise MutantError(
        f"{where}: {way}: must be a mapping that is not empty, under values, environment, or patch (kind, name, patch)"
    )


def _text(path: Path, key: str, given: Any) -> str:
    if not isinstance(given, str) or not given.strip():
        raise MutantError(f"{path}: {key}: must be a text, not {given!r}")
    return given


def _texts(path: Path, key: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not given:
        raise MutantError(f"{path}: {key}: must be a list that is not empty")
    return tuple(_text(path, key, entry) for entry in given)


def _texts_by_name(path: Path, key: str, given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise MutantError(f"{path}: {key}: must be a mapping of texts")
    # An unquoted 0.9 or yes is not what the process would get.
    return {_text(path, key, name): _text(path, f"{key}.{name}", value) for name, value in given.items()}
