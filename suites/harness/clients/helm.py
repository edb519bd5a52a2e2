"""Releases of charts in the target's namespace, the platform's above all, through the helm program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from suites.harness.clients.kubernetes import Cluster
from suites.harness.errors import ClientError, TargetError
from suites.harness.target import Target, cache

CHARTS = Path(__file__).resolve().parents[3] / "charts"
CHART = CHARTS / "site-search"
_RELEASE_ANNOTATION = "meta.helm.sh/release-name"
# An upgrade without hooks only sends objects; a hundred of them take seconds.
_CALL_ENDED_S = 180.0
# Helm forgets older revisions. A mutant that is there while several releases come and go is still to be taken off.
_KEPT = ("--history-max", "50")
# What helm does before and after it waits.
_MARGIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change of a release, as its history tells."""

    number: int
    status: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """How a release went: whether its revision stayed, how long that took to be known, and what helm said."""

    stayed: bool
    took_s: float
    said: str


class Release:
    """A release in the target's namespace, of the platform's own chart by default.

    Every call that fails is a ClientError naming it; only `go_out` waits for pods, and `uninstall` for their end.
    """

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
        with _written({}) as file:
            answer = json.loads(self._upgrade(file, "--dry-run=server", "--output", "json"))
        return _by_name(answer["manifest"])

    def upgrade(self, values: Mapping[str, Any], *, description: str, hooks: bool = False) -> None:
        """The installed values with these in their place; migrations run where hooks do."""
        with _written(values) as file:
            self._upgrade(file, "--description", description, *([] if hooks else ["--no-hooks"]))

    def go_out(self, values: Mapping[str, Any], *, description: str, timeout_s: float) -> Released:
        """The same as a pipeline does it: migrations first, then wait until all is ready, and back when it is not.

        Raises ClientError when helm never came to begin.
        """
        before = self.history()[-1].number
        started = time.monotonic()
        atomic = ("--atomic", "--timeout", f"{timeout_s:.0f}s", "--description", description)
        try:
            with _written(values) as file:
                # The way back is given the same time again.
                self._upgrade(file, *atomic, within_s=2 * timeout_s + _MARGIN_S)
        except ClientError as error:
            if self.history()[-1].number == before:
                raise
            return Released(stayed=False, took_s=time.monotonic() - started, said=str(error))
        return Released(stayed=True, took_s=time.monotonic() - started, said="deployed")

    def is_there(self) -> bool:
        """Whether there is a release of this name, however it is."""
        name = f"^{re.escape(self.name)}$"
        return bool(json.loads(self._helm("list", "--all", "--filter", name, "--output", "json")))

    def install(self, values: Mapping[str, Any], *, texts: Mapping[str, Path], description: str) -> None:
        """The chart with these values, those in `texts` read from files; does not wait for pods."""
        read = [word for name, file in texts.items() for word in ("--set-file", f"{name}={file}")]
        with _written(values) as file:
            chart = (str(self._chart), "--values", file, *read, "--description", description)
            self._helm("install", self.name, *chart)

    def uninstall(self) -> None:
        """Take all of it off, to the last pod; one that is not there is no error."""
        timeout = f"{_CALL_ENDED_S - _MARGIN_S:.0f}s"
        self._helm(
            "uninstall", self.name, "--ignore-not-found", "--wait", "--cascade", "foreground", "--timeout", timeout
        )

    def roll_back(self, revision: int) -> None:
        """What that revision had installed, object by object; no hooks run."""
        self._helm("rollback", self.name, str(revision), "--no-hooks", *_KEPT)

    def _upgrade(self, values: str, *arguments: str, within_s: float = _CALL_ENDED_S) -> str:
        chart = (str(self._chart), "--reuse-values", "--values", values)
        return self._helm("upgrade", self.name, *chart, *_KEPT, *arguments, within_s=within_s)

    def _helm(self, *arguments: str, within_s: float = _CALL_ENDED_S) -> str:
        call = f"helm {arguments[0]} {self.name}"
        try:
            ended = subprocess.run(  # noqa: S603 the program was looked up, no shell reads the words
                [self._program, *arguments, *self._where], capture_output=True, text=True, timeout=within_s,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClientError(f"{call}: {error}") from error
        if ended.returncode != 0:
            raise ClientError(f"{call}: {' '.join(ended.stderr.split())[:600]}")
        return ended.stdout


@contextmanager
def _written(values: Mapping[str, Any]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(dict(values), file)
        file.flush()
        yield file.name


def _program() -> str:
    own = cache() / "bin" / "helm"
    found = str(own) if own.is_file() else shutil.which("helm")
    if found is None:
        raise TargetError(f"no helm at {own} nor on the PATH: `tox -e up` makes one")
    return found


def _by_name(manifest: str) -> dict[str, Any]:
    objects = (entry for entry in yaml.safe_load_all(manifest) if entry)
    return {f"{entry['kind']} {entry['metadata']['name']}": entry for entry in objects}
