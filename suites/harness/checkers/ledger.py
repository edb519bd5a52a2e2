"""What became of every write, by the ids that its client kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reports.records import History, Mark, Measurement, Operation, Window
from suites.harness.checkers.fault import doubts_of_fault
from suites.harness.checkers.shown import shown

# What was acknowledged just before the fault is what a database loses that acknowledges too early.
AT_RISK_S = 1.0


def lost_writes(
    history: History,
    stored_by_instance: Mapping[str, Mapping[str, int] | None],
    *,
    kind: str = "write",
    doubts: Iterable[str] = (),
) -> Measurement:
    """The acknowledged writes that an instance does not have.

    `stored_by_instance` says how often each id is there, by instance, once that had caught up; None for one that could
    not be read. A write that was never acknowledged may be there or not: it is told, and never counted as lost.
    Guard `duplicated`: the ids that an instance has more than once.
    """
    writes = [operation for operation in history.operations if operation.kind == kind]
    acknowledged = _first_by_id(operation for operation in writes if operation.outcome == "ok")
    unknown = _first_by_id(operation for operation in writes if operation.outcome == "unknown").keys() - acknowledged
    refused = _first_by_id(writes).keys() - acknowledged.keys() - unknown
    read = {instance: stored for instance, stored in stored_by_instance.items() if stored is not None}
    injecting = history.first("injecting")
    missing = {instance: [id for id in acknowledged if id not in stored] for instance, stored in read.items()}
    lost = [id for id in acknowledged if any(id not in stored for stored in read.values())]
    twice = sorted({id for stored in read.values() for id, count in stored.items() if count > 1})
    there = {id for stored in read.values() for id in stored}
    return Measurement(
        value=float(len(lost)) if acknowledged and read else None,
        unit="count",
        samples=len(acknowledged),
        window=Window(start=writes[0].intended, end=max(each.finished for each in writes)) if writes else None,
        guards={"duplicated": float(len(twice)) if read else None},
        doubts=(
            *doubts,
            *_doubts(history, injecting, acknowledged.values(), kind),
            *(f"{instance} could not be read" for instance in stored_by_instance if instance not in read),
            *(() if stored_by_instance else ("no instance was read",)),
        ),
        fault=injecting.fault if injecting else None,
        facts={
            "acknowledged": len(acknowledged),
            "never_acknowledged": {
                "unknown_present": len(unknown & there),
                "unknown_absent": len(unknown - there),
                "refused_present": len(refused & there),
                "refused_absent": len(refused - there),
            },
            "by_instance": {
                instance: {"present": len(acknowledged) - len(missing[instance]), "lost": len(missing[instance])}
                for instance in read
            },
            **({"lost": _told(lost, acknowledged, injecting)} if lost else {}),
            **({"duplicated": shown(twice)} if twice else {}),
        },
    )


def _first_by_id(operations: Iterable[Operation]) -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    for operation in operations:
        if isinstance(operation.value, str):
            found.setdefault(operation.value, operation)
    return found


def _doubts(history: History, injecting: Mark | None, acknowledged: Iterable[Operation], kind: str) -> list[str]:
    doubts = doubts_of_fault(history)
    if injecting is None:
        return doubts
    moments = [operation.finished for operation in acknowledged]
    if not any(injecting.at - AT_RISK_S <= at < injecting.at for at in moments):
        doubts.append(f"no {kind} was acknowledged in the {AT_RISK_S:g} s before the fault")
    if not any(injecting.at <= at for at in moments):
        doubts.append(f"no {kind} was acknowledged since the fault began")
    return doubts


def _told(lost: list[str], acknowledged: Mapping[str, Operation], injecting: Mark | None) -> list[str]:
    """Which were lost, and when they had been acknowledged."""
    return shown(
        [
            f"{id}: acknowledged to {acknowledged[id].client}"
            + (f", {acknowledged[id].finished - injecting.at:+.3f} s from the fault" if injecting else "")
            for id in lost
        ]
    )
