"""Turns at one target: whoever breaks or loads it has it alone, whoever only reads may share it.

Holds for every process on this machine: workers of one session, a second session, an experiment.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager

from suites.harness.target import Target, cache


@contextmanager
def turn(target: Target, *, alone: bool) -> Iterator[None]:
    """Wait for a turn at the target and have it until the block ends; the end of the process ends it as well."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{target.context}.{target.namespace}")
    path = cache() / "turns" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
