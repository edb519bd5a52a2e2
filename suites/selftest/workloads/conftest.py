"""Toy servers for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from suites.selftest.workloads.toy import Toy


@pytest.fixture(scope="module")
def toy() -> Iterator[Toy]:
    server = Toy.start()
    yield server
    server.end()


@pytest.fixture(scope="module")
def other_toy() -> Iterator[Toy]:
    server = Toy.start()
    yield server
    server.end()
