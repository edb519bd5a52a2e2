"""Objectives: the promised bounds, read from `reports/objectives/*.yaml`.

A file holds one family (`load.yaml` holds every `load.*`), a mapping of id to entry. A file that is not exactly right
is an error that names the file, the key and what is allowed: a promise that is misread is worse than none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reports.units import UNITS, quantity

FOLDER = Path(__file__).parent / "objectives"

_BOUNDS = ("at_most", "at_least", "equals")
_REQUIRED = ("description", "unit", "min_samples", "gate", "owner", "because")
_OPTIONAL = ("guards", "runbook", "aim")
_ID = re.compile(r"[a-z][a-z0-9]*\.[a-z][a-z0-9_]*")


class ObjectiveError(ValueError):
    """An objectives file that cannot be believed; names the file, the key and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One promised limit: at most or at least `limit`, or (unit `bool`) true."""

    unit: str
    limit: float
    is_upper: bool

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.is_upper else value >= self.limit

    def margin(self, value: float) -> float | None:
        """Room left as a part of the limit, negative when violated: 150 ms of 200 ms is 0.25.

        None where a part of the limit means nothing: true or false, and a limit of 0.
        """
        if self.unit == "bool" or self.limit == 0:
            return None
        room = self.limit - value if self.is_upper else value - self.limit
        return room / abs(self.limit)

    def allowed(self) -> str:
        """The limit in words: `at most 200 ms`."""
        if self.unit == "bool":
            return "true"
        return f"at {'most' if self.is_upper else 'least'} {quantity(self.limit, self.unit)}"

    def __str__(self) -> str:
        return "true" if self.unit == "bool" else f"{'≤' if self.is_upper else '≥'} {quantity(self.limit, self.unit)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A promise: what is bounded, how many samples make it believable, whether a release waits for it, who owns it."""

    id: str
    description: str
    bound: Bound
    min_samples: int
    gate: bool
    owner: str
    because: str
    guards: Mapping[str, Bound] = field(default_factory=dict)
    runbook: str | None = None
    aim: str | None = None

    @property
    def unit(self) -> str:
        return self.bound.unit

    def bound_text(self) -> str:
        """The bound with its guards, as verdicts and reports show it: `≤ 200 ms, error_ratio ≤ 0.1 %`."""
        return ", ".join([str(self.bound), *(f"{name} {bound}" for name, bound in self.guards.items())])

    def broken_guards(self, guards: Mapping[str, float | None]) -> dict[str, float]:
        """Those of the values that are beyond their guard's bound: the objective's own may be good all the same."""
        return {
            name: value
            for name, bound in self.guards.items()
            if (value := guards.get(name)) is not None and not bound.holds(value)
        }


def load(folder: Path = FOLDER) -> dict[str, Objective]:
    """Every objective by id, in order of file and entry. Raises ObjectiveError for the first that is wrong."""
    misnamed = sorted(folder.glob("*.yml"))
    if misnamed:
        raise ObjectiveError(f"{misnamed[0]}: would not be read; name it {misnamed[0].stem}.yaml")
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise ObjectiveError(f"{folder}: no *.yaml file with objectives in it")
    found: dict[str, Objective] = {}
    for file in files:
        for identity, entry in _entries(file):
            found[identity] = _objective(f"{file}: {identity}", identity, entry)
    return found


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML in which a key given twice is an error, not a silent replacement."""


def _mapping_without_duplicates(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", key_node.start_mark)
        if key_node.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key given twice: {key_node.value}", key_node.start_mark
            )
        seen.add(key_node.value)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_duplicates)


def _entries(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ObjectiveError(f"{file}: not readable YAML: {error}") from error
    if not isinstance(content, dict) or not content:
        raise ObjectiveError(f"{file}: must be a mapping of objective id to entry, for example `load.search_p95_ms: …`")
    for identity, entry in content.items():
        if not isinstance(identity, str) or not _ID.fullmatch(identity):
            raise ObjectiveError(f"{file}: {identity!r} is not an id; allowed: family.name in lower case, digits and _")
        family = identity.split(".")[0]
        if family != file.stem:
            raise ObjectiveError(f"{file}: {identity} belongs in {family}.yaml; a file holds the family of its name")
        if not isinstance(entry, dict):
            raise ObjectiveError(f"{file}: {identity}: must be a mapping with {', '.join(_REQUIRED)} and a bound")
        yield identity, entry


def _objective(where: str, identity: str, entry: Mapping[str, Any]) -> Objective:
    _refuse_unknown(where, entry, (*_BOUNDS, *_REQUIRED, *_OPTIONAL))
    missing = [key for key in _REQUIRED if key not in entry]
    if missing:
        raise ObjectiveError(f"{where}: missing {', '.join(missing)}; required: {', '.join(_REQUIRED)} and a bound")
    min_samples = entry["min_samples"]
    if not isinstance(min_samples, int) or isinstance(min_samples, bool) or min_samples < 1:
        raise ObjectiveError(f"{where}: min_samples: {min_samples!r} is not allowed; allowed: a whole number from 1")
    if not isinstance(entry["gate"], bool):
        raise ObjectiveError(f"{where}: gate: {entry['gate']!r} is not allowed; allowed: true, false")
    guards = entry.get("guards", {})
    if not isinstance(guards, dict):
        raise ObjectiveError(f"{where}: guards: must be a mapping of name to bound, for example error_ratio")
    return Objective(
        id=identity,
        description=_text(where, entry, "description"),
        bound=_bound(where, entry, identity),
        min_samples=min_samples,
        gate=entry["gate"],
        owner=_text(where, entry, "owner"),
        because=_text(where, entry, "because"),
        guards={name: _guard(f"{where}: guards: {name}", name, guard) for name, guard in guards.items()},
        runbook=_text(where, entry, "runbook") if "runbook" in entry else None,
        aim=_text(where, entry, "aim") if "aim" in entry else None,
    )


def _guard(where: str, name: object, entry: object) -> Bound:
    if not isinstance(name, str) or not isinstance(entry, dict):
        raise ObjectiveError(f"{where}: must be a mapping with unit and one of {', '.join(_BOUNDS)}")
    _refuse_unknown(where, entry, (*_BOUNDS, "unit"))
    return _bound(where, entry, name)


def _bound(where: str, entry: Mapping[str, Any], name: str) -> Bound:
    given = [key for key in _BOUNDS if key in entry]
    if len(given) != 1:
        raise ObjectiveError(f"{where}: {' and '.join(given) or 'no bound'} given; exactly one of {', '.join(_BOUNDS)}")
    unit = entry.get("unit")
    if not isinstance(unit, str) or unit not in UNITS:
        raise ObjectiveError(f"{where}: unit: {unit!r} is not allowed; allowed: {', '.join(UNITS)}")
    # The name of a bounded number carries its unit; the two must not drift apart.
    suffix = name.rsplit("_", 1)[-1]
    if suffix in UNITS and suffix != unit:
        raise ObjectiveError(f"{where}: unit: {unit!r} does not fit the name, which says {suffix!r}")
    key, limit = given[0], entry[given[0]]
    if (key == "equals") != (unit == "bool"):
        raise ObjectiveError(f"{where}: {key} does not fit unit {unit}; `equals: true` and `unit: bool` go together")
    if key == "equals":
        if limit is not True:
            raise ObjectiveError(f"{where}: equals: {limit!r} is not allowed; allowed: true")
        return Bound(unit=unit, limit=1.0, is_upper=False)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
        raise ObjectiveError(f"{where}: {key}: {limit!r} is not allowed; allowed: a finite number")
    return Bound(unit=unit, limit=float(limit), is_upper=key == "at_most")


def _refuse_unknown(where: str, entry: Mapping[Any, Any], allowed: tuple[str, ...]) -> None:
    unknown = [str(key) for key in entry if key not in allowed]
    if unknown:
        raise ObjectiveError(f"{where}: unknown key {', '.join(unknown)}; allowed: {', '.join(allowed)}")


def _text(where: str, entry: Mapping[str, Any], key: str) -> str:
    text = entry[key]
    if not isinstance(text, str) or not text.strip():
        raise ObjectiveError(f"{where}: {key}: {text!r} is not allowed; allowed: a text that is not empty")
    return " ".join(text.split())
