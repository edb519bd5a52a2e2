"""A crawl takes what the site offers, and nothing that it may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from reference.searchapp.tasks import crawl as crawling
from reference.searchapp.tasks.crawl import Crawl, CrawlFailed, Fetcher, Progress
from reference.searchapp.tasks.pages import StoredPage

HERE = frozenset({"127.0.0.1"})


@dataclass
class Website:
    """Pages by path: HTML, `->` and a redirect's target, a status, or a body with its type. Notes what was asked."""

    pages: Mapping[str, str | int | tuple[bytes, str]]
    asked: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    latency_s: float = 0.0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.latency_s)
        self.at_once -= 1
        found = self.pages.get(request.path, 404)
        if isinstance(found, tuple):
            return web.Response(body=found[0], content_type=found[1])
        if isinstance(found, int):
            return web.Response(status=found)
        if found.startswith("->"):
            return web.Response(status=302, headers={"Location": found[2:]})
        return web.Response(text=found, content_type="text/html")


@asynccontextmanager
async def _served(website: Website) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", website.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _crawl(
    website: Website, base: str = "/", *, max_pages: int = 100, allowed: frozenset[str] = HERE, drop: int = 0
) -> tuple[dict[str, StoredPage], Progress]:
    async def run() -> tuple[dict[str, StoredPage], Progress]:
        async with _served(website) as origin:
            fetcher = Fetcher(allowed)
            try:
                crawl = Crawl(fetcher, site_id="s", base_url=origin + base, max_pages=max_pages, drop_page_every=drop)
                found = {page.url.removeprefix(origin): page async for page in crawl}
            finally:
                await fetcher.close()
            return found, crawl.progress

    return asyncio.run(run())


def _links(*hrefs: str) -> str:
    return "<title>t</title>" + "".join(f"<a href='{href}'>x</a>" for href in hrefs)


def test_all_pages_below_the_base_url_are_found_once() -> None:
    website = Website({"/d/": _links("a", "b", "#top"), "/d/a": _links("b", "/d/", "/outside"), "/d/b": _links("a")})
    found, progress = _crawl(website, "/d/")
    assert found.keys() == {"/d/", "/d/a", "/d/b"}
    assert (progress.found, progress.failed, progress.truncated) == (3, 0, False)
    assert "/outside" not in website.asked
    assert len(website.asked) == 4, "robots.txt and three pages"


def test_robots_txt_is_obeyed() -> None:
    rules = (b"User-agent: *\nDisallow: /private\n", "text/plain")
    website = Website({"/robots.txt": rules, "/": _links("a", "private/x"), "/a": "a", "/private/x": "x"})
    found, _ = _crawl(website)
    assert found.keys() == {"/", "/a"}
    assert "/private/x" not in website.asked


def test_a_site_that_forbids_itself_fails_for_good() -> None:
    rules = (b"User-agent: SiteSearchBot\nDisallow: /\n", "text/plain")
    website = Website({"/robots.txt": rules, "/": "x"})
    with pytest.raises(CrawlFailed, match=r"robots\.txt") as caught:
        _crawl(website)
    assert caught.value.final
    assert website.asked == ["/robots.txt"]


def test_redirects_are_followed_within_the_site_and_never_out_of_it() -> None:
    website = Website(
        {
            "/d/": _links("moved", "out", "inside", "loop"),
            "/d/moved": "->/d/new",
            "/d/new": "new",
            "/d/out": "->/secret",
            "/secret": "secret",
            "/d/inside": "->http://169.254.169.254/latest/meta-data/",
            "/d/loop": "->/d/loop",
        }
    )
    found, progress = _crawl(website, "/d/")
    assert found.keys() == {"/d/", "/d/new"}
    assert "/secret" not in website.asked
    assert progress.failed == 3


def test_an_inside_host_is_refused_before_any_connection() -> None:
    website = Website({"/": "inside"})
    with pytest.raises(CrawlFailed, match="not a public address") as caught:
        _crawl(website, allowed=frozenset())
    assert caught.value.final
    assert website.asked == []


def test_a_page_that_fails_twice_is_counted_and_what_is_stored_of_it_is_kept() -> None:
    website = Website({"/": _links("broken", "gone", "fine"), "/broken": 500, "/gone": 404, "/fine": "x"})
    found, progress = _crawl(website)
    assert found.keys() == {"/", "/fine"}
    assert (progress.found, progress.failed) == (4, 2)
    assert {url.rsplit("/", 1)[1] for url in progress.unread} == {"broken"}
    assert website.asked.count("/broken") == 2
    assert website.asked.count("/gone") == 1


def test_only_html_within_the_size_limit_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawling, "PAGE_BYTES_MOST", 1000)
    website = Website(
        {
            "/": _links("big", "image"),
            "/big": "x" * 2000,
            "/image": (b"GIF89a", "image/gif"),
        }
    )
    found, progress = _crawl(website)
    assert found.keys() == {"/"}
    assert progress.failed == 2


def test_no_more_than_max_pages_are_stored() -> None:
    website = Website({"/": _links(*(f"p{n}" for n in range(50))), **{f"/p{n}": "x" for n in range(50)}})
    found, progress = _crawl(website, max_pages=10)
    assert len(found) == 10
    assert progress.truncated


def test_a_host_is_not_asked_too_much_at_once() -> None:
    website = Website(
        {"/": _links(*(f"p{n}" for n in range(40))), **{f"/p{n}": "x" for n in range(40)}}, latency_s=0.01
    )
    _crawl(website)
    assert 1 < website.most_at_once <= crawling.PER_HOST


def test_noindex_pages_are_followed_but_not_stored() -> None:
    website = Website({"/": "<meta name='robots' content='noindex'>" + _links("a"), "/a": "x"})
    found, progress = _crawl(website)
    assert found.keys() == {"/a"}
    assert progress.found == 1


@pytest.mark.parametrize(("status", "final"), [(404, True), (503, False)])
def test_a_site_whose_first_page_fails_is_a_failed_crawl(status: int, final: bool) -> None:
    with pytest.raises(CrawlFailed) as caught:
        _crawl(Website({"/": status}))
    assert caught.value.final is final


def test_the_mutant_drops_every_nth_page() -> None:
    website = Website({"/": _links(*(f"p{n}" for n in range(9))), **{f"/p{n}": "x" for n in range(9)}})
    assert len(_crawl(website, drop=5)[0]) == 8
