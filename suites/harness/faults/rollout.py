"""A release goes out as a pipeline does it, and is rolled back."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from typing import Any

from suites.harness.clients.helm import Release, Released
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import FaultError, NotReached, Unsupported
from suites.harness.faults.base import check_allowed
from suites.harness.faults.changes import ChangeValues
from suites.harness.faults.records import UndoRecord
from suites.harness.wait import until

VERSION_VARIABLE = "APP_VERSION"


class NewRelease(ChangeValues):
    """Another version of the platform's own components, by `helm upgrade --atomic`, its migration included.

    It is the same image under another version's name, with whatever values make it a good or a bad one. Undone by a
    rollback to the revision before, and then by that release once more, whose migration takes back what was rehearsed
    and whose hook replaces a Job that failed. A runner that is killed leaves helm to end by itself.
    """

    kind = "new_release"

    def __init__(
        self, component: str, values: Mapping[str, Any], *, with_: tuple[str, ...] = (), title: str = "", **given: Any
    ) -> None:
        self.version = f"rehearsal-{secrets.token_hex(3)}"
        app = {**values.get("app", {}), "version": self.version}
        super().__init__(component, {**values, "app": app}, **given)
        self._components = (component, *with_)
        self._title = title
        self._pods: dict[str, frozenset[str]] = {}
        self._timeout_s = 0.0
        self._released: Released | None = None
        self._version_before = ""

    @property
    def name(self) -> str:
        return f"release of {' and '.join(self._components)}{f' that {self._title}' if self._title else ''}"

    @property
    def released(self) -> Released:
        """How it went. Raises FaultError before it was tried."""
        if self._released is None:
            raise FaultError(f"{self.name} was not tried")
        return self._released

    @property
    def version_before(self) -> str:
        """What answers called themselves before."""
        return self._version_before

    def prepare(self) -> Mapping[str, Any]:
        for component in self._components:
            check_allowed(self.cluster.target, self.cluster.namespace_labels(), component)
        found = super().prepare()
        self._version_before = _version(self._installed, self.cluster.target.component(self.component).name)
        self._timeout_s = self.deadlines.release_ready_s + _proving_s(self._installed, self._values)
        self._pods = {name: frozenset(pod.uid for pod in self.cluster.pods(name)) for name in self._components}
        return found

    def inject(self) -> None:
        assert self._record is not None
        release = Release(self.cluster.target, self._record.details["release"])
        self._released = release.go_out(self._values, description=self._record.name, timeout_s=self._timeout_s)

    def wait_for_proof(self) -> str:
        """Of one that stayed, that no pod from before is left; of one that was taken back, what its history says."""
        if self._released is None or self._record is None:
            raise NotReached(f"{self.name} was not tried")
        if not self._released.stayed:
            return self._taken_back(self._record)
        changed = super().wait_for_proof()
        # A pod that has ended no longer counts as one of the component, and is still there for a moment.
        until(
            lambda: [
                pod.name for name in self._components for pod in self.cluster.pods(name) if pod.uid in self._pods[name]
            ],
            where=lambda left: not left,
            within=self.deadlines.pod_replaced_s,
            what=f"every pod replaced by {self.name}",
        )
        return f"{changed}; none of the {sum(map(len, self._pods.values()))} pods from before is left"

    @classmethod
    def revert(cls, record: UndoRecord, cluster: Cluster) -> bool:
        release = Release(cluster.target, record.details["release"])
        latest = release.history()[-1]
        if latest.number > record.details["revision"] and latest.status.startswith("pending"):
            # Whoever held it is gone: helm would refuse every release from now on.
            release.roll_back(record.details["revision"])
            return True
        return super().revert(record, cluster)

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        release = Release(cluster.target, record.details["release"])
        with contextlib.suppress(NotReached):
            until(
                lambda: release.history()[-1],
                where=lambda latest: not latest.status.startswith("pending"),
                within=deadlines.release_ready_s,
                what="the end of whoever deploys",
            )
        super().undo(record, cluster, deadlines)
        if release.history()[-1].description == f"Rollback to {record.details['revision']}":
            # Under the description it had: whoever deployed that takes it for its own.
            release.upgrade({}, description=record.details["description"], hooks=True)

    def _taken_back(self, record: UndoRecord) -> str:
        release = Release(self.cluster.target, record.details["release"])
        tried = [revision for revision in release.history() if revision.number > record.details["revision"]]
        told = "; ".join(f"revision {each.number} {each.status}: {each.description[:200]}" for each in tried)
        if not tried or tried[-1].description != f"Rollback to {record.details['revision']}":
            raise NotReached(f"{self.name} neither stayed nor was it taken back: {told or self.released.said}")
        return told


def _proving_s(objects: Mapping[str, Any], values: Mapping[str, Any]) -> float:
    """How long the new pods of the slowest Deployment have to stay ready, one after another."""
    specs = [entry["spec"] for name, entry in objects.items() if name.startswith("Deployment ")]
    wanted = values["app"].get("rollout", {}).get("minReadySeconds", 0)
    each = (max(wanted, spec.get("minReadySeconds", 0)) * spec.get("replicas", 1) for spec in specs)
    return float(max(each, default=0))


def _version(objects: Mapping[str, Any], workload: str) -> str:
    """The version that the workload's pods are told to be."""
    containers = objects.get(f"Deployment {workload}", {}).get("spec", {}).get("template", {})
    for container in containers.get("spec", {}).get("containers", ()):
        for variable in container.get("env", ()):
            if variable["name"] == VERSION_VARIABLE:
                return str(variable["value"])
    raise Unsupported(f"Deployment {workload} is not told its version ({VERSION_VARIABLE})")
