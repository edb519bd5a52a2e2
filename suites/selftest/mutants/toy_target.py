"""A namespace and a release in memory: enough to see what a change reads, does and takes back."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from suites.harness.clients.helm import Released, Revision
from suites.harness.clients.objects import Pod, Readiness
from suites.harness.errors import ClientError
from suites.harness.faults.base import ALLOW_LABEL
from suites.harness.target import Target

APP = "site-search-app"


def pod(uid: str, *, ready: bool = True) -> Pod:
    return Pod(
        name=f"app-{uid}", uid=uid, phase="Running", node="n", address="10.0.0.1", is_ready=ready,
        is_terminating=False, shares_process_namespace=True, containers=(),
    )  # fmt: skip


@dataclass
class ToyCluster:
    """Objects by kind and name. A patch replaces keys of `spec`; a JSON patch replaces `/spec`."""

    target: Target = field(default_factory=lambda: Target.load("kind"))
    labels: dict[str, str] = field(default_factory=lambda: {ALLOW_LABEL: "allowed"})
    objects: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"Deployment": {APP: {"spec": {"replicas": 3, "key": "right"}}}}
    )
    app_pods: list[Pod] = field(default_factory=lambda: [pod("1"), pod("2"), pod("3")])
    wanted: int = 3
    kept: dict[str, str] = field(default_factory=dict)
    namespace: str = "site-search"

    @property
    def app(self) -> dict[str, Any]:
        found: dict[str, Any] = self.objects["Deployment"][APP]["spec"]
        return found

    def namespace_labels(self) -> dict[str, str]:
        return self.labels

    def chart_version(self) -> str:
        return "site-search-1"

    def image_digests(self) -> dict[str, str]:
        return {"app": "sha256:1"}

    def manifests(self, kind: str) -> dict[str, dict[str, Any]]:
        return copy.deepcopy(self.objects.get(kind, {}))

    def patch(
        self, kind: str, name: str, patch: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, dry_run: bool = False
    ) -> dict[str, Any]:
        found = copy.deepcopy(self.objects[kind][name])
        if isinstance(patch, Mapping):
            found["spec"] |= patch["spec"]
        else:
            found["spec"] = patch[0]["value"]
        if not dry_run:
            self.objects[kind][name] = found
        return found

    def pods(self, component: str) -> list[Pod]:
        return list(self.app_pods) if component == "app" else [pod("x")]

    def ready_pods(self, component: str) -> list[Pod]:
        return [entry for entry in self.pods(component) if entry.is_ready]

    def readiness(self, component: str) -> Readiness:
        if component != "app":
            return Readiness(component=component, ready=1, wanted=1)
        return Readiness(component="app", ready=len(self.ready_pods("app")), wanted=self.wanted)

    def write_note(self, name: str, labels: dict[str, str], text: str) -> None:  # noqa: ARG002
        self.kept[name] = text

    def notes(self, selector: str) -> dict[str, str]:  # noqa: ARG002
        return dict(self.kept)

    def delete_note(self, name: str) -> None:
        self.kept.pop(name, None)


@dataclass
class ToyRelease:
    """A release whose values are the Deployment's spec. It keeps every revision, as helm does."""

    cluster: ToyCluster
    name: str = "site-search"
    chart: dict[str, Any] = field(default_factory=dict)
    revisions: list[Revision] = field(default_factory=list)
    specs: dict[int, dict[str, Any]] = field(default_factory=dict)
    rollback_works: bool = True
    upgrade_works: bool = True
    # What becomes of one that goes out: it stays, is taken back, or neither.
    goes: Literal["stays", "back", "stuck"] = "stays"
    given_s: float = 0.0
    hooks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._deploy(self.cluster.app, "Install complete")

    def found(self) -> type:
        """What takes the place of the class `Release`: however one is asked for, it is this one."""

        class Found:
            def __new__(cls, *_: Any) -> Any:
                return self

            @staticmethod
            def of(_: Any) -> ToyRelease:
                return self

        return Found

    def history(self) -> list[Revision]:
        return list(self.revisions)

    def objects(self) -> dict[str, Any]:
        return {f"Deployment {APP}": {"spec": self.specs[len(self.revisions)]}}

    def objects_of_chart(self) -> dict[str, Any]:
        return self.objects() | self.chart

    def upgrade(self, values: Mapping[str, Any], *, description: str, hooks: bool = False) -> None:
        if not self.upgrade_works:
            raise ClientError("helm upgrade site-search: values don't meet the schema")
        self._deploy({**self.cluster.app, **values}, description)
        if hooks:
            self.hooks.append(description)

    def go_out(self, values: Mapping[str, Any], *, description: str, timeout_s: float) -> Released:
        self.given_s = timeout_s
        before = len(self.revisions)
        if self.goes == "stays":
            self.upgrade(values, description=description, hooks=True)
            return Released(stayed=True, took_s=20.0, said="deployed")
        self._deploy({**self.cluster.app, **values}, "Upgrade failed: timed out", "failed")
        if self.goes == "back":
            self.roll_back(before)
        return Released(stayed=False, took_s=95.0, said="helm upgrade site-search: timed out")

    def roll_back(self, revision: int) -> None:
        spec = self.specs[revision] if self.rollback_works else {**self.cluster.app, "odd": True}
        self._deploy(spec, f"Rollback to {revision}")

    def deploy(self, spec: Mapping[str, Any], *, status: str = "deployed") -> None:
        """Somebody else's deployment."""
        self._deploy({**self.cluster.app, **spec}, "Upgrade complete", status)

    def _deploy(self, spec: Mapping[str, Any], description: str, status: str = "deployed") -> None:
        number = len(self.revisions) + 1
        self.specs[number] = copy.deepcopy(dict(spec))
        self.revisions.append(Revision(number=number, status=status, description=description))
        self.cluster.objects["Deployment"][APP]["spec"] = copy.deepcopy(dict(spec))
