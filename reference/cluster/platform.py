"""What runs in the cluster: images in the nodes, the operator and the ingress controller, then the two charts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from . import gobuild, images, keda, kind, node
from .paths import CLUSTER, REPOSITORY, kubeconfig, tool
from .process import run
from .progress import Progress
from .store import key_of, produce
from .versions import OtherSource, versions

NAMESPACE = "site-search"
MONITORING = "site-search-monitoring"
OPERATOR = "github.com/cloudnative-pg/cloudnative-pg"
# The suites may break this platform: it is the reference target, made for it.
FAULTS_ALLOWED = {"sre.site-search/faults": "allowed"}
# Where the suites look for the image that they bring into pods, unless their target names one.
FAULTS_IMAGE = "sre.site-search/faults-image"
LOAD_IMAGE = "sre.site-search/load-image"
READY = "600s"


class Sources:
    """Which image stands for which component: built here, or pulled from upstream (our own code is always built)."""

    def __init__(self, *, pull: bool) -> None:
        self.pull = pull

    def reference(self, name: str) -> str:
        return images.pulled(name) if self.pull and name not in ("searchapp", "demosite") else images.reference(name)

    def value(self, name: str) -> dict[str, str]:
        repository, tag = self.reference(name).rsplit(":", 1)
        return {"repository": repository, "tag": tag}

    def program(self, name: str) -> dict[str, Any]:
        """A monitoring program: an image of its own upstream, one image for all of them here."""
        if self.pull:
            return {"image": self.value(name), "command": []}
        return {"image": self.value("monitoring")}

    def own(self) -> list[str]:
        return [name for name in images.OWN if not (self.pull and name == "searchengine")]

    def tools(self) -> list[str]:
        return [] if self.pull else list(images.TOOLS)


def load_images(sources: Sources) -> None:
    """Import images into nodes that lack them: our own into workers, what faults use into all."""
    workers = kind.workers()
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done in [
            pool.submit(_load, entry.name, [*(sources.own() if entry.name in workers else ()), *sources.tools()])
            for entry in kind.nodes()
        ]:
            done.result()


def load_into_workers(name: str) -> None:
    """Have one image in every worker of the running cluster, and the suites know of it if they are who it is for."""
    for worker in kind.workers():
        _load(worker, [name])
    if name == images.LOAD_GENERATOR:
        _tell_suites(LOAD_IMAGE, images.reference(name))


def _tell_suites(annotation: str, image: str) -> None:
    kind.kubectl("annotate", "namespace", NAMESPACE, "--overwrite", f"{annotation}={image}")


def _load(container: str, names: Iterable[str]) -> None:
    present = set(run("docker", "exec", container, "ctr", "-n", "k8s.io", "images", "ls", "-q").split())
    for name in names:
        if images.reference(name) not in present:
            node.import_archive(container, images.archive(name))


def operator_manifest() -> Path:
    """CloudNativePG's own manifest, kept beside the programs so that the module may be dropped."""
    version = versions().go[OPERATOR].removeprefix("v")

    def make(folder: Path) -> None:
        shutil.copy(gobuild.module_folder(OPERATOR) / "releases" / f"cnpg-{version}.yaml", folder / "operator.yaml")

    return produce("operator-manifest", key_of(version), make) / "operator.yaml"


def install_operator(sources: Sources) -> None:
    upstream = versions().pulled("cloudnative-pg")
    text = operator_manifest().read_text()
    if upstream not in text:
        raise OtherSource(f"the operator's manifest does not name {upstream}; has its version changed?")
    text = text.replace(upstream, sources.reference("cloudnative-pg"))
    _apply("\n---\n".join(_that_survives(part) if _DEPLOYMENT in part else part for part in text.split("\n---\n")))


_DEPLOYMENT = "\nkind: Deployment\n"


def _that_survives(deployment: str) -> str:
    """The operator's deployment, so that one is there when a node is lost, and is not slowed down when it is needed."""
    operator = yaml.safe_load(deployment)
    operator["spec"]["replicas"] = 2
    pod = operator["spec"]["template"]["spec"]
    pod["containers"][0]["imagePullPolicy"] = "IfNotPresent"
    # Seen to be up within a second of it, not within five and then ten: a new cluster waits for it.
    pod["containers"][0]["startupProbe"] |= {"periodSeconds": 1, "failureThreshold": 60}
    pod["containers"][0]["readinessProbe"] |= {"periodSeconds": 2}
    # A tenth of a core, as shipped, makes every failover and every start wait for the next slice of CPU.
    del pod["containers"][0]["resources"]["limits"]["cpu"]
    # Never both on one node while there are two, the control plane's included: that is what the second one is for.
    pod["tolerations"] = [
        {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
    ]
    pod["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": "Honor",
            "labelSelector": operator["spec"]["selector"],
        }
    ]
    return yaml.safe_dump(operator)


def autoscaler_manifest() -> Path:
    """KEDA's own manifest, kept as the operator's is."""
    version = versions().go[keda.MODULE]

    def make(folder: Path) -> None:
        text = run(tool("kubectl"), "kustomize", gobuild.module_folder(keda.MODULE) / "config" / "default")
        (folder / "keda.yaml").write_text(text)

    return produce("autoscaler-manifest", key_of(version), make) / "keda.yaml"


def install_autoscaled_kinds() -> None:
    """KEDA's kinds, which the platform's chart has objects of."""
    _apply(keda.kinds(autoscaler_manifest().read_text()))


def install_autoscaler(sources: Sources) -> None:
    """KEDA itself; `wait_ready` waits for its programs."""
    programs = {"keda-operator": "keda", "keda-metrics-apiserver": "keda-adapter"}
    deployments = {deployment: sources.reference(image) for deployment, image in programs.items()}
    _apply(keda.manifests(autoscaler_manifest().read_text(), deployments))


def install_ingress(sources: Sources) -> None:
    text = (CLUSTER / "manifests/ingress.yaml").read_text()
    _apply(
        text.replace("INGRESS_IMAGE", sources.reference("skipper")).replace("INGRESS_PORT", str(kind.INGRESS_NODE_PORT))
    )


def close_dns() -> None:
    """Answer names of the cluster only; restarts CoreDNS when that changed something."""
    before = kind.kubectl("-n", "kube-system", "get", "configmap", "coredns", "-o", "jsonpath={.data}")
    _apply((CLUSTER / "manifests/coredns.yaml").read_text())
    after = kind.kubectl("-n", "kube-system", "get", "configmap", "coredns", "-o", "jsonpath={.data}")
    if before != after:
        kind.kubectl("-n", "kube-system", "rollout", "restart", "deployment/coredns")


def wait_for_operator() -> None:
    kind.kubectl("-n", "cnpg-system", "rollout", "status", "deployment/cnpg-controller-manager", f"--timeout={READY}")


def wait_for_first_instance() -> None:
    """Wait for the database's first instance, or a while: whoever calls this only wants to be out of its way."""
    cluster = ("-n", NAMESPACE, "wait", "cluster/site-search-db")
    kind.kubectl(*cluster, "--for=create", "--timeout=30s", check=False)
    kind.kubectl(*cluster, "--for=jsonpath={.status.readyInstances}", "--timeout=60s", check=False)


def deploy(sources: Sources, progress: Progress) -> None:
    """Install or upgrade both charts; the migration has run when this returns."""
    with tempfile.TemporaryDirectory() as folder:
        for release, values in ((NAMESPACE, platform_values(sources)), (MONITORING, monitoring_values(sources))):
            file = Path(folder) / f"{release}.yaml"
            file.write_text(yaml.safe_dump(values))
            with progress.step(f"chart {release}"):
                _helm_upgrade(release, file)
    labels = [f"{name}={value}" for name, value in FAULTS_ALLOWED.items()]
    kind.kubectl("label", "namespace", NAMESPACE, "--overwrite", *labels)
    _tell_suites(FAULTS_IMAGE, sources.reference("faults"))


def _helm_upgrade(release: str, values: Path) -> None:
    chart = REPOSITORY / "charts" / release
    run(
        tool("helm"), "upgrade", "--install", release, chart,
        "--kubeconfig", kubeconfig(), "--kube-context", kind.CONTEXT,
        "--namespace", release, "--create-namespace", "--timeout", "10m",
        "--values", chart / "values-kind.yaml", "--values", values,
    )  # fmt: skip


def wait_ready(progress: Progress) -> None:
    """Every workload rolled out and every database instance up."""
    with progress.step("database instances ready"):
        kind.kubectl("-n", NAMESPACE, "wait", "cluster/site-search-db", "--for=condition=Ready", f"--timeout={READY}")
    with progress.step("all workloads ready"):
        for namespace in (NAMESPACE, MONITORING, "ingress", keda.NAMESPACE):
            found = kind.kubectl("-n", namespace, "get", "deployment,statefulset,daemonset", "-o", "name")
            for workload in found.split():
                kind.kubectl("-n", namespace, "rollout", "status", workload, f"--timeout={READY}")


def platform_values(sources: Sources) -> dict[str, Any]:
    return {
        "app": {"image": sources.value("searchapp")},
        "postgresql": {"image": sources.value("postgresql")},
        "redis": {"image": sources.value("redis"), "exporter": sources.program("redis-exporter")},
        "meilisearch": {"image": sources.value("searchengine")},
        "demosite": {"image": sources.value("demosite")},
    }


def monitoring_values(sources: Sources) -> dict[str, Any]:
    return {
        "prometheus": sources.program("prometheus"),
        "alertmanager": sources.program("alertmanager"),
        "nodeExporter": sources.program("node-exporter"),
        "kubeStateMetrics": {"image": sources.value("kube-state-metrics")},
    }


def _apply(text: str) -> None:
    kind.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
