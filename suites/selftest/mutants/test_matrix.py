"""What a mutant's checks said against what they must say: each outcome once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.records import Verdict, Word
from reports.report import read_kill_matrix
from suites.mutants.matrix import NO_VERDICT, merge, rows_of, rows_without_checks, table, write
from suites.mutants.mutant import Environment, Mutant

OBJECTIVE = "load.search_p95_ms"


def mutant(expected: Word = "fail", *, reason: str | None = None, name: str = "slow") -> Mutant:
    return Mutant(
        name=name,
        title="It is slow.",
        component="app",
        change=Environment(),
        becomes_ready=True,
        primary_on_worker=False,
        checks=("suites/load",),
        options=(),
        expected={OBJECTIVE: expected},
        reasons={OBJECTIVE: reason} if reason else {},
    )


def verdict(word: Word, *, objective: str = OBJECTIVE, reason: str = "generator was late") -> Verdict:
    return Verdict(
        objective=objective, word=word, reason=f"{objective} {word}: {reason}\n  promise …", value=1.0, unit="ms",
        bound="≤ 200 ms", margin=0.5, samples=10, window=None, guards={}, fault=None, facts={}, gate=True,
        check="suites/load/test_search.py::test_it", evidence="runs/x", at=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("expected", ["pass", "fail", "inconclusive"])
@pytest.mark.parametrize("got", ["pass", "fail", "inconclusive"])
def test_only_the_word_that_must_come_out_is_right(expected: Word, got: Word) -> None:
    (row,) = rows_of(mutant(expected), [verdict(got), verdict("pass", objective="smoke.components_ready")])
    assert (row.mutant, row.objective, row.expected, row.got, row.evidence) == (
        "slow", OBJECTIVE, expected, got, "runs/x",
    )  # fmt: skip
    assert row.ok is (expected == got)
    assert row.why == ("" if row.ok else f"{OBJECTIVE} {got}: generator was late")


@pytest.mark.parametrize("expected", ["pass", "fail", "inconclusive"])
def test_a_check_without_verdict_is_never_right(expected: Word) -> None:
    (row,) = rows_of(mutant(expected), [verdict(expected, objective="smoke.components_ready")])
    assert (row.got, row.ok, row.why) == (NO_VERDICT, False, "no check gave a verdict")


def test_of_several_verdicts_the_worst_counts() -> None:
    (row,) = rows_of(mutant("pass"), [verdict("pass"), verdict("fail", reason="too slow")])
    assert (row.got, row.ok, row.why) == ("fail", False, f"{OBJECTIVE} fail: too slow")


def test_the_right_word_for_another_reason_is_not_right() -> None:
    late = mutant("inconclusive", reason="generator")
    assert rows_of(late, [verdict("inconclusive")])[0].ok
    (row,) = rows_of(late, [verdict("inconclusive", reason="no target")])
    assert not row.ok
    assert row.why == f"not because of 'generator': {OBJECTIVE} inconclusive: no target"


def test_a_mutant_that_could_not_be_made_killed_nothing() -> None:
    (row,) = rows_without_checks(mutant("inconclusive"), "helm upgrade: refused")
    assert (row.got, row.ok, row.why) == (NO_VERDICT, False, "helm upgrade: refused")


def test_the_table_tells_the_reason_below_each_surprise() -> None:
    rows = [
        *rows_of(mutant("fail", name="a"), [verdict("pass", reason="12 ms")]),
        *rows_of(mutant("fail", name="bb"), [verdict("fail")]),
    ]
    assert table(rows).splitlines() == [
        "     mutant  objective           expected  got",
        "NOT  a       load.search_p95_ms  fail      pass",
        f"     {OBJECTIVE} pass: 12 ms",
        "ok   bb      load.search_p95_ms  fail      fail",
        "1 of 2 verdicts came out as they must",
    ]


def test_a_report_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "kill-matrix.json"
    write(rows_of(mutant("fail"), [verdict("fail")]), path)
    assert read_kill_matrix(path) == (
        [{"mutant": "slow", "objective": OBJECTIVE, "expected": "fail", "got": "fail", "ok": True}],
        [],
    )


def test_a_session_adds_to_what_others_found(tmp_path: Path) -> None:
    path = tmp_path / "kill-matrix.json"
    write([*rows_without_checks(mutant(name="gone"), ""), *rows_without_checks(mutant(name="a"), "")], path)
    merge(rows_of(mutant(name="b"), [verdict("fail")]), path, known=["a", "b"])
    merge(rows_of(mutant(name="a"), [verdict("fail")]), path, known=["a", "b"])
    assert [(row["mutant"], row["ok"]) for row in json.loads(path.read_text())] == [("b", True), ("a", True)]


@pytest.mark.parametrize("damage", ["", "{", "7", "[1]"])
def test_a_damaged_file_is_written_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "kill-matrix.json"
    path.write_text(damage)
    merge(rows_of(mutant(), [verdict("fail")]), path, known=["slow"])
    assert [row["mutant"] for row in json.loads(path.read_text())] == ["slow"]
