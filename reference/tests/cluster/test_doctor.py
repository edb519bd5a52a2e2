"""The doctor says what is missing and how to mend it, and mends each thing once."""

from __future__ import annotations

from functools import partial

from reference.cluster.doctor import Finding, describe, fix


def finding(name: str, *, good: bool, **more: object) -> Finding:
    return Finding(name=name, good=good, detail="as it is", mend="do this", **more)  # type: ignore[arg-type]


def test_a_bad_finding_shows_its_remedy_and_a_good_one_does_not() -> None:
    text = describe([finding("disk", good=False), finding("memory", good=True)])
    assert "NO  disk" in text
    assert text.count("→ do this") == 1


def test_fixes_run_in_order_until_nothing_is_left() -> None:
    state = {"programs": False, "engine": False}
    done: list[str] = []

    def mend(name: str) -> None:
        done.append(name)
        state[name] = True

    def findings() -> list[Finding]:
        return [finding(name, good=good, fix=partial(mend, name)) for name, good in state.items()]

    left = fix(findings, lambda _: None)
    assert done == ["programs", "engine"]
    assert left == []


def test_a_fix_that_does_not_help_is_tried_once_and_reported() -> None:
    tries: list[int] = []
    left = fix(lambda: [finding("engine", good=False, fix=lambda: tries.append(1))], lambda _: None)
    assert tries == [1]
    assert [entry.name for entry in left] == ["engine"]


def test_what_may_not_be_fixed_here_is_left() -> None:
    assert [entry.name for entry in fix(lambda: [finding("memory", good=False)], lambda _: None)] == ["memory"]
