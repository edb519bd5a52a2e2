"""Faults in a pod's network hit what they say, are gone when their time is over, and refuse what they cannot do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, NothingSelected, NotReached, Refused, Unsupported
from suites.harness.faults import undo
from suites.harness.faults.dns import DnsOutage
from suites.harness.faults.latency import SlowDependency, SlowNetwork
from suites.harness.faults.network import PodsFault, timed_set
from suites.harness.faults.partition import Partition
from suites.harness.faults.policy import PolicyPartition, cut_off, labels_of, selects
from suites.harness.faults.records import UndoRecord, local_folder
from suites.harness.target import Target
from suites.selftest.toy_cluster import Marks, pod
from suites.selftest.toy_network import ADDRESS, SERVICE, ToyNet

SOON = Deadlines().stretched(0.001)
UNKNOWN_PID = 2**22 + 1


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    return tmp_path


def there(**given: Any) -> ToyNet:
    return ToyNet([pod("app-0"), pod("app-1"), pod("redis-0")], **given)


def on(cluster: ToyNet, marks: Marks | None = None) -> dict[str, Any]:
    return {
        "cluster": cast(Cluster, cluster),
        "history": marks if marks is not None else Marks(),
        "deadlines": SOON,
        "for_s": 30,
    }


def partition(cluster: ToyNet, marks: Marks | None = None) -> Partition:
    return Partition("app", "redis", **on(cluster, marks))


def test_a_partition_cuts_every_way_and_leaves_nothing_behind() -> None:
    cluster, marks = there(), Marks()
    with partition(cluster, marks) as fault:
        assert fault.observed() == ("none of 4 connections from app-0, app-1 to redis that were possible before is now")
        assert all(cluster.tables.values())
    assert sorted(cluster.done) == [
        "rules in app-0 with 1 record kept",
        "rules in app-1 with 1 record kept",
        "sweep of app-0",
        "sweep of app-1",
    ]
    assert marks.kinds == ["injecting", "observed", "healing", "healed"]
    assert not cluster.kept and not any(cluster.tables.values()) and not list(local_folder().iterdir())


def test_the_rules_hit_both_directions_and_end_by_the_kernels_clock() -> None:
    cluster = there()
    with partition(cluster) as fault:
        rules = fault.rules("sre_1")
    assert f"elements = {{ {ADDRESS} timeout 30s, {SERVICE} timeout 30s }};" in rules
    assert "ip saddr @peers4 counter drop" in rules and "ip daddr @peers4 counter drop" in rules
    assert timed_set("none", "ipv6_addr", [], 30) == "set none { type ipv6_addr; flags timeout;  }"


def test_a_container_of_ours_is_used_again() -> None:
    cluster = there()
    for _ in range(2):
        with partition(cluster):
            pass
    assert {name: len(entries) for name, entries in cluster.ephemeral.there.items()} == {"app-0": 1, "app-1": 1}
    cluster.ephemeral.end("app-0")
    with partition(cluster):
        pass
    assert {name: len(entries) for name, entries in cluster.ephemeral.there.items()} == {"app-0": 2, "app-1": 1}


@pytest.mark.parametrize(
    ("cluster", "error", "says"),
    [
        (there(labels={}), Refused, "does not allow faults"),
        (there(target=replace(Target.load("kind"), may_break=frozenset({"app"}))), Refused, "faults on redis"),
        (ToyNet([pod("redis-0")]), NothingSelected, "component=app"),
        (ToyNet([pod("app-0")]), NothingSelected, "component=redis"),
        (there(cut_off={"app-1"}), Unsupported, "app-1 cannot connect to redis even without a fault"),
    ],
    ids=["not allowed here", "not on the peer", "no victim", "no peer", "not connected before"],
)
def test_nothing_is_touched_where_a_fault_may_not_or_cannot_be(
    cluster: ToyNet, error: type[Exception], says: str
) -> None:
    marks = Marks()
    with pytest.raises(error, match=says), partition(cluster, marks):
        pass
    assert not cluster.done and not cluster.kept and not marks and not local_folder().exists()


def test_where_one_pod_refuses_a_container_none_is_given_one() -> None:
    cluster = there()
    cluster.ephemeral.refusing.add("app-1")
    with pytest.raises(Unsupported, match="app-1 may not be given a container for network: violates PodSecurity"):
        partition(cluster).__enter__()
    assert not cluster.ephemeral.there and not cluster.kept


def test_without_an_image_it_says_where_one_is_named() -> None:
    cluster = there()
    cluster.ephemeral.annotated = ""
    with pytest.raises(Unsupported, match=r"no image .* give target kind one \(faults.image\)"):
        partition(cluster).__enter__()


def test_a_container_that_does_not_start_is_an_error() -> None:
    cluster = there()
    cluster.ephemeral.start = False
    with pytest.raises(NotReached, match="container sre-network-1 running in pod app-0"):
        partition(cluster).__enter__()
    assert not cluster.kept


def test_a_peer_that_listens_nowhere_is_to_be_named_first() -> None:
    cluster = there()
    cluster.network.ways = ()
    with pytest.raises(Unsupported, match="redis listens on no TCP port: name it first and app as its peer"):
        partition(cluster).__enter__()


def test_a_pod_cannot_be_on_both_sides() -> None:
    with pytest.raises(FaultError, match="app-0, app-1 would be on both sides"):
        Partition("app", "app", **on(there())).__enter__()


def test_two_roles_of_one_component_are_two_sides() -> None:
    cluster = ToyNet(
        [pod("postgresql-0"), pod("postgresql-1")], roles={"postgresql-0": "primary", "postgresql-1": "replica"}
    )
    with Partition("postgresql", "postgresql", role="primary", peer_role="replica", **on(cluster)) as fault:
        assert fault.name == "partition between postgresql (primary) and postgresql (replica)"
        assert fault.observed().startswith("none of 2 connections from postgresql-0 to postgresql (replica)")


def test_a_fault_of_no_length_is_none() -> None:
    with pytest.raises(FaultError, match="a fault must last"):
        Partition("app", "redis", **{**on(there()), "for_s": 0})


def test_rules_that_do_not_bite_were_not_observed() -> None:
    cluster, marks = there(rules_bite=False), Marks()
    with (
        pytest.raises(NotReached, match=r"no way from app to redis open.*app-0 → "),
        partition(cluster, marks) as fault,
    ):
        fault.observed()
    assert marks.kinds == ["injecting", "healing", "healed"] and not any(cluster.tables.values())


def test_rules_that_stay_are_told_and_remembered() -> None:
    cluster, marks = there(stuck=True), Marks()
    with pytest.raises(ClientError, match="in app-0/sre-network-1"), partition(cluster, marks):
        pass
    assert marks.kinds == ["injecting", "healing"] and len(cluster.kept) == 1


def abandoned(fault: PodsFault, cluster: ToyNet) -> UndoRecord:
    """The record of a runner that was killed while the fault was on."""
    fault.__enter__()
    (text,) = cluster.kept.values()
    return replace(UndoRecord.parse("here", text), pid=UNKNOWN_PID)


@pytest.mark.parametrize(
    "made",
    [
        lambda cluster: partition(cluster),
        lambda cluster: DnsOutage("app", **on(cluster)),
        lambda cluster: SlowNetwork("app", "redis", loss_ratio=0.1, **on(cluster)),
        lambda cluster: SlowDependency("app", "redis", latency_ms=100, **on(cluster)),
    ],
    ids=["partition", "dns", "loss", "slow dependency"],
)
def test_whoever_comes_next_takes_the_rules_away(made: Callable[[ToyNet], PodsFault]) -> None:
    cluster = there()
    record = abandoned(made(cluster), cluster)
    record.write(cluster)
    # One victim is gone, and one container of ours was ended with its rules still there.
    cluster.pods_there = [entry for entry in cluster.pods_there if entry.name != "app-1"]
    cluster.wanted["app"] = 1
    cluster.tables.pop("app-1")
    cluster.ephemeral.end("app-0")
    healed, held = undo.replay(cast(Cluster, cluster), SOON, only_abandoned=True)
    assert ([entry.kind for entry in healed], held) == ([record.kind], [])
    assert not any(cluster.tables.values()) and not cluster.kept


def test_for_a_fault_that_is_over_no_container_is_made() -> None:
    cluster = there()
    record = replace(abandoned(partition(cluster), cluster), expires_at=time.time() - 60)
    record.write(cluster)
    cluster.ephemeral.end("app-0")
    undo.replay(cast(Cluster, cluster), SOON, only_abandoned=True)
    assert [len(entries) for entries in cluster.ephemeral.there.values()] == [1, 1]
    assert cluster.done[-1] == "sweep of app-1" and not cluster.kept


def test_a_dns_outage_is_seen_in_every_victim() -> None:
    cluster = there()
    with DnsOutage("app", **on(cluster)) as fault:
        assert fault.observed() == (
            "kubernetes.default.svc is not found within 3 s by app-0, app-1, which found it before"
        )
        assert "set dns { type inet_service; flags timeout; elements = { 53 timeout 30s };" in fault.rules("sre_1")
        cluster.tables["app-1"].clear()
        with pytest.raises(NotReached, match=r"no look-up of kubernetes\.default\.svc answered"):
            fault.observed()


def test_a_dns_outage_needs_dns_that_works() -> None:
    cluster = there(cut_off={"app-0"})
    with pytest.raises(Unsupported, match=r"app-0 cannot look up kubernetes\.default\.svc even without a fault"):
        DnsOutage("app", **on(cluster)).__enter__()
    assert not cluster.done and not cluster.kept


def test_a_slow_network_is_measured_before_and_after() -> None:
    cluster = there(latency_ms=100.0)
    with SlowNetwork("app", "redis", latency_ms=100, loss_ratio=0.05, **on(cluster)) as fault:
        assert fault.name == "100 ms more and 5.0% of packets lost between app and redis"
        assert fault.observed() == (
            "app-0 to redis and back in 101 ms instead of 1; app-1 to redis and back in 101 ms instead of 1; "
            "3 packets of app-0 lost; 3 packets of app-1 lost"
        )
        rules = fault.rules("sre_0000000a")
    assert "ip daddr @peers4 numgen random mod 10000 < 500 counter name lost drop" in rules
    assert "ip saddr @peers4  meta mark set 0x5200000b" in rules
    assert "-m mark --mark 0x5200000b -j NFQUEUE --queue-num 11 --queue-bypass" in rules


def test_a_slow_dependency_answers_late_but_connects_at_once() -> None:
    cluster = there(latency_ms=100.0)
    with SlowDependency("app", "redis", latency_ms=100, **on(cluster)) as fault:
        assert fault.name == "redis answers app 100 ms late"
        fault.observed()
        rules = fault.rules("sre_0000000a")
    assert "ip saddr @peers4 tcp flags & syn == 0 meta mark set" in rules and "numgen" not in rules


@pytest.mark.parametrize(
    ("cluster", "latency_ms", "loss_ratio"),
    [(there(latency_ms=80.0), 100, 0.0), (there(lost=0), 0, 0.05)],
    ids=["not late enough", "nothing lost"],
)
def test_a_network_that_is_not_slow_was_not_observed(cluster: ToyNet, latency_ms: float, loss_ratio: float) -> None:
    fault = SlowNetwork("app", "redis", latency_ms=latency_ms, loss_ratio=loss_ratio, **on(cluster))
    with pytest.raises(NotReached), fault:
        fault.observed()
    assert not any(cluster.tables.values())


def test_a_kernel_without_a_queue_for_packets_is_unsupported() -> None:
    cluster = there(has_queue=False)
    with pytest.raises(Unsupported, match=r"no queue for packets \(NFQUEUE\): .*No such file"):
        SlowNetwork("app", "redis", latency_ms=100, **on(cluster)).__enter__()
    assert not cluster.done and not cluster.kept


@pytest.mark.parametrize(("latency_ms", "loss_ratio"), [(0, 0), (-1, 0.1), (10, 1.0)])
def test_what_is_no_slow_network_is_refused(latency_ms: float, loss_ratio: float) -> None:
    with pytest.raises(FaultError, match="is no slow network"):
        SlowNetwork("app", "redis", latency_ms=latency_ms, loss_ratio=loss_ratio, **on(there()))


def policy_partition(cluster: ToyNet, marks: Marks | None = None) -> PolicyPartition:
    return PolicyPartition("app", "redis", **on(cluster, marks))


def test_a_policy_cuts_two_components_off_and_is_removed() -> None:
    cluster = there()
    with policy_partition(cluster) as fault:
        fault.observed()
        assert len(cluster.policies.there) == 1
    assert cluster.policies.done == ["make for 30 s"] and not cluster.policies.there and not cluster.kept


def test_a_policy_that_nobody_enforces_was_not_observed() -> None:
    cluster, marks = there(policies_bite=False), Marks()
    with pytest.raises(NotReached, match="no way from app to redis open"), policy_partition(cluster, marks) as fault:
        fault.observed()
    assert "observed" not in marks.kinds and not cluster.policies.there


def test_pods_under_another_policy_cannot_be_cut_off_by_one() -> None:
    cluster = there()
    cluster.policies.there = {"default": {"podSelector": {}}, "other": {"podSelector": {"matchLabels": {"a": "b"}}}}
    cluster.policies_bite = False
    with pytest.raises(Unsupported, match="app is under default already"):
        policy_partition(cluster).__enter__()
    assert not cluster.policies.done and not cluster.kept


def test_a_policy_lets_everything_pass_but_the_peer() -> None:
    spec = cut_off({"a": "app"}, {"a": "x", "b": "y"}, namespace="here", addresses=(ADDRESS, "fd00::1"))
    assert spec["podSelector"] == {"matchLabels": {"a": "app"}}
    others = spec["egress"][0]["to"]
    assert spec["ingress"][0]["from"] == others
    assert [entry["podSelector"]["matchExpressions"][0] for entry in others[:2]] == [
        {"key": "a", "operator": "NotIn", "values": ["x"]},
        {"key": "b", "operator": "NotIn", "values": ["y"]},
    ]
    assert others[2]["namespaceSelector"]["matchExpressions"][0]["values"] == ["here"]
    assert [entry["ipBlock"] for entry in others[3:]] == [
        {"cidr": "0.0.0.0/0", "except": [f"{ADDRESS}/32"]},
        {"cidr": "::/0", "except": ["fd00::1/128"]},
    ]


def test_only_labels_and_their_values_have_a_contrary() -> None:
    assert labels_of("a=b,c==d") == {"a": "b", "c": "d"}
    for selector in ("a", "a!=b", "a in (b,c)"):
        with pytest.raises(Unsupported, match="no policy can say its contrary"):
            labels_of(selector)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ({}, True),
        ({"matchLabels": {"a": "b"}}, True),
        ({"matchLabels": {"a": "c"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, False),
        ({"matchExpressions": [{"key": "z", "operator": "NotIn", "values": ["b"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_a_policys_selector_finds_pods_by_their_labels(selector: dict[str, Any], found: bool) -> None:
    assert selects(selector, {"a": "b"}) is found
