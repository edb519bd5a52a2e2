"""The release the platform was installed as, through the helm program."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from suites.harness.clients.kubernetes import Cluster
from suites.harness.errors import ClientError, TargetError
from suites.harness.target import Target, cache

CHART = Path(__file__).resolve().parents[3] / "charts" / "site-search"
_RELEASE_ANNOTATION = "meta.helm.sh/release-name"
# An upgrade without hooks only sends objects; a hundred of them take seconds.
_CALL_ENDED_S = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change of a release, as its history tells."""

    number: int
    status: str
    description: str


class Release:
    """The target's release. Every call that fails is a ClientError naming it; nothing waits for pods."""

    def __init__(self, target: Target, name: str, *, chart: Path = CHART) -> None:
        self.name = name
        self._chart = chart
        self._program = _program()
        self._where = [
            "--kubeconfig", str(target.kubeconfig), "--kube-context", target.context, "--namespace", target.namespace,
        ]  # fmt: skip

    @classmethod
    def of(cls, cluster: Cluster) -> Release:
        """The release that made the target's workloads. Raises TargetError when no chart made them."""
        for component in cluster.target.components.values():
            if component.kind == "Cluster":
                continue
            found = cluster.manifests(component.kind).get(component.name, {}).get("metadata", {})
            if name := found.get("annotations", {}).get(_RELEASE_ANNOTATION):
                return cls(cluster.target, name)
        raise TargetError(f"no workload of namespace {cluster.namespace} was made by a helm release")

    def history(self) -> list[Revision]:
        """The latest revisions, oldest first."""
        rows = json.loads(self._helm("history", self.name, "--output", "json", "--max", "5"))
        revisions = (
            Revision(number=row["revision"], status=row["status"], description=row["description"]) for row in rows
        )
        return sorted(revisions, key=lambda revision: revision.number)

    def objects(self) -> dict[str, Any]:
        """What is installed, as the chart rendered it, by kind and name."""
        return _by_name(self._helm("get", "manifest", self.name))

    def objects_of_chart(self) -> dict[str, Any]:
        """What this clone's chart makes of the values that are installed; changes nothing."""
        answer = json.loads(self._upgrade("--dry-run=server", "--output", "json"))
        return _by_name(answer["manifest"])

    def upgrade(self, values: Mapping[str, Any], *, description: str) -> None:
        """The installed values with these in their place; no hooks run."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            yaml.safe_dump(dict(values), file)
            file.flush()
            self._upgrade("--no-hooks", "--values", file.name, "--description", description)

    def roll_back(self, revision: int) -> None:
        """What that revision had installed, object by object; no hooks run."""
        self._helm("rollback", self.name, str(revision), "--no-hooks")

    def _upgrade(self, *arguments: str) -> str:
        return self._helm("upgrade", self.name, str(self._chart), "--reuse-values", *arguments)

    def _helm(self, *arguments: str) -> str:
        call = f"helm {arguments[0]} {self.name}"
        try:
            ended = subprocess.run(  # noqa: S603 the program was looked up, no shell reads the words
                [self._program, *arguments, *self._where], capture_output=True, text=True, timeout=_CALL_ENDED_S,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClientError(f"{call}: {error}") from error
        if ended.returncode != 0:
            raise ClientError(f"{call}: {' '.join(ended.stderr.split())[:600]}")
        return ended.stdout


def _program() -> str:
    own = cache() / "bin" / "helm"
    found = str(own) if own.is_file() else shutil.which("helm")
    if found is None:
        raise TargetError(f"no helm at {own} nor on the PATH: `tox -e up` makes one")
    return found


def _by_name(manifest: str) -> dict[str, Any]:
    objects = (entry for entry in yaml.safe_load_all(manifest) if entry)
    return {f"{entry['kind']} {entry['metadata']['name']}": entry for entry in objects}
