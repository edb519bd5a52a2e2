"""What an experiment can measure, by name: a checker of the harness, and what the experiment must have done for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from experiments.aftermath import Aftermath
from reports.records import Measurement, RecordError
from suites.harness.checkers import gaps, ledger, outage, partition, primaries, recovery, tasks
from suites.harness.checkers.fault import doubts_of_fault
from suites.harness.errors import HarnessError

# The need for `watch_primaries`; the other needs are journeys.
PRIMARIES = "primaries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How a number is made of what an experiment left, and what must have been going on: journeys, or a watch."""

    needs: frozenset[str]
    by: Callable[[Aftermath], Measurement]


def _longest_gap(seen: Aftermath) -> Measurement:
    return gaps.longest_gap(seen.history, doubts=seen.doubts)


def _search_gap(seen: Aftermath) -> Measurement:
    return recovery.journey_gap(seen.history, "search", doubts=seen.doubts)


def _write_gap(seen: Aftermath) -> Measurement:
    return recovery.write_gap(
        seen.history, noticed_at=seen.failover_decided_at, replaced_at=_replaced_at(seen), doubts=seen.doubts
    )


def _error_ratio(seen: Aftermath) -> Measurement:
    return outage.error_ratio(seen.history, doubts=seen.doubts)


def _read_error_ratio(seen: Aftermath) -> Measurement:
    return outage.error_ratio(seen.history, kind="read", doubts=seen.doubts)


def _undegraded_after_s(seen: Aftermath) -> Measurement:
    return outage.undegraded_after_s(seen.history, doubts=seen.doubts)


def _lost_writes(seen: Aftermath) -> Measurement:
    return ledger.lost_writes(seen.history, seen.stored_by_instance, doubts=seen.doubts)


def _writable_at_once(seen: Aftermath) -> Measurement:
    injecting = seen.history.first("injecting")
    return primaries.writable_at_once(
        seen.primaries,
        fault=injecting.fault if injecting else None,
        doubts=(*seen.doubts, *doubts_of_fault(seen.history)),
    )


def _lost_tasks(seen: Aftermath) -> Measurement:
    return tasks.lost_tasks(
        seen.history, seen.scrapes, served=seen.pages_served, stored=seen.pages_stored, doubts=seen.doubts
    )


def _first_task_after_s(seen: Aftermath) -> Measurement:
    return outage.first_task_after_s(
        seen.history, seen.completed_at, looked_until=seen.looked_until, doubts=seen.doubts
    )


def _writes_recovered_s(seen: Aftermath) -> Measurement:
    return partition.recovery(seen.history, _lost_writes(seen), doubts=seen.doubts)


def _writes_and_tasks_recovered_s(seen: Aftermath) -> Measurement:
    """Whichever of both was the later one."""
    writes, first_task = _writes_recovered_s(seen), _first_task_after_s(seen)
    value = None if writes.value is None or first_task.value is None else max(writes.value, first_task.value)
    return with_guards(replace(writes, value=value), {"first_task_after_s": first_task})


def _replaced_at(seen: Aftermath) -> float | None:
    injecting = seen.history.first("injecting")
    if injecting is None or not seen.watched_primaries:
        return None
    return primaries.replaced_at(seen.primaries, since=injecting.at)


MEASURES: Mapping[str, Measure] = {
    "longest_gap": Measure(needs=frozenset({"search"}), by=_longest_gap),
    "search_gap": Measure(needs=frozenset({"search"}), by=_search_gap),
    "write_gap": Measure(needs=frozenset({"write"}), by=_write_gap),
    "error_ratio": Measure(needs=frozenset({"search"}), by=_error_ratio),
    "read_error_ratio": Measure(needs=frozenset({"read"}), by=_read_error_ratio),
    "undegraded_after_s": Measure(needs=frozenset({"search"}), by=_undegraded_after_s),
    "lost_writes": Measure(needs=frozenset({"write"}), by=_lost_writes),
    "writable_at_once": Measure(needs=frozenset({PRIMARIES}), by=_writable_at_once),
    "lost_tasks": Measure(needs=frozenset({"submit"}), by=_lost_tasks),
    "first_task_after_s": Measure(needs=frozenset({"submit"}), by=_first_task_after_s),
    "writes_recovered_s": Measure(needs=frozenset({"search", "write"}), by=_writes_recovered_s),
    "writes_and_tasks_recovered_s": Measure(
        needs=frozenset({"search", "write", "submit"}), by=_writes_and_tasks_recovered_s
    ),
}


# An objective's measure, and those of its guards that are measures of their own: `{measure: …, guards: {name: …}}`.
Judged = Mapping[str, Mapping[str, Any]]


def measure(name: str, seen: Aftermath) -> Measurement:
    """The measurement of that name; one without a value where it cannot be made."""
    try:
        return MEASURES[name].by(seen)
    except (HarnessError, RecordError) as error:
        return Measurement(value=None, unit="", samples=0, doubts=(f"{name}: {error}",))


def names_of(judged: Judged) -> list[str]:
    """Every measure that is asked for."""
    return [name for asked in judged.values() for name in (asked["measure"], *asked.get("guards", {}).values())]


def with_guards(measurement: Measurement, guards: Mapping[str, Measurement]) -> Measurement:
    """One measurement that is only believed, and judged, together with others: each is a guard of it."""
    if not guards:
        return measurement
    doubts = [doubt for each in (measurement, *guards.values()) for doubt in each.doubts]
    return replace(
        measurement,
        guards={**measurement.guards, **{name: guard.value for name, guard in guards.items()}},
        doubts=tuple(dict.fromkeys(doubts)),
        facts={**measurement.facts, **{name: guard.facts for name, guard in guards.items() if guard.facts}},
    )


def what_is_lacking(names: Collection[str], method: Iterable[Mapping[str, Any]]) -> list[str]:
    """Why an experiment with this method cannot measure these: a name that is not known, a need that is not met."""
    unknown = [f"no measure {name!r}; there is {', '.join(MEASURES)}" for name in names if name not in MEASURES]
    going_on = {need for activity in method for need in _gives(activity["provider"])}
    return unknown + [
        f"{name} needs {', '.join(sorted(lacking))}, which the method does not start"
        for name in names
        if name in MEASURES and (lacking := MEASURES[name].needs - going_on)
    ]


def _gives(provider: Mapping[str, Any]) -> Collection[str]:
    started: Mapping[str, Collection[str]] = {
        "start_searches": ("search",),
        "start_journeys": provider.get("arguments", {}).get("journeys", ()),
        "watch_primaries": (PRIMARIES,),
    }
    return started.get(provider.get("func", ""), ())
