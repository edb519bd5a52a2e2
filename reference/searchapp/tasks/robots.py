"""What robots.txt lets the scraper fetch."""

from __future__ import annotations

from urllib.robotparser import RobotFileParser

USER_AGENT = "SiteSearchBot"
# A longer delay than this would turn a site of a thousand pages into a day; such a site is read at this pace instead.
_DELAY_MOST_S = 5.0


class Robots:
    """The rules of one host. No rules (404) allow all; rules that cannot be read (5xx) forbid all (RFC 9309)."""

    def __init__(self, status: int, body: str) -> None:
        self._parser = RobotFileParser()
        if status >= 500:
            self._parser.disallow_all = True  # type: ignore[attr-defined]
        elif status >= 400:
            self._parser.allow_all = True  # type: ignore[attr-defined]
        else:
            self._parser.parse(body.splitlines())

    def allows(self, url: str) -> bool:
        return self._parser.can_fetch(USER_AGENT, url)

    @property
    def delay_s(self) -> float:
        """Seconds between two requests, as the host asks."""
        delay = self._parser.crawl_delay(USER_AGENT)
        return min(float(delay), _DELAY_MOST_S) if delay else 0.0
