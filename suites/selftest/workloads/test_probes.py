"""Probes and journeys see an outage as long as it is, on new and on reused connections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from reports.records import History, HistoryWriter, Mark
from suites.harness.checkers.gaps import PROBE_RATE_HZ, longest_gap
from suites.harness.deadlines import Deadlines
from suites.harness.traffic import Traffic, traffic_of
from suites.harness.wait import until
from suites.harness.workloads.journeys import PROBE_HZ, write
from suites.harness.workloads.openloop import OpenLoop
from suites.harness.workloads.probes import Probes
from suites.harness.workloads.request import Repeat, Request
from suites.selftest.workloads.toy import Toy

# What the servers did and what clients saw of it is played once for all.
pytestmark = pytest.mark.xdist_group("probes")

STEADY_ANSWERS = 16
OUTAGES_S = (0.25, 1.0, 5.0)


@pytest.fixture(scope="module")
def outages(
    toy: Toy, other_toy: Toy, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, float], tuple[History, float]]:
    """By what the server did and for how long: the history around it, and by how much the generator was ever late."""
    folder = tmp_path_factory.mktemp("probes")
    toys = {"refuse": toy, "stall": other_toy}
    probes = {
        order: Probes(
            base_url=server.url,
            requests=Repeat(Request(path="/search", expect=b'"hits"')),
            history=folder / f"{order}.jsonl",
        ).start()
        for order, server in toys.items()
    }
    writes = {order: write_traffic(server.url, folder / f"{order}.jsonl") for order, server in toys.items()}
    streams = [stream for running in probes.values() for stream in running.streams.values()]
    streams += [stream for running in writes.values() for stream in running.streams]
    done: dict[tuple[str, float], dict[str, float]] = {}
    for outage_s in OUTAGES_S:
        answered(streams)
        for order, server in toys.items():
            server.order(order, outage_s)
        done |= {(order, outage_s): server.carried_out() for order, server in toys.items()}
    answered(streams)
    late_s = {
        order: max(
            report.late_max_ms or 0.0
            for report in (*probes[order].stop().values(), *(stream.stop() for stream in writes[order].streams))
        )
        / 1000
        for order in toys
    }
    histories = {order: History.read(folder / f"{order}.jsonl") for order in toys}
    return {key: (around(histories[key[0]], key[0], times), late_s[key[0]]) for key, times in done.items()}


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("order", ["refuse", "stall"])
def test_a_gap_is_reported_to_within_one_interval(
    outages: dict[tuple[str, float], tuple[History, float]], order: str, outage_s: float
) -> None:
    """Whether the server refuses or only stays silent, and for both kinds of connection."""
    history, late_s = outages[order, outage_s]
    gap = longest_gap(history, kind="search", steady_before_s=0.1, steady_after_s=0.1)
    truth_s = history.marks[-1].at - history.marks[0].at
    assert truth_s == pytest.approx(outage_s, abs=0.1)
    assert set(gap.facts["gap_s_by_client"]) == {"probe-new", "probe-reused"}
    for client, gap_s in gap.facts["gap_s_by_client"].items():
        # What the generator was late by is no property of the server; on a quiet machine it is 2 ms.
        assert -0.005 <= gap_s - truth_s <= 1 / PROBE_RATE_HZ + 0.020 + late_s, client
    if order == "refuse":
        assert gap.guards["error_ratio"]


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("order", ["refuse", "stall"])
def test_a_gap_in_writes_is_reported_to_within_their_two_intervals(
    outages: dict[tuple[str, float], tuple[History, float]], order: str, outage_s: float
) -> None:
    """One before it and one after it; never shorter than it was. Searches, which go on beside, hide nothing."""
    history, late_s = outages[order, outage_s]
    gap = longest_gap(history, kind="write", steady_before_s=0.1, steady_after_s=0.1)
    truth_s = history.marks[-1].at - history.marks[0].at
    assert set(gap.facts["gap_s_by_client"]) == {"write-new", "write-reused"}
    for client, gap_s in gap.facts["gap_s_by_client"].items():
        assert -0.005 <= gap_s - truth_s <= 2 / PROBE_HZ + 0.020 + late_s, client


def write_traffic(url: str, path: Path) -> Traffic:
    journey = write("ledger-1", host="demosite", api_key="a key")
    return traffic_of(url, [journey], history=HistoryWriter(path), deadlines=Deadlines()).__enter__()


def around(history: History, order: str, times: dict[str, float]) -> History:
    """The part of a history that belongs to one outage, with its marks."""
    began, ended = times["began"], times["ended"]
    return History(
        tuple(operation for operation in history.operations if began - 0.3 < operation.intended < ended + 0.3),
        (
            Mark(mark="injecting", fault=order, at=began),
            Mark(mark="observed", fault=order, at=ended),
            Mark(mark="healed", fault=order, at=ended),
        ),
    )


def answered(streams: Sequence[OpenLoop]) -> None:
    """Wait until each stream has had more good answers."""
    wanted = [stream.counts.ok + STEADY_ANSWERS for stream in streams]
    until(
        lambda: all(stream.counts.ok >= want for stream, want in zip(streams, wanted, strict=True)),
        within=20,
        every=0.1,
        what="good answers",
    )
