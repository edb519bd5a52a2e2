"""The images of the target: what goes into each, and how to have one.

`ensure(name)`: an image that this host's Docker has. `archive(name)`: the file a node imports. Only changes are built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from . import debian, docker, gobuild, wheels
from .paths import IMAGES, REPOSITORY
from .store import artifact_path, key_of, produce
from .versions import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an image is made: a Debian set to stand on (None: an empty file system), and what is laid on it."""

    set: str | None = None
    program: str | None = None
    source: str | None = None
    folder: str | None = None
    # Files and folders of this clone; the key holds what is in them.
    carries: tuple[str, ...] = field(default=(), repr=False)


def _program(name: str, *, folder: str = "program", on: str | None = None) -> Recipe:
    return Recipe(set=on, program=name, folder=folder)


CONTROL_PLANE = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "etcd",
    "coredns",
    "pause",
)
# Images of other projects: they change rarely, so a node image carries them.
SERVICES = (
    "local-path-provisioner",
    "cloudnative-pg",
    "skipper",
    "kube-state-metrics",
    "postgresql",
    "redis",
    "monitoring",
    "keda",
    "keda-adapter",
)
# Our own code: loaded into running nodes, so that an edit costs one small import.
OWN = ("searchapp", "searchengine", "demosite")
# The part of `reference/` that each of them carries beside its own.
SHARED = "serving"
# What the suites bring into pods: loaded as well, into every node.
TOOLS = ("faults",)
# Made and loaded when it is asked for by name: `up` does without.
LOAD_GENERATOR = "loadgenerator"
ON_DEMAND = (LOAD_GENERATOR,)
# What plays users for the suites, and no more of them.
PLAYS_USERS = (
    "reports/__init__.py",
    "reports/records.py",
    "suites/__init__.py",
    "suites/harness/__init__.py",
    "suites/harness/errors.py",
    "suites/harness/workloads",
    "suites/load/__init__.py",
    "suites/load/locustfile.py",
)

RECIPES: dict[str, Recipe] = {
    **{name: _program(name) for name in CONTROL_PLANE if name not in ("kube-proxy", "coredns", "pause")},
    "kube-proxy": _program("kube-proxy", on="network"),
    "coredns": _program("coredns", folder="coredns"),
    "pause": _program("pause", folder="pause"),
    "local-path-provisioner": _program("local-path-provisioner"),
    "cloudnative-pg": _program("manager", folder="cloudnative-pg", on=""),
    "skipper": _program("skipper", folder="skipper"),
    "kube-state-metrics": _program("kube-state-metrics", folder="kube-state-metrics"),
    **{name: _program(name, folder="keda") for name in ("keda", "keda-adapter")},
    "postgresql": Recipe(set="postgresql"),
    "redis": Recipe(set="redis"),
    "monitoring": Recipe(set="monitoring", program="prometheus"),
    "faults": Recipe(set="faults"),
    **{name: Recipe(set="python", source=name) for name in OWN},
    LOAD_GENERATOR: Recipe(set="python", carries=PLAYS_USERS),
}


class UnknownImage(ValueError):
    """There is no image of this name; the text lists those there are."""


def _recipe(name: str) -> Recipe:
    try:
        return RECIPES[name]
    except KeyError:
        raise UnknownImage(f"no image {name!r}; there are {', '.join(sorted(RECIPES))}") from None


def _build_folder(name: str) -> Path:
    return IMAGES / (_recipe(name).folder or name)


def _key(name: str) -> str:
    """The hash of an image's inputs; computing it builds no image."""
    recipe = _recipe(name)
    parts: list[str | Path] = [name, repr(recipe), _build_folder(name)]
    if recipe.program:
        group = gobuild.GROUP_OF[recipe.program]
        parts.append(gobuild.key(group))
    if recipe.set is not None:
        parts.append(debian.set_key(recipe.set))
    if recipe.source:
        parts += [REPOSITORY / "reference" / part for part in (recipe.source, SHARED)]
    parts += [REPOSITORY / part for part in recipe.carries]
    return key_of(*parts)


def reference(name: str) -> str:
    """`localhost/site-search/<name>:<tag>`; the operator reads PostgreSQL's version from its image's tag."""
    key = _key(name)
    tag = f"{_postgresql_version()}-{key}" if name == "postgresql" else key
    return docker.reference(name, tag)


def _postgresql_version() -> str:
    deb = next(debian.packages("postgresql").glob("postgresql-15_*.deb"))
    match = re.search(r"_(\d+\.\d+)", deb.name)
    if match is None:
        raise ValueError(f"no version in {deb.name}")
    return match[1]


def archive(name: str) -> Path:
    """The image as a file for `ctr images import` or `docker load`."""
    return produce(f"image-{name}", _key(name), lambda folder: _make(name, folder)) / "image.tar"


def built(name: str) -> bool:
    """Whether the archive is there already."""
    return artifact_path(f"image-{name}", _key(name)).is_dir()


def ensure(name: str) -> str:
    """The reference of an image that this host's Docker has, built or loaded if need be. Raises UnknownImage."""
    image = reference(name)
    if not docker.has_image(image):
        docker.load(archive(name))
    return image


def _make(name: str, folder: Path) -> None:
    recipe = _recipe(name)
    context: dict[str, Path] = {}
    if recipe.program:
        context[f"program/{recipe.program}"] = gobuild.program(recipe.program)
    requirements = _build_folder(name) / "requirements.txt"
    if requirements.exists():
        context["requirements.txt"] = requirements
        context["wheelhouse"] = wheels.wheelhouse(name, requirements)
    if recipe.source:
        context["reference/__init__.py"] = REPOSITORY / "reference" / "__init__.py"
        for part in (recipe.source, SHARED):
            context[f"reference/{part}"] = REPOSITORY / "reference" / part
    for part in recipe.carries:
        context[f"carried/{part}"] = REPOSITORY / part
    for extra in _build_folder(name).iterdir():
        if extra.name not in ("Dockerfile", "requirements.txt", "requirements.in", "README.md"):
            context[extra.name] = extra
    image = reference(name)
    docker.build(image, context, _build_folder(name) / "Dockerfile", _arguments(recipe))
    docker.save([image], folder / "image.tar")


def _arguments(recipe: Recipe) -> dict[str, str]:
    if recipe.set is None:
        return {}
    return {"BASE": debian.set_image(recipe.set) if recipe.set else debian.base_image()}


def pulled(name: str) -> str:
    """The upstream image that stands in for ours where a registry answers."""
    return versions().pulled(name)
