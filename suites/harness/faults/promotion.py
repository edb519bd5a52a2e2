"""A standby that is promoted by hand, past its operator: two primaries."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.clients.sql import Postgres
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError, NotReached, Unsupported
from suites.harness.faults.base import Fault
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.recovery import until_recovered
from suites.harness.wait import until


class PromoteStandby(Fault):
    """One of the database's standbys is told to take writes, while the primary goes on taking them.

    Its operator is held meanwhile: at any word about its cluster an instance that is not to be primary stops itself.
    Once the operator is let go that happens, and what was written there alone is gone then.
    """

    kind = "promote_standby"
    # An operator that is held does not go on by itself. After this time whoever comes next may let go of it.
    expires_after_s = 600.0

    _standby: Pod | None = None

    @property
    def standby(self) -> Pod:
        if self._standby is None:
            raise FaultError("no standby was chosen yet")
        return self._standby

    @property
    def name(self) -> str:
        return f"promotion of {self.standby.name} beside the primary"

    def select(self) -> Mapping[str, Any]:
        postgres = Postgres(self.cluster)
        primary = postgres.primary()
        standbys = [pod for pod in self.cluster.ready_pods(self.component) if pod.name != primary]
        # Of two primaries CloudNativePG takes the first by name for the right one: it must stay the one that is.
        self._standby = max((pod for pod in standbys if pod.name > primary), key=lambda pod: pod.name, default=None)
        if self._standby is None:
            raise Unsupported(
                f"no ready standby comes after the primary {primary} by name: its operator would follow it"
            )
        return {"pod": self.standby.name, "uid": self.standby.uid}

    def inject(self) -> None:
        self.cluster.hold_operator(self.component, held=True)
        Postgres(self.cluster).promote(self.standby.name)

    def wait_for_proof(self) -> str:
        until(
            lambda: Postgres(self.cluster).is_primary(self.standby.name),
            within=self.deadlines.call_answered_s,
            every=0.1,
            what=f"{self.standby.name} promoted",
        )
        return f"{self.standby.name} is not in recovery any more"

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        postgres, uid = Postgres(cluster), record.details["uid"]
        cluster.hold_operator(record.component, held=False)
        try:
            _until_one_primary(postgres, within=deadlines.node_noticed_s)
        except NotReached:
            # An instance that starts looks first at who is to be primary.
            with contextlib.suppress(StopIteration):
                cluster.delete_pod(next(pod for pod in cluster.pods(record.component) if pod.uid == uid), grace_s=None)
            _until_one_primary(postgres, within=deadlines.pod_replaced_s)
        until_recovered(cluster, [record.component], deadlines)


def _until_one_primary(postgres: Postgres, *, within: float) -> None:
    until(postgres.primary, within=within, what="exactly one primary")
