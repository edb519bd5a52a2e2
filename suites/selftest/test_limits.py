"""Limits side by side, of sweeps written by hand; and the two limits' own parts."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest

from suites.harness.checkers.knee import Step, highest_rate, next_rate_hz
from suites.harness.checkers.limits import Swept, table
from suites.harness.workloads.constant_answer import constant_answer
from suites.harness.workloads.direct import AskedDirectly
from suites.harness.workloads.request import Request

BOUNDS = {"p95_ms": 200.0, "error_ratio": 0.001}


def step(rate_hz: float, p95_ms: float, *doubts: str) -> Step:
    return Step(
        rate_hz=rate_hz, samples=100, p50_ms=p95_ms / 10, p95_ms=p95_ms, p99_ms=p95_ms, error_ratio=0.0,
        cache_hit_ratio=None, machine={"rounds_per_ms_median": 20_000}, doubts=doubts,
    )  # fmt: skip


def tried(knee_hz: float, *, last_hz: float = 16_000) -> list[float]:
    """The rates that are tried of something that holds up to `knee_hz`."""
    steps: list[Step] = []
    while rate_hz := next_rate_hz(steps, first_hz=250, last_hz=last_hz, within=0.25, **BOUNDS):
        steps.append(step(rate_hz, 20 if rate_hz <= knee_hz else 900))
    return [each.rate_hz for each in steps]


@pytest.mark.parametrize(
    ("knee_hz", "rates"),
    [
        (100, [250]),
        (260, [250, 500, 375, 312.5]),
        (1100, [250, 500, 1000, 2000, 1500, 1250]),
        (1900, [250, 500, 1000, 2000, 1500, 1750]),
    ],
)
def test_rates_are_doubled_until_one_breaks_and_halved_between(knee_hz: float, rates: list[float]) -> None:
    assert tried(knee_hz) == rates


def test_no_rate_beyond_the_last_is_tried() -> None:
    assert tried(9999, last_hz=1000) == [250, 500, 1000]


def test_a_step_with_doubts_holds_nothing() -> None:
    steps = [step(250, 20), step(500, 20, "late")]
    assert next_rate_hz(steps, first_hz=250, last_hz=999, within=0.25, **BOUNDS) == 375


def swept(name: str, *rates: float, is_limit: bool = False) -> Swept:
    steps = [*(step(rate_hz, 20) for rate_hz in rates[:-1]), step(rates[-1], 900)]
    return Swept(name=name, is_limit=is_limit, knee=highest_rate(steps, **BOUNDS), first=steps[0])


def test_the_table_tells_each_part_of_every_limit() -> None:
    lines = table([swept("platform", 250, 500, 1000), swept("bare", 250, 2000, 4000, is_limit=True)])
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines] == [
        ["asked", "held, req/s", "p95 ms there", "p95 ms beyond", "p50 ms at 250 req/s", "p95 ms at 250 req/s",
         "of bare", "machine, rounds/ms"],
        ["---"] * 8,
        ["platform", "500", "20.0", "900.0", "2.0", "20.0", "0.25", "20000"],
        ["bare", "2000", "20.0", "900.0", "2.0", "20.0", "", "20000"],
    ]  # fmt: skip


def test_what_was_not_reached_and_what_is_doubted_is_told_and_has_no_ratio() -> None:
    doubted = Swept(name="platform", is_limit=False, knee=highest_rate([step(250, 20)], **BOUNDS), first=step(250, 20))
    lines = table([doubted, Swept(name="engine", is_limit=True, unreached="no route")])
    assert "| engine | not reached |" in lines[3]
    assert lines[4:] == [
        "platform: 250 requests a second were held, and no more were tried",
        "engine was not reached: no route",
    ]


def test_what_held_nothing_says_so() -> None:
    assert "| platform | none |" in table([swept("platform", 250)])[2]


def test_the_engine_is_asked_the_same_search_of_the_sites_index() -> None:
    search = Request(path="/search?site=ab-1&q=river+stone&limit=10&offset=20", label="popular", expect=b'"hits"')
    (asked,) = AskedDirectly(searches=[search], master_key="k")
    assert (asked.method, asked.path) == ("POST", "/indexes/site-ab-1/search")
    assert (asked.label, asked.expect) == (search.label, search.expect)
    assert dict(asked.headers)["Authorization"] == "Bearer k"
    body = json.loads(asked.body)
    assert (body["q"], body["limit"], body["offset"]) == ("river stone", 10, 20)


def test_the_bare_framework_answers_as_many_bytes_as_it_is_told() -> None:
    with constant_answer(2000) as url, urlopen(f"{url}/search?q=x") as answer:  # noqa: S310 its own server
        body = answer.read()
    assert (len(body), list(json.loads(body))) == (2000, ["hits"])
