"""A search request, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from reference.searchengine.errors import bad_request, not_served
from reference.searchengine.formatting import Marks, Way

# What Meilisearch can be asked and the engine's wheel cannot answer.
_NOT_SERVED = (
    "filter", "facets", "sort", "distinct", "vector", "hybrid", "attributesToSearchOn", "rankingScoreThreshold",
    "locales", "retrieveVectors", "showRankingScore", "showRankingScoreDetails", "media", "personalize",
)  # fmt: skip
_KNOWN = frozenset(_NOT_SERVED) | {
    "q", "limit", "offset", "page", "hitsPerPage", "attributesToRetrieve", "attributesToHighlight", "attributesToCrop",
    "highlightPreTag", "highlightPostTag", "cropLength", "cropMarker", "showMatchesPosition", "matchingStrategy",
}  # fmt: skip
_PLACE_NUMBERS = ("limit", "offset", "page", "hitsPerPage")
_NUMBERS = (*_PLACE_NUMBERS, "cropLength")
# What differs from query to query; the rest is the same for all that one client asks.
_OF_ONE_QUERY = frozenset({"q", *_PLACE_NUMBERS})
_KNOWN_MANNERS = 256
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


class _Ways(dict[str, Way | None]):
    """How each attribute is shown among the formatted ones, found out when it is first seen; None when it is not."""

    def __init__(self, retrieved: frozenset[str] | None, highlighted: frozenset[str], cropped: dict[str, int]) -> None:
        self._retrieved, self._highlighted, self._cropped = retrieved, highlighted, cropped

    def __missing__(self, name: str) -> Way | None:
        highlight = "*" in self._highlighted or name in self._highlighted
        crop = self._cropped.get(name, self._cropped.get("*"))
        if highlight or crop is not None or self._retrieved is None or name in self._retrieved:
            way = Way(crop, highlight)
        else:
            way = None
        self[name] = way
        return way


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Which documents count as hits and how they are shown."""

    all_terms: bool
    retrieved: frozenset[str] | None
    ways: dict[str, Way | None]
    marks: Marks
    is_formatted: bool
    show_matches: bool

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Manner:
        """From that part of a search's parameters, None taken as not given."""
        for name, value in asked.items():
            if name not in _KNOWN:
                known = ", ".join(f"`{choice}`" for choice in sorted(_KNOWN))
                raise bad_request("bad_request", f"Unknown field `{name}`: expected one of {known}")
            if name in _NOT_SERVED and value not in ([], False):
                raise not_served(f"The search parameter `{name}`")
        _check_number(asked, "cropLength")
        for name in _LISTS:
            value = asked.get(name, [])
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise _refuse(name, "an array", value)
        for name in ("highlightPreTag", "highlightPostTag", "cropMarker"):
            _check_string(asked, name)
        if not isinstance(asked.get("showMatchesPosition", False), bool):
            raise _refuse("showMatchesPosition", "a boolean", asked["showMatchesPosition"])
        strategy = asked.get("matchingStrategy", "last")
        if strategy not in ("last", "all", "frequency"):
            raise bad_request(
                "invalid_search_matching_strategy",
                f"Unknown value `{strategy}` at `.matchingStrategy`: expected one of `last`, `all`, `frequency`",
            )
        if strategy == "frequency":
            raise not_served("The matching strategy `frequency`")
        return cls._checked(asked, all_terms=strategy == "all")

    @classmethod
    def _checked(cls, asked: Mapping[str, Any], *, all_terms: bool) -> Manner:
        given = asked.get("attributesToRetrieve")
        retrieved = None if given is None or "*" in given else frozenset(given)
        highlighted = frozenset(asked.get("attributesToHighlight", ()))
        crop_length = asked.get("cropLength", 10)
        cropped = {}
        for attribute in asked.get("attributesToCrop", ()):
            name, colon, length = attribute.rpartition(":")
            is_own = bool(colon) and length.isdigit()
            cropped[name if is_own else attribute] = int(length) if is_own else crop_length
        return cls(
            all_terms=all_terms,
            retrieved=retrieved,
            ways=_Ways(retrieved, highlighted, cropped),
            marks=Marks(
                pre=asked.get("highlightPreTag", "<em>"),
                post=asked.get("highlightPostTag", "</em>"),
                crop_marker=asked.get("cropMarker", "…"),
            ),
            is_formatted=bool(highlighted or cropped),
            show_matches=asked.get("showMatchesPosition", False),
        )


@lru_cache(maxsize=_KNOWN_MANNERS)
def _manner(asked: bytes) -> Manner:
    return Manner.of(orjson.loads(asked))


def _check_number(asked: Mapping[str, Any], name: str) -> None:
    value = asked.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _refuse(name, "a positive integer", value)


def _check_string(asked: Mapping[str, Any], name: str) -> None:
    if not isinstance(asked.get(name, ""), str):
        raise _refuse(name, "a string", asked[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What to find and which part of it, and the manner in which it is asked for."""

    q: str
    first: int
    count: int
    page: int
    is_paged: bool
    manner: Manner

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> SearchRequest:
        """From the JSON body of a POST."""
        asked = {name: value for name, value in given.items() if value is not None}
        manner = _manner(orjson.dumps({name: asked[name] for name in asked if name not in _OF_ONE_QUERY}))
        for name in _PLACE_NUMBERS:
            _check_number(asked, name)
        _check_string(asked, "q")
        is_paged = "page" in asked or "hitsPerPage" in asked
        page, per_page = asked.get("page", 1), asked.get("hitsPerPage", 20)
        if is_paged:
            first, count = (page - 1) * per_page, per_page if page else 0
        else:
            first, count = asked.get("offset", 0), asked.get("limit", 20)
        return cls(q=asked.get("q", ""), first=max(first, 0), count=count, page=page, is_paged=is_paged, manner=manner)

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
