"""The platform's HTTP API, as its contract in `reference/README.md` has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from suites.harness.errors import ApiError, ClientError, NotReached
from suites.harness.wait import until

_ANSWERED_S = 10.0
_ITEMS_PER_CALL = 100
# The platform's limits are by the clock's minute, an ingress's may be by the second: what is left of one, and a moment.
_LIMITED_AT_MOST_S = 65.0
_LIMITED_POLL_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A tenant's website."""

    id: str
    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """One scrape of a site and how far it is."""

    id: str
    status: str
    pages_found: int | None
    pages_stored: int | None
    pages_failed: int | None
    error: str | None

    @property
    def is_over(self) -> bool:
        return self.status in ("completed", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as the platform stored it; `checksum` is the sha256 of the body as served."""

    url: str
    title: str
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One page found by a search; `snippet` marks what was looked for with `<em>`."""

    url: str
    title: str
    snippet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """What a search answered and how long that was, which pod answered it, and whether the fallback did."""

    hits: tuple[Hit, ...]
    total: int
    degraded: bool
    served_by: str
    body_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformReadiness:
    """What `/ready` says: each dependency by name, and whether it is healthy."""

    status: int
    dependencies: Mapping[str, bool]
    served_by: str


class SiteSearch:
    """A client of the platform from outside its ingress. Refused calls are ApiErrors, unanswered ones ClientErrors.

    One that is refused for asking too much asks again, for as long as a limit may last.
    """

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self._http = httpx.Client(base_url=base_url, headers={"X-API-Key": api_key}, timeout=_ANSWERED_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def health(self) -> str:
        """The name of the pod that answered that it is alive."""
        return _served_by(self._checked(self._call("GET", "/health")))

    def ready(self) -> PlatformReadiness:
        """What the platform says of itself; 503 is an answer here, not an error."""
        response = self._call("GET", "/ready")
        if response.status_code not in (200, 503):
            self._checked(response)
        checks = _object(response).get("checks", {})
        return PlatformReadiness(
            status=response.status_code,
            dependencies={name: bool(check.get("healthy")) for name, check in checks.items()},
            served_by=_served_by(response),
        )

    def create_site(self, name: str, base_url: str) -> Site:
        answer = self._json("POST", "/sites", json={"name": name, "base_url": base_url})
        return Site(id=str(answer["id"]), base_url=answer["base_url"])

    def sites(self) -> Iterator[Site]:
        """Every site there is."""
        for item in self._listed("/sites"):
            yield Site(id=str(item["id"]), base_url=item["base_url"])

    def delete_site(self, site_id: str) -> None:
        """Remove a site with its pages and index entries; one that is gone already is no error."""
        response = self._call("DELETE", f"/sites/{site_id}")
        if response.status_code != 404:
            self._checked(response)

    def submit_scrape(self, site_id: str, *, max_pages: int | None = None) -> Scrape:
        body = {} if max_pages is None else {"max_pages": max_pages}
        return _scrape(self._json("POST", f"/sites/{site_id}/scrapes", json=body))

    def scrape(self, scrape_id: str) -> Scrape:
        return _scrape(self._json("GET", f"/scrapes/{scrape_id}"))

    def pages(self, site_id: str) -> Iterator[Page]:
        """Every stored page of a site."""
        for item in self._listed(f"/sites/{site_id}/pages"):
            yield Page(url=item["url"], title=item["title"], checksum=item["checksum"])

    def search(self, site_id: str, query: str, *, limit: int = 20, use_cache: bool = False) -> SearchAnswer:
        """Search past the cache where the platform allows that: the checks ask for what is stored now."""
        response = self._checked(
            self._call(
                "GET",
                "/search",
                params={"site": site_id, "q": query, "limit": limit},
                headers={} if use_cache else {"Cache-Control": "no-cache"},
            )
        )
        answer = _object(response)
        return SearchAnswer(
            hits=tuple(Hit(url=hit["url"], title=hit["title"], snippet=hit["snippet"]) for hit in answer["hits"]),
            total=answer["total"],
            degraded=answer["degraded"],
            served_by=_served_by(response),
            body_bytes=len(response.content),
        )

    def _listed(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Every item of a list that the platform gives in parts."""
        offset = 0
        while True:
            answer = self._json("GET", path, params={"limit": _ITEMS_PER_CALL, "offset": offset})
            yield from answer["items"]
            offset += len(answer["items"])
            if not answer["items"] or offset >= answer["total"]:
                return

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        return _object(self._checked(self._call(method, path, **arguments)))

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        response = self._asked(method, path, **arguments)
        if not _is_limited(response):
            return response
        with suppress(NotReached):
            return until(
                lambda: self._asked(method, path, **arguments),
                where=lambda response: not _is_limited(response),
                within=_LIMITED_AT_MOST_S,
                every=_LIMITED_POLL_S,
                what=f"leave for {method} {path}",
            )
        return response

    def _asked(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise ClientError(f"{method} {self.base_url}{path}: {type(error).__name__}: {error}") from error

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        try:
            body = response.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        request = response.request
        raise ApiError(
            response.status_code,
            str(body.get("code", "no_code")),
            str(body.get("detail", response.text[:200])),
            call=f"{request.method} {urlsplit(str(request.url)).path}",
            request_id=response.headers.get("X-Request-ID"),
        )


def _is_limited(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.TOO_MANY_REQUESTS


def _served_by(response: httpx.Response) -> str:
    return str(response.headers.get("X-Served-By", ""))


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError as error:
        raise ClientError(
            f"{response.request.url}: {response.status_code} without JSON: {response.text[:200]}"
        ) from error
    if not isinstance(answer, dict):
        raise ClientError(f"{response.request.url}: {response.status_code} with JSON that is no object")
    return answer


def _scrape(answer: Mapping[str, Any]) -> Scrape:
    return Scrape(
        id=str(answer["id"]),
        status=answer["status"],
        pages_found=answer.get("pages_found"),
        pages_stored=answer.get("pages_stored"),
        pages_failed=answer.get("pages_failed"),
        error=answer.get("error"),
    )
