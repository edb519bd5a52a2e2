"""HTML to what is stored of a page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

# PostgreSQL text cannot hold NUL, and the private marks of snippets may not come from a page.
_REMOVED = {0: None, 2: None, 3: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPage:
    """A page's text and links. `index` is False when the page asks not to be found."""

    title: str
    content: str
    links: tuple[str, ...]
    index: bool
    follow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """A page as the database and the index hold it."""

    id: str
    url: str
    title: str
    content: str
    checksum: str


def page_id(site_id: str, url: str) -> str:
    """The same page always has the same id."""
    return hashlib.sha256(f"{site_id}\0{url}".encode()).hexdigest()[:32]


def checksum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def parse(body: bytes, charset: str | None) -> ParsedPage:
    """Read a page; broken HTML is read as a browser would."""
    tree = LexborHTMLParser(_decoded(body, charset))
    directives = ",".join(
        (node.attributes.get("content") or "").lower()
        for node in tree.css("meta[name='robots' i], meta[name='sitesearchbot' i]")
    )
    links = tuple(href for node in tree.css("a[href]") if (href := node.attributes.get("href")))
    title_node = tree.css_first("title")
    title = _clean(title_node.text()) if title_node is not None else ""
    for node in tree.css("script, style, noscript, template"):
        node.decompose()
    content = _clean(tree.body.text(separator=" ")) if tree.body is not None else ""
    return ParsedPage(
        title=title[:500],
        content=content,
        links=links,
        index="noindex" not in directives and "none" not in directives,
        follow="nofollow" not in directives and "none" not in directives,
    )


def _decoded(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8", errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")


def _clean(text: str) -> str:
    return " ".join(text.translate(_REMOVED).split())
