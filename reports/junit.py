"""A report as JUnit XML: one testcase per objective. Inconclusive is an error, so that no CI counts it as passed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

# What XML 1.0 may not hold, not even escaped; errors of a client may hold anything.
_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(data: Mapping[str, Any]) -> str:
    """The XML text. A gating objective without a verdict is an error, one that does not gate is skipped."""
    run, objectives = data["run"], data["objectives"]
    count = {
        word: sum(entry["word"] == word for entry in objectives) for word in ("fail", "inconclusive", "not measured")
    }
    end = run["end"] if run["end"] is not None else data["gate"]["as_of"]
    suite = ET.Element(
        "testsuite",
        name="objectives",
        tests=str(len(objectives)),
        failures=str(count["fail"]),
        errors=str(count["inconclusive"]),
        skipped=str(count["not measured"]),
        time=f"{max(0.0, end - run['start']):.3f}",
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in {
        "run": run["id"],
        "gate": data["gate"]["decision"],
        "target": run["target"],
        "chart_version": run["chart_version"],
        "git_head": run["git_head"],
    }.items():
        ET.SubElement(properties, "property", name=name, value=_legal(str(value)))
    for entry in objectives:
        _testcase(suite, entry)
    root = ET.Element("testsuites", suite.attrib | {"name": "site-search verification"})
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _testcase(suite: ET.Element, entry: Mapping[str, Any]) -> None:
    family, _, name = entry["id"].partition(".")
    windows = [verdict["window"] for verdict in entry["verdicts"] if verdict["window"]]
    took = sum(max(0.0, window["end"] - window["start"]) for window in windows)
    case = ET.SubElement(suite, "testcase", classname=_legal(family), name=_legal(name), time=f"{took:.3f}")
    reasons = "\n\n".join(verdict["reason"] for verdict in entry["verdicts"])
    said = "" if entry["why"] in reasons else entry["why"]
    step = f"next: {entry['next_step']}" if entry["next_step"] else ""
    text = _legal("\n".join(part for part in (said, step, reasons) if part))
    if entry["word"] == "fail":
        ET.SubElement(case, "failure", message=_legal(entry["why"] or reasons.split("\n")[0]), type="fail").text = text
    elif entry["word"] == "inconclusive":
        message = _legal(entry["why"] or reasons.split("\n")[0])
        ET.SubElement(case, "error", message=message, type="inconclusive").text = text
    elif entry["word"] == "not measured":
        ET.SubElement(case, "skipped", message="not measured in this run; does not gate")
    else:
        ET.SubElement(case, "system-out").text = _legal(reasons)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
