"""The node image for kind: kind's own files, Kubernetes' programs, our network units, and the images pods need."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

from . import debian, docker, gobuild, images
from .paths import IMAGES
from .process import run
from .store import artifact_path, key_of, locked, produce
from .versions import versions

NAME = "node"
ARCHIVE = "image-node"
PROGRAMS = ("kubeadm", "kubelet", "kubectl")
# The sandbox image kind's containerd configuration names.
SANDBOX = "registry.k8s.io/pause:3.10"
CONTAINERD_START_S = 30
STORAGE_MANIFEST = "kind/manifests/default-storage.yaml"


# What a node image must carry, and what it may: our own code changes often, so nodes get newer images while they run.
_MUST = (*images.CONTROL_PLANE, *images.SERVICES)
_MAY = (*images.OWN, *images.TOOLS)
RECIPE = "2"  # raise when the steps below change


def key() -> str:
    """The hash of what a node must carry."""
    return key_of(
        IMAGES / NAME,
        versions().kubernetes,
        versions().go["sigs.k8s.io/kind"],
        debian.set_key(NAME),
        gobuild.key("kubernetes"),
        debian.base_key(),
        *(images.reference(name) for name in _MUST),
        RECIPE,
    )


def reference() -> str:
    return docker.reference(NAME, key())


def built() -> bool:
    """Whether Docker has the node image, or a file of it is kept."""
    return docker.has_image(reference()) or artifact_path(ARCHIVE, key()).is_dir()


def ensure() -> str:
    """The reference of the node image, which this host's Docker has afterwards."""
    image = reference()
    if not docker.has_image(image):
        with locked(NAME):
            kept = artifact_path(ARCHIVE, key())
            if kept.is_dir():
                docker.load(kept / "image.tar")
            elif not docker.has_image(image):
                _make(image)
    return image


def keep() -> None:
    """Write the node image to a file, to be loaded when Docker has it no more. Two gigabytes: only at `down`."""
    image = reference()
    if docker.has_image(image):
        produce(ARCHIVE, key(), lambda folder: docker.save([image], folder / "image.tar"))


def _make(image: str) -> None:
    bare = f"{image}-bare"
    with tempfile.TemporaryDirectory(prefix="site-search-node-") as scratch:
        _build_bare(Path(scratch), bare)
    with docker.scratch_container(bare, privileged=True) as container:
        _preload(container)
        docker.commit(container, image, 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]')
    docker.remove_images([bare])


def _build_bare(scratch: Path, image: str) -> None:
    kind_files = scratch / "kind"
    shutil.copytree(gobuild.module_folder("sigs.k8s.io/kind") / "images/base/files", kind_files)
    shutil.rmtree(kind_files / "LICENSES", ignore_errors=True)
    own_files = scratch / "files"
    shutil.copytree(IMAGES / NAME / "files", own_files)
    storage = own_files / STORAGE_MANIFEST
    storage.write_text(
        storage.read_text()
        .replace("LOCAL_PATH_IMAGE", images.reference("local-path-provisioner"))
        .replace("SHELL_IMAGE", debian.base_image())
    )
    (own_files / "kind/version").write_text(versions().kubernetes)
    context = {"kind": kind_files, "files": own_files}
    context |= {f"programs/{name}": gobuild.program(name) for name in PROGRAMS}
    # Module files are read-only; the context's copies need not be.
    run("chmod", "-R", "u+w", kind_files)
    docker.build(image, context, IMAGES / NAME / "Dockerfile", {"BASE": debian.set_image(NAME)})


def _preload(container: str) -> None:
    """Import the images into the node's containerd, under the names that kubeadm asks for."""
    docker.execute(container, "sh", "-c", "nohup containerd >/dev/null 2>&1 &")
    stop_at = time.monotonic() + CONTAINERD_START_S
    while not run("docker", "exec", container, "sh", "-c", "ctr version 2>/dev/null || true").strip():
        if time.monotonic() > stop_at:
            raise TimeoutError(f"containerd did not start in the node image within {CONTAINERD_START_S} s")
        time.sleep(0.2)
    with docker.saved([debian.base_image(), *(images.ensure(name) for name in (*_MUST, *_MAY))]) as stream:
        _import(container, stream, "--no-unpack")
    wanted = docker.execute(
        container, "kubeadm", "config", "images", "list", "--kubernetes-version", versions().kubernetes
    )
    for upstream in (*wanted.split(), SANDBOX):
        name = upstream.rsplit("/", 1)[1].split(":")[0]
        docker.execute(container, "ctr", "-n", "k8s.io", "images", "tag", "--force", images.reference(name), upstream)
    docker.execute(container, "sh", "-c", "pkill containerd; while pidof containerd >/dev/null; do sleep 0.1; done")
    docker.execute(container, "sh", "-c", "rm -rf /run/containerd /tmp/* && sync")


def import_archive(container: str, archive_file: Path) -> None:
    """Load an image file into a node's containerd."""
    with archive_file.open("rb") as stream:
        _import(container, stream)


def _import(container: str, stream: IO[bytes], *options: str) -> None:
    run(
        "docker", "exec", "-i", container, "ctr", "-n", "k8s.io", "images", "import",
        "--label=io.cri-containerd.pinned=pinned", "--all-platforms", *options, "-",
        stdin=stream,
    )  # fmt: skip
