"""The charts keep the contract in reference/README.md: names, labels, settings, and what every pod must be."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from charts.tests.rendering import COMBINATIONS, Manifest, manifests, pod_specs

KIND = ("site-search", "values-kind")
PRODUCTION = ("site-search", "values-production")
LOAD = ("site-search-load", "values-kind")

# Components that must talk to the Kubernetes API.
NEED_TOKEN = {"StatefulSet/site-search-monitoring-prometheus", "Deployment/site-search-monitoring-kube-state-metrics"}


def environment(pod: Manifest) -> dict[str, Any]:
    entries = pod["spec"]["containers"][0]["env"]
    names = [each["name"] for each in entries]
    assert len(names) == len(set(names)), f"named twice: {names}"
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in entries}


@pytest.fixture
def pods() -> dict[str, Manifest]:
    return pod_specs(manifests(*KIND))


@pytest.mark.parametrize(("chart", "values"), COMBINATIONS)
def test_every_pod_is_confined(chart: str, values: str) -> None:
    """No root, no writable root, no capability, no token without need; requests and a memory limit, no CPU cap."""
    found = pod_specs(manifests(chart, values))
    assert found
    for name, pod in found.items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is (name in NEED_TOKEN), name
        assert spec["serviceAccountName"] == name.split("/")[1], name
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert container["imagePullPolicy"] == "IfNotPresent", name
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
            assert set(container["resources"]["limits"]) == {"memory"}, name


@pytest.mark.parametrize(("chart", "values"), COMBINATIONS)
def test_selectors_find_pods(chart: str, values: str) -> None:
    """Every Service, disruption budget and workload selects exactly the pods of one component."""
    objects = manifests(chart, values)
    labels = [pod["metadata"]["labels"] for pod in pod_specs(objects).values()]
    for (kind, name), each in objects.items():
        if kind in {"Service", "PodDisruptionBudget", "Deployment", "StatefulSet", "DaemonSet"}:
            selector = each["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            assert sum(wanted.items() <= has.items() for has in labels) == 1, f"{kind}/{name}"


def test_names_and_labels(pods: dict[str, Manifest]) -> None:
    """Pods carry app and component, and the objects have the contract's names."""
    assert {(each["metadata"]["labels"]["app"], each["metadata"]["labels"]["component"]) for each in pods.values()} == {
        ("site-search", each) for each in ("app", "worker", "redis", "meilisearch", "demosite", "migrate")
    }
    objects = manifests(*KIND)
    services = {
        f"{name}:{each['spec']['ports'][0]['port']}" for (kind, name), each in objects.items() if kind == "Service"
    }
    assert services == {f"site-search-{each}" for each in ("app:80", "redis:6379", "meilisearch:7700", "demosite:80")}
    secrets = objects["Secret", "site-search-secrets"]["data"]
    assert set(secrets) == {"admin-api-key", "meili-master-key", "redis-password"}
    assert objects["Cluster", "site-search-db"]["spec"]["instances"] == 3
    assert objects["Ingress", "site-search"]["spec"]["ingressClassName"] == "skipper"


def test_the_app_survives_its_rollout(pods: dict[str, Manifest]) -> None:
    """Three replicas, never fewer during a rollout, and a pod that goes serves until nobody sends to it."""
    app = manifests(*KIND)["Deployment", "site-search-app"]["spec"]
    assert app["replicas"] == 3
    assert app["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    spec = pods["Deployment/site-search-app"]["spec"]
    container = spec["containers"][0]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    assert container["readinessProbe"]["httpGet"]["path"] == "/serving"
    assert spec["shareProcessNamespace"] is True
    assert spec["terminationGracePeriodSeconds"] >= 5 + int(environment(pods["Deployment/site-search-app"])["DRAIN_S"])


@pytest.mark.parametrize("values", ["values-kind", "values-production"])
def test_replicas_are_spread_over_labels_that_every_node_has(values: str) -> None:
    """The scheduler leaves out, for every constraint, nodes that lack the label of one: without zones all of them."""
    pods = pod_specs(manifests("site-search", values))
    for workload in ("Deployment/site-search-app", "Deployment/site-search-worker"):
        constraints = pods[workload]["spec"]["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in constraints] == ["kubernetes.io/hostname"]


def test_settings_are_the_contracts(pods: dict[str, Manifest]) -> None:
    """Each command of the image gets the settings it needs, and only the migration sees the bootstrap key."""
    shared = {"DATABASE_URL", "REDIS_URL", "REDIS_PASSWORD", "MEILISEARCH_URL", "MEILI_MASTER_KEY"}
    shared |= {"APP_VERSION", "POD_NAME", "LOG_LEVEL", "SCRAPE_ALLOWED_PRIVATE_HOSTS"}
    serving = {"RATE_LIMIT_SEARCH_PER_MINUTE", "RATE_LIMIT_WRITE_PER_MINUTE", "TRUSTED_PROXY_HOPS", "CACHE_ENABLED"}
    serving |= {"CACHE_TTL_S", "ALLOW_CACHE_BYPASS", "DRAIN_S"}
    app = environment(pods["Deployment/site-search-app"])
    assert set(app) == shared | serving
    assert set(environment(pods["Deployment/site-search-worker"])) == shared | {"WORKER_CONCURRENCY"}
    assert set(environment(pods["Job/site-search-migrate"])) == shared | {"ADMIN_API_KEY"}
    assert app["DATABASE_URL"]["secretKeyRef"] == {"name": "site-search-db-app", "key": "uri"}
    assert app["TRUSTED_PROXY_HOPS"] == "2"
    assert app["ALLOW_CACHE_BYPASS"] == "true"
    assert app["SCRAPE_ALLOWED_PRIVATE_HOSTS"] == "site-search-demosite"


def test_migrations_run_when_they_can(pods: dict[str, Manifest]) -> None:
    """After the install, when there is a database to wait for; before the pods at an upgrade."""
    job = manifests(*KIND)["Job", "site-search-migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,pre-upgrade"
    assert pods["Job/site-search-migrate"]["spec"]["containers"][0]["args"] == ["migrate", "--wait", "300"]
    refused = job["spec"]["podFailurePolicy"]["rules"][0]
    assert (refused["action"], refused["onExitCodes"]["values"]) == ("FailJob", [3])


def test_a_release_can_be_rehearsed() -> None:
    """A version of its own in every pod, a change of the schema, and a migration broken on purpose."""
    pods = pod_specs(
        manifests(
            *KIND,
            "app.version=next",
            "migrate.rehearsal=true",
            "migrate.extraEnv[0].name=FAULT_MIGRATION_FAILS",
            "migrate.extraEnv[0].value=yes",
        )
    )
    of_platform = ("Deployment/site-search-app", "Deployment/site-search-worker", "Job/site-search-migrate")
    assert [environment(pods[name])["APP_VERSION"] for name in of_platform] == ["next"] * 3
    migration = environment(pods["Job/site-search-migrate"])
    assert (migration["REHEARSE_MIGRATION"], migration["FAULT_MIGRATION_FAILS"]) == ("true", "yes")


def test_a_release_that_crashes_early_takes_no_pod_of_the_old_one() -> None:
    """In production a new pod proves itself for longer than the 20 s after which a bad one crashes."""
    assert manifests(*PRODUCTION)["Deployment", "site-search-app"]["spec"]["minReadySeconds"] == 25
    quick = manifests(*KIND, "app.rollout.maxSurge=0", "app.rollout.maxUnavailable=100%")
    spec = quick["Deployment", "site-search-app"]["spec"]
    assert spec["minReadySeconds"] == 0
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": "100%"}


def test_workers_follow_the_queue() -> None:
    """Whoever counts them is the autoscaler alone, and a queue of unknown length is not an empty one."""
    objects = manifests(*PRODUCTION)
    assert "replicas" not in objects["Deployment", "site-search-worker"]["spec"]
    scaler = objects["ScaledObject", "site-search-worker"]
    assert "annotations" not in scaler["metadata"]
    assert (scaler["spec"]["minReplicaCount"], scaler["spec"]["maxReplicaCount"]) == (2, 10)
    (trigger,) = scaler["spec"]["triggers"]
    assert trigger["metadata"]["query"].startswith('max(celery_queue_length{namespace="site-search",queue="scraping"})')
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    from_zero = manifests("site-search", "values-scale-from-zero")["ScaledObject", "site-search-worker"]
    assert from_zero["spec"]["minReplicaCount"] == 0


def test_workers_stand_still_where_checks_need_the_machine() -> None:
    held = manifests(*KIND)["ScaledObject", "site-search-worker"]["metadata"]["annotations"]
    assert held == {"autoscaling.keda.sh/paused-replicas": "2"}
    assert ("ScaledObject", "site-search-worker") not in manifests("site-search", "values")
    assert manifests("site-search", "values")["Deployment", "site-search-worker"]["spec"]["replicas"] == 2


def test_acknowledged_writes_are_on_two_nodes() -> None:
    """Synchronous replication is required, and only an instance that surely has everything is promoted."""
    cluster = manifests(*PRODUCTION)["Cluster", "site-search-db"]
    assert cluster["spec"]["postgresql"]["synchronous"] == {
        "method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True,
    }  # fmt: skip
    assert cluster["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize(
    ("values", "kept"),
    [("values-kind", {"Secret/site-search-secrets"}), ("values-production", {"Cluster/site-search-db"})],
)
def test_uninstall_leaves_what_is_documented(values: str, kept: set[str]) -> None:
    """Keys or database where the chart says so, claims of StatefulSets, and a migration Job that failed: no more."""
    objects = manifests("site-search", values)
    annotations = {f"{kind}/{name}": each["metadata"].get("annotations", {}) for (kind, name), each in objects.items()}
    assert {name for name, each in annotations.items() if each.get("helm.sh/resource-policy") == "keep"} == kept
    # What a hook made is not helm's to delete.
    assert {name for name, each in annotations.items() if "helm.sh/hook" in each} == {"Job/site-search-migrate"}
    assert not any(kind == "PersistentVolumeClaim" for kind, _ in objects)
    claiming = {name for (_, name), each in objects.items() if each.get("spec", {}).get("volumeClaimTemplates")}
    assert claiming == {"site-search-redis", "site-search-meilisearch"}


def test_production_holds_no_secret() -> None:
    """No Secret is rendered where an existing one is named, and nothing of the demo site is there."""
    kinds = {kind for kind, _ in manifests(*PRODUCTION)}
    assert "Secret" not in kinds
    assert ("Deployment", "site-search-demosite") not in manifests(*PRODUCTION)


def test_an_external_database_replaces_the_cluster() -> None:
    """With postgresql.mode external there is no Cluster, and the URI comes from the secret that is named."""
    objects = manifests(*KIND, "postgresql.mode=external", "postgresql.external.existingSecret=theirs")
    assert not any(kind == "Cluster" for kind, _ in objects)
    reference = environment(pod_specs(objects)["Deployment/site-search-worker"])["DATABASE_URL"]["secretKeyRef"]
    assert reference == {"name": "theirs", "key": "uri"}


def test_the_platform_can_be_broken_on_purpose() -> None:
    """What mutants change: replicas, readiness, shutdown, settings."""
    objects = manifests(
        *KIND,
        "app.replicas=1",
        "app.probes.readiness.httpGet.path=/health",
        "app.preStopSleepSeconds=0",
        "app.drainSeconds=0",
        "app.extraEnv[0].name=FAULT_SLOW_SEARCH_MS",
        "app.extraEnv[0].value=300ms",
    )
    assert objects["Deployment", "site-search-app"]["spec"]["replicas"] == 1
    pod = pod_specs(objects)["Deployment/site-search-app"]
    container = pod["spec"]["containers"][0]
    assert "lifecycle" not in container
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    assert environment(pod)["DRAIN_S"] == "0"
    assert environment(pod)["FAULT_SLOW_SEARCH_MS"] == "300ms"
    without = pod_specs(manifests(*KIND, "app.probes.readiness.enabled=false"))["Deployment/site-search-app"]
    assert "readinessProbe" not in without["spec"]["containers"][0]


def test_alertmanager_sends_nowhere_until_told() -> None:
    """The default route has a receiver that exists and does nothing."""
    objects = manifests("site-search-monitoring", "values-kind")
    config = yaml.safe_load(objects["ConfigMap", "site-search-monitoring-alertmanager"]["data"]["alertmanager.yml"])
    assert config["route"]["receiver"] == "null"
    assert config["receivers"] == [{"name": "null"}]


def test_as_many_workers_find_their_master_as_it_waits_for() -> None:
    """By its Service, ready or not, at Locust's own port; none plays twice, and a load that nobody ends ends itself."""
    objects = manifests(*LOAD, "workers=3", "users=200", "seconds=20")
    master, workers = (objects["Job", f"site-search-load-{each}"]["spec"] for each in ("master", "worker"))
    assert "--workers=3" in master["template"]["spec"]["containers"][0]["args"]
    assert (workers["completions"], workers["parallelism"]) == (3, 3)
    assert workers["template"]["spec"]["containers"][0]["args"] == ["worker", "--master=site-search-load-master"]
    service = objects["Service", "site-search-load-master"]["spec"]
    assert "clusterIP" not in service and service["publishNotReadyAddresses"] is True
    assert {port["name"]: port["port"] for port in service["ports"]} == {"locust": 5557, "results": 8080}
    for job in (master, workers):
        assert job["backoffLimit"] == 0
        # 4 s to come, 20 to stay, 60 to find each other, 600 to be fetched, and a minute.
        assert job["activeDeadlineSeconds"] == 744


def test_users_know_their_script_the_key_and_the_host() -> None:
    objects = manifests(*LOAD, "target.host=search.example.com")
    worker = manifests(*LOAD, "code=ab")["Job", "site-search-load-worker"]["spec"]["template"]["spec"]["containers"][0]
    assert worker["args"][:2] == ["--code=ab", "worker"]
    for name in ("master", "worker"):
        told = environment(pod_specs(objects)[f"Job/site-search-load-{name}"])
        assert told["SRE_USERS_HOST"] == "search.example.com"
        assert told["SRE_USERS_API_KEY"]["secretKeyRef"] == {"name": "site-search-secrets", "key": "admin-api-key"}
    assert objects["ConfigMap", "site-search-load-script"]["data"] == {"script.json": "what users know"}
    assert "SRE_USERS_HOST" not in environment(pod_specs(manifests(*LOAD))["Job/site-search-load-worker"])
