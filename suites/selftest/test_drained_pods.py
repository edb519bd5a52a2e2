"""App pods that are missing while a node is drained, and what users feel meanwhile, on histories written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from reports import objectives
from reports.judge import judge
from reports.records import History, Mark, MarkKind, Measurement, Operation, Verdict
from suites.harness.checkers.pods import pods_missing_in_drain
from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Readiness
from suites.harness.errors import ClientError
from suites.harness.pod_watch import PodWatch
from suites.harness.wait import until
from suites.selftest.toy_cluster import ToyCluster, pod

CLIENTS = {"search-new": 40, "search-reused": 40, "write-new": 20, "write-reused": 20}
INJECTED_S, OBSERVED_S, HEALED_S, END_S = 12.0, 25.0, 35.0, 58.0
MARKS: dict[MarkKind, float] = {"injecting": INJECTED_S, "observed": OBSERVED_S, "healed": HEALED_S}
WANTED = 3


def requests(failed: tuple[float, float] = (0.0, 0.0), *, without: str = "") -> History:
    """Searches and writes at their rates; writes due between two moments are not answered well."""
    operations = [
        Operation(
            client=client,
            kind=client.partition("-")[0],
            intended=at,
            started=at,
            finished=at + 0.001,
            outcome="fail" if client == "write-new" and failed[0] <= at < failed[1] else "ok",
        )
        for client, rate_hz in CLIENTS.items()
        for at in [number / rate_hz for number in range(round(END_S * rate_hz))]
    ]
    marks = tuple(Mark(mark=mark, fault="drain of node w1", at=at) for mark, at in MARKS.items() if mark != without)
    return History(tuple(sorted(operations, key=lambda operation: operation.intended)), marks)


def looks(*missing: tuple[float, float, int], every: float = 0.1, unseen: tuple[float, float] = (0.0, 0.0)) -> History:
    """So many app pods missing from one moment to another, looked at all the time but for one."""
    moments = [number * every for number in range(round((END_S + 1) / every))]
    lacking = {at: sum(count for begin, end, count in missing if begin <= at < end) for at in moments}
    return History(
        tuple(look(at, in_service=WANTED - lacking[at]) for at in moments if not unseen[0] < at < unseen[1]), ()
    )


def look(at: float, *, in_service: int, unready: int = 0) -> Operation:
    return Operation(
        client="app", kind="count pods", intended=at, started=at, finished=at + 0.01, outcome="ok",
        value={"ready": in_service - unready, "in_service": in_service, "wanted": WANTED},
    )  # fmt: skip


def verdict(found: Measurement) -> Verdict:
    return judge(objectives.load()["rollout.drain_pods_missing"], found, check="c", evidence="e", at=0.0)


ONE_AT_A_TIME = looks((13.0, 18.0, 1), (18.5, 24.0, 1))


def test_pods_that_go_one_at_a_time_are_within_the_promise() -> None:
    found = pods_missing_in_drain(requests(), ONE_AT_A_TIME)
    assert (found.value, found.unit, found.doubts, found.fault) == (1.0, "count", (), "drain of node w1")
    assert found.guards["longest_gap_s"] == pytest.approx(0.05)
    assert found.facts["missing_for_s"] == {"1": 10.5}
    assert verdict(found).word == "pass"


def test_more_pods_than_wanted_are_none_missing() -> None:
    more = History(tuple(look(each.finished, in_service=WANTED + 1) for each in ONE_AT_A_TIME.operations), ())
    assert pods_missing_in_drain(requests(), more).value == 0.0


def test_two_pods_missing_at_one_moment_are_too_many_also_when_nothing_failed() -> None:
    found = pods_missing_in_drain(requests(), looks((13.0, 18.0, 1), (17.9, 24.0, 1)))
    assert (found.value, found.facts["errors"]) == (2.0, 0)
    told = verdict(found)
    assert told.word == "fail" and "drain_pods_missing 2, at most 1 allowed" in told.reason.splitlines()[0]


def test_a_pod_that_missed_a_probe_was_not_taken_away_and_is_told() -> None:
    busy = [look(each.finished, in_service=WANTED - 1, unready=1) for each in ONE_AT_A_TIME.operations]
    found = pods_missing_in_drain(requests(), History(tuple(busy), ()))
    assert (found.value, list(found.facts["fewer_ready_for_s"])) == (1.0, ["2"])


def test_requests_that_fail_are_told() -> None:
    found = pods_missing_in_drain(requests((20.0, 21.0)), ONE_AT_A_TIME)
    assert (found.facts["errors"], found.facts["requests"]) == (20, (END_S - INJECTED_S) * sum(CLIENTS.values()))
    assert verdict(found).word == "pass"


def test_users_who_are_left_alone_for_longer_than_by_a_lost_node_are_too_many_missing_pods(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{__name__}.END_S", 110.0)
    found = pods_missing_in_drain(requests((20.0, 81.0)), looks((13.0, 18.0, 1)))
    assert found.guards["longest_gap_s"] == pytest.approx(61.05, abs=0.01)
    told = verdict(found)
    assert told.word == "fail" and "longest_gap_s" in told.reason.splitlines()[0]


def test_pods_that_were_missing_before_the_drain_are_not_its_own() -> None:
    assert pods_missing_in_drain(requests(), looks((2.0, 8.0, 2))).value == 0.0


@pytest.mark.parametrize(
    ("looked", "doubt"),
    [
        (History((), ()), "no look at the pods"),
        (
            History(tuple(replace(each, outcome="unknown", value=None) for each in looks().operations), ()),
            "no look at the pods",
        ),
        (looks(every=0.25), "the pods were looked at every 0.25 s, 0.2 s needed"),
        (looks(unseen=(14.0, 19.0)), "the pods were not looked at for 5.0 s"),
        (looks(unseen=(-1.0, 17.0)), "the pods were not looked at for 5.0 s"),
        (looks(unseen=(53.0, 60.0)), "the pods were not looked at for 5.0 s"),
    ],
)
def test_pods_that_were_not_looked_at_may_have_been_missing(looked: History, doubt: str) -> None:
    found = pods_missing_in_drain(requests(), looked)
    assert doubt in found.doubts
    assert verdict(found).word == "inconclusive"


@pytest.mark.parametrize(
    ("recorded", "doubt"),
    [
        (requests(without="observed"), "was never observed"),
        (requests(without="healed"), "was never healed"),
        (requests(without="injecting"), "no fault was injected"),
        (History((), ()), "no traffic was recorded"),
    ],
)
def test_a_drain_that_was_not_seen_whole_is_inconclusive(recorded: History, doubt: str) -> None:
    found = pods_missing_in_drain(recorded, ONE_AT_A_TIME, doubts=["late"])
    assert any(doubt in told for told in found.doubts) and "late" in found.doubts
    assert verdict(found).word == "inconclusive"


class ToyApp(ToyCluster):
    """The second look is not answered; from the third on the first pod misses its probes."""

    asked = 0

    def readiness(self, component: str) -> Readiness:
        self.asked += 1
        if self.asked == 2:
            raise ClientError("read Deployment: 500")
        if self.asked == 3:
            self.pods_there[0] = replace(self.pods_there[0], is_ready=False)
        return super().readiness(component)


def test_a_watch_counts_the_pods_that_were_ready_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suites.harness.pod_watch._LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("suites.harness.pod_watch._ASK_WHAT_IS_WANTED_EVERY_S", 0.0)
    starting, going = replace(pod("app-1"), is_ready=False), replace(pod("app-2"), is_terminating=True)
    cluster = ToyApp([pod("app-0"), starting, going])
    with PodWatch(cast(Cluster, cluster), "app", tmp_path / "app-pods.jsonl") as watch:
        until(lambda: cluster.asked > 4, within=20, every=0.01, what="four looks")
    first, second, _, fourth, *_ = watch.history().operations
    assert (first.client, first.outcome, first.value) == ("app", "ok", {"ready": 1, "in_service": 1, "wanted": 3})
    assert (second.outcome, second.value, second.error) == ("unknown", None, "read Deployment: 500")
    assert fourth.value == {"ready": 0, "in_service": 1, "wanted": 3}
