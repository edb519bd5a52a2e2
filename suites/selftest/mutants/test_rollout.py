"""A release is proved, taken back by whoever comes, and followed by the one before it, migrations included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from suites.harness.clients.kubernetes import Cluster
from suites.harness.deadlines import Deadlines
from suites.harness.errors import ClientError, FaultError, NotReached, Refused, Unsupported
from suites.harness.faults import changes, rollout, undo
from suites.harness.faults.rollout import NewRelease
from suites.selftest.mutants.toy_target import APP, ToyCluster, ToyRelease, pod
from suites.selftest.toy_cluster import Marks

SOON = Deadlines().stretched(0.001)
BEFORE = {
    "replicas": 3,
    "template": {"spec": {"containers": [{"name": "app", "env": [{"name": "APP_VERSION", "value": "1"}]}]}},
}


@pytest.fixture
def cluster(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> ToyCluster:
    monkeypatch.setenv("SITE_SEARCH_CACHE", str(tmp_path))
    return ToyCluster(objects={"Deployment": {APP: {"spec": BEFORE}}})


@pytest.fixture
def release(cluster: ToyCluster, monkeypatch: pytest.MonkeyPatch) -> ToyRelease:
    release = ToyRelease(cluster)
    for module in (changes, rollout):
        monkeypatch.setattr(module, "Release", release.found())
    return release


def new(cluster: ToyCluster, marks: Marks | None = None, **given: Any) -> NewRelease:
    values = {"app": {"extraEnv": []}, "migrate": {"rehearsal": True}}
    return NewRelease(
        "app",
        values,
        cluster=cast(Cluster, cluster),
        history=Marks() if marks is None else marks,
        deadlines=SOON,
        **given,
    )


def replace_pods(cluster: ToyCluster) -> None:
    cluster.app_pods = [pod("4"), pod("5"), pod("6")]


def test_a_release_goes_out_and_back(cluster: ToyCluster, release: ToyRelease) -> None:
    marks = Marks()
    with new(cluster, marks) as fault:
        assert cluster.app["app"] == {"extraEnv": [], "version": fault.version} and len(cluster.kept) == 1
        assert (fault.version_before, fault.released.stayed) == ("1", True)
        assert fault.version.startswith("rehearsal-")
        replace_pods(cluster)
        assert fault.observed().endswith("none of the 3 pods from before is left")
    assert marks.kinds == ["injecting", "observed", "healing", "healed"]
    assert cluster.app == BEFORE and not cluster.kept
    # What the rehearsal's migration did is taken back by the last one's, under the name it had.
    assert [entry.description for entry in release.history()][2:] == ["Rollback to 1", "Install complete"]
    assert release.hooks[-1] == "Install complete"


def test_pods_that_were_not_replaced_are_no_release(cluster: ToyCluster, release: ToyRelease) -> None:  # noqa: ARG001
    with new(cluster) as fault:
        cluster.app_pods = [pod("4"), pod("5"), pod("3")]
        with pytest.raises(NotReached, match=r"every pod replaced by release of app.*app-3"):
            fault.observed()


def test_one_that_helm_took_back_is_proved_by_its_history(cluster: ToyCluster, release: ToyRelease) -> None:
    release.goes = "back"
    with new(cluster, title="never gets ready") as fault:
        assert fault.name == "release of app that never gets ready"
        assert fault.observed() == "revision 2 failed: Upgrade failed: timed out; revision 3 deployed: Rollback to 1"
        assert (fault.released.stayed, fault.released.took_s) == (False, 95.0)
    assert cluster.app == BEFORE and release.hooks == ["Install complete"]


def test_one_that_neither_stayed_nor_went_is_not_proved_and_still_undone(
    cluster: ToyCluster, release: ToyRelease
) -> None:
    release.goes = "stuck"
    with new(cluster) as fault, pytest.raises(NotReached, match="neither stayed nor was it taken back: revision 2"):
        fault.observed()
    assert cluster.app == BEFORE and release.history()[-1].description == "Install complete"


def test_one_that_was_not_tried_proves_nothing(
    cluster: ToyCluster, release: ToyRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRE_FAULTS_DO_NOT_BITE", "1")
    with new(cluster) as fault:
        with pytest.raises(NotReached, match="was not tried"):
            fault.observed()
        with pytest.raises(FaultError, match="was not tried"):
            assert fault.released
    assert len(release.history()) == 1 and not cluster.kept


def test_values_that_are_refused_leave_everything(cluster: ToyCluster, release: ToyRelease) -> None:
    release.upgrade_works = False
    with pytest.raises(ClientError, match="don't meet the schema"), new(cluster):
        pass
    assert len(release.history()) == 1 and not cluster.kept


def test_helm_is_given_the_time_in_which_pods_prove_themselves(cluster: ToyCluster, release: ToyRelease) -> None:
    cluster.app["minReadySeconds"] = release.specs[1]["minReadySeconds"] = 25
    with new(cluster):
        assert release.given_s == pytest.approx(75.09)


def test_what_the_release_replaces_as_well_must_be_allowed_too(cluster: ToyCluster, release: ToyRelease) -> None:
    cluster.target = replace(cluster.target, may_break=frozenset({"app"}))
    with pytest.raises(Refused, match="does not allow faults on worker"), new(cluster, with_=("worker",)):
        pass
    assert len(release.history()) == 1


def test_a_workload_that_is_not_told_its_version_is_refused(cluster: ToyCluster, release: ToyRelease) -> None:
    del cluster.app["template"], release.specs[1]["template"]
    with pytest.raises(Unsupported, match="not told its version"), new(cluster):
        pass


@pytest.mark.parametrize("how", ["stays", "back", "stuck", "cut off"])
def test_whoever_comes_after_a_kill_takes_it_back(cluster: ToyCluster, release: ToyRelease, how: Any) -> None:
    release.goes = "stays" if how == "cut off" else how
    fault = new(cluster)
    fault.__enter__()
    if how == "cut off":
        release.deploy({}, status="pending-upgrade")
    healed, _ = undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)
    assert [record.kind for record in healed] == ["new_release"] and not cluster.kept
    assert cluster.app == BEFORE and release.history()[-1].description == "Install complete"


def test_what_somebody_deployed_since_is_left_alone(cluster: ToyCluster, release: ToyRelease) -> None:
    new(cluster).__enter__()
    release.deploy({"key": "new"})
    undo.replay(cast(Cluster, cluster), SOON, only_abandoned=False)
    assert cluster.app["key"] == "new" and not cluster.kept


def test_a_mutant_is_still_taken_off_after_a_release_on_top_of_it(cluster: ToyCluster, release: ToyRelease) -> None:
    mutant = changes.ChangeValues(
        "app", {"replicas": 3, "key": "wrong"}, cluster=cast(Cluster, cluster), history=Marks(), deadlines=SOON
    )
    with mutant:
        with new(cluster):
            assert cluster.app["key"] == "wrong" and "app" in cluster.app
        assert cluster.app == {**BEFORE, "key": "wrong"}
    assert cluster.app == BEFORE and mutant.is_undone
    assert release.history()[-1].description == "Rollback to 1"
