from __future__ import annotations

import pytest

from reference.searchapp.tasks.robots import Robots

RULES = "User-agent: SiteSearchBot\nDisallow: /private/\nCrawl-delay: 2\n\nUser-agent: *\nDisallow: /\n"


def test_our_own_rules_are_obeyed() -> None:
    robots = Robots(200, RULES)
    assert robots.allows("http://a.example/docs/")
    assert not robots.allows("http://a.example/private/x")
    assert robots.delay_s == 2.0


def test_an_absurd_delay_is_bounded() -> None:
    assert Robots(200, "User-agent: *\nCrawl-delay: 86400\n").delay_s == 5.0


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, True), (500, False), (503, False)])
def test_missing_rules_allow_and_unreadable_ones_forbid(status: int, allowed: bool) -> None:
    assert Robots(status, "").allows("http://a.example/") is allowed
