"""Records come back from disk as they were written, and a damaged line is never read as something else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.records import (
    History,
    HistoryWriter,
    Mark,
    Operation,
    RecordError,
    Verdict,
    Window,
    Word,
    append_verdict,
    read_verdicts,
    salvage_verdicts,
    worst,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(max_size=20)
facts = st.dictionaries(text, st.none() | st.booleans() | st.integers() | finite | text, max_size=3)
verdicts = st.builds(
    Verdict,
    objective=text, word=st.sampled_from(["pass", "fail", "inconclusive"]), reason=text, value=st.none() | finite,
    unit=text, bound=text, margin=st.none() | finite, samples=st.integers(min_value=0),
    window=st.none() | st.builds(Window, start=finite, end=finite),
    guards=st.dictionaries(text.filter(str.isidentifier), st.none() | finite, max_size=2),
    fault=st.none() | text, facts=facts, gate=st.booleans(), check=text, evidence=text, at=finite,
)  # fmt: skip
operations = st.builds(
    Operation,
    client=text, kind=text, intended=finite, started=finite, finished=finite,
    outcome=st.sampled_from(["ok", "fail", "unknown"]), value=st.none() | st.integers() | text,
    error=st.none() | text,
)  # fmt: skip
marks = st.builds(
    Mark,
    mark=st.sampled_from(["steady", "injecting", "observed", "healing", "healed"]),
    fault=text,
    at=finite,
    detail=text,
)


def verdict(word: Word = "pass", objective: str = "load.search_p95_ms") -> Verdict:
    return Verdict(
        objective=objective, word=word, reason="r", value=1.0, unit="ms", bound="≤ 2 ms", margin=0.5, samples=3,
        window=None, guards={}, fault=None, facts={}, gate=True, check="c", evidence="e", at=1.0,
    )  # fmt: skip


@given(st.lists(verdicts, max_size=5))
@settings(max_examples=30, deadline=None)
def test_verdicts_come_back_as_they_were(given_verdicts: list[Verdict]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "verdicts.jsonl"
        path.touch()
        for entry in given_verdicts:
            append_verdict(path, entry)
        assert read_verdicts(path) == given_verdicts


@given(st.lists(operations | marks, max_size=8))
@settings(max_examples=30, deadline=None)
def test_a_history_comes_back_whole_and_in_order_of_time(records: list[Operation | Mark]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        with HistoryWriter(path) as writer:
            for record in records:
                writer.add(record)
        history = History.read(path)
    assert sorted(map(repr, [*history.operations, *history.marks])) == sorted(map(repr, records))
    intended = [operation.intended for operation in history.operations]
    assert intended == sorted(intended)


def test_many_writers_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"

    def write(number: int) -> None:
        for _ in range(20):
            append_verdict(path, verdict(objective=f"o.{number}"))

    threads = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_verdicts(path)) == 80


def test_a_torn_last_line_does_not_swallow_the_next_verdict(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    append_verdict(path, verdict())
    path.write_text(path.read_text(encoding="utf-8") + '{"objective": "load.se', encoding="utf-8")
    append_verdict(path, verdict("fail"))
    read, damaged = salvage_verdicts(path)
    assert [entry.word for entry in read] == ["pass", "fail"]
    assert len(damaged) == 1 and "verdicts.jsonl:2: not JSON" in str(damaged[0])
    with pytest.raises(RecordError, match=r"verdicts\.jsonl:2"):
        read_verdicts(path)


def test_facts_that_json_does_not_know_are_written_as_text(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    entry = replace(verdict(), facts={"where": Path("x/y")})
    append_verdict(path, entry)
    assert read_verdicts(path)[0].facts == {"where": "x/y"}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda line: line[:40], "not JSON"),
        (lambda _: "[1]", "not an object"),
        (lambda line: line.replace('"pass"', '"passed"'), "word 'passed' is none of"),
        (lambda line: line.replace('"samples":3', '"samples":"3"'), "samples '3' is not a number"),
        (lambda line: line.replace('"value":1.0', '"value":NaN'), "value nan is not a number"),
        (lambda line: line.replace('"gate":true', '"gate":"no"'), "gate 'no' is neither"),
        (lambda line: line.replace('"at":1.0', '"when":1.0'), "unexpected keyword argument 'when'"),
        (lambda line: line.replace('"window":null', '"window":7'), "not a record"),
    ],
)
def test_a_damaged_verdict_is_refused_with_its_line(tmp_path: Path, damage: Callable[[str], str], said: str) -> None:
    path = tmp_path / "verdicts.jsonl"
    append_verdict(path, verdict())
    path.write_text(damage(path.read_text(encoding="utf-8").strip()) + "\n", encoding="utf-8")
    with pytest.raises(RecordError) as refused:
        read_verdicts(path)
    assert said in str(refused.value) and "verdicts.jsonl:1" in str(refused.value)


def test_a_damaged_history_is_refused_by_read_and_salvaged_for_showing(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    good = '{"client":"a","kind":"search","intended":1,"started":1,"finished":2,"outcome":"ok"}'
    path.write_bytes(f"{good}\n{good.replace('ok', 'fine')}\n{good[:30]}\n".encode() + b"\xff\xfe\n" + good.encode())
    with pytest.raises(RecordError, match=r"history\.jsonl:2: not a record: outcome 'fine'"):
        History.read(path)
    history, damaged = History.salvage(path)
    assert len(history.operations) == 2
    assert [str(error).split(":")[1] for error in damaged] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "inconclusive"),
        (["pass"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "fail"),
    ],
)
def test_worst(words: list[Word], expected: Word) -> None:
    assert worst(words) == expected
