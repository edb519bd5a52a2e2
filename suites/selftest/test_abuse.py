"""What one client's abuse does to the others, on histories written by hand: each guard once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reports.records import History, Measurement, Operation, Window
from suites.harness.checkers.abuse import abuse_contained
from suites.harness.workloads.oversized import OversizedBody
from suites.harness.workloads.slowloris import HeldConnection

LIMIT = 60
# Five seconds at 20 times the limit, from the beginning of a minute.
FLOOD = [6_000 + number / 20 for number in range(100)]
FLOODING, HOLDING, SENDING = (
    Window(start=start, end=end) for start, end in ((6_000.0, 6_005.0), (6_005.0, 6_036.0), (6_036.0, 6_037.0))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Abuse:
    flood: Window = FLOODING
    held: tuple[HeldConnection, ...] = (
        HeldConnection(part="head", opened=True, closed_after_s=10.0),
        HeldConnection(part="body", opened=True, closed_after_s=20.0),
    )
    holding: Window = HOLDING
    oversized: tuple[OversizedBody, ...] = (
        OversizedBody(chunked=False, offered_bytes=1000, taken_bytes=100, status=413, closed=True),
    )
    sending: Window = SENDING


def asked(at: float, kind: str, *, ms: float = 10.0, value: str = "popular:hit", error: str | None = None) -> Operation:
    return Operation(
        client=kind,
        kind=kind,
        intended=at,
        started=at,
        finished=at + ms / 1000.0,
        outcome="fail" if error else "ok",
        value=value,
        error=error,
    )


REFUSED: Mapping[str, Any] = {"value": "popular:@23", "error": "HTTP 429 rate_limited"}


def measured(
    *,
    served: int = LIMIT,
    refusal: Mapping[str, Any] = REFUSED,
    flood: list[float] = FLOOD,
    normal: tuple[Operation, ...] = (),
    abuse: Abuse = Abuse(),
) -> Measurement:
    others = [asked(6_000 + number / 10, "search") for number in range(370)]
    floods = [asked(at, "flood", **({} if number < served else refusal)) for number, at in enumerate(flood)]
    return abuse_contained(
        History((*others, *normal, *floods), ()), abuse, limit_per_minute=LIMIT, times_limit=20.0, timeout_ms=2000.0
    )


def test_a_client_that_is_refused_above_its_limit_and_felt_by_nobody() -> None:
    found = measured()
    assert (found.value, found.unit, found.samples, found.doubts) == (0.0, "ratio", 370, ())
    assert found.guards == {
        "p95_ms": pytest.approx(10.0, abs=0.1),
        "served_over_limit": 0.0,
        "refused_otherwise": 0.0,
        "slow_closed_s": 20.0,
        "oversized_refused": 1.0,
        "oversized_taken_ratio": 0.1,
    }
    assert found.facts["flood"]["refused"] == 40
    assert found.facts["held"]["body"] == {"connections": 1, "kept_s_max": 20.0, "not_closed": 0}


def test_answers_above_the_limit_are_counted() -> None:
    assert measured(served=LIMIT + 7).guards["served_over_limit"] == 7.0


def test_a_flood_over_the_turn_of_a_minute_has_two_limits() -> None:
    across = [at + 57.0 for at in FLOOD]
    assert measured(served=100, flood=across).guards["served_over_limit"] == 0.0


@pytest.mark.parametrize(
    "refusal",
    [
        {"value": "popular:@", "error": "HTTP 429 rate_limited"},
        {"value": "popular:", "error": "HTTP 429"},
        {"value": "popular:@1", "error": "HTTP 503 search_unavailable"},
        {"value": "popular:", "error": "time-out: no answer within 2 s"},
    ],
)
def test_what_is_not_429_with_retry_after_is_no_good_refusal(refusal: Mapping[str, Any]) -> None:
    assert measured(refusal=refusal).guards["refused_otherwise"] == 40.0


def test_others_that_wait_or_fail_are_seen_with_the_abuse_they_met() -> None:
    slow = tuple(asked(6_001.0, "search", ms=500.0) for _ in range(60))
    found = measured(normal=(*slow, asked(6_002.0, "search", error="HTTP 503")))
    assert found.value == pytest.approx(1 / 431)
    assert found.guards["p95_ms"] == pytest.approx(500.0)
    assert found.facts["p95_ms_by_abuse"] == {
        "flood": pytest.approx(500.0),
        "slow requests": pytest.approx(10.0, abs=0.1),
        "oversized bodies": pytest.approx(10.0, abs=0.1),
    }


def test_a_connection_that_is_still_held_counts_as_long_as_it_was_looked_at() -> None:
    held = (HeldConnection(part="head", opened=True, closed_after_s=None),)
    assert measured(abuse=Abuse(held=held)).guards["slow_closed_s"] == 31.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int | None
    closed: bool
    taken: int
    refused: bool = field(kw_only=True)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(413, True, 10, refused=True),
        Answer(None, True, 10, refused=True),
        Answer(None, True, 1000, refused=False),
        Answer(None, False, 10, refused=False),
        Answer(201, False, 1000, refused=False),
        Answer(500, True, 10, refused=False),
    ],
)
def test_a_body_is_refused_by_413_or_by_closing_before_it_is_there(answer: Answer) -> None:
    body = OversizedBody(
        chunked=True, offered_bytes=1000, taken_bytes=answer.taken, status=answer.status, closed=answer.closed
    )
    assert body.refused is answer.refused
    found = measured(abuse=Abuse(oversized=(*Abuse().oversized, body)))
    assert found.guards["oversized_refused"] == float(answer.refused)
    assert found.guards["oversized_taken_ratio"] == max(0.1, answer.taken / 1000)


def test_a_flood_that_was_none_and_connections_that_did_not_open_are_doubts() -> None:
    held = (*Abuse().held, HeldConnection(part="head", opened=False, closed_after_s=None))
    assert measured(flood=FLOOD[::2], abuse=replace(Abuse(), held=held)).doubts == (
        "the flood was 10 requests a second, 20 were wanted",
        "1 of 3 slow connections could not be opened",
    )


def test_without_a_flood_nothing_is_known_of_the_limit() -> None:
    found = measured(flood=[])
    assert (found.guards["served_over_limit"], found.guards["refused_otherwise"]) == (None, None)
    assert found.doubts
