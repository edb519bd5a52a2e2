"""An index's settings: what can be changed, what only has its default, and Meilisearch's errors for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reference.searchengine.engine import DEEPEST_HIT
from reference.searchengine.errors import bad_request, not_served

RANKING_RULES = ["words", "typo", "proximity", "attribute", "sort", "exactness"]
DEFAULTS: dict[str, Any] = {
    "displayedAttributes": ["*"],
    "searchableAttributes": ["*"],
    "filterableAttributes": [],
    "sortableAttributes": [],
    "rankingRules": RANKING_RULES,
    "stopWords": [],
    "nonSeparatorTokens": [],
    "separatorTokens": [],
    "dictionary": [],
    "synonyms": {},
    "distinctAttribute": None,
    "proximityPrecision": "byWord",
    "typoTolerance": {
        "enabled": True,
        "minWordSizeForTypos": {"oneTypo": 5, "twoTypos": 9},
        "disableOnWords": [],
        "disableOnAttributes": [],
    },
    "faceting": {"maxValuesPerFacet": 100, "sortFacetValuesBy": {"*": "alpha"}},
    "pagination": {"maxTotalHits": DEEPEST_HIT},
    "searchCutoffMs": None,
}


def _error_code(name: str) -> str:
    snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
    return f"invalid_settings_{snake}"


def _attributes(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_request(
            _error_code(name), f"Invalid value type at `.{name}`: expected an array of strings, but found: `{value!r}`"
        )
    return value


def _pagination(name: str, value: Any) -> dict[str, int]:
    most = value.get("maxTotalHits") if isinstance(value, dict) else None
    if most is None:
        most = DEEPEST_HIT
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        raise bad_request(
            _error_code(name), f"Invalid value type at `.{name}.maxTotalHits`: expected a positive integer"
        )
    if most > DEEPEST_HIT:
        raise not_served(f"`pagination.maxTotalHits` above {DEEPEST_HIT}")
    return {"maxTotalHits": most}


_CHANGEABLE: dict[str, Callable[[str, Any], Any]] = {
    "displayedAttributes": _attributes,
    "searchableAttributes": _attributes,
    "pagination": _pagination,
}


def checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes to keep; None resets. 400 for what Meilisearch does not know, 501 for what the engine cannot do."""
    kept: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in DEFAULTS:
            known = ", ".join(f"`{choice}`" for choice in DEFAULTS)
            raise bad_request("bad_request", f"Unknown field `{name}`: expected one of {known}")
        if value is None:
            kept[name] = None
        elif name in _CHANGEABLE:
            kept[name] = _CHANGEABLE[name](name, value)
        else:
            _require_default(name, value)
            kept[name] = None
    return kept


def _require_default(name: str, value: Any) -> None:
    default = DEFAULTS[name]
    if type(default) is not type(value) and default is not None:
        kinds: dict[type, str] = {list: "an array", dict: "an object", str: "a string"}
        wanted = kinds[type(default)]
        raise bad_request(
            _error_code(name), f"Invalid value type at `.{name}`: expected {wanted}, but found: `{value!r}`"
        )
    if not _is_part_of(value, default):
        raise not_served(f"The setting `{name}` other than its default")


def _is_part_of(value: Any, default: Any) -> bool:
    if isinstance(value, dict) and isinstance(default, dict):
        return all(item is None or (key in default and _is_part_of(item, default[key])) for key, item in value.items())
    return bool(value == default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that something depends on."""

    searchable: tuple[str, ...] | None
    displayed: frozenset[str] | None
    max_total_hits: int

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Settings:
        full = {**DEFAULTS, **stored}
        searchable, displayed = full["searchableAttributes"], full["displayedAttributes"]
        return cls(
            searchable=None if "*" in searchable else tuple(searchable),
            displayed=None if "*" in displayed else frozenset(displayed),
            max_total_hits=full["pagination"]["maxTotalHits"],
        )

    def searched(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a document that is looked through, most important first."""
        if self.searchable is None:
            return dict(document)
        values = ((name, _value_at(document, name)) for name in self.searchable)
        return {name: value for name, value in values if value is not None}

    def shown(self, document: dict[str, Any]) -> dict[str, Any]:
        """The part of a document that is given out."""
        if self.displayed is None:
            return document
        return {name: value for name, value in document.items() if name in self.displayed}


def merged(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Stored settings after a change; only what is not the default is stored."""
    full = {**stored, **changes}
    return {name: value for name, value in full.items() if value is not None and value != DEFAULTS[name]}


def full(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {**DEFAULTS, **stored}


def _value_at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document.get(path)
    if value is None and "." in path:
        value = document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    return value
