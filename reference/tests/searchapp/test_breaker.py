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


def test_one_call_at_a_time_finds_out_for_all() -> None:
    breaker = Breaker(dependency="d", failures_to_open=1)
    breaker.try_one()
    breaker.failed("gone")
    with pytest.raises(Unavailable), breaker.admitted():
        pass
    breaker.try_one()
    with breaker.admitted():
        breaker.try_one()
        with pytest.raises(Unavailable), breaker.admitted():
            pass
        breaker.failed("still gone")
    with pytest.raises(Unavailable), breaker.admitted():
        pass
    breaker.try_one()
    with breaker.admitted():
        breaker.succeeded()
    with breaker.admitted(), breaker.admitted():
        pass


def test_a_call_that_found_out_nothing_makes_room_for_the_next() -> None:
    breaker = Breaker(dependency="d", failures_to_open=1)
    breaker.failed("gone")
    for _ in range(2):
        breaker.try_one()
        with pytest.raises(ZeroDivisionError), breaker.admitted():
            raise ZeroDivisionError
    assert breaker.is_open
