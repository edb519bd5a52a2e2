"""Who took writes when, on samples written by hand; and how a watch's lines become samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from reports.records import History, Measurement, Operation
from suites.harness.checkers.primaries import replaced_at, writable_at_once
from suites.harness.clients.objects import Container, Pod
from suites.harness.clients.sql import CONTAINER, Postgres
from suites.harness.errors import ClientError
from suites.harness.wait import until
from suites.harness.watch import PrimaryWatch, sample_of

STARTED_AT = 1000.0


def sample(
    instance: str, at: float, answer: str, *, stream: int, server_start: float = STARTED_AT, took_s: float = 0.002
) -> Operation:
    times = "" if answer in ("silent", "down") else f"{at - took_s} "
    start = "" if answer in ("silent", "down") else f" {server_start}"
    return sample_of(instance, f"{at} {times}{answer}{start}", stream=stream, received=at + 0.01)


def seen(
    instance: str,
    answer: str,
    start: float,
    end: float,
    *,
    every: float = 0.1,
    stream: int | None = None,
    server_start: float = STARTED_AT,
) -> list[Operation]:
    """One answer again and again, ten times a second."""
    stream = int(instance[-1]) if stream is None else stream
    return [
        sample(instance, start + number * every, answer, stream=stream, server_start=server_start)
        for number in range(round((end - start) / every))
    ]


def samples(*groups: list[Operation]) -> History:
    operations = [each for group in groups for each in group]
    return History(tuple(sorted(operations, key=lambda operation: operation.intended)), ())


# The first instance is lost at 2010 s, the second takes over at 2014 s; the first comes back as a standby.
BEFORE = seen("db-1", "accepted", 2000, 2010)
LOST = seen("db-1", "down", 2010, 2020, every=0.2)
BACK = seen("db-1", "standby", 2020, 2030, server_start=2019.5)
PROMOTED = [*seen("db-2", "standby", 2000, 2014), *seen("db-2", "accepted", 2014, 2030)]
STANDBY = seen("db-3", "standby", 2000, 2030)


def test_a_failover_has_one_taker_at_a_time() -> None:
    found = writable_at_once(samples(BEFORE, LOST, BACK, PROMOTED, STANDBY), instances=3)
    assert (found.value, found.unit, found.doubts) == (1.0, "count", ())
    assert found.samples == 100 + 50 + 100 + 300 + 300
    assert found.facts["took_writes"] == ["db-1 from 0.00 to 9.90 s", "db-2 from 14.00 to 29.90 s"]
    assert found.facts["instances"]["db-1"]["accepted"] == 100


def test_two_that_take_writes_at_one_moment_are_counted() -> None:
    both = [*seen("db-1", "accepted", 2000, 2016), *seen("db-1", "down", 2016, 2030, every=0.2)]
    found = writable_at_once(samples(both, PROMOTED, STANDBY))
    assert found.value == 2.0
    assert (found.facts["at_once"], found.facts["at_once_for_s"]) == (["db-1", "db-2"], pytest.approx(1.9, abs=0.11))


def test_one_that_wakes_up_and_still_takes_writes_is_counted() -> None:
    """Frozen from 2010 to 2020 s; for 0.3 s it does not know that another one has taken over."""
    woken = [*seen("db-1", "accepted", 2020, 2020.3), *seen("db-1", "down", 2020.3, 2030, every=0.2)]
    assert writable_at_once(samples(BEFORE, woken, PROMOTED, STANDBY)).value == 2.0


def test_a_single_write_in_another_ones_time_is_enough() -> None:
    assert (
        writable_at_once(samples(BEFORE, LOST, [sample("db-1", 2016.04, "accepted", stream=1)], PROMOTED)).value == 2.0
    )


def test_a_hand_over_within_milliseconds_is_none() -> None:
    handed = [*seen("db-1", "accepted", 2000, 2014.0), *seen("db-1", "read-only", 2014.0, 2030)]
    assert writable_at_once(samples(handed, PROMOTED)).value == 1.0


def test_one_that_owes_its_answer_takes_no_writes() -> None:
    """Cut off from its standbys it calls itself primary, but acknowledges nothing."""
    silent = seen("db-1", "silent", 2010.5, 2030, every=0.5)
    found = writable_at_once(samples(BEFORE, silent, PROMOTED))
    assert (found.value, found.doubts) == (1.0, ())


def test_a_write_that_was_owed_and_is_acknowledged_in_the_end_counts_then() -> None:
    late = [sample("db-1", 2020.04, "accepted", stream=1, took_s=9.5)]
    assert writable_at_once(samples(BEFORE, late, PROMOTED)).value == 1.0
    goes_on = seen("db-1", "accepted", 2020.14, 2021)
    assert writable_at_once(samples(BEFORE, late, goes_on, PROMOTED)).value == 2.0


def test_one_that_was_frozen_is_no_hole_in_the_watch() -> None:
    """Its stream of lines never broke: it was asked, and did not answer."""
    woken = seen("db-1", "standby", 2020, 2030)
    assert writable_at_once(samples(BEFORE, woken, PROMOTED)).doubts == ()


@pytest.mark.parametrize(
    ("found", "doubt"),
    [
        (writable_at_once(samples(BEFORE)), "1 instances were seen, 2 needed"),
        (writable_at_once(samples(STANDBY, seen("db-2", "standby", 2000, 2030))), "no instance ever took a write"),
        (
            writable_at_once(samples(BEFORE, seen("db-1", "standby", 2020, 2030, stream=7), PROMOTED)),
            "db-1 lived for 10.1 s without being looked at",
        ),
        (writable_at_once(samples(BEFORE, PROMOTED)), "db-1 was not looked at for the last 20.0 s"),
        (
            writable_at_once(samples(seen("db-1", "standby", 2012, 2030), PROMOTED)),
            "db-1 lived for 12.0 s before it was looked at",
        ),
        (
            writable_at_once(samples(seen("db-1", "accepted", 2000, 2030, every=0.3), STANDBY)),
            "db-1 was looked at every 0.30 s, 0.2 s needed",
        ),
        (
            writable_at_once(
                samples(
                    [replace(each, value={**each.value, "received": each.finished - 1}) for each in BEFORE],
                    PROMOTED,
                    LOST,
                )
            ),
            "the clock of db-1 differs from ours by -1.00 s",
        ),
        (writable_at_once(samples(), doubts=["late"]), "no instance was looked at"),
    ],
)
def test_what_may_not_be_believed_says_why(found: Measurement, doubt: str) -> None:
    assert any(told.startswith(doubt) for told in found.doubts), found.doubts


def test_one_whose_pod_is_gone_need_not_be_looked_at() -> None:
    gone = [replace(sample("db-1", 2010.0, "down", stream=1), value={"answer": "gone", "stream": 1, "received": None,
            "server_start": None})]  # fmt: skip
    assert writable_at_once(samples(BEFORE, gone, PROMOTED)).doubts == ()


def test_what_was_before_may_be_left_out() -> None:
    both = [*seen("db-1", "accepted", 2000, 2016), *seen("db-1", "down", 2016, 2030, every=0.2)]
    assert writable_at_once(samples(both, PROMOTED), since=2017).value == 1.0


def test_the_replacement_is_the_first_other_server_that_takes_a_write() -> None:
    assert replaced_at(samples(BEFORE, LOST, PROMOTED), since=2010) == pytest.approx(2014)
    same = seen("db-1", "accepted", 2012, 2030, server_start=2011.0)
    assert replaced_at(samples(BEFORE, same), since=2010) == pytest.approx(2012)
    assert replaced_at(samples(BEFORE, seen("db-1", "accepted", 2012, 2030)), since=2010) is None


@pytest.mark.parametrize(
    ("line", "outcome", "answer"),
    [
        ("2000.5 2000.4 accepted 1000.0", "ok", "accepted"),
        ("2000.5 2000.4 standby 1000.0", "fail", "standby"),
        ("2000.5 2000.4 read-only 1000.0", "fail", "read-only"),
        ("2000.5 down", "fail", "down"),
        ("2000.5 silent", "unknown", "silent"),
    ],
)
def test_a_line_is_a_try_to_write(line: str, outcome: str, answer: str) -> None:
    found = sample_of("db-1", line, stream=3, received=2000.6)
    assert (found.client, found.outcome, found.value["answer"], found.finished) == ("db-1", outcome, answer, 2000.5)
    assert found.value["stream"] == 3


def test_a_line_that_is_none_is_an_error() -> None:
    with pytest.raises(ClientError, match="db-1 answered its watch with 'bash: psql: command not found'"):
        sample_of("db-1", "bash: psql: command not found", stream=1, received=0.0)


class ToyStream:
    """Says a line, and then goes on or breaks."""

    def __init__(self, lines: list[str], *, breaks: bool) -> None:
        self.lines = lines
        self.breaks = breaks
        self.closed = False

    def __enter__(self) -> ToyStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[str]:
        yield from self.lines
        if self.breaks:
            raise ClientError("connection reset")
        until(lambda: self.closed, within=20, every=0.01, what="the end of the watch")

    def close(self) -> None:
        self.closed = True


class ToyPostgres:
    """Instances by name, each with the streams it will give."""

    def __init__(self, streams: dict[str, list[ToyStream]]) -> None:
        self.there = {name: pod(name, f"container of {name}") for name in streams}
        self.streams = streams
        self.opened: list[str] = []
        self.looks = 0

    def pods(self) -> list[Pod]:
        self.looks += 1
        return list(self.there.values())

    def watch(self, instance: str) -> ToyStream:
        self.opened.append(instance)
        if not self.streams[instance]:
            raise ClientError("no more streams")
        return self.streams[instance].pop(0)


def pod(name: str, container_id: str) -> Pod:
    container = Container(
        name=CONTAINER, container_id=container_id, image="i", image_digest="d", restarts=0, is_ready=True,
        last_termination=None,
    )  # fmt: skip
    return Pod(
        name=name, uid=f"uid of {name}", phase="Running", node="n", address="10.0.0.1", is_ready=True,
        is_terminating=False, shares_process_namespace=False, containers=(container,),
    )  # fmt: skip


def test_the_watch_opens_a_broken_stream_again_and_says_which_pod_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suites.harness.watch._LOOK_FOR_PODS_EVERY_S", 0.02)
    postgres = ToyPostgres(
        {
            "db-1": [
                ToyStream(["2000 1999.9 accepted 1000"], breaks=True),
                ToyStream(["2001 2000.9 accepted 1000"], breaks=False),
            ],
            "db-2": [ToyStream(["2000 1999.9 standby 1000"], breaks=False)],
        }
    )
    path = tmp_path / "primaries.jsonl"
    with PrimaryWatch(cast(Postgres, postgres), path) as watch:
        until(lambda: postgres.opened.count("db-1") == 2, within=20, every=0.01, what="a second stream")
        del postgres.there["db-2"]
        looks = postgres.looks
        until(lambda: postgres.looks > looks + 2, within=20, every=0.01, what="looks at what is there now")
    watch.stop()
    found = History.read(path).operations
    assert sorted((each.client, each.value["answer"]) for each in found) == [
        ("db-1", "accepted"),
        ("db-1", "accepted"),
        ("db-2", "gone"),
        ("db-2", "standby"),
    ]
    assert len({each.value["stream"] for each in found if each.client == "db-1"}) == 2
