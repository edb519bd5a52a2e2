"""A content-addressed store: an artifact is made once for its inputs, and only ever seen whole.

The name of an artifact's folder is the hash of all that went into it. It is made in a scratch folder and moved into
place by one rename, under a lock, so an interrupted build leaves nothing that could be mistaken for a result.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from .paths import cache

KEY_LENGTH = 16
# What lies in a folder and goes into nothing that is made of it.
NO_INPUT = ("__pycache__", "*.pyc", "README.md")


def key_of(*parts: str | bytes | Path) -> str:
    """A hash of texts, files and folders (names, modes that matter and contents)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for file in _files(part):
                name = file.relative_to(part) if file != part else Path(file.name)
                executable = b"x" if os.access(file, os.X_OK) else b"-"
                digest.update(b"file" + str(name).encode() + executable + hashlib.sha256(file.read_bytes()).digest())
        else:
            data = part.encode() if isinstance(part, str) else part
            digest.update(b"text" + len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:KEY_LENGTH]


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not _is_no_input(file.relative_to(path)))


def _is_no_input(place: Path) -> bool:
    return any(fnmatchcase(part, pattern) for part in place.parts for pattern in NO_INPUT)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Only one process at a time holds the lock of this name."""
    folder = cache() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def artifact_path(name: str, key: str) -> Path:
    return cache() / "store" / f"{name}-{key}"


def produce(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder of the artifact; `make` fills a scratch folder only when it is not there yet.

    Earlier artifacts of the same name are dropped once the new one is in place.
    """
    target = artifact_path(name, key)
    if target.is_dir():
        return target
    with locked(name):
        if target.is_dir():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
        try:
            make(scratch)
            scratch.chmod(0o755)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        for other in target.parent.glob(f"{name}-{'?' * KEY_LENGTH}"):
            if other != target:
                shutil.rmtree(other, ignore_errors=True)
    return target


def sweep_scratch() -> None:
    """Remove scratch folders that an interrupted build left behind."""
    for scratch in (cache() / "store").glob(".making-*"):
        shutil.rmtree(scratch, ignore_errors=True)
