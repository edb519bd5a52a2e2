"""Pods that play users: what is read of them, what they are given, and that none of them stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from reports.records import HistoryWriter, Operation
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, HarnessError, NotReached, TargetError
from suites.harness.target import Target
from suites.harness.workloads import users_in_cluster
from suites.harness.workloads.crowd import Crowd, UserScript, code_of
from suites.harness.workloads.openloop import REPOSITORY, GeneratorError
from suites.harness.workloads.players import players_of
from suites.harness.workloads.user_report import UserReport
from suites.harness.workloads.users_in_cluster import IMAGE_ANNOTATION, RELEASE, UsersInCluster, values_of

LOCUSTFILE = REPOSITORY / "suites" / "load" / "locustfile.py"
IMAGE = "localhost/site-search/loadgenerator:1"
CROWD = Crowd(users=20, for_s=2.5)
SCRIPT = UserScript(titles={"s1": ["river stone"]}, scrape_sites=["t1"], scrapes_at_most=3, seed=1)
RUNS: dict[str, Any] = {"running": {}}
NO_IMAGE: dict[str, Any] = {"waiting": {"reason": "ErrImagePull", "message": "connection refused"}}
NO_ROOM = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "2 Insufficient cpu."}


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code}}


def pod(component: str, state: dict[str, Any] | None, number: int = 0, *conditions: dict[str, str]) -> dict[str, Any]:
    """A pod of the release as the API writes it; its second container always runs."""
    statuses = [{"name": "results", "state": RUNS}, {"name": component, "state": state}]
    return {
        "metadata": {
            "name": f"load-{component}-{number}",
            "labels": {"component": component, "app.kubernetes.io/instance": RELEASE},
        },
        "spec": {"nodeName": "w0", "containers": [{"name": component, "image": IMAGE}]},
        "status": {"conditions": list(conditions), **({"containerStatuses": statuses} if state else {})},
    }


def test_pods_that_run_and_one_that_has_ended() -> None:
    seen = players_of([pod("master", ended(0)), pod("worker", RUNS), pod("worker", ended(3), 1)])
    assert (seen.master_ended, seen.failed, seen.lacking) == (0, {"load-worker-1": 3}, "")
    assert seen.all_run(2) and not seen.all_run(3)


def test_a_master_that_runs_has_not_ended_though_another_container_has() -> None:
    seen = players_of([pod("master", RUNS), pod("worker", ended(0))])
    assert seen.master_ended is None and seen.failed == {}


def test_a_pod_without_room_tells_what_the_scheduler_says() -> None:
    seen = players_of([pod("master", RUNS), pod("worker", None, 0, NO_ROOM)])
    assert "load-worker-0 waits: Unschedulable: 2 Insufficient cpu." in repr(seen)
    # A node may come.
    assert seen.lacking == "" and not seen.all_run(1)


def test_a_node_without_the_image_is_hopeless() -> None:
    seen = players_of([pod("master", RUNS), pod("worker", NO_IMAGE)])
    assert seen.lacking == f"node w0 has no image {IMAGE} and cannot pull it (ErrImagePull)"


@dataclass
class ToyCluster:
    """A namespace in which the load's pods are whatever `looks` says next; the last look stays."""

    looks: list[list[dict[str, Any]]] = field(default_factory=list)
    target: Target = field(default_factory=lambda: Target.load("kind"))
    annotations: dict[str, str] = field(default_factory=lambda: {IMAGE_ANNOTATION: IMAGE})
    files: Mapping[str, bytes] = field(default_factory=dict)
    namespace: str = "site-search"

    def namespace_marks(self) -> dict[str, dict[str, str]]:
        return {"labels": {}, "annotations": self.annotations}

    def manifests(self, kind: str) -> dict[str, dict[str, Any]]:
        assert kind == "Pod"
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        other = {"metadata": {"name": "site-search-app-1", "labels": {"component": "app"}}}
        return {each["metadata"]["name"]: each for each in (*look, other)}

    def logs(self, pod: str, container: str, *, lines: int) -> str:
        said = (f"this is {pod} {container}", "Gave up waiting for workers to connect")
        return "\n".join(said[-lines:])

    def service_get(self, service: str, path: str) -> bytes:
        assert service == f"{RELEASE}-master:results"
        return self.files[path]


@dataclass
class ToyRelease:
    """Remembers in which order it was called."""

    left: bool = False
    refuses: BaseException | None = None
    done: list[str] = field(default_factory=list)
    values: Mapping[str, Any] = field(default_factory=dict)
    script: dict[str, Any] = field(default_factory=dict)

    def __call__(self, target: Target, name: str, *, chart: Path) -> ToyRelease:
        assert (chart / "Chart.yaml").exists() and (target.name, name) == ("kind", RELEASE)
        return self

    def is_there(self) -> bool:
        return self.left

    def install(self, values: Mapping[str, Any], *, texts: Mapping[str, Path], description: str) -> None:
        self.done.append("install")
        assert description
        self.values, self.script = values, json.loads(texts["script"].read_text())
        if self.refuses:
            raise self.refuses

    def uninstall(self) -> None:
        self.done.append("uninstall")


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> ToyRelease:
    release = ToyRelease()
    monkeypatch.setattr(users_in_cluster, "Release", release)
    return release


def players(
    cluster: ToyCluster, folder: Path, said: list[str] | None = None, *, started_s: float = 0.1
) -> UsersInCluster:
    deadlines = replace(Deadlines(), players_started_s=started_s)
    return UsersInCluster(
        cluster=cast(Cluster, cluster), deadlines=deadlines, base_url="http://127.0.0.1:8080", workers=2, folder=folder,
        say=(said if said is not None else []).append,
    )  # fmt: skip


def written(folder: Path) -> dict[str, bytes]:
    """What Locust's master leaves."""
    folder.mkdir()
    operation = Operation(client="user-1", kind="search", intended=1.0, started=1.0, finished=1.1, outcome="ok")
    for name in ("history.jsonl", "users.jsonl"):
        with HistoryWriter(folder / name) as history:
            history.add(operation)
    report = UserReport(
        processes=3, users_most=20, late_p50_ms=1.0, late_p99_ms=2.0, cpu_s=1.0, cpu_cores=0.1, cpu_warnings=(),
        scrapes_submitted=1, real_time=False, unexpected=(),
    )  # fmt: skip
    (folder / "users.json").write_text(json.dumps(asdict(report)))
    (folder / "locust.html").write_text("<html>")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_what_the_master_wrote_is_here_when_its_pods_are_gone(release: ToyRelease, tmp_path: Path) -> None:
    all_run = [pod("master", RUNS), pod("worker", RUNS), pod("worker", RUNS, 1)]
    over = [pod("master", ended(0)), pod("worker", ended(0)), pod("worker", ended(0), 1)]
    cluster = ToyCluster([[], all_run[:2], all_run, all_run, over], files=written(tmp_path / "pod"))
    said: list[str] = []
    found = players(cluster, tmp_path / "evidence", said, started_s=30).run(LOCUSTFILE, SCRIPT, CROWD)
    assert (len(found.history.operations), len(found.looks.operations), found.report.processes) == (1, 1, 3)
    assert release.done == ["install", "uninstall"]
    assert release.script["scrapes_at_most"] == 2 and release.values["seconds"] == 3
    assert release.values["code"] == code_of(LOCUSTFILE)
    assert {"locust.html", "locust.log", "load-worker-1.log"} <= {
        each.name for each in (tmp_path / "evidence").iterdir()
    }
    assert "20 users come, stay for 2.5 s and go" in said[1]


@pytest.mark.parametrize(
    ("look", "error", "says"),
    [
        ([pod("master", RUNS), pod("worker", NO_IMAGE)], TargetError, "has no image .*: make it with"),
        ([pod("master", RUNS), pod("worker", None, 0, NO_ROOM)], NotReached, "3 pods .* Insufficient cpu"),
        (
            [pod("master", RUNS), pod("worker", RUNS), pod("worker", ended(1), 1)],
            GeneratorError,
            "load-worker-1 ended with 1: .*Gave up waiting.*; log .*load-worker-1.log",
        ),
        (
            [pod("master", ended(1)), pod("worker", RUNS), pod("worker", RUNS, 1)],
            GeneratorError,
            "Locust ended with 1 and no report: Gave up waiting for workers to connect",
        ),
    ],
    ids=["no image", "no room", "worker ended", "nobody joined"],
)
def test_pods_that_do_not_play_are_an_error_and_taken_off(
    release: ToyRelease, tmp_path: Path, look: list[dict[str, Any]], error: type[HarnessError], says: str
) -> None:
    with pytest.raises(error, match=says):
        players(ToyCluster([look]), tmp_path).run(LOCUSTFILE, SCRIPT, CROWD)
    assert release.done == ["install", "uninstall"]


@pytest.mark.parametrize("refuses", [KeyboardInterrupt(), ClientError("helm install: no")])
def test_whatever_was_begun_is_taken_off(release: ToyRelease, tmp_path: Path, refuses: BaseException) -> None:
    release.refuses = refuses
    with pytest.raises(type(refuses)):
        players(ToyCluster([[]]), tmp_path).run(LOCUSTFILE, SCRIPT, CROWD)
    assert release.done == ["install", "uninstall"]


def test_what_a_killed_run_left_is_named_and_goes_first(release: ToyRelease, tmp_path: Path) -> None:
    release.left = True
    release.refuses = ClientError("enough")
    said: list[str] = []
    with pytest.raises(ClientError):
        players(ToyCluster([[]]), tmp_path, said).run(LOCUSTFILE, SCRIPT, CROWD)
    assert release.done == ["uninstall", "install", "uninstall"]
    assert said[0] == "an earlier run left release site-search-load in namespace site-search: it is taken off"


def given(cluster: ToyCluster, base_url: str = "http://127.0.0.1:8080") -> dict[str, Any]:
    return values_of(cast(Cluster, cluster), CROWD, base_url=base_url, workers=2)


def test_pods_ask_the_ingress_by_their_own_address_for_the_host_that_everybody_asks_for() -> None:
    values = given(ToyCluster())
    assert values["target"] == {
        "url": "http://skipper.ingress",
        "host": "127.0.0.1:8080",
        "apiKeySecret": {"name": "site-search-secrets", "key": "admin-api-key"},
    }
    assert values["image"] == {"repository": "localhost/site-search/loadgenerator", "tag": "1"}
    assert values["worker"] == yaml.safe_load(cast(Path, Target.load("kind").load_values).read_text())["worker"]
    assert (values["users"], values["workers"], values["spawnedPerSecond"]) == (20, 2, 50)


def test_an_address_of_the_world_is_one_of_the_pods_too(tmp_path: Path) -> None:
    file = tmp_path / "load.yaml"
    file.write_text("image: {repository: registry.example/load, tag: v1}\n")
    target = replace(Target.load("kind"), load_values=file)
    values = given(ToyCluster(target=target, annotations={}), "https://search.example.com")
    assert (values["target"]["url"], values["target"]["host"]) == ("https://search.example.com", "")
    assert values["image"] == {"repository": "registry.example/load", "tag": "v1"}


@pytest.mark.parametrize(
    ("text", "annotations", "says"),
    [
        (None, {IMAGE_ANNOTATION: IMAGE}, "pods of the cluster do not reach http://127.0.0.1:8080: say where"),
        (None, {}, "no image is named that plays users in the cluster: make it with"),
        ("a: [", {IMAGE_ANNOTATION: IMAGE}, "target kind: no values for the load: "),
    ],
)
def test_what_the_target_does_not_tell_is_asked_for(
    tmp_path: Path, text: str | None, annotations: dict[str, str], says: str
) -> None:
    file = tmp_path / "load.yaml"
    file.write_text(text or "")
    target = replace(Target.load("kind"), load_values=file if text else None)
    with pytest.raises(TargetError, match=says):
        given(ToyCluster(target=target, annotations=annotations))
