from __future__ import annotations

import pytest

from reference.searchapp.stores.breaker import Breaker, Unavailable


def test_it_opens_after_failures_in_a_row_and_closes_with_a_success() -> None:
    breaker = Breaker(dependency="d", failures_to_open=2)
    breaker.failed("one")
    breaker.succeeded()
    breaker.failed("two")
    breaker.require_closed()
    breaker.failed("three")
    with pytest.raises(Unavailable, match="d: three"):
        breaker.require_closed()
    breaker.succeeded()
    breaker.require_closed()


def test_a_probe_decides_alone() -> None:
    breaker = Breaker(dependency="d", failures_to_open=3)
    breaker.probed(1.0, "gone")
    assert breaker.is_open
    assert breaker.healthy is False
    breaker.probed(1.0, None)
    assert not breaker.is_open
    assert breaker.healthy is True
    assert breaker.error is None
