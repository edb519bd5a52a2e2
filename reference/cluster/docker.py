"""What the set-up asks of Docker. Images of ours are `localhost/site-search/<name>:<hash of what went in>`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from .process import CommandFailed, run, succeeds
from .store import NO_INPUT

REPOSITORY = "localhost/site-search"
LABEL = "site-search.made-by=reference.cluster"


def reference(name: str, tag: str) -> str:
    return f"{REPOSITORY}/{name}:{tag}"


def has_image(image: str) -> bool:
    return succeeds("docker", "image", "inspect", image)


def import_root(tar: Path, image: str) -> None:
    run("docker", "import", "--change", f"LABEL {LABEL}", tar, image)


@contextmanager
def scratch_container(
    image: str, *, mounts: Mapping[Path, str] | None = None, privileged: bool = False
) -> Iterator[str]:
    """The id of a container without network that does nothing; it is removed at the end."""
    volumes = [word for source, target in (mounts or {}).items() for word in ("-v", f"{source}:{target}:ro")]
    extra = ["--privileged"] if privileged else []
    container = run(
        "docker", "run", "-d", "--init", "--network=none", "--entrypoint=sleep", f"--label={LABEL}", *extra, *volumes,
        image, "infinity",
    ).strip()  # fmt: skip
    try:
        yield container
    finally:
        run("docker", "rm", "-f", "-v", container)


def execute(container: str, *command: str) -> str:
    return run("docker", "exec", container, *command)


def commit(container: str, image: str, *changes: str) -> None:
    every = (f"LABEL {LABEL}", "ENTRYPOINT []", "CMD []", *changes)
    options = [word for change in every for word in ("--change", change)]
    run("docker", "commit", *options, container, image)


def build(image: str, context: Mapping[str, Path], dockerfile: Path, arguments: Mapping[str, str]) -> None:
    """Build with the classic builder and no network; `context` maps names inside the context to files or folders."""
    with tempfile.TemporaryDirectory(prefix="site-search-context-") as folder:
        root = Path(folder)
        for name, source in {**context, "Dockerfile": dockerfile}.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NO_INPUT))
            else:
                shutil.copy2(source, target)
        options = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        run(
            "docker", "build", "--quiet", "--network=none", f"--label={LABEL}", "--tag", image, *options, root,
            env={"DOCKER_BUILDKIT": "0"},
        )  # fmt: skip


def save(images: list[str], file: Path) -> None:
    run("docker", "save", "--output", file, *images)


@contextmanager
def saved(images: list[str]) -> Iterator[IO[bytes]]:
    """The images as one file that is read while it is written; layers they share are in it once.

    Raises CommandFailed at the end if it was not whole.
    """
    command = ["docker", "save", *images]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as saving:
        yield cast(IO[bytes], saving.stdout)
        _, errors = saving.communicate()
    if saving.returncode != 0:
        raise CommandFailed(command, saving.returncode, errors.decode(errors="replace"))


def load(file: Path) -> None:
    run("docker", "load", "--quiet", "--input", file)


def own_images() -> list[str]:
    """All images this project tagged on this engine."""
    listed = run(
        "docker", "image", "ls", "--filter", f"reference={REPOSITORY}/*", "--format", "{{.Repository}}:{{.Tag}}"
    )
    return [line for line in listed.splitlines() if not line.endswith(":<none>")]


def remove_images(images: list[str]) -> None:
    for image in images:
        try:
            run("docker", "image", "rm", "--force", image)
        except CommandFailed as error:
            if "No such image" not in error.output:
                raise
