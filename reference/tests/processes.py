"""The platform's commands as processes, and the one way to wait for something."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self, TypeVar

import httpx

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


class NotReached(AssertionError):
    """A condition did not hold in time; says what was last seen."""


def until(look: Callable[[], T], holds: Callable[[T], bool], *, within_s: float, what: str) -> T:
    """What `look` returns once it `holds`."""
    deadline = time.monotonic() + within_s
    while True:
        seen = look()
        if holds(seen):
            return seen
        if time.monotonic() > deadline:
            raise NotReached(f"{what}: not within {within_s:g} s; last seen {seen!r}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A command that answers HTTP on a port of its own while it runs."""

    def __init__(
        self, module: str, *arguments: str, port_option: str, answers: str, env: Mapping[str, str], log: Path
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._answers = answers
        self._log = log
        self._command = [sys.executable, "-m", module, *arguments, port_option, str(self.port)]
        self._env = {**os.environ, "PYTHONPATH": str(ROOT), **env}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._env, stdout=log, stderr=log, cwd=ROOT)  # noqa: S603
        until(self._status, lambda status: status == 200, within_s=30, what=f"{self.url}{self._answers}, {self._log}")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        return self._log.read_text()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def _status(self) -> int | None:
        if self.process.poll() is not None:
            raise NotReached(f"{self._command} ended with {self.process.returncode}: {self.log[-2000:]}")
        try:
            return httpx.get(self.url + self._answers, timeout=2).status_code
        except httpx.TransportError:
            return None
