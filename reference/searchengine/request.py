"""A search request, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from reference.searchengine.errors import bad_request, not_served

# What Meilisearch can be asked and the engine's wheel cannot answer.
_NOT_SERVED = (
    "filter", "facets", "sort", "distinct", "vector", "hybrid", "attributesToSearchOn", "rankingScoreThreshold",
    "locales", "retrieveVectors", "showRankingScore", "showRankingScoreDetails", "media", "personalize",
)  # fmt: skip
_KNOWN = frozenset(_NOT_SERVED) | {
    "q", "limit", "offset", "page", "hitsPerPage", "attributesToRetrieve", "attributesToHighlight", "attributesToCrop",
    "highlightPreTag", "highlightPostTag", "cropLength", "cropMarker", "showMatchesPosition", "matchingStrategy",
}  # fmt: skip
_NUMBERS = ("limit", "offset", "page", "hitsPerPage", "cropLength")
_LISTS = ("attributesToRetrieve", "attributesToHighlight", "attributesToCrop")


def snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def _refuse(name: str, expected: str, value: Any) -> Exception:
    shown = orjson.dumps(value).decode()
    kinds: dict[type, str] = {
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "an array",
    }
    kind = kinds.get(type(value), "an object")
    return bad_request(
        f"invalid_search_{snake(name)}",
        f"Invalid value type at `.{name}`: expected {expected}, but found {kind}: `{shown}`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What to find and how to show it."""

    q: str = ""
    first: int = 0
    count: int = 20
    page: int = 1
    is_paged: bool = False
    all_terms: bool = False
    retrieved: frozenset[str] | None = None
    highlighted: frozenset[str] | None = None
    cropped: dict[str, int] = field(default_factory=dict)
    pre_tag: str = "<em>"
    post_tag: str = "</em>"
    crop_marker: str = "…"
    show_matches: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> SearchRequest:
        """From the JSON body of a POST."""
        asked = {name: value for name, value in given.items() if value is not None}
        for name, value in asked.items():
            if name not in _KNOWN:
                known = ", ".join(f"`{choice}`" for choice in sorted(_KNOWN))
                raise bad_request("bad_request", f"Unknown field `{name}`: expected one of {known}")
            if name in _NOT_SERVED and value not in ([], False):
                raise not_served(f"The search parameter `{name}`")
        for name in _NUMBERS:
            value = asked.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise _refuse(name, "a positive integer", value)
        for name in _LISTS:
            value = asked.get(name, [])
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise _refuse(name, "an array", value)
        for name in ("q", "highlightPreTag", "highlightPostTag", "cropMarker"):
            if not isinstance(asked.get(name, ""), str):
                raise _refuse(name, "a string", asked[name])
        if not isinstance(asked.get("showMatchesPosition", False), bool):
            raise _refuse("showMatchesPosition", "a boolean", asked["showMatchesPosition"])
        return cls._checked(asked)

    @classmethod
    def _checked(cls, asked: Mapping[str, Any]) -> SearchRequest:
        strategy = asked.get("matchingStrategy", "last")
        if strategy not in ("last", "all", "frequency"):
            raise bad_request(
                "invalid_search_matching_strategy",
                f"Unknown value `{strategy}` at `.matchingStrategy`: expected one of `last`, `all`, `frequency`",
            )
        if strategy == "frequency":
            raise not_served("The matching strategy `frequency`")
        is_paged = "page" in asked or "hitsPerPage" in asked
        page, per_page = asked.get("page", 1), asked.get("hitsPerPage", 20)
        if is_paged:
            first, count = (page - 1) * per_page, per_page if page else 0
        else:
            first, count = asked.get("offset", 0), asked.get("limit", 20)
        retrieved = asked.get("attributesToRetrieve")
        highlighted = asked.get("attributesToHighlight")
        crop_length = asked.get("cropLength", 10)
        cropped = {}
        for attribute in asked.get("attributesToCrop", ()):
            name, colon, length = attribute.rpartition(":")
            is_own = bool(colon) and length.isdigit()
            cropped[name if is_own else attribute] = int(length) if is_own else crop_length
        return cls(
            q=asked.get("q", ""),
            first=max(first, 0),
            count=count,
            page=page,
            is_paged=is_paged,
            all_terms=strategy == "all",
            retrieved=None if retrieved is None or "*" in retrieved else frozenset(retrieved),
            highlighted=frozenset(highlighted) if highlighted else None,
            cropped=cropped,
            pre_tag=asked.get("highlightPreTag", "<em>"),
            post_tag=asked.get("highlightPostTag", "</em>"),
            crop_marker=asked.get("cropMarker", "…"),
            show_matches=asked.get("showMatchesPosition", False),
        )

    @classmethod
    def of_query_string(cls, given: Mapping[str, str]) -> SearchRequest:
        """From the query string of a GET."""
        asked: dict[str, Any] = {}
        for name, value in given.items():
            if name in _NUMBERS:
                if not value.isdigit():
                    raise bad_request(
                        f"invalid_search_{snake(name)}",
                        f"Invalid value in parameter `{name}`: could not parse `{value}` as a positive integer",
                    )
                asked[name] = int(value)
            elif name in _LISTS:
                asked[name] = value.split(",")
            elif name in {"showMatchesPosition", "showRankingScore", "showRankingScoreDetails", "retrieveVectors"}:
                asked[name] = value.lower() == "true"
            else:
                asked[name] = value
        return cls.of(asked)
