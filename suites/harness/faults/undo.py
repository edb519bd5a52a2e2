"""Heals what earlier runs left behind, from their undo records."""

from __future__ import annotations

import time

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError
from suites.harness.faults.base import Fault
from suites.harness.faults.changes import ChangeValues, PatchObject
from suites.harness.faults.deletion import DeletePod
from suites.harness.faults.disk import FillDisk
from suites.harness.faults.dns import DnsOutage
from suites.harness.faults.drain import DrainNode
from suites.harness.faults.freeze import FreezeProcess
from suites.harness.faults.latency import SlowDependency, SlowNetwork
from suites.harness.faults.memory import OutOfMemory
from suites.harness.faults.nodes import PauseNode, StopNode
from suites.harness.faults.partition import Partition
from suites.harness.faults.pods import KillProcess
from suites.harness.faults.policy import PolicyPartition
from suites.harness.faults.promotion import PromoteStandby
from suites.harness.faults.records import UndoRecord, left_records
from suites.harness.faults.rollout import NewRelease
from suites.harness.faults.scaler import SetScaler

KINDS: dict[str, type[Fault]] = {
    fault.kind: fault
    for fault in (
        ChangeValues,
        DeletePod,
        DnsOutage,
        DrainNode,
        FillDisk,
        FreezeProcess,
        KillProcess,
        NewRelease,
        OutOfMemory,
        Partition,
        PatchObject,
        PauseNode,
        PolicyPartition,
        PromoteStandby,
        SetScaler,
        SlowDependency,
        SlowNetwork,
        StopNode,
    )
}


def replay(
    cluster: Cluster, deadlines: Deadlines, *, only_abandoned: bool
) -> tuple[list[UndoRecord], list[UndoRecord]]:
    """Undo what was left, newest first; the records that were healed and those that somebody still holds."""
    healed, held = [], []
    for record in reversed(left_records(cluster, cluster.target.context, cluster.namespace)):
        if only_abandoned and not record.is_abandoned(time.time()):
            held.append(record)
            continue
        if record.kind not in KINDS:
            raise FaultError(
                f"{record.name} is of kind {record.kind!r}, which this version cannot undo; known: {[*KINDS]}"
            )
        KINDS[record.kind].undo(record, cluster, deadlines)
        record.remove(cluster)
        healed.append(record)
    return healed, held
