"""An autoscaler that is let go of, or told something else for a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Readiness
from suites.harness.clients.scaler import HELD_AT, Scaler
from suites.harness.deadlines import Deadlines
from suites.harness.errors import NotReached, Unsupported
from suites.harness.faults.base import Fault
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.standing import settle
from suites.harness.wait import until

# What the two kinds of autoscaler call the same.
_NAMES = {
    "ScaledObject": {"least": "minReplicaCount", "most": "maxReplicaCount", "cooldown_s": "cooldownPeriod"},
    "HorizontalPodAutoscaler": {"least": "minReplicas", "most": "maxReplicas"},
}
_BEHAVIOR = ("advanced", "behavior")


def one_step_in(pods: int) -> dict[str, Any]:
    """A way to scale in for checks that cannot wait five minutes: at once, so many pods at most, and then no more.

    In steps, a scrape that moved to another worker would have to move again.
    """
    return {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": pods, "periodSeconds": 600}]}


class SetScaler(Fault):
    """The target's autoscaler decides by itself, within `least` and `most`; afterwards it is as it was, held or not.

    `scale_in` takes the place of its own behaviour when less is wanted. Undone once there are as many pods again as
    there were, where it was held, and else once all there are are ready.
    """

    kind = "set_scaler"
    # A changed autoscaler does not end by itself. After this time whoever comes next may undo it.
    expires_after_s = 1800.0

    def __init__(self, component: str, *, least: int, most: int | None = None, **given: Any) -> None:
        super().__init__(component, **given)
        self._least, self._most = least, most

    @property
    def name(self) -> str:
        most = "" if self._most is None else f", at most {self._most}"
        return f"autoscaler of {self.component} with at least {self._least}{most}"

    @property
    def scaler(self) -> Scaler:
        if self.cluster.scaler is None or self.cluster.scaler.ref.component != self.component:
            raise Unsupported(f"target {self.cluster.target.name} names no scaler of {self.component}")
        return self.cluster.scaler

    def select(self) -> Mapping[str, Any]:
        settle(self.cluster, self.deadlines)
        manifest = self.scaler.manifest()
        if self._least == 0 and self.scaler.ref.kind == "HorizontalPodAutoscaler":
            raise Unsupported("a HorizontalPodAutoscaler by itself does not scale from zero")
        return {
            "kind": self.scaler.ref.kind,
            "spec": manifest["spec"],
            "held_at": (manifest["metadata"].get("annotations") or {}).get(HELD_AT),
        }

    def inject(self) -> None:
        self.set(least=self._least, most=self._most, cooldown_s=1 if self._least == 0 else None)

    def set(
        self,
        *,
        least: int,
        most: int | None = None,
        cooldown_s: int | None = None,
        scale_in: Mapping[str, Any] | None = None,
    ) -> None:
        """Let go of it, with these limits."""
        names = _NAMES[self.scaler.ref.kind]
        given = {"least": least, "most": most, "cooldown_s": cooldown_s}
        spec: dict[str, Any] = {
            names[what]: value for what, value in given.items() if value is not None and what in names
        }
        if scale_in is not None:
            behavior = {"behavior": {"scaleDown": dict(scale_in)}}
            is_kedas = self.scaler.ref.kind == "ScaledObject"
            spec |= {"advanced": {"horizontalPodAutoscalerConfig": behavior}} if is_kedas else behavior
        self.scaler.change({"metadata": {"annotations": {HELD_AT: None}}, "spec": spec})

    def wait_for_proof(self) -> str:
        """As many pods as it may have least, and the autoscaler at work."""
        state = until(
            self.scaler.state,
            where=lambda state: state.is_working and state.least == self._least,
            within=self.deadlines.call_answered_s,
            what=f"the autoscaler of {self.component} at work",
        )
        readiness = until(
            lambda: self.cluster.readiness(self.component),
            where=self._is_reached,
            within=self.deadlines.component_ready_again_s,
            what=f"{self._least} pods of {self.component}",
        )
        return f"at work between {state.least} and {state.most}: {readiness}"

    def _is_reached(self, readiness: Readiness) -> bool:
        if self._least == 0:
            return readiness.wanted == 0 and not self.cluster.pods(self.component)
        return readiness.is_ready and readiness.wanted >= self._least

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        if cluster.scaler is None:
            raise NotReached(f"target {cluster.target.name} names no scaler any more: set {record.component}'s by hand")
        names = (*_NAMES[record.details["kind"]].values(), *_BEHAVIOR)
        before = record.details["spec"]
        # What was not there is removed again.
        spec = {name: before.get(name) for name in names}
        held_at = record.details["held_at"]
        cluster.scaler.change({"metadata": {"annotations": {HELD_AT: held_at}}, "spec": spec})
        if held_at is not None:
            until(
                lambda: cluster.readiness(record.component),
                where=lambda readiness: readiness.wanted == int(held_at),
                within=deadlines.component_ready_again_s,
                what=f"{held_at} pods of {record.component} again",
            )
        settle(cluster, deadlines)
