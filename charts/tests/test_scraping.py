"""Prometheus finds the pods that ask for it, at the address they really listen on."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from charts.tests.rendering import Manifest, manifests, pod_specs

META = "__meta_kubernetes_pod_"


def relabel(labels: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """What Prometheus makes of a target's labels (keep, drop, replace); None: the target is dropped."""
    result = dict(labels)
    for rule in rules:
        value = ";".join(result.get(name, "") for name in rule["source_labels"])
        match = re.fullmatch(rule.get("regex", "(.*)"), value)
        action = rule.get("action", "replace")
        if action not in {"keep", "drop", "replace"}:
            raise ValueError(f"a relabel action this test does not know: {action}")
        if (action == "keep" and match is None) or (action == "drop" and match is not None):
            return None
        if action == "replace" and match is not None:
            result[rule["target_label"]] = match.expand(re.sub(r"\$(\d)", r"\\\1", rule.get("replacement", "$1")))
    return {name: each for name, each in result.items() if not name.startswith("__meta_")}


@pytest.fixture
def rules() -> list[dict[str, Any]]:
    objects = manifests("site-search-monitoring", "values-kind")
    config = yaml.safe_load(objects["ConfigMap", "site-search-monitoring-prometheus"]["data"]["prometheus.yml"])
    job = next(each for each in config["scrape_configs"] if each["job_name"] == "site-search")
    found: list[dict[str, Any]] = job["relabel_configs"]
    return found


def discovered(pod: Manifest, ip: str, port: str) -> dict[str, str]:
    """The labels of service discovery for one pod and one of its declared ports."""
    labels = {
        "__address__": f"{ip}:{port}",
        "__metrics_path__": "/metrics",
        "job": "site-search",
        "__meta_kubernetes_namespace": "site-search",
        f"{META}ip": ip,
        f"{META}name": "pod-1",
        f"{META}node_name": "worker-1",
        f"{META}phase": "Running",
    }
    for source in ("labels", "annotations"):
        for key, value in pod["metadata"].get(source, {}).items():
            labels[f"{META}{source[:-1]}_{re.sub('[^A-Za-z0-9]', '_', key)}"] = value
    return labels


def test_each_pod_is_one_target_at_its_metrics_port(rules: list[dict[str, Any]]) -> None:
    """App, worker and Redis exporter are scraped once each, whichever port discovery began with."""
    targets = {}
    for name, pod in pod_specs(manifests("site-search", "values-kind")).items():
        found = [relabel(discovered(pod, "10.244.1.7", port), rules) for port in ("6379", "1234")]
        assert found[0] == found[1], name
        if found[0] is not None:
            targets[found[0]["job"]] = found[0]["__address__"]
    assert targets == {
        "site-search-app": "10.244.1.7:8000",
        "site-search-worker": "10.244.1.7:9100",
        "site-search-redis": "10.244.1.7:9121",
    }


def test_database_pods_are_scraped_and_their_jobs_are_not(rules: list[dict[str, Any]]) -> None:
    """CloudNativePG's pods inherit the annotations; the name of the cluster becomes the job."""
    cluster = manifests("site-search", "values-kind")["Cluster", "site-search-db"]
    annotations = cluster["spec"]["inheritedMetadata"]["annotations"]
    primary = {"cnpg.io/cluster": "site-search-db", "cnpg.io/instanceRole": "primary"}
    pod = {"metadata": {"labels": primary, "annotations": annotations}}
    found = relabel(discovered(pod, "10.244.2.3", "5432"), rules)
    assert found is not None
    assert (found["job"], found["role"], found["__address__"]) == ("site-search-db", "primary", "10.244.2.3:9187")
    initdb = {"cnpg.io/cluster": "site-search-db", "cnpg.io/jobRole": "initdb"}
    job = {"metadata": {"labels": initdb, "annotations": annotations}}
    assert relabel(discovered(job, "10.244.2.4", ""), rules) is None


def test_who_asks_for_another_interval_gets_it(rules: list[dict[str, Any]]) -> None:
    """The exporter of the database answers most questions from what it keeps for 30 s."""
    cluster = manifests("site-search", "values-kind")["Cluster", "site-search-db"]
    database = {"metadata": {"annotations": cluster["spec"]["inheritedMetadata"]["annotations"]}}
    app = pod_specs(manifests("site-search", "values-kind"))["Deployment/site-search-app"]
    found = [relabel(discovered(pod, "10.244.2.3", "1"), rules) for pod in (database, app)]
    assert [each and each.get("__scrape_interval__") for each in found] == ["15s", None]


def test_an_ipv6_address_is_bracketed(rules: list[dict[str, Any]]) -> None:
    pod = pod_specs(manifests("site-search", "values-kind"))["Deployment/site-search-app"]
    found = relabel(discovered(pod, "fd00::1:7", "8000"), rules)
    assert found is not None
    assert found["__address__"] == "[fd00::1:7]:8000"


def test_the_alerts_go_to_the_charts_alertmanager() -> None:
    """Every address in the configuration is a Service of the chart."""
    objects = manifests("site-search-monitoring", "values-kind")
    config = yaml.safe_load(objects["ConfigMap", "site-search-monitoring-prometheus"]["data"]["prometheus.yml"])
    static = [*config["alerting"]["alertmanagers"], *config["scrape_configs"]]
    targets = {target for each in static for group in each.get("static_configs", []) for target in group["targets"]}
    services = {
        f"{name}:{each['spec']['ports'][0]['port']}" for (kind, name), each in objects.items() if kind == "Service"
    }
    assert targets - {"localhost:9090"} <= services
