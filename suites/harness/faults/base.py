"""A fault is a context manager: inject, prove that it bit, heal. Healing always runs, and twice is harmless.

    with KillProcess("app", cluster=cluster, history=writer, deadlines=deadlines) as kill:
        kill.observed()

Nothing is touched before the target allows it, the selector matched, and the undo record is written.
"""

from __future__ import annotations

import os
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from reports.records import Mark, MarkKind
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import Refused
from suites.harness.faults.records import UndoRecord
from suites.harness.target import Target

ALLOW_LABEL = "sre.site-search/faults"
ALLOW_VALUE = "allowed"
# For mutants, whatever their value: faults that come to nothing, and faults whose undo is left to whoever comes next.
NO_BITE_VARIABLE = "SRE_FAULTS_DO_NOT_BITE"
NO_HEALING_VARIABLE = "SRE_FAULTS_DO_NOT_HEAL"


class MarkWriter(Protocol):
    """Where a fault's marks go: the history that the traffic is written to."""

    def add(self, record: Mark, /) -> None: ...


class Fault(ABC):
    """One fault on one component. A fault is made once; another needs another object."""

    kind: ClassVar[str]

    def __init__(self, component: str, *, cluster: Cluster, history: MarkWriter, deadlines: Deadlines) -> None:
        self.component = component
        self.cluster = cluster
        self.deadlines = deadlines
        self._history = history
        self._record: UndoRecord | None = None

    @abstractmethod
    def select(self) -> Mapping[str, Any]:
        """Choose the victim and read what undoing will need; touches nothing. Raises FaultError."""

    @abstractmethod
    def inject(self) -> None:
        """Do it."""

    @abstractmethod
    def wait_for_proof(self) -> str:
        """Tell the trace the fault left elsewhere than in the call that made it. Raises NotReached if it left none."""

    @classmethod
    @abstractmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        """Bring the target back from the record alone; also when the fault never came to pass, or is undone already."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What is done to whom, for people: `SIGKILL of pod site-search-app-abc's process`."""

    @property
    @abstractmethod
    def expires_after_s(self) -> float:
        """When the fault is over by itself, healed or not."""

    def __enter__(self) -> Self:
        check_allowed(self.cluster.target, self.cluster.namespace_labels(), self.component)
        details = self.select()
        now = time.time()
        self._record = UndoRecord(
            id=secrets.token_hex(4),
            kind=self.kind,
            context=self.cluster.target.context,
            namespace=self.cluster.namespace,
            component=self.component,
            made_at=now,
            expires_at=now + self.expires_after_s,
            details=details,
        )
        self._record.write(self.cluster)
        try:
            self._mark("injecting")
            if NO_BITE_VARIABLE not in os.environ:
                self.inject()
        except BaseException:
            self.heal()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()

    def observed(self) -> str:
        """The proof that the fault bit, marked in the history. Raises NotReached when there is none."""
        proof = self.wait_for_proof()
        self._mark("observed", proof)
        return proof

    def heal(self) -> None:
        """Undo the fault and wait for recovery. Twice is harmless; a record that stays tells of a target not healed."""
        if self._record is None:
            return
        self._mark("healing")
        if NO_HEALING_VARIABLE in os.environ:
            return
        self.undo(self._record, self.cluster, self.deadlines)
        self._mark("healed")
        self._record.remove(self.cluster)
        self._record = None

    def _mark(self, mark: MarkKind, detail: str = "") -> None:
        self._history.add(Mark(mark=mark, fault=self.name, at=time.time(), detail=detail))


def check_allowed(target: Target, namespace_labels: Mapping[str, str], component: str) -> None:
    """Raises Refused, with what to do, unless target and namespace both allow faults on the component."""
    target.component(component)
    if component not in target.may_break:
        allowed = ", ".join(sorted(target.may_break)) or "none"
        raise Refused(f"target {target.name} does not allow faults on {component} (faults.may_break: {allowed})")
    if namespace_labels.get(ALLOW_LABEL) != ALLOW_VALUE:
        raise Refused(
            f"namespace {target.namespace} does not allow faults; to allow them: "
            f"kubectl --kubeconfig {target.kubeconfig} --context {target.context} "
            f"label namespace {target.namespace} {ALLOW_LABEL}={ALLOW_VALUE}"
        )
