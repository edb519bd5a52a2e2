"""How many PostgreSQL instances took writes at one moment, from tries to write on each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from reports.records import History, Measurement, Operation, Window

# Looked at less often than this, an instance may have taken writes unseen.
LOOKED_EVERY_AT_MOST_S = 0.2
# Acknowledged writes that are further apart say nothing about the time between them.
_APART_S = 1.0
# An instance that lived for longer without being looked at may have taken writes unseen.
_UNSEEN_AT_MOST_S = 2.0
# Two pods' clocks that differ by more may put one write before another that came first.
_CLOCKS_DIFFER_AT_MOST_S = 0.25


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A time through which one instance acknowledged one write after the other.

    It surely took writes from the acknowledgement of the first to the request for the last.
    """

    begin: float
    end: float


def writable_at_once(
    samples: History,
    *,
    instances: int = 2,
    since: float | None = None,
    fault: str | None = None,
    doubts: Iterable[str] = (),
) -> Measurement:
    """The largest number of instances that acknowledged writes at one moment; one that refused or was silent did not.

    Counted at every acknowledged write: the instances that surely took writes both before and after it. `since` leaves
    out what was seen before. At least `instances` must have been seen.
    """
    tries = [each for each in samples.operations if since is None or each.finished >= since]
    if not tries:
        return Measurement(value=None, unit="count", samples=0, doubts=(*doubts, "no instance was looked at"))
    by_instance: dict[str, list[Operation]] = {}
    for each in sorted(tries, key=lambda each: each.finished):
        by_instance.setdefault(each.client, []).append(each)
    window = Window(start=min(each.finished for each in tries), end=max(each.finished for each in tries))
    stretches = {instance: _stretches(seen) for instance, seen in by_instance.items()}
    writes = [each for each in tries if each.outcome == "ok"]
    at_once = {each.finished: _taking_writes(each, stretches) for each in writes}
    most = max(at_once.values(), key=len, default=())
    return Measurement(
        value=float(len(most)),
        unit="count",
        samples=len(tries),
        window=window,
        doubts=(
            *doubts,
            *(() if len(by_instance) >= instances else [f"{len(by_instance)} instances were seen, {instances} needed"]),
            *(() if writes else ["no instance ever took a write"]),
            *(doubt for name, seen in sorted(by_instance.items()) for doubt in _doubts(name, seen, window)),
        ),
        fault=fault,
        facts={
            "instances": {name: _summary(seen) for name, seen in sorted(by_instance.items())},
            "took_writes": _turns(stretches, window.start),
            **({"at_once": list(most)} if len(most) > 1 else {}),
            **({"at_once_for_s": _span(at_once, len(most))} if len(most) > 1 else {}),
        },
    )


def replaced_at(samples: History, *, since: float) -> float | None:
    """When another server than before first acknowledged a write; None when none did."""
    writes = [each for each in samples.operations if each.outcome == "ok"]
    before = {_server(each) for each in writes if each.finished < since}
    return min(
        (each.finished for each in writes if each.finished >= since and _server(each) not in before), default=None
    )


def _stretches(seen: Sequence[Operation]) -> list[_Stretch]:
    """Where an instance acknowledged writes without a refusal, a restart or a long pause in between."""
    found: list[_Stretch] = []
    run: list[Operation] = []
    for each in seen:
        goes_on = (
            bool(run)
            and each.outcome == "ok"
            and each.value["server_start"] == run[-1].value["server_start"]
            and each.finished - run[-1].finished <= _APART_S
        )
        if run and not goes_on and each.outcome != "unknown":
            found.append(_Stretch(run[0].finished, run[-1].started))
            run = []
        if each.outcome == "ok":
            run.append(each)
    if run:
        found.append(_Stretch(run[0].finished, run[-1].started))
    return found


def _taking_writes(write: Operation, stretches: dict[str, list[_Stretch]]) -> tuple[str, ...]:
    others = [
        instance
        for instance, found in stretches.items()
        if instance != write.client
        and any(each.begin <= write.started and write.finished <= each.end for each in found)
    ]
    return tuple(sorted([write.client, *others]))


def _doubts(instance: str, seen: Sequence[Operation], window: Window) -> list[str]:
    doubts = []
    between = [
        later.finished - earlier.finished
        for earlier, later in pairwise(seen)
        if _answered(earlier) and _answered(later) and _stream(earlier) == _stream(later)
    ]
    if between and median(between) > LOOKED_EVERY_AT_MOST_S:
        doubts.append(f"{instance} was looked at every {median(between):.2f} s, {LOOKED_EVERY_AT_MOST_S:g} s needed")
    answers = [each for each in seen if _answered(each)]
    for earlier, later in pairwise(answers):
        unseen_s = later.finished - earlier.finished
        lived = earlier.value["server_start"] == later.value["server_start"]
        # In one stream a pause is the instance's own: it was asked, and did not answer.
        if lived and _stream(earlier) != _stream(later) and unseen_s > _UNSEEN_AT_MOST_S:
            doubts.append(f"{instance} lived for {unseen_s:.1f} s without being looked at")
    if answers:
        late_s = answers[0].finished - max(window.start, answers[0].value["server_start"])
        if late_s > _UNSEEN_AT_MOST_S and answers[0] is seen[0]:
            doubts.append(f"{instance} lived for {late_s:.1f} s before it was looked at")
    early_s = window.end - seen[-1].finished
    if early_s > _UNSEEN_AT_MOST_S and seen[-1].value["answer"] != "gone":
        doubts.append(f"{instance} was not looked at for the last {early_s:.1f} s")
    # What takes time is the way to us, so the quickest line tells the difference of the clocks best.
    lags = [each.value["received"] - each.finished for each in seen if each.value["received"] is not None]
    if lags and abs(min(lags)) > _CLOCKS_DIFFER_AT_MOST_S:
        doubts.append(f"the clock of {instance} differs from ours by {min(lags):.2f} s")
    return doubts


def _answered(sample: Operation) -> bool:
    return sample.value["server_start"] is not None


def _server(sample: Operation) -> tuple[str, float]:
    return sample.client, sample.value["server_start"]


def _stream(sample: Operation) -> Any:
    return sample.value["stream"]


def _summary(seen: Sequence[Operation]) -> dict[str, Any]:
    """How often each answer came, and the longest time that a living server owed one."""
    answers: dict[str, int] = {}
    for each in seen:
        answers[each.value["answer"]] = answers.get(each.value["answer"], 0) + 1
    answered = [each for each in seen if _answered(each)]
    silent_s = [
        later.finished - earlier.finished
        for earlier, later in pairwise(answered)
        if earlier.value["server_start"] == later.value["server_start"]
    ]
    return {**answers, "longest_silence_s": round(max(silent_s, default=0.0), 3)}


def _turns(stretches: dict[str, list[_Stretch]], start: float) -> list[str]:
    """Who took writes when, in seconds from the first look."""
    turns = sorted((each.begin, each.end, instance) for instance, found in stretches.items() for each in found)
    return [f"{instance} from {begin - start:.2f} to {end - start:.2f} s" for begin, end, instance in turns]


def _span(at_once: dict[float, tuple[str, ...]], most: int) -> float:
    moments = [at for at, instances in at_once.items() if len(instances) == most]
    return round(max(moments) - min(moments), 3)
