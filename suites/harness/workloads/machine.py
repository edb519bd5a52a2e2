"""How fast this machine's processors were meanwhile, and how busy before: a shared host takes half of it away and no
clock says so."""

from __future__ import annotations

import os
import statistics
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_EVERY_S = 0.5
# About a millisecond of work: too little to disturb what is measured beside it.
_ROUNDS = 20_000
_LOOK_BEFORE_S = 1.0
# Of the first line of /proc/stat, after its name: what a processor did nothing in.
_IDLE, _WAITING = 3, 4


class MachineSpeed:
    """Work of a fixed size, done again and again; `facts` says what of it a millisecond of processor time holds.

    Only processor time counts, so that waiting for a processor does not look like a slow one. A number by itself says
    little: compare it with other runs on the same machine.
    """

    def __init__(self) -> None:
        self._rounds_per_ms: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="machine speed", daemon=True)

    @property
    def facts(self) -> dict[str, float]:
        """Rounds per millisecond: the slowest sample, the middle one, the fastest."""
        seen = self._rounds_per_ms
        return {
            "rounds_per_ms_min": round(min(seen)),
            "rounds_per_ms_median": round(statistics.median(seen)),
            "rounds_per_ms_max": round(max(seen)),
        }

    def __enter__(self) -> Self:
        self._rounds_per_ms.append(_rounds_per_ms())
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _measure(self) -> None:
        while not self._over.wait(_EVERY_S):
            self._rounds_per_ms.append(_rounds_per_ms())


def _rounds_per_ms() -> float:
    started_s, total = time.thread_time(), 0
    for number in range(_ROUNDS):
        total += number
    return _ROUNDS / ((time.thread_time() - started_s) * 1000.0)


def busy_before() -> dict[str, Any]:
    """What the machine does right now, looked at for a second: other load that a measurement would take for its own."""
    before = ticks()
    time.sleep(_LOOK_BEFORE_S)
    return {
        "load_average_1_min": round(os.getloadavg()[0], 2),
        "busy_cores": busy_cores(before, ticks()),
        "cores": os.cpu_count(),
    }


def busy_cores(then: list[int], now: list[int]) -> float | None:
    """How many of the machine's cores did anything between two looks at its ticks; None where it does not say."""
    used = [later - earlier for earlier, later in zip(then, now, strict=True)]
    if not sum(used):
        return None
    return round((os.cpu_count() or 1) * (1.0 - (used[_IDLE] + used[_WAITING]) / sum(used)), 2)


def ticks() -> list[int]:
    """What all processors together did so far, by kind; nothing where the machine does not say."""
    try:
        return [int(word) for word in Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return []
