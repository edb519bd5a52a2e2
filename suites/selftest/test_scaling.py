"""How long an autoscaler took, on histories written by hand, each outcome once; one that is set and put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from reports.records import History, Mark, Measurement, Operation
from suites.harness.checkers.scaling import Load, lost_in_scale_in, reaction_s, ready_s
from suites.harness.clients.objects import Readiness
from suites.harness.clients.scaler import HELD_AT, ScalerState
from suites.harness.deadlines import Deadlines
from suites.harness.errors import Unsupported
from suites.harness.faults.scaler import SetScaler, one_step_in
from suites.harness.target import ScalerRef
from suites.selftest.toy_cluster import ToyCluster

QUERY = 'max(celery_queue_length{queue="scraping"})'


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    key: str
    attempts: int = 1
    finished_at: float | None = None


def look(kind: str, at: float, value: Any, error: str | None = None) -> Operation:
    return Operation(
        client="worker", kind=f"look at {kind}", intended=at, started=at, finished=at,
        outcome="unknown" if error else "ok", value=value, error=error,
    )  # fmt: skip


def workers(at: float, wanted: int, there: int, ready: int, leaving: int = 0) -> Operation:
    names = [f"w{number}" for number in range(there + leaving)]
    return look(
        "workers", at, {"wanted": wanted, "there": names[:there], "ready": names[:ready], "leaving": names[there:]}
    )


def submits(count: int, at: float = 100.0) -> list[Operation]:
    return [
        Operation(
            client="submit", kind="submit", intended=at, started=at, finished=at + 0.1 * n, outcome="ok",
            value=f"t{n}",
        )
        for n in range(count)
    ]  # fmt: skip


def scrapes(count: int, ends: float | None = 150.0) -> list[Scrape]:
    return [Scrape(key=f"t{n}", finished_at=ends) for n in range(count)]


# Eleven are one too many for two workers of five each: the clock starts at 101.
QUICK = [
    workers(99.0, 2, 2, 2),
    *(workers(100.0 + n, 2, 2, 2) for n in range(15)),
    look("metric", 104.0, {"queued": 20.0}),
    look("autoscaler", 112.0, {"per_pod": 10.0, "trouble": ""}),
    workers(115.0, 4, 3, 2),
    workers(117.0, 4, 4, 2),
    workers(119.0, 4, 4, 4),
]


def reaction(*records: Operation, load: int = 20, ends: float | None = 150.0, looked_for_s: float = 60) -> Measurement:
    history = History(tuple(sorted((*submits(load), *records), key=lambda each: each.intended)), ())
    given = Load(history=history, scrapes=scrapes(load, ends), per_worker=5)
    return reaction_s(given, query=QUERY, looked_for_s=looked_for_s)


def test_every_hop_is_told_and_which_one_took_the_longest() -> None:
    found = reaction(*QUICK)
    assert found.value == pytest.approx(14.0)
    assert (found.unit, found.doubts) == ("s", ())
    assert found.facts["at_s"] == {
        "metric visible": 3.0,
        "metric seen by the autoscaler": 11.0,
        "more workers wanted": 14.0,
        "worker created": 14.0,
        "worker ready": 18.0,
        "queue drained": 49.0,
    }
    assert found.facts["slowest_hop"] == "metric seen by the autoscaler"
    assert "trouble" not in found.facts


def test_ten_ready_workers_are_waited_for_from_the_first_scrape_where_there_was_none() -> None:
    looks = [workers(99.0, 0, 0, 0), workers(102.0, 1, 1, 0), workers(104.0, 10, 10, 3), workers(105.0, 10, 10, 10)]
    history = History((*submits(60), *looks), ())
    found = ready_s(
        Load(history=history, scrapes=scrapes(60), per_worker=5), ready=10, query=QUERY, looked_for_s=150
    )  # fmt: skip
    assert found.value == pytest.approx(5.0)
    assert found.doubts == ()
    assert found.facts["at_s"]["10 workers ready"] == 5.0


def test_a_worker_that_never_comes_took_at_least_as_long_as_it_was_looked_for() -> None:
    trouble = "FailedGetExternalMetric: unable to get external metric s0-prometheus"
    looks = [
        *(workers(99.0 + n, 2, 2, 2) for n in range(70)),
        *(look("metric", 101.0 + n, {"queued": None}) for n in range(60)),
        look("autoscaler", 120.0, {"per_pod": None, "trouble": trouble}),
    ]
    found = reaction(*looks, ends=None)
    assert found.value == pytest.approx(60.0)
    assert found.doubts == ()
    assert found.facts["never"] == "no worker created within 60 s"
    assert found.facts["trouble"] == [trouble, f"metric absent: Prometheus has no answer to {QUERY}"]


def test_a_metric_that_stayed_low_or_was_not_read_is_named() -> None:
    still = [workers(99.0 + n, 2, 2, 2) for n in range(70)]
    low = reaction(*still, *(look("metric", 101.0 + n, {"queued": 0.0}) for n in range(60)), ends=None)
    assert low.facts["trouble"] == [f"metric at most 0: {QUERY}"]
    deaf = reaction(*still, *(look("metric", 101.0 + n, None, "no answer") for n in range(60)), ends=None)
    assert deaf.facts["trouble"] == ["metric not read: no answer"]


@pytest.mark.parametrize(
    ("records", "load", "ends", "doubt"),
    [
        ([workers(99.0, 2, 2, 2)], 10, None, "10 scrapes accepted, never over the target of 2 workers"),
        ([], 20, None, "no look at the workers"),
        ([workers(99.0, 2, 2, 2)], 0, None, "no scrape"),
        ([workers(102.0, 2, 2, 2)], 20, None, "no look at the workers before the first scrape"),
        ([workers(99.0 + n, 2, 2, 2) for n in range(70)], 20, 110.0, "the queue was not over the target any more"),
        ([workers(99.0, 2, 2, 2), workers(160.0, 2, 3, 2)], 20, None, "the workers were not looked at for 59.0 s"),
    ],
)
def test_what_makes_it_inconclusive(records: list[Operation], load: int, ends: float | None, doubt: str) -> None:
    assert any(doubt in each for each in reaction(*records, load=load, ends=ends).doubts)


def test_nothing_is_measured_where_it_was_looked_for_too_short_a_time() -> None:
    found = reaction(*(workers(99.0 + n, 2, 2, 2) for n in range(20)), ends=None)
    assert found.value is None


LOST = Measurement(value=0.0, unit="count", samples=12, guards={"duplicated_effects": 0.0})


def scaled_in(*looks: Operation, ends: float = 150.0) -> Measurement:
    history = History((*submits(12), *looks), ())
    ended = [Scrape(key=f"t{n}", attempts=2 if n == 0 else 1, finished_at=ends) for n in range(12)]
    return lost_in_scale_in(LOST, Load(history=history, scrapes=ended, per_worker=5), changed_at=110.0)


def test_workers_that_left_while_scrapes_were_open_are_counted() -> None:
    found = scaled_in(workers(99.0, 10, 10, 10), workers(125.0, 3, 3, 3, leaving=7))
    assert (found.value, found.doubts) == (0.0, ())
    assert found.guards == {"duplicated_effects": 0.0, "attempts_most": 2.0}
    assert (found.facts["workers_left"], found.facts["scrapes_attempted_twice"]) == (7, 1)


@pytest.mark.parametrize("looks", [[], [workers(160.0, 3, 3, 3, leaving=7)]], ids=["none left", "all was done"])
def test_a_scale_in_that_met_no_work_proves_nothing(looks: list[Operation]) -> None:
    assert scaled_in(*looks).doubts == ("no worker left while a scrape was open",)


@dataclass
class ToyScaler:
    """A ScaledObject that is held, and does what it is told at once."""

    ref: ScalerRef = field(
        default_factory=lambda: ScalerRef(component="worker", kind="ScaledObject", name="site-search-worker")
    )
    annotations: dict[str, str] = field(default_factory=lambda: {HELD_AT: "2"})
    spec: dict[str, Any] = field(default_factory=lambda: {"minReplicaCount": 2, "maxReplicaCount": 10})
    told: list[Mapping[str, Any]] = field(default_factory=list)

    def manifest(self) -> dict[str, Any]:
        return {"metadata": {"annotations": dict(self.annotations)}, "spec": dict(self.spec)}

    def state(self) -> ScalerState:
        return ScalerState(
            least=self.spec["minReplicaCount"], most=self.spec["maxReplicaCount"], target_per_pod=5.0,
            is_working=HELD_AT not in self.annotations, metric_per_pod=0.0, trouble="",
        )  # fmt: skip

    def change(self, patch: Mapping[str, Any]) -> None:
        self.told.append(patch)
        for there, given in ((self.annotations, patch["metadata"]["annotations"]), (self.spec, patch["spec"])):
            for name, value in given.items():
                if value is None:
                    there.pop(name, None)
                else:
                    there[name] = value


@dataclass
class ScaledCluster(ToyCluster):
    """Its worker has as many pods as the toy autoscaler says."""

    scaler: ToyScaler | None = field(default_factory=ToyScaler)

    def readiness(self, component: str) -> Readiness:
        if component != "worker" or self.scaler is None:
            return super().readiness(component)
        held = self.scaler.annotations.get(HELD_AT)
        count = int(held) if held else self.scaler.spec["minReplicaCount"]
        return Readiness(component=component, ready=count, wanted=count)


class Marks:
    def add(self, record: Mark) -> None: ...


@pytest.fixture(autouse=True)
def nothing_to_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suites.harness.faults.scaler.settle", lambda *_: None)


def set_scaler(cluster: ScaledCluster, least: int = 4) -> SetScaler:
    return SetScaler("worker", least=least, cluster=cluster, history=Marks(), deadlines=Deadlines())


def test_an_autoscaler_is_let_go_of_and_held_again() -> None:
    cluster = ScaledCluster([])
    assert cluster.scaler is not None
    with set_scaler(cluster) as fault:
        assert "at work between 4 and 10" in fault.observed()
        fault.set(least=2, scale_in=one_step_in(7))
        behavior = cluster.scaler.spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behavior["scaleDown"] == one_step_in(7)
    assert cluster.scaler.annotations == {HELD_AT: "2"}
    assert cluster.scaler.spec == {"minReplicaCount": 2, "maxReplicaCount": 10}
    assert cluster.kept == {}


def test_a_target_without_a_scaler_is_left_alone() -> None:
    cluster = ScaledCluster([], scaler=None)
    with pytest.raises(Unsupported, match="names no scaler of worker"), set_scaler(cluster):
        pass


def test_kubernetes_own_autoscaler_is_not_asked_for_zero() -> None:
    cluster = ScaledCluster([])
    cluster.scaler = ToyScaler(ref=ScalerRef(component="worker", kind="HorizontalPodAutoscaler", name="x"))
    with pytest.raises(Unsupported, match="does not scale from zero"), set_scaler(cluster, least=0):
        pass
    assert cluster.scaler.told == []
