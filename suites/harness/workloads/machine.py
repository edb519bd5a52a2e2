"""How fast this machine's processors were meanwhile: a shared host takes half of it away and no clock says so."""

from __future__ import annotations

import statistics
import threading
import time
from types import TracebackType
from typing import Self

_EVERY_S = 0.5
# About a millisecond of work: too little to disturb what is measured beside it.
_ROUNDS = 20_000


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
