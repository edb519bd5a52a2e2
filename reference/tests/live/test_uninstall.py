"""Uninstalling both charts leaves what charts/README.md says, and the next install goes on from there.

By hand only: the target is taken away and brought up again, once with its database and once without.
"""

from __future__ import annotations

import base64
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from reference.cluster import kind, platform
from reference.cluster.paths import REPOSITORY, kubeconfig, tool
from reference.cluster.process import run
from reference.demosite.words import word
from reference.tests.live.target import needs_target, objects
from reference.tests.processes import until

GONE_WITHIN_S = 120.0
SCRAPED_WITHIN_S = 60.0
ANSWERED_WITHIN_S = 30.0
# Each is in the namespace of its name.
RELEASES = (platform.NAMESPACE, platform.MONITORING)
# What charts/README.md says of the values for kind, where the monitoring keeps nothing.
STAYS = {
    "PersistentVolumeClaim/data-site-search-meilisearch-0",
    "PersistentVolumeClaim/data-site-search-redis-0",
    "Secret/site-search-secrets",
}
# The operator's copy of its queries for Prometheus goes with the last Cluster of a namespace.
STAYS_WITH_DATABASE = {*STAYS, "Cluster/site-search-db", "ConfigMap/cnpg-default-monitoring"}
# Kubernetes' own: in every namespace, or notes on what happened and what is where.
OF_EVERY_NAMESPACE = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
NOTES = {"Event", "Endpoints", "EndpointSlice"}
PAGES = 3

pytestmark = [needs_target, pytest.mark.by_hand]

Object = dict[str, Any]


def test_an_uninstall_takes_the_database_along_and_leaves_other_claims_and_the_keys() -> None:
    """As on kind: a site made before is not there after."""
    before = Site()
    with uninstalled():
        until_left(STAYS)
    assert not before.is_there()


def test_a_database_that_is_kept_is_the_next_installs() -> None:
    """As in production: a site made before is there after, with its pages and its index, and so are the keys."""
    before = Site()
    with uninstalled(keep_database=True):
        until_left(STAYS_WITH_DATABASE)
    assert before.is_there()
    before.until_found()
    before.delete()


class Site:
    """A site of the platform that was scraped and is found, asked for through the ingress."""

    def __init__(self) -> None:
        key = kind.kubectl(
            "get", "secret", "site-search-secrets", "-n", platform.NAMESPACE, "-o", "jsonpath={.data.admin-api-key}"
        )
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{kind.published_port()}",
            headers={"X-API-Key": base64.b64decode(key).decode(), "Cache-Control": "no-cache"},
            timeout=ANSWERED_WITHIN_S,
        )
        seed = random.randrange(1_000_000, 10_000_000)
        self._word = word(seed, 0)
        made = {"name": f"uninstall {seed}", "base_url": f"http://site-search-demosite/site/seed={seed},pages={PAGES}/"}
        self._path = f"/sites/{self._post('/sites', made)['id']}"
        scrape = self._post(f"{self._path}/scrapes", {})["id"]
        until(
            lambda: self._client.get(f"/scrapes/{scrape}").json()["status"],
            lambda status: status == "completed",
            within_s=SCRAPED_WITHIN_S,
            what=f"scrape {scrape}",
        )
        self.until_found()

    def is_there(self) -> bool:
        answered = until(
            lambda: self._client.get(self._path).status_code,
            lambda status: status in (200, 404),
            within_s=ANSWERED_WITHIN_S,
            what=self._path,
        )
        return answered == 200

    def until_found(self) -> None:
        """By the search engine, not by what answers in its place."""
        asked = {"site": self._path.removeprefix("/sites/"), "q": self._word}
        until(
            lambda: self._client.get("/search", params=asked).json(),
            lambda answer: answer.get("total") == 1 and not answer["degraded"],
            within_s=ANSWERED_WITHIN_S,
            what=f"{self._path} found by {self._word}",
        )

    def delete(self) -> None:
        self._client.delete(self._path).raise_for_status()

    def _post(self, path: str, content: object) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.post(path, json=content).raise_for_status().json()
        return answer


@contextmanager
def uninstalled(*, keep_database: bool = False) -> Iterator[None]:
    """Both releases are uninstalled while the block runs; whatever becomes of it, the target is brought up again."""
    shape = ("--workers", str(len(kind.workers())), "--http-port", str(kind.published_port()))
    try:
        if keep_database:
            kept = ("--reuse-values", "--set", "postgresql.keepOnUninstall=true", "--no-hooks")
            helm("upgrade", platform.NAMESPACE, str(REPOSITORY / "charts" / platform.NAMESPACE), *kept)
        assert owned_by_releases()
        for release in RELEASES:
            helm("uninstall", release, "--wait")
        yield
    finally:
        run(sys.executable, "-m", "reference.cluster", "up", *shape, cwd=REPOSITORY)
        # Helm takes a Cluster that was kept as it is, with the mark that keeps it.
        kind.kubectl("annotate", "cluster/site-search-db", "-n", platform.NAMESPACE, "helm.sh/resource-policy-")


def helm(verb: str, release: str, *arguments: str) -> None:
    where = ("--kubeconfig", kubeconfig(), "--kube-context", kind.CONTEXT, "--namespace", release)
    run(tool("helm"), verb, release, *arguments, *where)


def until_left(stays: set[str]) -> None:
    """What the releases leave is that, and nothing else."""
    until(lambda: not_as_said(stays), lambda wrong: not wrong, within_s=GONE_WITHIN_S, what="what an uninstall leaves")


def not_as_said(stays: set[str]) -> list[str]:
    """What is there though it should not be, and the reverse; what belongs to something that stays may stay with it."""
    left = [each for namespace in RELEASES for each in objects(kinds(namespaced=True), "-n", namespace)]
    there = {named(each) for each in left}
    said = OF_EVERY_NAMESPACE | stays
    unsaid = [
        each for each in left
        if each["kind"] not in NOTES and named(each) not in said and not any(owner in stays for owner in owners(each))
    ]  # fmt: skip
    volumes = [
        each for each in objects("persistentvolumes")
        if each["spec"]["claimRef"]["namespace"] in RELEASES
        and f"PersistentVolumeClaim/{each['spec']['claimRef']['name']}" not in there
    ]  # fmt: skip
    return [
        *(f"{named(each)} is there" for each in (*unsaid, *volumes, *owned_by_releases())),
        *(f"{name} is gone" for name in stays - there),
    ]


def owned_by_releases() -> list[Object]:
    """What a release made for the whole cluster."""
    found = objects(kinds(namespaced=False))
    return [
        each for each in found if each["metadata"].get("annotations", {}).get("meta.helm.sh/release-name") in RELEASES
    ]


def kinds(*, namespaced: bool) -> str:
    """All that can be listed, as `kubectl get` takes it."""
    listed = kind.kubectl("api-resources", "--verbs=list", f"--namespaced={str(namespaced).lower()}", "-o", "name")
    return ",".join(listed.split())


def named(each: Object) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def owners(each: Object) -> list[str]:
    return [f"{owner['kind']}/{owner['name']}" for owner in each["metadata"].get("ownerReferences", [])]
