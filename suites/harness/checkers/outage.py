"""What users get while something they do not need is away, and how soon all is as before once it is back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from reports.records import History, Mark, MarkKind, Measurement, Operation, Window
from suites.harness.checkers.fault import doubts_of_fault
from suites.harness.checkers.latency import read_value

# An answer out of the cache says nothing of the search engine: it may be older than the fault.
_NOT_CACHED = ("miss", "bypass")
# Looking for less than what is promised cannot tell a broken promise.
LOOK_FOR_S = 30.0


def error_ratio(history: History, *, kind: str = "search", doubts: Iterable[str] = ()) -> Measurement:
    """The part of one kind of operation that was not answered well while the fault was on; a time-out counts.

    What was under way when it began counts as well, up to the moment it was healed.
    """
    window = _while_on(history)
    operations = [each for each in history.operations if each.kind == kind]
    meanwhile = [each for each in operations if window and window.start <= each.finished and each.intended < window.end]
    failed = [each for each in meanwhile if each.outcome != "ok"]
    return Measurement(
        value=len(failed) / len(meanwhile) if meanwhile else None,
        unit="ratio",
        samples=len(meanwhile),
        window=window,
        doubts=(
            *doubts,
            *doubts_of_fault(history),
            *(() if meanwhile else [f"no {kind} was recorded while the fault was on"]),
        ),
        fault=_name(history),
        facts={
            "errors": len(failed),
            "error_kinds": dict(Counter(f"{each.outcome}: {each.error}" for each in failed).most_common()),
            "cache": dict(Counter(read_value(each.value)[1] or "unknown" for each in meanwhile).most_common()),
            "degraded": sum(1 for each in meanwhile if read_value(each.value)[2]),
        },
    )


def undegraded_after_s(
    history: History,
    *,
    kind: str = "search",
    since: MarkKind = "healed",
    look_for_s: float = LOOK_FOR_S,
    doubts: Iterable[str] = (),
) -> Measurement:
    """Seconds from the engine's return (the mark `since`) until the fallback answered for the last time.

    Only answers that did not come from a cache tell; ask past it. 0 when none was degraded any more at the return. When
    none was whole again by the end of the traffic it took at least until then, if that is no less than `look_for_s`.
    Guards: `error_ratio` from the injection on, and `unmarked_ratio`: answers between the first degraded one and the
    return that were not marked degraded, though the engine was away.
    """
    injecting, back = history.first("injecting"), history.first(since)
    operations = [each for each in history.operations if each.kind == kind]
    if injecting is None or back is None or not operations:
        nothing = [f"no {kind} was recorded"] if not operations else []
        return Measurement(
            value=None, unit="s", samples=0, doubts=(*doubts, *doubts_of_fault(history), *nothing), fault=_name(history)
        )
    after = sorted(
        (each for each in operations if each.finished >= injecting.at), key=lambda operation: operation.finished
    )
    told = [each for each in after if each.outcome == "ok" and read_value(each.value)[1] in _NOT_CACHED]
    degraded = [each.finished for each in told if read_value(each.value)[2]]
    whole = [each.finished for each in told if not read_value(each.value)[2]]
    last = max(degraded, default=back.at)
    back_at = last if any(at > max(last, back.at) for at in whole) else None
    end = max(each.finished for each in operations)
    after_s, why = _time_to(back_at, start=back.at, end=end, look_for_s=look_for_s)
    unmarked = _unmarked(told, degraded, back)
    failed = [each for each in after if each.outcome != "ok"]
    return Measurement(
        value=after_s,
        unit="s",
        samples=len(told),
        window=Window(start=injecting.at, end=after[-1].finished) if after else None,
        guards={
            "error_ratio": len(failed) / len(after) if after else None,
            "unmarked_ratio": unmarked,
        },
        doubts=(
            *doubts,
            *doubts_of_fault(history),
            *(() if degraded or failed else ["no answer was degraded: clients did not feel the fault"]),
            *why,
        ),
        fault=injecting.fault,
        facts={
            "degraded": len(degraded),
            "errors": len(failed),
            "error_kinds": dict(Counter(f"{each.outcome}: {each.error}" for each in failed).most_common()),
            **_from(injecting.at, first_degraded_after_s=degraded[:1], last_degraded_after_s=degraded[-1:]),
            **_from(back.at, first_whole_since_return_s=[at for at in whole if at >= back.at][:1]),
        },
    )


def first_task_after_s(
    history: History,
    finished_at: Sequence[float],
    *,
    kind: str = "submit",
    looked_until: float | None = None,
    since: MarkKind = "healed",
    look_for_s: float = LOOK_FOR_S,
    doubts: Iterable[str] = (),
) -> Measurement:
    """Seconds from the return of what tasks are handed over by (the mark `since`) to the first one that completes.

    `finished_at` are the moments at which accepted tasks completed, as far as known at `looked_until` (else: at the end
    of the traffic). They only tell if some were accepted meanwhile.
    """
    injecting, back = history.first("injecting"), history.first(since)
    after = sorted(at for at in finished_at if back is not None and at >= back.at)
    waiting = [
        each
        for each in history.operations
        if each.kind == kind
        and each.outcome == "ok"
        and injecting
        and back
        and injecting.at <= each.finished <= back.at
    ]
    first_at = after[0] if after else None
    end = looked_until or max((each.finished for each in history.operations), default=0.0)
    after_s, why = _time_to(first_at, start=back.at, end=end, look_for_s=look_for_s) if back else (None, [])
    return Measurement(
        value=after_s,
        unit="s",
        samples=len(after),
        window=Window(start=back.at, end=first_at or end) if back is not None else None,
        doubts=(
            *doubts,
            *doubts_of_fault(history),
            *(() if waiting else [f"no {kind} was accepted while the fault was on"]),
            *why,
        ),
        fault=_name(history),
        facts={
            "accepted_meanwhile": len({str(each.value) for each in waiting}),
            "completed_meanwhile": sum(1 for at in finished_at if injecting and back and injecting.at <= at < back.at),
            "completed_since": len(after),
        },
    )


def _time_to(at: float | None, *, start: float, end: float, look_for_s: float) -> tuple[float | None, list[str]]:
    """Seconds from `start` to `at`, and doubts. A moment that did not come until `end` took at least that long."""
    if at is not None:
        return max(0.0, at - start), []
    looked_s = end - start
    if looked_s >= look_for_s:
        return looked_s, []
    return None, [f"not back in the {looked_s:.1f} s that were looked at, {look_for_s:g} s needed to say more"]


def _unmarked(told: Sequence[Operation], degraded: Sequence[float], back: Mark) -> float | None:
    meanwhile = [each for each in told if degraded and degraded[0] <= each.finished < back.at]
    whole = sum(1 for each in meanwhile if not read_value(each.value)[2])
    return whole / len(meanwhile) if meanwhile else None


def _while_on(history: History) -> Window | None:
    injecting, healed = history.first("injecting"), history.first("healed")
    if injecting is None or not history.operations:
        return None
    end = healed.at if healed is not None else max(each.finished for each in history.operations)
    return Window(start=injecting.at, end=end)


def _name(history: History) -> str | None:
    injecting = history.first("injecting")
    return injecting.fault if injecting else None


def _from(start: float, **moments: Sequence[float]) -> dict[str, Any]:
    return {name: round(found[0] - start, 3) for name, found in moments.items() if found}
