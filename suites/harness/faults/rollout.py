"""Faults that replace a component's pods the orderly way, one after another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import Unsupported
from suites.harness.faults.base import Fault
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.standing import RESTARTED_AT, settle, why_not_settled
from suites.harness.wait import until


class RollingRestart(Fault):
    """Every pod of the component is replaced by its workload's own rollout, as an upgrade does it."""

    kind = "rolling_restart"
    # Each pod has its grace period and its start; the controller gives up on its own after minutes.
    expires_after_s = 900.0

    _replaced: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"rolling restart of {self.component}"

    def select(self) -> Mapping[str, Any]:
        workload = self.cluster.target.component(self.component)
        if workload.kind == "Cluster":
            raise Unsupported(f"{self.component} is restarted by its operator, not by a rollout")
        settle(self.cluster, self.deadlines)
        self._replaced = frozenset(pod.uid for pod in self.cluster.ready_pods(self.component))
        return {"pods": sorted(self._replaced)}

    def inject(self) -> None:
        workload = self.cluster.target.component(self.component)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.cluster.patch(
            workload.kind,
            workload.name,
            {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}},
        )

    def wait_for_proof(self) -> str:
        until(
            self._left,
            where=lambda left: not left,
            within=self.deadlines.component_ready_again_s,
            every=0.25,
            what=f"all {len(self._replaced)} pods of {self.component} replaced",
        )
        return f"{len(self._replaced)} pods of {self.component} replaced, none of their UIDs is left"

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:  # noqa: ARG003
        """A rollout under way is not turned back: it ends with the same pods, only newer."""
        settle(cluster, deadlines)

    def _left(self) -> list[str]:
        old = [pod.name for pod in self.cluster.pods(self.component) if pod.uid in self._replaced]
        return old or why_not_settled(self.cluster, self.component)
