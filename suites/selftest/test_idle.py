"""What parts cost at rest, from looks written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from reports.records import Operation, Window
from suites.harness.checkers.idle import idle_cost, idle_parts

WINDOW = Window(start=10.0, end=70.0)


def looks(client: str, group: str, cores: float | None, memory: tuple[int | None, int | None]) -> list[Operation]:
    """Two looks, at the start and at the end of the window; of one that was not measured only the first."""
    found = []
    for at, held in zip((11.0, 69.0), memory, strict=True):
        value: dict[str, Any] = {"group": group, "at": at, "cpu_s": at * (cores or 0.0), "memory_bytes": held}
        found.append(
            Operation(client=client, kind="use", intended=at, started=at, finished=at, outcome="ok", value=value)
        )
    return found if cores is not None else found[:1]


def test_containers_of_one_name_are_one_part_and_those_that_use_most_come_first() -> None:
    seen = [
        *looks("app-1/app", "app", 0.002, (9, 10)),
        *looks("app-2/app", "app", 0.003, (9, 20)),
        *looks("redis-0/redis", "redis", 0.004, (1, 1)),
        *looks("redis-0/exporter", "redis", 0.001, (1, 1)),
        *looks("etcd-cp/etcd", "kube-system", 0.02, (1, 7)),
        *looks("w0/system", "", 0.03, (1, 3)),
    ]
    parts = idle_parts(seen, WINDOW)
    assert [(part.name, part.containers, part.memory_bytes) for part in parts] == [
        ("node/system", 1, 3),
        ("kube-system/etcd", 1, 7),
        ("app/app", 2, 30),
        ("redis/redis", 1, 1),
        ("redis/exporter", 1, 1),
    ]
    assert [part.millicores for part in parts] == pytest.approx([30, 20, 5, 4, 1])


def test_a_part_that_was_not_measured_is_no_zero() -> None:
    parts = idle_parts([*looks("app-1/app", "app", 0.002, (9, None)), *looks("db-1/pg", "db", None, (1, 1))], WINDOW)
    assert [(part.name, part.memory_bytes) for part in parts] == [("app/app", None), ("db/pg", 1)]
    assert parts[1].millicores is None
    cost = idle_cost(parts, WINDOW, doubts=["n2 did not answer"])
    assert cost.value == pytest.approx(0.002)
    assert cost.doubts == ("n2 did not answer", "not measured: db/pg")


def test_nothing_seen_costs_no_number() -> None:
    assert idle_cost(idle_parts([], WINDOW), WINDOW).value is None
