"""A change of the target is taken back whole, by whoever comes, unless somebody deployed since."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from suites.harness.clients.helm import Revision
from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, NothingSelected, NotReached, Refused, Unsupported
from suites.harness.faults import changes, undo
from suites.harness.faults.changes import ChangeValues, PatchObject, is_back, is_left
from suites.harness.faults.standing import RESTARTED_AT, digest
from suites.selftest.mutants.toy_target import APP, ToyCluster, ToyRelease, pod
from suites.selftest.toy_cluster import Marks

SOON = Deadlines().stretched(0.001)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))


@pytest.fixture
def cluster() -> ToyCluster:
    return ToyCluster()


@pytest.fixture
def release(cluster: ToyCluster, monkeypatch: pytest.MonkeyPatch) -> ToyRelease:
    release = ToyRelease(cluster)
    monkeypatch.setattr(changes, "Release", release.found())
    return release


def values(cluster: ToyCluster, **given: Any) -> ChangeValues:
    return ChangeValues(
        "app", {"replicas": 1}, cluster=cast(Cluster, cluster), history=Marks(), deadlines=SOON, **given
    )


def patch(cluster: ToyCluster, spec: dict[str, Any], name: str = APP) -> PatchObject:
    return PatchObject(
        "app", "Deployment", name, {"spec": spec}, cluster=cast(Cluster, cluster), history=Marks(), deadlines=SOON
    )


def test_values_are_deployed_and_rolled_back(cluster: ToyCluster, release: ToyRelease) -> None:
    with values(cluster) as change:
        assert cluster.app["replicas"] == 1 and len(cluster.kept) == 1
        assert change.observed() == f"Deployment {APP} changed and rolled out"
        assert not change.is_undone
    assert change.is_undone and not cluster.kept
    assert cluster.app == {"replicas": 3, "key": "right"}
    assert release.history()[-1].description == "Rollback to 1"


def test_a_patch_is_taken_back_with_the_whole_spec(cluster: ToyCluster) -> None:
    with patch(cluster, {"key": "wrong", "more": 1}) as change:
        assert cluster.app == {"replicas": 3, "key": "wrong", "more": 1}
        assert change.observed()
    assert cluster.app == {"replicas": 3, "key": "right"} and not cluster.kept


def test_an_interrupted_block_is_taken_back(cluster: ToyCluster) -> None:
    with pytest.raises(KeyboardInterrupt), patch(cluster, {"key": "wrong"}):
        raise KeyboardInterrupt
    assert cluster.app["key"] == "right"


def test_what_is_not_as_it_was_is_an_error_that_keeps_its_record(cluster: ToyCluster, release: ToyRelease) -> None:
    release.rollback_works = False
    change = values(cluster)
    with pytest.raises(NotReached, match=f"every object what it was before the change.*Deployment {APP}"), change:
        pass
    assert not change.is_undone and len(cluster.kept) == 1


def test_a_change_that_changed_nothing_was_not_observed(cluster: ToyCluster, release: ToyRelease) -> None:
    release.specs[1] = cluster.app
    with (
        pytest.raises(NotReached, match="an object that is not what it was"),
        ChangeValues("app", {"replicas": 3}, cluster=cast(Cluster, cluster), history=Marks(), deadlines=SOON) as change,
    ):
        change.observed()


def test_an_upgrade_that_is_refused_leaves_everything(cluster: ToyCluster, release: ToyRelease) -> None:
    release.upgrade_works = False
    with pytest.raises(ClientError, match="don't meet the schema"), values(cluster):
        pass
    assert len(release.history()) == 1 and not cluster.kept


@pytest.mark.parametrize(
    ("labels", "chart", "status", "error", "says"),
    [
        ({}, {}, "deployed", Refused, "does not allow faults"),
        (None, {"Service new": {}}, "deployed", Unsupported, "would also change Service new: deploy it first"),
        (None, {}, "pending-upgrade", Unsupported, "is pending-upgrade, not deployed"),
    ],
)
def test_nothing_is_touched_where_it_may_not_or_cannot(
    cluster: ToyCluster, release: ToyRelease, labels: Any, chart: Any, status: str, error: type[Exception], says: str
) -> None:
    cluster.labels = cluster.labels if labels is None else labels
    release.chart = chart
    release.deploy({}, status=status)
    before = dict(cluster.app)
    with pytest.raises(error, match=says), values(cluster):
        pass
    assert cluster.app == before and not cluster.kept and len(release.history()) == 2


def test_a_target_that_was_changed_past_its_release_is_refused(cluster: ToyCluster, release: ToyRelease) -> None:
    cluster.app["key"] = "by hand"
    with pytest.raises(Unsupported, match=f"Deployment {APP} was changed past release"), values(cluster):
        pass
    cluster.objects["Deployment"].clear()
    with pytest.raises(Unsupported, match=f"Deployment {APP} was changed past release"), values(cluster):
        pass
    assert len(release.history()) == 1


def test_a_target_that_is_not_settled_is_not_broken_further(cluster: ToyCluster) -> None:
    cluster.app_pods[0] = pod("1", ready=False)
    with pytest.raises(NotReached, match="every component rolled out"), patch(cluster, {"key": "wrong"}):
        pass
    assert cluster.app["key"] == "right"


def test_a_patch_of_nothing_or_without_effect_is_refused(cluster: ToyCluster) -> None:
    with pytest.raises(NothingSelected, match="no Deployment other"), patch(cluster, {"key": "wrong"}, "other"):
        pass
    with pytest.raises(Unsupported, match="changes nothing of Deployment"), patch(cluster, {"key": "right"}):
        pass


def test_what_is_not_to_become_ready_is_waited_for(cluster: ToyCluster, release: ToyRelease) -> None:  # noqa: ARG001
    with values(cluster, becomes_ready=False) as change:
        with pytest.raises(NotReached, match="app rolled out but not ready"):
            change.observed()
        cluster.app_pods[2] = pod("4", ready=False)
        assert change.observed() == f"Deployment {APP} changed and not ready"
        cluster.app_pods[2] = pod("5")


@pytest.mark.parametrize("how", ["values", "patch"])
def test_whoever_comes_after_a_kill_takes_it_back(cluster: ToyCluster, release: ToyRelease, how: str) -> None:  # noqa: ARG001
    change = values(cluster) if how == "values" else patch(cluster, {"key": "wrong"})
    change.__enter__()
    assert cluster.app != {"replicas": 3, "key": "right"}
    healed, _ = undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)
    assert [record.kind for record in healed] == [change.kind] and not cluster.kept
    assert cluster.app == {"replicas": 3, "key": "right"}


@pytest.mark.parametrize("how", ["values", "patch"])
def test_what_somebody_deployed_since_is_left_alone(cluster: ToyCluster, release: ToyRelease, how: str) -> None:
    change = values(cluster) if how == "values" else patch(cluster, {"key": "wrong"})
    change.__enter__()
    release.deploy({"replicas": 3, "key": "new"})
    undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)
    assert cluster.app["key"] == "new" and not cluster.kept


def revision(number: int, description: str, status: str = "deployed") -> Revision:
    return Revision(number=number, status=status, description=description)


@pytest.mark.parametrize(
    ("latest", "left", "back"),
    [
        (revision(4, "Upgrade complete"), False, True),
        (revision(5, "sre-fault-1"), True, False),
        (revision(5, "Preparing upgrade", "pending-upgrade"), True, False),
        (revision(5, "Upgrade failed: …", "failed"), True, False),
        (revision(6, "Rollback to 4", "pending-rollback"), True, True),
        (revision(6, "Rollback to 4"), False, True),
        (revision(5, "Upgrade complete"), False, False),
        (revision(7, "sre-fault-2"), False, False),
        (revision(6, "Preparing upgrade", "pending-upgrade"), False, False),
    ],
    ids=[
        "never begun",
        "deployed",
        "cut off",
        "failed",
        "undoing cut off",
        "undone",
        "another's",
        "another mutant's",
        "another's under way",
    ],
)
def test_the_releases_history_tells_whether_there_is_something_to_take_back(
    latest: Revision, left: bool, back: bool
) -> None:
    assert is_left(latest, before=4, change="sre-fault-1") is left
    assert is_back(latest, before=4) is back


def test_a_restart_leaves_the_fingerprint_as_it_was() -> None:
    spec: dict[str, Any] = {"replicas": 3, "template": {"metadata": {"labels": {"app": "a"}}}}
    restarted: dict[str, Any] = {
        "replicas": 3,
        "template": {"metadata": {"labels": {"app": "a"}, "annotations": {RESTARTED_AT: "now"}}},
    }
    other = {**restarted, "replicas": 2}
    assert digest(spec) == digest(restarted) != digest(other)
    assert RESTARTED_AT in restarted["template"]["metadata"]["annotations"]
