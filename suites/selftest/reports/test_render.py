"""A report can be made from any run, however empty or damaged, and never shows it better than it was."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports.records import HistoryWriter, Mark, Operation
from reports.render import SCHEMA, render
from reports.run import Run, RunError
from suites.selftest.reports.written import OBJECTIVES, START, ready_verdict, search_verdict, written_run


class Page(HTMLParser):
    """The texts of a page, and whatever it would load from elsewhere or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object"):
            self.outside.append(tag)
        self.outside += [f"{name}={value}" for name, value in attrs if name in ("src", "onload", "onclick")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def history(folder: Path, *, operations: int = 400) -> None:
    with HistoryWriter(folder / "history.jsonl") as writer:
        writer.add(Mark(mark="injecting", fault="pod app-1 killed", at=START + 2))
        writer.add(Mark(mark="observed", fault="pod app-1 killed", at=START + 3))
        writer.add(Mark(mark="healed", fault="pod app-1 killed", at=START + 4))
        for number in range(operations):
            at = START + number * 10 / operations
            bad = number % 100 == 7
            writer.add(
                Operation(
                    client="new" if number % 2 else "reused",
                    kind="search",
                    intended=at,
                    started=at,
                    finished=at + 0.02,
                    outcome="fail" if bad else "ok",
                    error="<script>alert(1)</script> \x1b[31m \ud800" if bad else None,
                )
            )


def rendered(run: Run) -> tuple[str, str, ET.Element, dict[str, Any]]:
    """HTML, Markdown, JUnit and JSON of the run; the HTML stands alone, the JSON keeps its schema."""
    html, md, junit, data = render(run, OBJECTIVES)
    text = html.read_text(encoding="utf-8")
    assert Page(text).outside == []
    assert not re.search(r"url\(|@import", text)
    report = json.loads(data.read_text(encoding="utf-8"))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(report)
    return text, md.read_text(encoding="utf-8"), ET.parse(junit).getroot(), report  # noqa: S314


def test_a_run_of_passes(tmp_path: Path) -> None:
    html, md, junit, data = rendered(written_run(tmp_path, ready_verdict(), search_verdict()))
    assert data["gate"]["decision"] == "GO" and data["problems"] == []
    assert "<h1>GO</h1>" in html and md.startswith("## GATE: GO")
    assert (junit.get("tests"), junit.get("failures"), junit.get("errors"), junit.get("skipped")) == (
        "3",
        "0",
        "0",
        "1",
    )
    for shown in ("150 ms", "+25 %", "1,000", "cache_hit_ratio", "kind at 127.0.0.1"):
        assert shown in html


def test_a_rich_run_with_evidence_faults_events_and_a_kill_matrix(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict(312.0))
    folder = run.evidence_dir("load.search")
    history(folder)
    event = {"at": START + 3, "kind": "Pod", "name": "app-1", "reason": "Killing", "message": "stopping <app>"}
    (folder / "events.json").write_text(json.dumps([event, {"at": START + 4}]), encoding="utf-8")
    kills = [
        {"mutant": "slow", "objective": "load.search_p95_ms", "expected": "fail", "got": "fail", "ok": True},
        {"mutant": "one-replica", "objective": "a.b", "expected": "fail", "got": "pass", "ok": True},
    ]
    (run.path / "kill-matrix.json").write_text(json.dumps(kills), encoding="utf-8")
    html, md, junit, data = rendered(run)
    assert data["gate"]["decision"] == "NO-GO" and "<h1>NO-GO</h1>" in html
    check = data["checks"][0]
    assert (check["name"], check["objectives"], check["operations"]) == ("load.search", ["load.search_p95_ms"], 400)
    assert check["outcomes"] == {"ok": 396, "fail": 4, "unknown": 0}
    assert check["faults"][0]["observed"] == START + 3
    assert "bound 200 ms" in html and "pod app-1 killed" in html and "Pod app-1: Killing stopping &lt;app&gt;" in html
    assert "&lt;script&gt;alert(1)" in html
    # What says `ok` although the words differ is not a kill.
    assert [row["ok"] for row in data["kill_matrix"]] == [True, False]
    assert "1 of 2 as expected" in md and "one-replica" in md
    failure = junit.find(".//testcase[@name='search_p95_ms']/failure")
    assert failure is not None and "312 ms, at most 200 ms allowed" in (failure.get("message") or "")
    assert "evidence runs/r/evidence/load.search" in (failure.text or "")
    assert "312 ms" in md and "load.search_p95_ms FAILED" in md


def test_a_row_names_the_guard_that_broke_the_promise(tmp_path: Path) -> None:
    html, md, _, _ = rendered(written_run(tmp_path, ready_verdict(), search_verdict(10.0, errors=0.02)))
    assert "10 ms" in Page(html).texts and "error_ratio 2 %" in Page(html).texts
    assert "| 10 ms, error_ratio 2 % |" in md


def test_inconclusive_is_an_error_in_junit(tmp_path: Path) -> None:
    _, md, junit, data = rendered(
        written_run(tmp_path, ready_verdict(), search_verdict(doubts=("fault never observed",)))
    )
    assert data["gate"]["decision"] == "INCONCLUSIVE"
    error = junit.find(".//testcase[@name='search_p95_ms']/error")
    assert error is not None and "fault never observed" in (error.get("message") or "")
    assert junit.get("errors") == "1" and "fault never observed" in md


def test_a_gating_objective_without_a_verdict_is_an_error_in_junit(tmp_path: Path) -> None:
    html, md, junit, _ = rendered(written_run(tmp_path, ready_verdict()))
    assert junit.find(".//testcase[@name='search_p95_ms']/error") is not None
    assert junit.find(".//testcase[@name='shown_s']/skipped") is not None
    assert "no verdict" in html and "no verdict" in md


def test_a_run_without_verdicts_says_so(tmp_path: Path) -> None:
    html, md, junit, data = rendered(written_run(tmp_path))
    assert data["gate"]["decision"] == "INCONCLUSIVE" and data["checks"] == []
    assert "This run holds no verdict." in html and "This run holds no verdict." in md
    assert junit.get("errors") == "2"


def test_an_interrupted_run_says_so_and_its_passes_do_not_count(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict(), ended=False)
    history(run.evidence_dir("load.search"), operations=3)
    html, md, junit, data = rendered(run)
    assert data["gate"]["decision"] == "INCONCLUSIVE" and junit.get("errors") == "2"
    assert "This run has not ended" in html and "This run has not ended" in md and "not ended" in html


def test_damage_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict())
    folder = run.evidence_dir("load.search")
    history(folder)
    with (folder / "history.jsonl").open("ab") as file:
        file.write(b'{"client": "torn\n\xff\xfe\n{"mark":"x"}\n[]\n')
    (folder / "events.json").write_text('[{"kind": "Pod"}]', encoding="utf-8")
    (run.path / "kill-matrix.json").write_text("{", encoding="utf-8")
    with run.verdicts_path.open("a", encoding="utf-8") as file:
        file.write("half a line")
    html, md, _, data = rendered(run)
    assert data["gate"]["decision"] == "INCONCLUSIVE" and data["checks"][0]["operations"] == 400
    for place in (
        "verdicts.jsonl:3",
        "history.jsonl:404",
        "1 more lines of",
        "an event without a time",
        "kill-matrix.json",
    ):
        assert any(place in problem for problem in data["problems"]), place
    assert "verdicts.jsonl:3" in html and "history.jsonl:404" in html and "verdicts.jsonl:3" in md
    assert "kill-matrix.json" in html


@pytest.mark.parametrize("content", ["", "\n\n", "not json at all\n"])
def test_a_history_in_which_nothing_can_be_read_is_not_drawn(tmp_path: Path, content: str) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict())
    (run.evidence_dir("load.search") / "history.jsonl").write_text(content, encoding="utf-8")
    html, _, _, data = rendered(run)
    assert data["checks"][0]["operations"] == 0 and "there is nothing to draw" in html


def test_a_verdict_of_a_promise_that_is_gone_is_still_shown(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict())
    lines = run.verdicts_path.read_text(encoding="utf-8").replace(
        '"objective":"load.search_p95_ms"', '"objective":"a.gone"'
    )
    run.verdicts_path.write_text(lines, encoding="utf-8")
    html, _, _, data = rendered(run)
    assert "a.gone" in {entry["id"] for entry in data["objectives"]} and "no objective any more" in html


def test_facts_of_any_shape_are_shown_and_keep_the_json_strict(tmp_path: Path) -> None:
    run = written_run(tmp_path)
    text = json.dumps({"x": 1})
    line = json.loads(
        json.dumps({**_row(search_verdict()), "facts": {"a": float("nan"), "b": [1, {"c": None}], "d": text}})
    )
    run.verdicts_path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    html, _, _, data = rendered(run)
    assert data["objectives"][1]["verdicts"][0]["facts"]["a"] == "nan" and "NaN" not in html


def _row(verdict: object) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(verdict)  # type: ignore[call-overload, no-any-return]


def test_a_hundred_thousand_operations_make_a_page_under_two_megabytes(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict(), search_verdict())
    history(run.evidence_dir("load.search"), operations=100_000)
    html, _, _, data = rendered(run)
    assert data["checks"][0]["outcomes"]["fail"] == 1000
    assert len(html.encode()) < 2_000_000


def test_only_what_is_asked_for_is_written_and_elsewhere_if_asked(tmp_path: Path) -> None:
    run = written_run(tmp_path / "runs", ready_verdict())
    assert render(run, OBJECTIVES, into=tmp_path / "out", formats=["md"]) == [tmp_path / "out" / "report.md"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.md"]
    assert not (run.path / "report.html").exists()


def test_a_run_whose_run_json_is_damaged_is_refused_by_name(tmp_path: Path) -> None:
    run = written_run(tmp_path, ready_verdict())
    (run.path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"run\.json: damaged"):
        render(run, OBJECTIVES)
