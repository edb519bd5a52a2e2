"""Tells a person what is being done, for how long, and how much is left; one line a step where there is no terminal."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from .paths import cache

REDRAW_S = 0.5
IN_ALL = "in all"


@dataclass(slots=True)
class Progress:
    """Steps as they run, possibly several at once; their times are kept for the next estimate."""

    output: TextIO = field(default_factory=lambda: sys.stderr)
    started: float = field(default_factory=time.monotonic)
    times_s: dict[str, float] = field(default_factory=dict)
    _running: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _drawn: bool = False

    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    @contextmanager
    def step(self, name: str, *, quiet: bool = False) -> Iterator[None]:
        """Run a step; a failed one is named as failed. `quiet` steps are timed but only shown while they run."""
        begun = time.monotonic()
        with self._lock:
            self._running[name] = begun
        stop = threading.Event()
        redraw = threading.Thread(target=self._redraw, args=(stop,), daemon=True)
        if self.output.isatty():
            redraw.start()
        failed = True
        try:
            yield
            failed = False
        finally:
            stop.set()
            took = time.monotonic() - begun
            with self._lock:
                del self._running[name]
                self.times_s[name] = took
            if not quiet or failed:
                self._say(f"{'FAILED ' if failed else ''}{name}", took)

    def note(self, text: str) -> None:
        """One line beside the steps."""
        with self._lock:
            self._clear()
            print(f"        {text}", file=self.output, flush=True)

    def _say(self, name: str, took_s: float) -> None:
        with self._lock:
            self._clear()
            left = self._left_s()
            tail = f"   about {_clock(left)} left" if left >= 1 else ""
            print(f"[{_clock(self.elapsed_s())}] {name}  {took_s:.1f} s{tail}", file=self.output, flush=True)

    def _left_s(self) -> float:
        """A guess from the last complete run: what it took in all, less what has passed."""
        return max(0.0, remembered().get(IN_ALL, 0.0) - self.elapsed_s())

    def _redraw(self, stop: threading.Event) -> None:
        while not stop.wait(REDRAW_S):
            with self._lock:
                now = time.monotonic()
                doing = " · ".join(f"{name} {now - begun:.0f} s" for name, begun in self._running.items())
                self.output.write(f"\r\033[K[{_clock(self.elapsed_s())}] {doing}"[:200])
                self.output.flush()
                self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            self.output.write("\r\033[K")
            self._drawn = False

    def remember(self) -> None:
        """Keep the times of this run's steps for the next estimate."""
        file = cache() / "step-times.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        times = {**self.times_s, IN_ALL: self.elapsed_s()}
        file.write_text(json.dumps({name: round(took, 1) for name, took in times.items()}))


def remembered() -> dict[str, float]:
    file = cache() / "step-times.json"
    try:
        return {str(name): float(value) for name, value in json.loads(file.read_text()).items()}
    except (OSError, ValueError):
        return {}


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
