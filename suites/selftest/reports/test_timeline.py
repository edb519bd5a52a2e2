"""A history brought down to a page loses no error, no peak and no fault, and says nothing that was not recorded."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reports.records import History, Mark, Operation, Outcome
from reports.svg import draw
from reports.timeline import error_kinds, fault_spans, latency_ms, percentile, timeline


def op(
    at: float, *, client: str = "new", latency: float = 0.02, outcome: Outcome = "ok", error: str | None = None
) -> Operation:
    return Operation(
        client=client, kind="search", intended=at, started=at, finished=at + latency, outcome=outcome, error=error
    )


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - made by the test itself


def test_an_empty_history_has_no_timeline() -> None:
    assert timeline(History((), ())) is None


def test_few_answers_are_kept_one_by_one() -> None:
    drawn = timeline(History(tuple(op(at) for at in range(100)), ()))
    assert drawn is not None
    assert len(drawn.series[0].points) == 100 and drawn.series[0].bins == ()


def test_many_answers_are_binned_and_the_one_peak_and_the_one_error_stay() -> None:
    operations = [op(at / 1000) for at in range(60_000)]
    operations[31_007] = op(31.007, latency=4.2)
    operations[44_001] = op(44.001, outcome="fail", error="HTTP 503")
    drawn = timeline(History(tuple(operations), ()))
    assert drawn is not None
    series = drawn.series[0]
    assert series.operations == 60_000 and len(series.bins) <= 300
    assert max(bin_.max_ms for bin_ in series.bins) == pytest.approx(4200)
    assert [(error.fail, error.unknown, error.at) for error in series.errors] == [(1, 0, 44.001)]
    svg = draw(drawn, title="t")
    assert "1 failed, first: HTTP 503" in svg
    assert len(svg) < 100_000
    parsed(svg)


def test_new_and_reused_connections_are_series_of_their_own() -> None:
    drawn = timeline(History(tuple(op(at, client=client) for at in range(5) for client in ("new", "reused")), ()))
    assert drawn is not None
    assert [series.name for series in drawn.series] == ["new", "reused"]


def test_many_numbered_clients_are_one_group_and_no_operation_is_lost() -> None:
    names = [f"user-{number}" for number in range(50)] + ["probe", "10.0.0.7", "a", "b", "c", "d", "e"]
    drawn = timeline(History(tuple(op(float(at), client=name) for at, name in enumerate(names)), ()))
    assert drawn is not None
    assert "user" in {series.name for series in drawn.series} and len(drawn.series) <= 4
    assert sum(series.operations for series in drawn.series) == len(names)


def test_faults_are_spans_and_what_never_came_is_none() -> None:
    marks = [
        Mark(mark="steady", fault="", at=1),
        Mark(mark="injecting", fault="kill", at=2),
        Mark(mark="injecting", fault="cut", at=3),
        Mark(mark="observed", fault="kill", at=4),
        Mark(mark="healing", fault="kill", at=5),
        Mark(mark="healed", fault="kill", at=6),
        Mark(mark="injecting", fault="kill", at=7),
    ]
    spans = [(s.fault, s.injecting, s.observed, s.healing, s.healed) for s in fault_spans(marks)]
    assert spans == [("kill", 2, 4, 5, 6), ("cut", 3, None, None, None), ("kill", 7, None, None, None)]


def test_a_fault_is_shaded_named_and_marked_where_it_was_observed() -> None:
    marks = (
        Mark(mark="injecting", fault="pod killed", at=2),
        Mark(mark="observed", fault="pod killed", at=3),
        Mark(mark="injecting", fault="net <cut>", at=4),
    )
    drawn = timeline(History(tuple(op(at) for at in range(10)), marks))
    assert drawn is not None
    svg = draw(
        drawn, title="t", events=[{"at": 2.5, "kind": "Pod", "name": "a", "reason": "Killing", "message": "<b>"}]
    )
    root = parsed(svg)
    shades = [element for element in root.iter() if element.get("class") == "fault"]
    assert len(shades) == 2
    assert "observed +1.00 s" not in svg and "observed +3.00 s" in svg
    assert "net &lt;cut&gt; (never observed) (never healed)" in svg
    assert "Pod a: Killing &lt;b&gt;" in svg and "<b>" not in svg


def test_errors_of_one_kind_count_together_though_their_numbers_differ() -> None:
    kinds = error_kinds(
        [op(at, outcome="fail", error=f"refused from port {40_000 + at}") for at in range(3)]
        + [op(9, outcome="unknown"), op(10)]
    )
    assert [(kind.outcome, kind.error, kind.count, kind.first_at, kind.last_at) for kind in kinds] == [
        ("fail", "refused from port …", 3, 0, 2),
        ("unknown", "no error text", 1, 9, 9),
    ]


def test_latency_is_of_good_answers_only_and_none_without_any() -> None:
    operations = [op(0, latency=latency / 1000) for latency in range(1, 101)] + [op(0, latency=9, outcome="fail")]
    assert latency_ms(operations) == pytest.approx({"p50": 50, "p95": 95, "p99": 99, "max": 100})
    assert latency_ms([op(0, outcome="unknown")]) == {"p50": None, "p95": None, "p99": None, "max": None}
    assert percentile([7.0], 0.5) == 7.0


@example(entries=[(0.0, 5e-324, "a")], outcome="fail", points=4)
@given(
    st.lists(
        st.tuples(
            st.floats(min_value=0, max_value=1e6),
            st.floats(min_value=0, max_value=1e5),
            st.sampled_from(["a", "b", "c1"]),
        ),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from(["ok", "fail", "unknown"]),
    st.integers(min_value=4, max_value=40),
)
@settings(max_examples=60, deadline=None)
def test_any_history_can_be_drawn(entries: list[tuple[float, float, str]], outcome: Outcome, points: int) -> None:
    operations = tuple(op(at, latency=latency, client=client, outcome=outcome) for at, latency, client in entries)
    drawn = timeline(History(operations, ()), points=points)
    assert drawn is not None
    good = sum(len(series.points) or len(series.bins) for series in drawn.series)
    wrong = sum(error.fail + error.unknown for series in drawn.series for error in series.errors)
    assert good > 0 if outcome == "ok" else wrong == len(operations)
    parsed(draw(drawn, title="t", bound_ms=200))
