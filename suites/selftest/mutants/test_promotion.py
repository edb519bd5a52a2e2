"""A standby is promoted only where its operator will stay with the right primary, and is demoted again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, cast

import pytest

from suites.harness.clients.kubernetes import Cluster
from suites.harness.clients.objects import Pod
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, NotReached, Unsupported
from suites.harness.faults import promotion
from suites.harness.faults.promotion import PromoteStandby
from suites.selftest.toy_cluster import Marks, ToyCluster, pod

SOON = Deadlines().stretched(0.001)


class ToyPostgres:
    """Instances that are primaries; `demotes` says how many looks it takes until an operator at work has one left."""

    primaries: ClassVar[list[str]] = []
    demotes: ClassVar[int] = 0
    promotion_works: ClassVar[bool] = True

    def __init__(self, _: object) -> None:
        pass

    def primary(self) -> str:
        if len(self.primaries) > 1 and self.demotes > 0 and not Instances.is_held:
            type(self).demotes -= 1
            if self.demotes == 0:
                self.primaries.pop()
        if len(self.primaries) != 1:
            raise ClientError(f"{len(self.primaries)} instances call themselves primary")
        return self.primaries[0]

    def promote(self, instance: str) -> None:
        if self.promotion_works:
            self.primaries.append(instance)

    def is_primary(self, instance: str) -> bool:
        return instance in self.primaries


class Instances(ToyCluster):
    """Three instances; one that is deleted comes back as a standby."""

    deleted: ClassVar[list[str]] = []
    is_held: ClassVar[bool] = False

    def hold_operator(self, component: str, *, held: bool) -> None:
        assert component == "postgresql"
        type(self).is_held = held

    def delete_pod(self, pod: Pod, **_: object) -> None:
        self.deleted.append(pod.name)
        ToyPostgres.primaries.remove(pod.name)


@pytest.fixture(autouse=True)
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    monkeypatch.setattr(promotion, "Postgres", ToyPostgres)
    monkeypatch.setattr(promotion, "until_recovered", lambda *_: None)
    for name, value in {"primaries": ["postgresql-1"], "demotes": 1, "promotion_works": True}.items():
        monkeypatch.setattr(ToyPostgres, name, value)
    monkeypatch.setattr(Instances, "deleted", [])
    monkeypatch.setattr(Instances, "is_held", False)


def promote_standby(marks: Marks) -> PromoteStandby:
    cluster = Instances([replace(pod(f"postgresql-{number}"), uid=str(number)) for number in (1, 2, 3)])
    return PromoteStandby("postgresql", cluster=cast(Cluster, cluster), history=marks, deadlines=SOON)


def test_the_last_by_name_is_promoted_while_its_operator_is_held_which_then_demotes_it() -> None:
    marks = Marks()
    with promote_standby(marks) as fault:
        assert Instances.is_held
        assert ToyPostgres.primaries == ["postgresql-1", "postgresql-3"]
        assert fault.observed() == "postgresql-3 is not in recovery any more"
    assert not Instances.is_held
    assert ToyPostgres.primaries == ["postgresql-1"] and not Instances.deleted
    assert marks.kinds == ["injecting", "observed", "healing", "healed"]


def test_one_that_its_operator_leaves_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyPostgres, "demotes", 0)
    with promote_standby(Marks()):
        pass
    assert Instances.deleted == ["postgresql-3"] and ToyPostgres.primaries == ["postgresql-1"]


def test_nothing_is_touched_when_its_operator_would_follow_the_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyPostgres, "primaries", ["postgresql-3"])
    marks = Marks()
    with (
        pytest.raises(Unsupported, match="no ready standby comes after the primary postgresql-3"),
        promote_standby(marks),
    ):
        pass
    assert ToyPostgres.primaries == ["postgresql-3"] and not marks


def test_a_promotion_that_did_not_happen_was_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyPostgres, "promotion_works", False)
    with pytest.raises(NotReached, match="postgresql-3 promoted"), promote_standby(Marks()) as fault:
        fault.observed()
