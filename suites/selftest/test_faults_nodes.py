"""A node is lost or drained only where that is allowed, is proved from elsewhere, and comes back whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from suites.harness.clients import expiry, uncordon
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.machines import Loss, NodeProvider
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, NothingSelected, NotReached, TargetError, Unsupported
from suites.harness.faults import nodes, undo
from suites.harness.faults.base import Fault
from suites.harness.faults.drain import DrainNode
from suites.harness.faults.nodes import PauseNode, StopNode
from suites.harness.faults.placement import place_again, placement
from suites.harness.faults.records import local_folder
from suites.harness.faults.victims import choose_pod_on_worker
from suites.harness.target import Target
from suites.selftest.toy_cluster import Marks, ToyCluster, ToyNodes, killed, node, pod

SOON = Deadlines().stretched(0.001)
ROLES = {"postgresql-0": "replica", "postgresql-1": "primary", "postgresql-2": "replica"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def target(*components: str, **changes: Any) -> Target:
    """The kind target with no more components than are looked at."""
    loaded = Target.load("kind")
    return replace(loaded, components={name: loaded.component(name) for name in components}, **changes)


def apps(**changes: Any) -> ToyCluster:
    """One pod of the app on each worker."""
    return ToyCluster([pod("app-0", on="w0"), pod("app-1", on="w1")], target=target("app"), **changes)


def made(kind: Callable[..., Fault], cluster: ToyCluster, component: str = "app", **given: Any) -> Any:
    history, deadlines = given.pop("history", Marks()), given.pop("deadlines", SOON)
    return kind(component, cluster=cast(Cluster, cluster), history=history, deadlines=deadlines, **given)


def untouched(cluster: ToyCluster) -> bool:
    return not cluster.done and not cluster.nodes.done and not cluster.kept and not local_folder().exists()


@dataclass
class ToyProvider:
    """Takes nodes of the toy cluster away: their kubelets do not answer. A stopped one starts its containers anew."""

    cluster: ToyCluster
    works: bool = True
    refuses: str = ""
    done: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    def check(self, node: str, loss: Loss) -> None:
        if self.refuses:
            raise Unsupported(f"node {node} cannot be {loss}: {self.refuses}")

    def lose(self, node: str, loss: Loss, *, for_s: float) -> None:
        self.done.append(f"{node} {loss} for {for_s:g} s with {len(self.cluster.kept)} record kept")
        if self.works:
            self.lost.add(node)
            self.cluster.nodes.silent.add(node)
        if loss == "stopped":
            self.cluster.pods_there = [killed(pod) if pod.node == node else pod for pod in self.cluster.pods_there]

    def restore(self, node: str) -> None:
        self.done.append(f"{node} restored")
        self.lost.discard(node)
        self.cluster.nodes.silent.discard(node)
        self.cluster.nodes.change(node, is_ready=True)

    def is_lost(self, node: str) -> bool:
        return node in self.lost


def provided(monkeypatch: pytest.MonkeyPatch, cluster: ToyCluster, **changes: Any) -> ToyProvider:
    provider = ToyProvider(cluster, **changes)
    as_a_provider: NodeProvider = provider
    monkeypatch.setattr(nodes, "provider_of", lambda _: as_a_provider)
    return provider


# Which node


def test_the_control_plane_is_never_chosen() -> None:
    cluster = ToyCluster([pod("app-0", on="cp"), pod("app-1", on="w1", restarts=5)], target=target("app"))
    assert choose_pod_on_worker(cast(Cluster, cluster), "app", None).name == "app-1"
    cluster.pods_there = cluster.pods_there[:1]
    with pytest.raises(Unsupported, match="every ready pod of app is on the control plane"):
        choose_pod_on_worker(cast(Cluster, cluster), "app", None)


@pytest.mark.parametrize(
    ("placed", "role", "chosen"),
    [
        (("w1", "w1", "w0"), "replica", "postgresql-2"),
        (("w0", "w1", "w1"), "replica", "postgresql-0"),
        (("w1", "w1", "w1"), "replica", "postgresql-0"),
        (("w0", "w0", "w0"), "primary", "postgresql-1"),
        (("w0", "w1", "cp"), None, "postgresql-0"),
    ],
)
def test_a_replicas_node_is_one_without_the_primary_where_there_is_one(
    placed: tuple[str, ...], role: str | None, chosen: str
) -> None:
    pods = [pod(name, on=on) for name, on in zip(ROLES, placed, strict=True)]
    cluster = ToyCluster(pods, target=target("postgresql"), roles=ROLES)
    assert choose_pod_on_worker(cast(Cluster, cluster), "postgresql", role).name == chosen


def test_the_fullest_worker_is_the_one_with_the_most_pods_to_choose_from() -> None:
    pods = [pod("app-0", on="w0"), pod("app-1", on="w1", restarts=5), pod("app-2", on="w1", restarts=6)]
    crowd = [pod(f"app-{number}", on="cp") for number in range(3, 6)]
    cluster = cast(Cluster, ToyCluster(pods + crowd, target=target("app")))
    assert choose_pod_on_worker(cluster, "app", None).name == "app-0"
    assert choose_pod_on_worker(cluster, "app", None, fullest=True).name == "app-1"


# Loss


@pytest.mark.parametrize(("kind", "loss"), [(PauseNode, "paused"), (StopNode, "stopped")])
def test_a_lost_node_is_proved_by_its_kubelet_and_comes_back(
    monkeypatch: pytest.MonkeyPatch, kind: type[Fault], loss: str
) -> None:
    cluster, marks = apps(), Marks()
    provider = provided(monkeypatch, cluster)
    with made(kind, cluster, for_s=60, history=marks) as fault:
        assert fault.name == f"node w0, with app-0, {loss} for 60 s"
        assert fault.expires_after_s == (60 if loss == "paused" else 75)
        assert fault.lost.pods == ("app-0",)
        assert fault.observed() == "the API server does not reach the kubelet of w0, but that of cp, w1"
        cluster.nodes.change("w0", is_ready=False)
        assert fault.noticed() == "node w0 is no longer called ready"
    assert provider.done == [f"w0 {loss} for 60 s with 1 record kept", "w0 restored"]
    assert marks.kinds == ["injecting", "observed", "observed", "healing", "healed"] and not cluster.kept


def test_a_node_that_was_not_lost_was_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, marks = apps(), Marks()
    provided(monkeypatch, cluster, works=False)
    with (
        pytest.raises(NotReached, match="the kubelet of w0, alone of all"),
        made(PauseNode, cluster, for_s=60, history=marks) as fault,
    ):
        fault.observed()
    assert marks.kinds == ["injecting", "healing", "healed"]


def test_an_api_server_that_reaches_no_kubelet_proves_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = apps()
    provided(monkeypatch, cluster)
    with (
        pytest.raises(NotReached, match="does not reach w1 either"),
        made(PauseNode, cluster, for_s=60) as fault,
    ):
        cluster.nodes.silent.add("w1")
        fault.observed()


def test_a_loss_that_the_cluster_does_not_notice_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, marks = apps(), Marks()
    provided(monkeypatch, cluster)
    with (
        pytest.raises(NotReached, match="node w0 no longer called ready"),
        made(PauseNode, cluster, for_s=60, history=marks) as fault,
    ):
        fault.noticed()
    assert "observed" not in marks.kinds


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"target": target("app", node_provider="none")}, Unsupported, "nobody who could take a node away"),
        ({"target": target("app", node_provider="nowhere.nodes:Ec2")}, TargetError, "No module named 'nowhere'"),
        ({"target": target("app", node_provider="os:Ec2")}, TargetError, "has no attribute 'Ec2'"),
    ],
)
def test_without_a_node_provider_nothing_is_touched(changes: dict[str, Any], error: type[Exception], says: str) -> None:
    cluster = replace(apps(), **changes)
    with pytest.raises(error, match=says), made(PauseNode, cluster, for_s=60):
        pass
    assert untouched(cluster)


def test_what_cannot_be_lost_or_told_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = apps()
    provider = provided(monkeypatch, cluster, refuses="it is paused")
    with pytest.raises(Unsupported, match="node w0 cannot be stopped: it is paused"), made(StopNode, cluster, for_s=9):
        pass
    provider.refuses = ""
    cluster.nodes.silent.add("w1")
    with pytest.raises(Unsupported, match="reaches no kubelet on w1"), made(StopNode, cluster, for_s=9):
        pass
    cluster.pods_there = []
    with pytest.raises(NothingSelected), made(StopNode, cluster, for_s=9):
        pass
    assert untouched(cluster) and not provider.done


@pytest.mark.parametrize("trouble", ["no heartbeat", "not ready", "a pod is missing"])
def test_a_node_that_is_not_back_keeps_its_record(monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    cluster, marks = apps(), Marks()
    provider = provided(monkeypatch, cluster)
    fault = made(PauseNode, cluster, for_s=60, history=marks).__enter__()
    if trouble == "no heartbeat":
        cluster.nodes.beats_stop = True
    elif trouble == "not ready":
        monkeypatch.setattr(cluster.nodes, "node", lambda name: replace(node(name), is_ready=False))
    else:
        cluster.pods_there = cluster.pods_there[1:]
    with pytest.raises(NotReached, match="app ready again" if "pod" in trouble else "node w0 back and ready"):
        fault.heal()
    assert marks.kinds[-1] == "healing" and len(cluster.kept) == 1 and not provider.is_lost("w0")


def test_who_comes_next_brings_a_node_back_from_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = apps()
    provider = provided(monkeypatch, cluster)
    made(StopNode, cluster, for_s=60).__enter__()
    healed, _ = undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)
    assert [entry.kind for entry in healed] == ["stop_node"] and not provider.lost and not cluster.kept


# Drain


def drained(cluster: ToyCluster) -> ToyCluster:
    """What is evicted is made anew on the other node."""
    cluster.remake = lambda gone: replace(gone, uid=f"{gone.uid}+", node="w1" if gone.node == "w0" else "w0")
    cluster.nodes.evicted = cluster.take
    return cluster


def test_a_drained_node_is_cordoned_and_its_pods_are_evicted() -> None:
    pods = [
        pod("app-0", on="w0"), pod("app-1", on="w1"), pod("redis-0", on="w0"), replace(pod("job-0"), phase="Succeeded"),
        replace(pod("agent-0", on="w0"), owner="DaemonSet"),
    ]  # fmt: skip
    cluster, marks = drained(ToyCluster(pods, target=target("app", "redis"))), Marks()
    with made(DrainNode, cluster, for_s=60, history=marks) as fault:
        assert fault.observed() == "node w0 is cordoned and 2 pods are gone from it"
        assert expiry.is_armed("kind-site-search.w0.uncordon")
    assert cluster.nodes.done[:4] == ["cordon w0", "evict app-0", "evict redis-0", "uncordon w0"]
    assert marks.kinds == ["injecting", "observed", "healing", "healed"]
    assert not expiry.is_armed("kind-site-search.w0.uncordon") and not cluster.kept


def test_the_node_with_most_of_the_components_pods_is_drained() -> None:
    pods = [pod("app-0", on="w0"), pod("app-1", on="w1"), pod("app-2", on="w1")]
    cluster = drained(ToyCluster(pods, target=target("app")))
    with made(DrainNode, cluster, for_s=60) as fault:
        assert fault.observed() == "node w1 is cordoned and 2 pods are gone from it"


def test_a_pod_that_its_budget_keeps_is_told_and_the_drain_stands() -> None:
    cluster = drained(ToyCluster([pod("app-0"), pod("redis-0")], target=target("app", "redis")))
    cluster.nodes.budgets = {"redis-0": "redis needs 1 healthy pod"}
    with made(DrainNode, cluster, for_s=60) as fault:
        assert fault.observed() == (
            "node w0 is cordoned and 1 pods are gone from it; redis-0 stays (redis needs 1 healthy pod)"
        )


def test_a_budget_that_gives_way_is_asked_again() -> None:
    cluster = drained(apps())
    cluster.nodes.budgets = {"app-0": "wait for the switchover"}
    cluster.nodes.gives_way_after = 3
    with made(DrainNode, cluster, for_s=60, deadlines=Deadlines()) as fault:
        assert fault.observed() == "node w0 is cordoned and 1 pods are gone from it"


def test_a_drain_that_leaves_its_own_pod_was_not_observed() -> None:
    cluster = drained(apps())
    cluster.nodes.budgets = {"app-0": "app needs 2 healthy pods"}
    with (
        pytest.raises(NotReached, match="app-0 is still on node w0: app needs 2 healthy pods"),
        made(DrainNode, cluster, for_s=60) as fault,
    ):
        fault.observed()
    assert cluster.nodes.done == ["cordon w0", "uncordon w0"]


def test_a_drain_asks_again_when_the_api_is_in_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = drained(apps())
    evict, calls = cluster.nodes.evict, iter([None])

    def in_trouble_once(pod: Any, *, dry_run: bool = False) -> str | None:
        if not dry_run and next(calls, "over") is None:
            raise ClientError("evict pod app-0: 500")
        return evict(pod, dry_run=dry_run)

    monkeypatch.setattr(cluster.nodes, "evict", in_trouble_once)
    with made(DrainNode, cluster, for_s=60, deadlines=Deadlines()) as fault:
        assert fault.observed() == "node w0 is cordoned and 1 pods are gone from it"


def test_a_node_that_somebody_uncordoned_is_not_drained() -> None:
    cluster = drained(apps())
    with pytest.raises(NotReached, match="node w0 is not cordoned"), made(DrainNode, cluster, for_s=60) as fault:
        cluster.nodes.change("w0", is_cordoned=False)
        fault.observed()


def test_a_drain_that_may_not_or_cannot_be_touches_nothing() -> None:
    cluster = apps(nodes=ToyNodes(forbidden="403 Forbidden"))
    with pytest.raises(ClientError, match="cordon node w0: 403"), made(DrainNode, cluster, for_s=60):
        pass
    cluster.nodes.forbidden = ""
    cluster.nodes.change("w0", is_cordoned=True)
    with pytest.raises(Unsupported, match="w0 is cordoned already"), made(DrainNode, cluster, for_s=60):
        pass
    assert untouched(cluster)


def test_no_node_was_chosen_before_it_is_entered() -> None:
    for fault in (made(PauseNode, apps(), for_s=60), made(DrainNode, apps(), for_s=60)):
        with pytest.raises(FaultError, match="no node of app was chosen yet"):
            _ = fault.name


def test_what_ends_a_drain_needs_nothing_of_the_one_that_began_it() -> None:
    words = uncordon.command(Target.load("kind", kubeconfig=Path("k")), "w0")
    assert words[3:5] == ["-m", "suites.harness.clients.uncordon"]
    assert words[5:] == [str(Path("k").resolve()), "kind-site-search", "w0"]


# Placement


def test_a_node_that_comes_back_gets_its_share_of_the_replicas_back() -> None:
    cluster = drained(ToyCluster([pod("app-0", on="w0"), pod("app-1", on="w1")], target=target("app", "redis")))
    before = placement(cast(Cluster, cluster))
    assert before == {"app": {"w0": 1, "w1": 1}}
    cluster.pods_there = [pod("app-0", on="w1"), pod("app-1", on="w1")]
    place_again(cast(Cluster, cluster), before, SOON)
    assert placement(cast(Cluster, cluster)) == before and cluster.nodes.done == ["evict app-0"]
    place_again(cast(Cluster, cluster), before, SOON)
    assert cluster.nodes.done == ["evict app-0"]


@pytest.mark.parametrize("why", ["cordoned", "refused", "the scheduler chooses otherwise"])
def test_replicas_that_cannot_be_placed_as_before_stay_where_they_are(why: str) -> None:
    cluster = drained(ToyCluster([pod("app-0", on="w1"), pod("app-1", on="w1")], target=target("app")))
    if why == "cordoned":
        cluster.nodes.change("w0", is_cordoned=True)
    elif why == "refused":
        cluster.nodes.budgets = {"app-0": "no"}
    else:
        cluster.remake = lambda gone: replace(gone, uid=f"{gone.uid}+")
    place_again(cast(Cluster, cluster), {"app": {"w0": 1, "w1": 1}}, SOON)
    assert placement(cast(Cluster, cluster)) == {"app": {"w1": 2}}
    # It gives up after as many moves as there are pods.
    assert len(cluster.nodes.done) == (2 if why.startswith("the scheduler") else 0)
