"""`up`: from whatever state the host is in to a deployed, ready platform."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from . import debian, docker, doctor, engine, gobuild, images, isolation, kind, node, platform, wheels
from .paths import IMAGES
from .progress import Progress
from .store import locked, sweep_scratch

Source = Literal["auto", "pull", "build"]
REGISTRY = ("registry-1.docker.io", 443)
REGISTRY_S = 3.0


class NotReady(RuntimeError):
    """The host lacks something that `up` may not or could not mend; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asked for."""

    source: Source = "auto"
    workers: int = 2
    http_port: int = 8080
    fix: bool = False
    drop_compiler_cache: bool = False


def up(wish: Wish, progress: Progress) -> None:
    """Bring the target up and return when it is ready. Raises NotReady, CommandFailed or OSError."""
    with locked("up"):
        pull = wish.source == "pull" or (wish.source == "auto" and registry_answers())
        progress.note(f"images: {'pulled where there is an upstream one' if pull else 'built from packages'}")
        prepare_host(wish, progress, pull=pull)
        progress.kind = _what_is_ahead(pull=pull)
        sweep_scratch()
        sources = platform.Sources(pull=pull)
        node_image = make_images(sources, progress)
        shape = kind.Shape(node_image=node_image, workers=wish.workers, http_port=wish.http_port)
        bring_cluster(shape, progress)
        kind.shorten_paths()
        kind.favour_control_plane()
        if not pull:
            isolation.close()
        with progress.step("database's operator, own images"), ThreadPoolExecutor() as pool:
            loading = pool.submit(platform.load_images, sources)
            platform.install_operator(sources)
            platform.install_autoscaled_kinds()
            if not pull:
                # Before any pod of the platform asks for a name that is not there yet: it would be asked for outside.
                platform.close_dns()
            platform.wait_for_operator()
            loading.result()
        # The database's instances come one after another, and nothing takes longer. What they need not wait for is
        # done when the first is there: the others leave half of the CPU to it.
        with ThreadPoolExecutor() as pool:
            beside = pool.submit(_beside_the_charts, sources)
            platform.deploy(sources, progress)
            beside.result()
        platform.wait_ready(progress)
        drop_old_images(node_image, sources)
        if wish.drop_compiler_cache:
            gobuild.clean()
        progress.remember()


def _what_is_ahead(*, pull: bool) -> str:
    """In a word, for the estimate of what is left."""
    if not pull and not all(gobuild.built(group) for group in gobuild.GROUPS):
        return "programs to compile"
    states = {entry.state for entry in kind.nodes()}
    return "new cluster" if not states else "running cluster" if states == {"running"} else "stopped cluster"


def _beside_the_charts(sources: platform.Sources) -> None:
    platform.wait_for_first_instance()
    platform.install_ingress(sources)
    platform.install_autoscaler(sources)


def registry_answers() -> bool:
    """Whether an image registry can be reached within three seconds."""
    try:
        with socket.create_connection(REGISTRY, timeout=REGISTRY_S):
            return True
    except OSError:
        return False


def prepare_host(wish: Wish, progress: Progress, *, pull: bool) -> None:
    """See that the host has what is needed; with `fix`, mend it. Raises NotReady."""
    if wish.fix:
        with progress.step("host"):
            bad = doctor.fix(lambda: doctor.examine(pull=pull), progress.note)
    else:
        if not engine.answers() and engine.installed():
            with progress.step("docker engine"):
                engine.start()
        bad = [finding for finding in doctor.examine(pull=pull) if not finding.good and finding.needed]
    if bad:
        hint = "" if wish.fix else "\nor let it be done: python -m reference.cluster up --fix"
        raise NotReady(f"this host is not ready:\n{doctor.describe(bad)}{hint}")


@contextmanager
def _compiler() -> Iterator[Executor]:
    """The compiler's lane. Whoever failed waits for the group that is being compiled, and for none after it."""
    lane = ThreadPoolExecutor(max_workers=1)
    try:
        yield lane
    finally:
        lane.shutdown(cancel_futures=True)


def make_images(sources: platform.Sources, progress: Progress) -> str:
    """Have every image that a cluster starts with, compiled and assembled side by side; the node image's reference."""
    if sources.pull:
        # kind, kubectl and helm are not to be had as images; they take a minute.
        with progress.step("compile tools"):
            gobuild.install_tools()
        for name in sources.own():
            with progress.step(f"image {name}"):
                images.archive(name)
        return images.pulled(node.NAME)
    with _compiler() as compiler:
        compiled = {group: compiler.submit(_compile, group, progress) for group in gobuild.GROUPS}
        _assemble(compiled, progress)
    gobuild.install_tools()
    with progress.step("node image ready", quiet=True):
        return node.ensure()


def _compile(group: str, progress: Progress) -> None:
    """One group of programs, with all cores."""
    with progress.step(f"compile {group}", quiet=gobuild.built(group)):
        gobuild.build(group)


def _assemble(compiled: dict[str, Future[None]], progress: Progress) -> None:
    """The other lane: what needs no compiler first, then each image as soon as its program is there."""
    with progress.step("packages base", quiet=debian.has_base()):
        debian.base()
    if not node.built():
        for name in debian.SETS:
            with progress.step(f"packages {name}", quiet=debian.installed(name)):
                debian.set_image(name)
    for name in images.OWN:
        if not images.built(name):
            with progress.step(f"wheels {name}"):
                wheels.wheelhouse(name, IMAGES / name / "requirements.txt")
    later = {name: gobuild.GROUP_OF[program] for name, recipe in images.RECIPES.items() if (program := recipe.program)}
    wanted = images.RECIPES.keys() - set(images.ON_DEMAND)
    for name in sorted(wanted, key=lambda image: list(compiled).index(later[image]) if image in later else -1):
        if name in later:
            compiled[later[name]].result()
        if not images.built(name):
            with progress.step(f"image {name}"):
                images.archive(name)
    if not node.built():
        with progress.step("image node"):
            node.ensure()


def bring_cluster(shape: kind.Shape, progress: Progress) -> None:
    """A running cluster of this shape: the one that is there, started if need be, or a new one."""
    present = kind.nodes()
    if present and kind.fits(shape):
        stopped = [entry.name for entry in present if entry.state != "running"]
        if not stopped and kind.api_answers():
            return
        with progress.step("start stopped nodes" if stopped else "wait for the API server"):
            if kind.start_stopped():
                return
        progress.note("the cluster does not come back; making a new one")
    elif present:
        progress.note("the cluster is of another shape or made of other images; making a new one")
    if present:
        with progress.step("remove the old cluster"):
            kind.delete()
    with progress.step(f"cluster of 1 control plane and {shape.workers} workers"):
        kind.create(shape)


def drop_old_images(node_image: str, sources: platform.Sources) -> None:
    """Untag images of ours that nothing current uses; their archives went when the new ones came."""
    current = {node_image, *(images.reference(name) for name in images.RECIPES)} if not sources.pull else {node_image}
    current |= {images.reference(name) for name in sources.own()}
    current |= {debian.reference(name) for name in ("", *debian.SETS)}
    docker.remove_images([image for image in docker.own_images() if image not in current])
