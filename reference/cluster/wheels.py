"""Python wheels for images, fetched on the host by the hashes of a requirements file."""

from __future__ import annotations

import sys
from pathlib import Path

from .process import run
from .store import key_of, produce

# Debian 12's python3, for which the images are built whatever runs on this host.
TARGET = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none")
PLATFORMS = tuple(
    word
    for tag in ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")
    for word in ("--platform", f"{tag}_x86_64")
)


def wheelhouse(name: str, requirements: Path) -> Path:
    """A folder with every wheel the requirements name. Raises CommandFailed when a hash or a wheel is missing."""

    def make(folder: Path) -> None:
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:",
            *TARGET, *PLATFORMS, "--dest", folder, "--requirement", requirements,
        )  # fmt: skip

    return produce(f"wheels-{name}", key_of(requirements, repr((TARGET, PLATFORMS))), make)
