"""Faults that deploy something wrong: other chart values, or one object patched."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from suites.harness.clients.helm import Release, Revision
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import NothingSelected, Unsupported
from suites.harness.faults.base import Fault, MarkWriter
from suites.harness.faults.records import UndoRecord
from suites.harness.faults.standing import KINDS, differences, digest, fingerprint, settle
from suites.harness.wait import until


class TargetChange(Fault):
    """A change of what the target is told to be. It is undone only once every object is again what it was.

    `becomes_ready` False: the component is to stand rolled out and not ready; then that is what is waited for.
    """

    # No change ends by itself. After this time whoever comes next may undo it.
    expires_after_s = 7200.0

    def __init__(
        self,
        component: str,
        *,
        cluster: Cluster,
        history: MarkWriter,
        deadlines: Deadlines,
        becomes_ready: bool = True,
    ) -> None:
        super().__init__(component, cluster=cluster, history=history, deadlines=deadlines)
        self._becomes_ready = becomes_ready
        self._before: Mapping[str, str] = {}

    @property
    def is_undone(self) -> bool:
        """Nothing of it is left on the target."""
        return self._record is None

    @abstractmethod
    def prepare(self) -> Mapping[str, Any]:
        """Look whether it can be made, and at what undoing needs; touches nothing. Raises FaultError."""

    @classmethod
    @abstractmethod
    def revert(cls, record: UndoRecord, cluster: Cluster) -> bool:
        """Bring back what was there, if this change is still what is there; False when somebody changed it since."""

    def select(self) -> Mapping[str, Any]:
        settle(self.cluster, self.deadlines)
        self._before = fingerprint(self.cluster)
        return {"before": dict(self._before), **self.prepare()}

    def wait_for_proof(self) -> str:
        changed = until(
            lambda: differences(self._before, fingerprint(self.cluster)),
            within=self.deadlines.call_answered_s,
            what="an object that is not what it was",
        )
        settle(self.cluster, self.deadlines, unready=None if self._becomes_ready else self.component)
        return f"{', '.join(changed)} changed and {'rolled out' if self._becomes_ready else 'not ready'}"

    @classmethod
    def undo(cls, record: UndoRecord, cluster: Cluster, deadlines: Deadlines) -> None:
        if cls.revert(record, cluster):
            until(
                lambda: differences(record.details["before"], fingerprint(cluster)),
                where=lambda left: not left,
                within=deadlines.call_answered_s,
                what="every object what it was before the change",
            )
        settle(cluster, deadlines)


class ChangeValues(TargetChange):
    """Other chart values, deployed as an upgrade of the target's release; undone by a rollback."""

    kind = "change_values"

    def __init__(self, component: str, values: Mapping[str, Any], **given: Any) -> None:
        super().__init__(component, **given)
        self._values = values
        self._installed: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        return f"chart values {dict(self._values)}"

    def prepare(self) -> Mapping[str, Any]:
        release = Release.of(self.cluster)
        latest = release.history()[-1]
        if latest.status != "deployed":
            raise Unsupported(f"release {release.name} is {latest.status}, not deployed: {latest.description}")
        installed, charted = release.objects(), release.objects_of_chart()
        if other := sorted(
            name for name in installed.keys() | charted.keys() if installed.get(name) != charted.get(name)
        ):
            # The upgrade would deploy these too, and a check would judge more than the values.
            raise Unsupported(f"this chart would also change {', '.join(other)}: deploy it first (`tox -e up`)")
        if drifted := _changed_past_its_release(self.cluster, installed):
            # The upgrade would take that back, and nothing would bring it again.
            raise Unsupported(f"{', '.join(drifted)} was changed past release {release.name}: deploy it again")
        self._installed = installed
        return {"release": release.name, "revision": latest.number, "description": latest.description}

    def inject(self) -> None:
        assert self._record is not None
        Release(self.cluster.target, self._record.details["release"]).upgrade(
            self._values, description=self._record.name
        )

    @classmethod
    def revert(cls, record: UndoRecord, cluster: Cluster) -> bool:
        release = Release(cluster.target, record.details["release"])
        before: int = record.details["revision"]
        latest = release.history()[-1]
        if is_left(latest, before=before, change=record.name):
            release.roll_back(before)
            return True
        return is_back(latest, before=before)


def _changed_past_its_release(cluster: Cluster, installed: Mapping[str, Any]) -> list[str]:
    """The objects that would not stay what they are if the release said again what it said."""
    there = {f"{kind} {name}": found for kind in KINDS for name, found in cluster.manifests(kind).items()}
    drifted = []
    for title, rendered in installed.items():
        kind, _, name = title.partition(" ")
        if kind not in KINDS:
            continue
        if title not in there:
            drifted.append(title)
            continue
        again = cluster.patch(kind, name, {"spec": rendered["spec"]}, dry_run=True)
        if digest(again["spec"]) != digest(there[title]["spec"]):
            drifted.append(title)
    return drifted


def is_left(latest: Revision, *, before: int, change: str) -> bool:
    """Whether the release's latest revision is this change, or what became of one that was cut off."""
    cut_off = latest.status != "deployed" and (latest.number == before + 1 or latest.description.startswith("Rollback"))
    return latest.number > before and (latest.description == change or cut_off)


def is_back(latest: Revision, *, before: int) -> bool:
    """Whether the release's latest revision is the one from before the change."""
    return latest.number == before or latest.description == f"Rollback to {before}"


class PatchObject(TargetChange):
    """One object patched past the chart; undone by putting its whole spec back.

    A mapping is a strategic merge patch, a list a JSON patch.
    """

    kind = "patch_object"

    def __init__(
        self,
        component: str,
        object_kind: str,
        object_name: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        **given: Any,
    ) -> None:
        super().__init__(component, **given)
        self._kind, self._name, self._patch = object_kind, object_name, patch

    @property
    def name(self) -> str:
        return f"patch of {self._kind} {self._name}"

    def prepare(self) -> Mapping[str, Any]:
        found = self.cluster.manifests(self._kind).get(self._name)
        if found is None:
            raise NothingSelected(f"there is no {self._kind} {self._name} in namespace {self.cluster.namespace}")
        patched = self.cluster.patch(self._kind, self._name, self._patch, dry_run=True)
        if digest(patched["spec"]) == digest(found["spec"]):
            raise Unsupported(f"the patch changes nothing of {self._kind} {self._name}")
        return {
            "object": [self._kind, self._name],
            "spec": found["spec"],
            "patched": digest(patched["spec"]),
        }

    def inject(self) -> None:
        self.cluster.patch(self._kind, self._name, self._patch)

    @classmethod
    def revert(cls, record: UndoRecord, cluster: Cluster) -> bool:
        kind, name = record.details["object"]
        found = cluster.manifests(kind).get(name)
        now = digest(found["spec"]) if found is not None else None
        if now == record.details["patched"]:
            cluster.patch(kind, name, [{"op": "replace", "path": "/spec", "value": record.details["spec"]}])
            return True
        return now == digest(record.details["spec"])
