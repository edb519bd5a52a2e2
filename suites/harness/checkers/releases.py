"""What users noticed of a release: one that replaces the version before, and one that must not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reports.records import History, Measurement, Operation
from suites.harness.checkers.failed import failed_requests


def failed_by_release(
    history: History, tasks: Measurement, *, before: str, after: str, doubts: Iterable[str] = ()
) -> Measurement:
    """The requests that failed from the release until the traffic's end, its rollback included.

    Guards: scrapes that were accepted and not done, and effects that came twice. That both versions answered is part
    of the proof: a release that replaced nothing fails nothing.
    """
    failed = failed_requests(history, doubts=doubts)
    answers = _answers(history)
    unseen = [f"no answer came from version {version}" for version in (before, after) if not answers[version]]
    return replace(
        failed,
        guards={"lost_tasks": tasks.value, **tasks.guards},
        doubts=tuple(dict.fromkeys((*failed.doubts, *tasks.doubts, *unseen))),
        facts={
            **failed.facts,
            "answers_by_version": dict(answers.most_common()),
            "both_versions_for_s": _both_for_s(history, before, after),
            **_by_kind(history),
            "tasks": tasks.facts,
        },
    )


def failed_by_bad_release(
    history: History, *, version: str, stayed: bool, took_s: float, said: str, doubts: Iterable[str] = ()
) -> Measurement:
    """The requests that failed from a bad release until the traffic's end.

    Guard: `stayed`, 1 when the release was not taken back. How long that took is among the facts.
    """
    failed = failed_requests(history, doubts=doubts)
    answers = _answers(history)
    return replace(
        failed,
        guards={"stayed": float(stayed)},
        facts={
            **failed.facts,
            ("deployed_after_s" if stayed else "taken_back_after_s"): round(took_s, 1),
            "said": said,
            "answers_by_version": dict(answers.most_common()),
            "answers_of_the_bad_one": answers[version],
        },
    )


def version_of(operation: Operation) -> str | None:
    """The version that an answer named, out of `…@version`; None when there was no answer, or it named none."""
    value = operation.value if operation.kind == "search" else None
    return value.partition("@")[2] or None if isinstance(value, str) else None


def _answers(history: History) -> Counter[str]:
    return Counter(version for each in history.operations if (version := version_of(each)) is not None)


def _both_for_s(history: History, before: str, after: str) -> float | None:
    """From the new version's first answer to the old one's last one before the way back."""
    healing = history.first("healing")
    until = healing.at if healing else float("inf")
    first = [each.finished for each in history.operations if version_of(each) == after]
    last = [each.finished for each in history.operations if version_of(each) == before and each.finished < until]
    return round(max(last) - min(first), 3) if first and last else None


def _by_kind(history: History) -> dict[str, dict[str, int]]:
    injecting = history.first("injecting")
    failed: Sequence[Operation] = [
        each for each in history.operations if injecting and each.finished >= injecting.at and each.outcome != "ok"
    ]
    return {"failed_by_kind": dict(Counter(each.kind for each in failed))} if failed else {}
