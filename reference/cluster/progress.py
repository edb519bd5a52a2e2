"""Tells a person what is being done, for how long, and how much is left; one line a step where there is no terminal."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

from .paths import cache

REDRAW_S = 0.5


@dataclass(slots=True)
class Progress:
    """Steps as they run, possibly several at once; what came after each is kept for the next estimate."""

    output: TextIO = field(default_factory=lambda: sys.stderr)
    started: float = field(default_factory=time.monotonic)
    # What has to be done, in a word: what was left after a step of another kind of run says nothing about this one.
    kind: str = ""
    times_s: dict[str, float] = field(default_factory=dict)
    _ended_s: dict[str, float] = field(default_factory=dict)
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
                self._ended_s[name] = self.elapsed_s()
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
            left = remembered(self.kind).get(name, 0.0)
            tail = f"   about {_clock(left)} left" if left >= 1 else ""
            print(f"[{_clock(self.elapsed_s())}] {name}  {took_s:.1f} s{tail}", file=self.output, flush=True)

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
        """Keep how long it took from the end of each step to the end of all; steps that were not needed keep theirs."""
        file = cache() / "time-left.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        left = {name: round(self.elapsed_s() - ended, 1) for name, ended in self._ended_s.items()}
        file.write_text(json.dumps({**_kept(), self.kind: {**remembered(self.kind), **left}}))


def remembered(kind: str) -> dict[str, float]:
    """Seconds from the end of each step to the end of all, the last time it was done in a run of this kind."""
    try:
        return {str(name): float(value) for name, value in _kept().get(kind, {}).items()}
    except (TypeError, ValueError):
        return {}


def _kept() -> dict[str, dict[str, Any]]:
    """By kind of run; nothing where nobody wrote it, or another version in its own way."""
    try:
        kept = json.loads((cache() / "time-left.json").read_text())
    except (OSError, ValueError):
        return {}
    return {kind: left for kind, left in kept.items() if isinstance(left, dict)} if isinstance(kept, dict) else {}


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
