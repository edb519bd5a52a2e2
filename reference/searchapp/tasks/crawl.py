"""Fetching a site: breadth first, politely, within bounds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from reference.searchapp.tasks.addresses import Refused, Scope, check_host
from reference.searchapp.tasks.pages import ParsedPage, StoredPage, checksum, page_id, parse
from reference.searchapp.tasks.resolver import GuardedResolver
from reference.searchapp.tasks.robots import USER_AGENT, Robots

log = logging.getLogger(__name__)

PAGE_BYTES_MOST = 5 * 1024 * 1024
PAGE_TIMEOUT_S = 15.0
REDIRECTS_MOST = 5
# Requests at a time to one host, over all scrapes of this process.
PER_HOST = 4
_TRIES = 2
_RETRY_AFTER_S = 0.2
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_HTML = frozenset({"text/html", "application/xhtml+xml"})


class CrawlFailed(Exception):
    """The site as a whole could not be read; says why. `final` when trying again is of no use."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final


class _PageFailed(Exception):
    """One page could not be read. `gone` when the site says that it is no more."""

    def __init__(self, why: str, *, gone: bool = False, transient: bool = False) -> None:
        super().__init__(why)
        self.gone, self.transient = gone, transient


@dataclass(slots=True)
class Progress:
    """Counts of one crawl: every page found is stored or failed in the end."""

    found: int = 0
    failed: int = 0
    truncated: bool = False
    # Could not be read this time, so what is stored of them stays.
    unread: set[str] = field(default_factory=set)


class Fetcher:
    """The process's way out: checked addresses, bounded per host."""

    def __init__(self, allowed_private: Collection[str]) -> None:
        self._allowed_private = allowed_private
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=GuardedResolver(allowed_private), use_dns_cache=False, limit=64, limit_per_host=PER_HOST
            ),
            timeout=aiohttp.ClientTimeout(total=PAGE_TIMEOUT_S, sock_connect=5.0),
            headers={
                "User-Agent": f"{USER_AGENT}/1.0",
                "Accept-Encoding": "identity",
                "Accept": "text/html, */*;q=0.1",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    def slots(self, host: str) -> asyncio.Semaphore:
        return self._hosts.setdefault(host, asyncio.Semaphore(PER_HOST))

    async def get(self, url: str, *, only_html: bool) -> tuple[int, bytes, str | None, str | None]:
        """Status, body, charset and redirect target of one request; redirects are for the caller to judge."""
        parsed = URL(url, encoded=True)
        check_host(parsed.host or "", self._allowed_private)
        async with self._session.get(parsed, allow_redirects=False) as response:
            if response.status in {301, 302, 303, 307, 308}:
                return response.status, b"", None, response.headers.get("Location")
            if only_html and response.status == 200 and response.content_type not in _HTML:
                raise _PageFailed(f"{response.content_type} is not a page")
            if (response.content_length or 0) > PAGE_BYTES_MOST:
                raise _PageFailed(f"larger than {PAGE_BYTES_MOST} bytes")
            body = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                body += chunk
                if len(body) > PAGE_BYTES_MOST:
                    raise _PageFailed(f"larger than {PAGE_BYTES_MOST} bytes")
            return response.status, bytes(body), response.charset, None

    async def close(self) -> None:
        await self._session.close()


class Crawl:
    """One walk over a site. Iterate over it for the pages; `progress` counts along."""

    def __init__(
        self, fetcher: Fetcher, *, site_id: str, base_url: str, max_pages: int, drop_page_every: int = 0
    ) -> None:
        self._fetcher = fetcher
        self._site_id = site_id
        self._scope = Scope(base_url)
        self._max_pages = max_pages
        self._drop_page_every = drop_page_every
        self._robots: Robots | None = None
        self._next_at = 0.0
        self._seen: set[str] = {base_url}
        self._waiting: deque[str] = deque([base_url])
        self.progress = Progress()

    async def __aiter__(self) -> AsyncIterator[StoredPage]:
        self._robots = await self._read_robots()
        if not self._robots.allows(self._scope.base_url):
            raise CrawlFailed("robots.txt does not allow this site", final=True)
        running: dict[asyncio.Task[tuple[StoredPage | None, list[str]]], str] = {}
        yielded = 0
        try:
            while self._waiting or running:
                while self._waiting and len(running) < PER_HOST:
                    if self.progress.found - self.progress.failed + len(running) >= self._max_pages:
                        break
                    url = self._waiting.popleft()
                    running[asyncio.create_task(self._page(url))] = url
                if not running:
                    self.progress.truncated = True
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    url = running.pop(task)
                    page = self._finished(task, url)
                    if page is None:
                        continue
                    yielded += 1
                    if self._drop_page_every and yielded % self._drop_page_every == 0:
                        continue
                    yield page
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _finished(self, task: asyncio.Task[tuple[StoredPage | None, list[str]]], url: str) -> StoredPage | None:
        try:
            page, links = task.result()
        except _PageFailed as failure:
            self.progress.found += 1
            self.progress.failed += 1
            if not failure.gone:
                self.progress.unread.add(url)
            if url == self._scope.base_url:
                raise CrawlFailed(f"{url}: {failure}", final=not failure.transient) from failure
            log.info("page failed", extra={"url": url, "error": str(failure)})
            return None
        for link in links:
            if link not in self._seen:
                self._seen.add(link)
                self._waiting.append(link)
        if page is not None:
            self.progress.found += 1
        return page

    async def _read_robots(self) -> Robots:
        try:
            status, body, charset, _ = await self._fetcher.get(f"{self._scope.origin}/robots.txt", only_html=False)
        except Refused as refused:
            raise CrawlFailed(str(refused), final=True) from refused
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, Refused):
                raise CrawlFailed(str(error.os_error), final=True) from error
            raise CrawlFailed(f"robots.txt: {error}", final=False) from error
        except (aiohttp.ClientError, TimeoutError, _PageFailed) as error:
            raise CrawlFailed(f"robots.txt: {error or type(error).__name__}", final=False) from error
        return Robots(404 if 300 <= status < 400 else status, body.decode(charset or "utf-8", errors="replace"))

    async def _page(self, url: str) -> tuple[StoredPage | None, list[str]]:
        for last in (*[False] * (_TRIES - 1), True):
            try:
                return await self._page_once(url)
            except _PageFailed as failure:
                if last or not failure.transient:
                    raise
            await asyncio.sleep(_RETRY_AFTER_S)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _page_once(self, url: str) -> tuple[StoredPage | None, list[str]]:
        """The page to store, unless it asks not to be found, and the site's own links on it."""
        at, body, charset = await self._followed(url)
        parsed: ParsedPage = parse(body, charset)
        found = [self._scope.resolve(link, on=at) for link in parsed.links] if parsed.follow else []
        links = [link for link in found if link is not None and self._allowed(link)]
        if at != url and at in self._seen:
            return None, links
        self._seen.add(at)
        if not parsed.index:
            return None, links
        page = StoredPage(
            id=page_id(self._site_id, at),
            url=at,
            title=parsed.title or at,
            content=parsed.content,
            checksum=checksum(body),
        )
        return page, links

    async def _followed(self, url: str) -> tuple[str, bytes, str | None]:
        """The body at the end of the redirects, none of which may leave the site."""
        at = url
        for _ in range(REDIRECTS_MOST + 1):
            await self._wait_for_turn()
            try:
                async with self._fetcher.slots(self._scope.host):
                    status, body, charset, location = await self._fetcher.get(at, only_html=True)
            except (aiohttp.ClientError, TimeoutError, OSError, Refused) as error:
                transient = not isinstance(error, Refused)
                raise _PageFailed(f"{type(error).__name__}: {error}", transient=transient) from error
            if location is not None:
                target = self._scope.resolve(location, on=at)
                if target is None or not self._allowed(target):
                    raise _PageFailed("redirected out of the site", gone=True)
                at = target
                continue
            if status != 200:
                raise _PageFailed(f"status {status}", gone=status in {404, 410}, transient=status in _TRANSIENT)
            return at, body, charset
        raise _PageFailed(f"more than {REDIRECTS_MOST} redirects")

    async def _wait_for_turn(self) -> None:
        assert self._robots is not None
        if (delay_s := self._robots.delay_s) > 0:
            now = time.monotonic()
            self._next_at = max(now, self._next_at) + delay_s
            await asyncio.sleep(self._next_at - delay_s - now)

    def _allowed(self, url: str) -> bool:
        assert self._robots is not None
        return self._robots.allows(url)
