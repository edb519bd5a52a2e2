"""What containers use: read from a kubelet's metrics, and turned into cores by hand-written looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from reports.records import Operation, Window
from suites.harness.checkers.usage import cores
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.usage import ContainerUsage, Kubelets, beside_pods_of, usage_of
from suites.harness.errors import ClientError
from suites.harness.usage_watch import UsageWatch
from suites.selftest.toy_cluster import ToyCluster, pod

METRICS = """
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="",cpu="total",id="/a",namespace="n",pod="app-1"} 36.1 1000500
container_cpu_usage_seconds_total{container="app",cpu="total",id="/a/b",namespace="n",pod="app-1"} 37.5 1000500
container_memory_rss{container="app",id="/a/b",namespace="n",pod="app-1"} 1.26787584e+08 1000500
container_memory_rss{container="",id="/",namespace="",pod=""} 9e+09 1000500
container_file_descriptors{container="app",id="/a/b",namespace="n",pod="app-1"} 59 1000500
container_sockets{container="app",id="/a/b",namespace="n",pod="app-1"} 46 1000500
container_sockets_of_another_kind{container="app",namespace="n",pod="app-1"} 1 1000500
machine_cpu_cores{boot_id="x"} 2
"""


def test_a_kubelets_metrics_are_read_by_container() -> None:
    assert usage_of(METRICS) == [
        ContainerUsage(
            namespace="n", pod="app-1", container="app", at=1000.5, cpu_s=37.5, memory_bytes=126787584, descriptors=59,
            sockets=46,
        )
    ]  # fmt: skip


def test_metrics_of_nothing_are_no_containers() -> None:
    assert usage_of("") == []


def test_what_a_node_runs_itself_is_the_whole_without_its_pods() -> None:
    def told(cores_s: float, memory: int) -> dict[str, Any]:
        cpu = {"time": "2026-11-28T14:00:10Z", "usageCoreNanoSeconds": int(cores_s * 1e9)}
        return {"cpu": cpu, "memory": {"rssBytes": memory}}

    parts = [{"name": "runtime", **told(0, 0)}, {"name": "pods", **told(4, 3072)}]
    assert beside_pods_of("w0", {"node": {**told(6.5, 4096), "systemContainers": parts}}) == [
        ContainerUsage(namespace="", pod="w0", container="system", at=1795874410.0, cpu_s=2.5, memory_bytes=1024)
    ]


def test_a_node_that_does_not_tell_its_pods_apart_tells_nothing_of_itself() -> None:
    assert beside_pods_of("w0", {"node": {"cpu": {"usageCoreNanoSeconds": 1}, "systemContainers": []}}) == []


def look(client: str, at: float | None, cpu_s: float | None, *, group: str = "app") -> Operation:
    value: dict[str, Any] = {"group": group, "at": at, "cpu_s": cpu_s}
    return Operation(client=client, kind="use", intended=0.0, started=0.0, finished=1.0, outcome="ok", value=value)


WINDOW = Window(start=10.0, end=40.0)


@pytest.mark.parametrize(
    ("seen", "used"),
    [
        # Two within, and what came before and after is left out.
        ([(5.0, 0.0), (12.0, 10.0), (12.0, 10.0), (32.0, 18.0), (65.0, 99.0)], 0.4),
        # A little outside is better than a little of the window.
        ([(8.0, 0.0), (25.0, 4.0), (41.0, 9.9)], 0.3),
        # Half of it is not the window's own.
        ([(0.0, 0.0), (20.0, 9.0)], None),
        ([(12.0, 1.0)], None),
        # A counter that begins anew.
        ([(12.0, 50.0), (32.0, 1.0)], 0.0),
    ],
)
def test_cores_are_between_the_two_measurements_that_tell_most(
    seen: list[tuple[float, float]], used: float | None
) -> None:
    found = cores([look("a/app", at, cpu_s) for at, cpu_s in seen], WINDOW)
    assert found == {"app": used if used is None else pytest.approx(used)}


def test_the_containers_of_a_group_are_added_up() -> None:
    looks = [look(f"{pod}/app", at, at * 0.25) for pod in ("a", "b") for at in (11.0, 31.0)]
    looks += [look("r/redis", at, at * 0.1, group="redis") for at in (11.0, 31.0)]
    assert cores(looks, WINDOW) == {"app": pytest.approx(0.5), "redis": pytest.approx(0.1)}


def test_a_group_of_which_a_part_was_not_measured_has_no_number() -> None:
    looks = [look("a/app", at, at * 0.25) for at in (11.0, 31.0)]
    assert cores([*looks, look("b/app", 12.0, 1.0)], WINDOW) == {"app": None}


@pytest.mark.parametrize(("at", "cpu_s"), [(None, None), (5.0, 1.0), (45.0, 1.0)])
def test_what_was_not_there_meanwhile_is_no_part(at: float | None, cpu_s: float | None) -> None:
    looks = [look("a/app", at, at * 0.25) for at in (11.0, 31.0)]
    assert cores([*looks, look("b/app", at, cpu_s)], WINDOW) == {"app": pytest.approx(0.25)}


def test_a_kubelet_that_did_not_answer_adds_nothing() -> None:
    unanswered = Operation(
        client="node", kind="use", intended=0.0, started=0.0, finished=1.0, outcome="unknown", error="no"
    )
    assert cores([unanswered], WINDOW) == {}


class ToyKubelets:
    """One node with a container of the app and one of nobody's; another node that does not answer."""

    def __init__(self, pod: str, *, forbidden: bool = False) -> None:
        self._pod = pod
        self._forbidden = forbidden

    def nodes(self) -> list[str]:
        if self._forbidden:
            raise ClientError("list nodes: 403 Forbidden")
        return ["n1", "n2"]

    def beside_pods(self, node: str) -> list[ContainerUsage]:
        return [ContainerUsage(namespace="", pod=node, container="system", at=1.0, cpu_s=2.0)]

    def usage(self, node: str) -> list[ContainerUsage]:
        if node == "n2":
            raise ClientError("ask the kubelet of n2: 503")
        return [
            ContainerUsage(namespace="site-search", pod=self._pod, container="c", at=1.0, cpu_s=2.0),
            ContainerUsage(namespace="kube-system", pod="dns", container="dns", at=1.0, cpu_s=2.0),
        ]


def watched(folder: Path, *, forbidden: bool = False, beside_pods: bool = False) -> tuple[Operation, ...]:
    cluster = ToyCluster([pod("app-0")])
    kubelets = ToyKubelets("app-0", forbidden=forbidden)
    watch = UsageWatch(
        cast(Cluster, cluster),
        folder / "usage.jsonl",
        kubelets=cast(Kubelets, kubelets),
        every_s=60,
        beside_pods=beside_pods,
    )
    with watch:
        pass
    return watch.history().operations


def test_a_watch_tells_components_from_others_and_who_did_not_answer(tmp_path: Path) -> None:
    looks = watched(tmp_path)
    groups = {look.client: look.value["group"] for look in looks if look.outcome == "ok"}
    assert groups == {"app-0/c": "app", "dns/dns": "kube-system"}
    assert {(look.client, look.error) for look in looks if look.outcome != "ok"} == {
        ("n2", "ask the kubelet of n2: 503")
    }


def test_a_watch_that_may_not_look_says_so_and_goes_on(tmp_path: Path) -> None:
    looks = watched(tmp_path, forbidden=True)
    assert [(look.outcome, look.error) for look in looks] == [("unknown", "list nodes: 403 Forbidden")]


def test_a_watch_looks_beside_the_pods_where_it_is_told_to(tmp_path: Path) -> None:
    looks = watched(tmp_path, beside_pods=True)
    assert {look.client: look.value["group"] for look in looks if look.outcome == "ok"} == {
        "app-0/c": "app", "dns/dns": "kube-system", "n1/system": "",
    }  # fmt: skip
