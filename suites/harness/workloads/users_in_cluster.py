"""Users with think time, by pods of the target's own cluster: Locust's master and its workers, as a chart's Jobs.

The users, their locustfile and what they write down are those of `run_users`; only who plays them is another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from suites.harness.clients.helm import CHARTS, Release
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, TargetError
from suites.harness.target import Target
from suites.harness.wait import until
from suites.harness.workloads.crowd import HTML, Crowd, UserScript, code_of
from suites.harness.workloads.openloop import GeneratorError
from suites.harness.workloads.players import MASTER, WORKER, Players, players_of
from suites.harness.workloads.user_report import HISTORY, LOOKS, REPORT
from suites.harness.workloads.users import LOG, START_AND_END_S, UsersRun

RELEASE = "site-search-load"
IMAGE_ANNOTATION = "sre.site-search/load-image"
HOW_TO_GET_AN_IMAGE = (
    "make it with `python -m reference.cluster images --load loadgenerator`, or name one that nodes can pull in the "
    "values that the target's [load] names"
)
_INSTANCE_LABEL = "app.kubernetes.io/instance"
_LOG_LINES = 5000
_THIS_MACHINE = ("localhost", "127.", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersInCluster:
    """Pods of the target's namespace that play users: `workers` of them, and one that shares the users out.

    They are there for one run, however that ends; what a run that was killed left behind goes before the next one.
    """

    cluster: Cluster
    deadlines: Deadlines
    base_url: str
    workers: int
    folder: Path
    say: Callable[[str], None]

    def run(self, locustfile: Path, script: UserScript, crowd: Crowd) -> UsersRun:
        """So many users come, stay together for that long, and go, if those in the image are of this locustfile.

        Raises TargetError when the target has no place for them, GeneratorError when their pods do not end well.
        """
        values = values_of(self.cluster, crowd, base_url=self.base_url, workers=self.workers)
        values["code"] = code_of(locustfile)
        release = Release(self.cluster.target, RELEASE, chart=CHARTS / RELEASE)
        self.folder.mkdir(parents=True, exist_ok=True)
        told = self.folder / "users-script.json"
        script.for_each_of(self.workers).write(told)
        if release.is_there():
            self.say(f"an earlier run left release {RELEASE} in namespace {self.cluster.namespace}: it is taken off")
            release.uninstall()
        try:
            release.install(values, texts={"script": told}, description="users of a check")
            self._until_all_run()
            exit_code = self._until_the_end(crowd)
            if exit_code == 0:
                self._bring_home()
        finally:
            self._keep_logs()
            release.uninstall()
            self.say(f"release {RELEASE} is taken off again")
        return UsersRun.read(self.folder, exit_code=exit_code, log=self.folder / LOG)

    def _until_all_run(self) -> None:
        self.say(f"a master and {self.workers} workers of Locust start in namespace {self.cluster.namespace}")
        seen = until(
            self._look,
            where=lambda seen: seen.all_run(self.workers) or bool(seen.lacking),
            within=self.deadlines.players_started_s,
            what=f"{self.workers + 1} pods that play users",
        )
        if seen.lacking:
            raise TargetError(f"{seen.lacking}: {HOW_TO_GET_AN_IMAGE}")

    def _until_the_end(self, crowd: Crowd) -> int:
        self.say(f"they run: {crowd.users} users come, stay for {crowd.for_s:g} s and go, {crowd.run_s:.0f} s in all")
        seen = until(
            self._look,
            where=lambda seen: seen.master_ended is not None or bool(seen.failed),
            # Each look is work for the cluster that is being measured.
            every=2.0,
            within=crowd.run_s + self.deadlines.players_started_s + START_AND_END_S,
            what="the end of Locust's master",
        )
        if seen.master_ended is None:
            name, exit_code = next(iter(seen.failed.items()))
            said = self.cluster.logs(name, WORKER, lines=1).strip() or "it said nothing"
            raise GeneratorError(f"{name} ended with {exit_code}: {said}; log {self.folder / name}.log")
        return seen.master_ended

    def _look(self) -> Players:
        return players_of(self._pods())

    def _pods(self) -> list[dict[str, Any]]:
        found = self.cluster.manifests("Pod").values()
        return [pod for pod in found if pod["metadata"].get("labels", {}).get(_INSTANCE_LABEL) == RELEASE]

    def _bring_home(self) -> None:
        for name in (HISTORY, LOOKS, REPORT, HTML):
            content = until(
                partial(self.cluster.service_get, f"{RELEASE}-{MASTER}:results", name),
                within=self.deadlines.call_answered_s,
                what=f"{name} from the master's pod",
            )
            (self.folder / name).write_bytes(content)

    def _keep_logs(self) -> None:
        """Of all who play; what cannot be had must not keep them from being taken off."""
        with suppress(ClientError):
            for pod in self._pods():
                name, component = pod["metadata"]["name"], pod["metadata"]["labels"]["component"]
                file = self.folder / (LOG if component == MASTER else f"{name}.log")
                with suppress(ClientError):
                    file.write_text(self.cluster.logs(name, component, lines=_LOG_LINES), encoding="utf-8")


def values_of(cluster: Cluster, crowd: Crowd, *, base_url: str, workers: int) -> dict[str, Any]:
    """The target's own values for the chart, and what this run wants of it. Raises TargetError where one is missing."""
    given = _given(cluster.target)
    annotations = cluster.namespace_marks()["annotations"]
    image = dict(given.get("image", {}))
    if IMAGE_ANNOTATION in annotations:
        image["repository"], _, image["tag"] = annotations[IMAGE_ANNOTATION].rpartition(":")
    if not image.get("repository"):
        raise TargetError(f"no image is named that plays users in the cluster: {HOW_TO_GET_AN_IMAGE}")
    address = _address(cluster.target, given.get("target", {}), base_url)
    key = cluster.target.secret("admin_api_key")
    return {
        **given,
        "image": image,
        "target": {**address, "apiKeySecret": {"name": key.name, "key": key.key}},
        "users": crowd.users,
        "seconds": math.ceil(crowd.for_s),
        "spawnedPerSecond": math.ceil(crowd.spawned_per_s),
        "workers": workers,
    }


def _given(target: Target) -> dict[str, Any]:
    if target.load_values is None:
        return {}
    try:
        return dict(yaml.safe_load(target.load_values.read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise TargetError(f"target {target.name}: no values for the load: {error}") from error


def _address(target: Target, given: Mapping[str, str], base_url: str) -> dict[str, str]:
    """Where pods ask, and as which host: the one that everybody else asks for."""
    if url := given.get("url"):
        return {"url": url, "host": given.get("host") or urlsplit(base_url).netloc}
    if (urlsplit(base_url).hostname or "").startswith(_THIS_MACHINE):
        raise TargetError(
            f"pods of the cluster do not reach {base_url}: say where they reach the ingress, as target.url in the "
            f"values that [load] of target {target.name} names"
        )
    return {"url": base_url, "host": given.get("host", "")}
